"""What a packet of a datagram transport costs, without sockets."""

from __future__ import annotations

import os

from core.io.system import SystemEntropy
from core.transport.ssu2.connection import Connection
from core.transport.stats import LinkStats
from tests.bench.stopwatch import Stopwatch
from tests.support.deterministic import FakeWallClock
from tests.support.ssu2_path import ALICE, BOB, session_keys

PACKETS = 16 * 24
BATCH = 16
_STEP_S = 0.002
_WARM = 40


def _connections() -> tuple[Connection, Connection]:
    alice_keys, bob_keys = session_keys()
    wall, entropy, now = FakeWallClock(), SystemEntropy(), 1000.0
    return tuple(  # type: ignore[return-value]
        Connection(
            keys,
            remote,
            mtu=1500,
            wall=wall,
            entropy=entropy,
            stats=LinkStats(),
            now=now,
            rtt_s=_STEP_S,
        )
        for keys, remote in ((alice_keys, BOB), (bob_keys, ALICE))
    )


def _ssu2(is_sender_timed: bool) -> float:
    alice, bob = _connections()
    sender_watch, receiver_watch = Stopwatch(), Stopwatch()
    now = 1000.0
    for turn in range(_WARM + PACKETS // BATCH):
        messages = [b"\x12" + os.urandom(1036) for _ in range(BATCH)]
        timed = turn >= _WARM
        now += _STEP_S
        with (sender_watch if timed else Stopwatch()).around(BATCH):
            alice.room(now)
            alice.send(messages, now)
            datagrams = alice.take_packets(now, 1 << 20)
        now += _STEP_S
        got: list[bytes] = []
        with (receiver_watch if timed else Stopwatch()).around(BATCH):
            for data, _ in datagrams:
                got += bob.receive(data, ALICE, now)
            acks = bob.take_packets(now, 1 << 20)
        with (sender_watch if timed else Stopwatch()).around(0):
            for data, _ in acks:
                alice.receive(data, BOB, now)
        if timed and len(got) != BATCH:
            raise RuntimeError(f"{len(got)} of {BATCH} messages arrived")
    return (sender_watch if is_sender_timed else receiver_watch).us


def ssu2_out() -> float:
    """A tunnel message packed, sealed, remembered and later acknowledged."""
    return _ssu2(True)


def ssu2_in() -> float:
    """A packet with a tunnel message opened, split and acknowledged."""
    return _ssu2(False)
