"""What the peers of the routers in this process send, in clear: blocks, padding, packets, dates.

It listens where our own code has opened something, and so needs the pure form of what the native
extra replaces: ``I2PTUNNEL_NATIVE=0``. All values are JSON.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import pytest

from core.client.multiplexer import Multiplexer
from core.client.remotes import Remotes
from core.data.lease_set import LeaseSet2
from core.data.payload import PROTOCOL_STREAMING, unwrap
from core.garlic import new_sessions, sessions
from core.garlic.cloves import parse_payload
from core.garlic.handshake import open_new_session
from core.garlic.session import RatchetSession
from core.streaming.packet import Packet
from core.transport.ntcp2 import blocks as ntcp2_blocks
from core.transport.ntcp2 import handshake as ntcp2_handshake
from core.transport.ntcp2.connection import Connection as Ntcp2Connection
from core.transport.ntcp2.negotiation import Negotiation
from core.transport.ssu2 import handshake as ssu2_handshake
from core.transport.ssu2 import outside as ssu2_outside
from core.transport.ssu2.connection import Connection as Ssu2Connection
from core.transport.ssu2.endpoint import Ssu2Endpoint

_I2NP = 3
_OPTIONS = 1
_CLOVE = 11
_STORED = 1
_GZIP_HEADER_BYTES = 10

Blocks = list[tuple[int, bytes]]


def blocks_of(payload: bytes) -> Blocks:
    """(type, data) of each block: both transports and the ratchet write them alike."""
    found, at = [], 0
    while at + 3 <= len(payload):
        size = int.from_bytes(payload[at + 1 : at + 3], "big")
        found.append((payload[at], payload[at + 3 : at + 3 + size]))
        at += 3 + size
    return found


def _sizes(found: Blocks) -> list[tuple[int, int]]:
    return [(kind, len(data)) for kind, data in found]


class Wiretap:
    """``heard``: by what it is, (who, what) in the order of arrival. Who sent it is a router by its
    hash or, for SSU2, by its host; a destination by its hash; in the ratchet a static key."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.heard: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        #: the destination whose lease sets name this key
        self.statics: dict[str, str] = {}
        #: the router behind each NTCP2 connection that was dialled or is confirmed
        self._routers: dict[int, tuple[str, object]] = {}
        self._early: dict[int, list[tuple[str, Any]]] = defaultdict(list)
        self._now_from = ""
        self._tap_ntcp2(patch)
        self._tap_ssu2(patch)
        self._tap_ratchet(patch)
        self._tap_payloads(patch)

    def _note(self, kind: str, who: str, what: Any) -> None:
        self.heard[kind].append((who, what))

    def _note_dates(self, who: str, found: Blocks) -> None:
        for kind, data in found:
            if kind == _I2NP and len(data) >= 9:
                life_s = int.from_bytes(data[5:9], "big") - time.time()
                self._note("i2np", who, (data[0], round(life_s, 3)))

    # NTCP2

    def _tap_ntcp2(self, patch: pytest.MonkeyPatch) -> None:
        make, split = Negotiation._make, ntcp2_blocks.split_blocks
        receive, frames = Ntcp2Connection._receive_handshake, Ntcp2Connection._receive_frames
        initiate = Ntcp2Connection.initiate.__func__  # type: ignore[attr-defined]

        def tapped_initiate(cls: Any, context: Any, peer: bytes, *args: Any, **more: Any) -> Any:
            made = initiate(cls, context, peer, *args, **more)
            self._routers[id(made)] = (peer.hex(), made)
            return made

        def tapped_make(negotiation: Any, awaited: Any, data: bytes, now: float) -> Any:
            early = self._early[id(negotiation)]
            if isinstance(awaited, ntcp2_handshake.AwaitRequestPadding):
                early.append(("ntcp2 request", len(data)))
            elif isinstance(awaited, ntcp2_handshake.AwaitCreatedPadding):
                early.append(("ntcp2 created", len(data)))
            step = make(negotiation, awaited, data, now)
            if isinstance(awaited, ntcp2_handshake.AwaitConfirmed) and step.keys is not None:
                found = blocks_of(step.keys.payload)
                options = [one.hex() for kind, one in found if kind == _OPTIONS]
                early.append(("ntcp2 confirmed", (_sizes(found), options)))
            return step

        def tapped_receive(connection: Any, data: bytes, now: float) -> Any:
            negotiation = connection._negotiation
            left = receive(connection, data, now)
            if connection.is_established:
                known = connection.remote_router_info
                if known is not None:
                    self._routers[id(connection)] = (known.hash.hex(), connection)
                for kind, what in self._early.pop(id(negotiation), ()):
                    self._note(kind, self._routers[id(connection)][0], what)
            return left

        def tapped_frames(connection: Any, data: Any, now: float) -> Any:
            self._now_from = self._routers[id(connection)][0]
            return frames(connection, data, now)

        def tapped_split(payload: bytes, messages: Any, others: Any) -> bool:
            found = blocks_of(payload)
            self._note("ntcp2 frame", self._now_from, _sizes(found))
            self._note_dates(self._now_from, found)
            return split(payload, messages, others)

        patch.setattr(Ntcp2Connection, "initiate", classmethod(tapped_initiate))
        patch.setattr(Negotiation, "_make", tapped_make)
        patch.setattr(Ntcp2Connection, "_receive_handshake", tapped_receive)
        patch.setattr(Ntcp2Connection, "_receive_frames", tapped_frames)
        patch.setattr(ntcp2_blocks, "split_blocks", tapped_split)

    # SSU2

    def _tap_ssu2(self, patch: pytest.MonkeyPatch) -> None:
        receive, run = Ssu2Endpoint._receive, Ssu2Endpoint.receive_run
        begin, read_blocks = Ssu2Connection.__init__, ssu2_outside.read_blocks
        open_confirmed = ssu2_handshake.AwaitConfirmed._open

        def tapped_receive(endpoint: Any, datagram: bytes, source: Any, now: float) -> Any:
            self._now_from = source.host
            return receive(endpoint, datagram, source, now)

        def tapped_run(endpoint: Any, data: bytes, size: int, source: Any, now: float) -> Any:
            self._now_from = source.host
            return run(endpoint, data, size, source, now)

        def tapped_begin(connection: Any, *args: Any, **more: Any) -> None:
            begin(connection, *args, **more)
            opener = connection._opener
            opened = opener._open

            def tapped_open(nonce: bytes, sealed: bytes, header: bytes) -> bytes:
                payload: bytes = opened(nonce, sealed, header)
                found = blocks_of(payload)
                self._note("ssu2 data", connection.remote.host, _sizes(found))
                self._note_dates(connection.remote.host, found)
                return payload

            opener._open = tapped_open

        def tapped_blocks(payload: bytes) -> Any:
            self._note("ssu2 handshake", self._now_from, _sizes(blocks_of(payload)))
            return read_blocks(payload)

        def tapped_confirmed(awaited: Any, header: bytes, sealed: bytes) -> Any:
            confirmed = open_confirmed(awaited, header, sealed)
            self._note("ssu2 confirmed", self._now_from, len(sealed))
            return confirmed

        patch.setattr(Ssu2Endpoint, "_receive", tapped_receive)
        patch.setattr(Ssu2Endpoint, "receive_run", tapped_run)
        patch.setattr(Ssu2Connection, "__init__", tapped_begin)
        patch.setattr(ssu2_handshake, "read_blocks", tapped_blocks)
        patch.setattr(ssu2_outside, "read_blocks", tapped_blocks)
        patch.setattr(ssu2_handshake.AwaitConfirmed, "_open", tapped_confirmed)

    # Garlic, streams

    def _tap_ratchet(self, patch: pytest.MonkeyPatch) -> None:
        open_new, decrypt = open_new_session, RatchetSession.decrypt
        open_reply = sessions.RatchetSessions._open_reply
        adopt = Remotes._adopt

        def tapped_open(*args: Any) -> Any:
            opened = open_new(*args)
            if opened.handshake is not None:
                self._note_garlic("NS", opened.handshake.remote_static.hex(), opened.payload)
            return opened

        def tapped_reply(owner: Any, outgoing: Any, *args: Any) -> Any:
            self._now_from = outgoing.remote.static.hex()
            return open_reply(owner, outgoing, *args)

        def tapped_parse(data: bytes) -> Any:
            self._note_garlic("NSR", self._now_from, data)
            return parse_payload(data)

        def tapped_adopt(remotes: Any, remote: Any, lease_set: Any, now: float) -> Any:
            if isinstance(lease_set, LeaseSet2):
                self._note_lease_set(lease_set)
            return adopt(remotes, remote, lease_set, now)

        def tapped_decrypt(session: Any, *args: Any) -> bytes:
            data = decrypt(session, *args)
            self._note_garlic("ES", session.remote_static.hex(), data)
            return data

        patch.setattr(new_sessions, "open_new_session", tapped_open)
        patch.setattr(sessions.RatchetSessions, "_open_reply", tapped_reply)
        patch.setattr(sessions, "parse_payload", tapped_parse)
        patch.setattr(RatchetSession, "decrypt", tapped_decrypt)
        patch.setattr(Remotes, "_adopt", tapped_adopt)

    def _note_garlic(self, kind: str, who: str, payload: bytes) -> None:
        cloves = parse_payload(payload).cloves
        told = [
            (int(one.kind), one.message_type, round(one.expiration_s - time.time(), 3))
            for one in cloves
        ]
        self._note(kind, who, (_sizes(blocks_of(payload)), told))

    def _note_lease_set(self, lease_set: LeaseSet2) -> None:
        self.statics |= {key.hex(): lease_set.hash.hex() for _, key in lease_set.encryption_keys}
        raw = lease_set.raw
        flags_at = len(lease_set.destination.raw) + 6
        published_s = lease_set.published_ms // 1000
        self._note(
            "lease set",
            lease_set.hash.hex(),
            {
                "flags": int.from_bytes(raw[flags_at : flags_at + 2], "big"),
                "expires_s": lease_set.expires_ms // 1000 - published_s,
                "options": sorted(lease_set.options),
                "keys": [kind for kind, _ in lease_set.encryption_keys],
                "ends_s": [one.end_ms // 1000 - published_s for one in lease_set.leases],
            },
        )

    def _tap_payloads(self, patch: pytest.MonkeyPatch) -> None:
        receive = Multiplexer.receive

        def tapped_receive(
            multiplexer: Any, source: bytes | None, data: bytes, start: int, end: int
        ) -> bool:
            who = "" if source is None else source.hex()
            protocol, from_port, to_port, content = unwrap(data, start=start, end=end)
            if protocol == PROTOCOL_STREAMING:
                header = data[start : start + _GZIP_HEADER_BYTES]
                is_stored = data[start + _GZIP_HEADER_BYTES] == _STORED
                self._note("gzip", who, (is_stored, header[8]))
                self._note("stream", who, _packet(content, from_port, to_port))
            return receive(multiplexer, source, data, start, end)

        patch.setattr(Multiplexer, "receive", tapped_receive)


def _packet(raw: bytes, from_port: int, to_port: int) -> dict[str, Any]:
    packet = Packet.parse(raw)
    return {
        "ports": (from_port, to_port),
        "flags": packet.flags,
        "sequence": packet.sequence,
        "nacks": len(packet.nacks),
        "resend_delay_s": packet.resend_delay_s,
        "delay_ms": packet.delay_ms,
        "payload_max": packet.payload_max,
        "is_reply": packet.send_id != 0,
        "payload": packet.payload.decode("latin-1"),
    }
