"""A torrent client over SAM, as a program of its own: libtorrent, and nothing of this project.

``seed SAM TORRENT FOLDER`` serves FOLDER; ``leech SAM TORRENT FOLDER`` downloads into it and ends
when all is there. SAM is ``host:port``. One line of JSON about the state is printed each second.
"""

from __future__ import annotations

import json
import os
import sys
import time

import libtorrent as lt  # type: ignore[import-not-found]


def _session(sam: str) -> lt.session:
    host, _, port = sam.rpartition(":")
    return lt.session(
        {
            "i2p_hostname": host,
            "i2p_port": int(port),
            "i2p_inbound_quantity": 2,
            "i2p_outbound_quantity": 2,
            "i2p_inbound_length": 2,
            "i2p_outbound_length": 2,
            "listen_interfaces": "127.0.0.1:0",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "out_enc_policy": int(lt.enc_policy.disabled),
            "in_enc_policy": int(lt.enc_policy.disabled),
            "min_announce_interval": 2,
            "min_reconnect_time": 2,
            "alert_mask": int(lt.alert.category_t.error_notification)
            | int(lt.alert.category_t.tracker_notification)
            | int(lt.alert.category_t.connect_notification),
        }
    )


def main() -> int:
    mode, sam, torrent, folder = sys.argv[1:5]
    session = _session(sam)
    parameters = lt.add_torrent_params()
    parameters.ti = lt.torrent_info(torrent)
    parameters.save_path = folder
    if mode == "seed":
        parameters.flags |= lt.torrent_flags.seed_mode
    handle = session.add_torrent(parameters)
    announced_at, began = 0.0, time.monotonic()
    while True:
        status = handle.status()
        alerts = [f"{alert.what()}: {alert.message()}" for alert in session.pop_alerts()]
        print(
            json.dumps(
                {
                    "at": round(time.monotonic() - began, 1),
                    "progress": status.progress,
                    "rate": status.download_rate,
                    "peers": status.num_peers,
                    "alerts": [alert[:300] for alert in alerts],
                }
            ),
            flush=True,
        )
        if mode == "leech" and status.is_seeding:
            os._exit(0)  # the session's end would wait until the tracker has heard of it
        if not status.num_peers and time.monotonic() - announced_at > 3:
            announced_at = time.monotonic()
            handle.force_reannounce()
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
