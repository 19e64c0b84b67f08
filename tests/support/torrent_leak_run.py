"""A torrent client in a closed and watched network, as a process: prints what it sent, as JSON.

Its torrents tempt it with all there is outside of I2P: trackers of each kind, web seeds, DHT nodes
and peers. The worker is then looked at from outside, too.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any

from i2ptunnel.config.interfaces_model import SamSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.torrents_model import TorrentsSection
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.services import Services
from i2ptunnel.torrents.client import TorrentClient
from i2ptunnel.torrents.engine import Engine
from i2ptunnel.torrents.settings import SAM_HOST, SAM_PORT
from tests.support import leaks
from tests.support.i2pd_net import wait_until
from tests.support.namespace import inside_network
from tests.support.sam_bridge import SamNetwork
from tests.support.torrents import TRACKER, magnet_of, make_torrent, tracker, until

OUTSIDE = [
    "http://tracker.example.com/announce",
    "https://tracker.example.org:8443/announce",
    "udp://tracker.example.net:6969/announce",
    "wss://tracker.example.com/announce",
    "http://198.51.100.7/announce",
    "udp://[2001:db8::7]:6969/announce",
    "http://tracker.i2p.example.com/announce",
    "udp://tracker.i2p:6969/announce",
]
PEERS = ["x.pe=192.0.2.9:6881", "x.pe=[2001:db8::9]:6881", "x.pe=peer.example.com:6881"]
#: how long it is watched once it has announced in I2P
WATCHED_S = 3.0


def tempting(root: Path) -> tuple[list[bytes], list[str]]:
    """Torrents and magnet links."""
    torrents = [
        make_torrent(root / "source", {"a.bin": b"a" * 99_999}, [TRACKER, *OUTSIDE]),
        make_torrent(
            root / "source", {"b.bin": b"b" * 99_999}, OUTSIDE, web_seed="http://seeds.example.com/"
        ),
    ]
    magnets = [
        magnet_of(make_torrent(root / "source", {name: name.encode()}, OUTSIDE), *PEERS)
        for name in ("c", "d")
    ]
    return torrents, magnets


async def run_client(root: Path) -> dict[str, Any]:
    """The whole client; what its worker sends is watched where it lives."""
    network = SamNetwork(root)
    services = Services()
    client = TorrentClient(root, network, network.naming, ConnectionBudget())
    torrents, magnets = tempting(root)
    async with tracker(network) as swarms:
        try:
            await services.apply({"torrents": client.wanted(TorrentsSection())})
            assert not services.failed, services.failed
            snapshot = client.snapshot()
            assert snapshot is not None
            pid = int(snapshot["pid"])
            with inside_network(Path(f"/proc/{pid}/ns/net")):
                watch = leaks.Watch("lo")
            with watch:
                for torrent in torrents:
                    await client.add(file=torrent)
                for magnet in magnets:
                    await client.add(magnet=magnet, trackers=(TRACKER,))
                await until("it announces", lambda: len(swarms) > len(magnets))
                await asyncio.sleep(WATCHED_S)
                result = look_at(pid)
            return {**result, "torrents": len(client.list()), "sent": sorted(map(str, watch.sent))}
        finally:
            await services.stop()


async def run_open(root: Path) -> dict[str, Any]:
    """libtorrent as the worker sets it up, not shut in: what it is told to leave alone, it does."""
    network = SamNetwork(root)
    shape = {"length": 1, "quantity": 1, "length_variance": 0}
    for name in ("downloads", "state"):
        (root / name).mkdir(parents=True)
    ours, theirs = socket.socketpair()
    torrents, magnets = tempting(root)
    orders: list[dict[str, Any]] = [{"file": b64encode(one).decode()} for one in torrents]
    orders += [{"magnet": one, "trackers": [TRACKER]} for one in magnets]
    section = SamSection(listen=Endpoint(SAM_HOST, SAM_PORT), udp=None)
    async with tracker(network) as swarms, network.bridge(section=section):
        engine = Engine(
            {
                "download_dir": str(root / "downloads"),
                "state_dir": str(root / "state"),
                "trackers": [TRACKER],
                "max_torrents": 10,
                "limits": {"download_rate": None, "upload_rate": None, "connections": 100},
                "inbound": shape,
                "outbound": shape,
            }
        )
        running = asyncio.create_task(asyncio.to_thread(engine.run, theirs))
        for number, order in enumerate(orders):
            ours.sendall(json.dumps({"id": number, "do": "add", **order}).encode() + b"\n")
        await until("it announces", lambda: len(swarms) > len(orders))
        await asyncio.sleep(WATCHED_S)
        ours.sendall(b'{"do": "stop"}\n')
        await running
    return {"announced": len(swarms) - 1}


def look_at(pid: int) -> dict[str, Any]:
    """The network namespace of a process, and what it is connected to."""
    place = Path(f"/proc/{pid}")
    devices = (place / "net/dev").read_text().splitlines()[2:]
    rows = [
        row.split()
        for table in ("tcp", "tcp6", "udp", "udp6")
        for row in (place / "net" / table).read_text().splitlines()[1:]
    ]
    return {
        "is_apart": os.readlink(place / "ns/net") != os.readlink("/proc/self/ns/net"),
        "devices": [line.split(":")[0].strip() for line in devices],
        "remotes": sorted({row[2].rsplit(":")[0] for row in rows} - {"0" * 8, "0" * 32}),
    }


def main() -> int:
    leaks.enter_closed_world()
    root = Path(sys.argv[1])
    with leaks.Watch() as watch:
        # The watch has eyes.
        with suppress(OSError):
            socket.create_connection(("203.0.113.2", 80), 5).close()
        wait_until("the watch sees it", lambda: watch.sent, 10, 0.01)
        watch.forget()
        shut_in = asyncio.run(run_client(root / "client"))
        outside = sorted(map(str, watch.sent))
        watch.forget()
        left_open = asyncio.run(run_open(root / "open"))
        left_open |= {"sent": sorted(map(str, watch.sent)), "names": watch.names}
    print(
        json.dumps({"shut in": shut_in, "outside": outside, "open": left_open, "lost": watch.lost}),
        flush=True,
    )
    os._exit(0)  # libtorrent's session in this process would wait for trackers


if __name__ == "__main__":
    sys.exit(main())
