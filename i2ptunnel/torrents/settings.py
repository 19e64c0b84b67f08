"""libtorrent's settings: I2P and nothing else, and patience for its delays."""

from __future__ import annotations

from typing import Any

#: where the worker's end of our SAM bridge listens, in its own network namespace
SAM_HOST, SAM_PORT = "127.0.0.1", 7656
#: of every list of torrents that is passed around
TORRENTS_MAX = 1000


def session_settings(options: dict[str, Any]) -> dict[str, Any]:
    """``options``: ``inbound`` and ``outbound`` with length, quantity, length_variance."""
    settings: dict[str, Any] = {
        "i2p_hostname": SAM_HOST,
        "i2p_port": SAM_PORT,
        "allow_i2p_mixed": False,
        # Announcing needs a socket that listens; nobody else is in the namespace.
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "dht_bootstrap_nodes": "",
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_ip_notifier": False,
        "enable_incoming_utp": False,
        "enable_outgoing_utp": False,
        "announce_ip": "",
        # No name and version of a program for trackers and peers, and a random peer ID.
        "anonymous_mode": True,
        "user_agent": "",
        "handshake_client_version": "",
        "peer_fingerprint": "",
        # I2P encrypts; the obfuscation of BitTorrent would cost time and help nobody.
        "out_enc_policy": 2,
        "in_enc_policy": 2,
        "announce_crypto_support": False,
        "announce_to_all_trackers": True,
        "announce_to_all_tiers": True,
        # Lookups of lease sets and the first stream take long.
        "peer_connect_timeout": 60,
        "handshake_timeout": 60,
        "tracker_completion_timeout": 120,
        "tracker_receive_timeout": 60,
        "stop_tracker_timeout": 1,
        "min_reconnect_time": 15,
        # Who has sent the metadata of a magnet link is needed again a moment later.
        "close_redundant_connections": False,
        # Many requests in flight, for the round trips are long.
        "request_queue_time": 10,
        "max_out_request_queue": 1000,
        "max_allowed_in_request_queue": 2000,
        "active_limit": TORRENTS_MAX,
        "alert_queue_size": 2000,
    }
    for way in ("inbound", "outbound"):
        shape = options[way]
        for name in ("length", "quantity", "length_variance"):
            settings[f"i2p_{way}_{name}"] = int(shape[name])
    return settings


def limit_settings(limits: dict[str, Any]) -> dict[str, Any]:
    """``limits``: download_rate and upload_rate in bytes a second or None, and connections."""
    return {
        "download_rate_limit": int(limits["download_rate"] or 0),
        "upload_rate_limit": int(limits["upload_rate"] or 0),
        "connections_limit": int(limits["connections"]),
    }
