"""What a handshake costs both sides together, plain and with ML-KEM."""

from __future__ import annotations

from core.transport.ntcp2.connection import Connection
from core.transport.ntcp2.context import Context
from core.transport.ntcp2.variants import PLAIN as NTCP2_PLAIN
from core.transport.ntcp2.variants import Variant as Ntcp2Variant
from core.transport.ssu2.variants import PLAIN as SSU2_PLAIN
from core.transport.ssu2.variants import Variant as Ssu2Variant
from core.transport.stats import LinkStats
from tests.bench.stopwatch import Stopwatch
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import NETWORK_ID, Node
from tests.transport.ssu2.parties import Party, retry_of

_NOW = 1000.0
HANDSHAKES = 40


def ntcp2_handshake(variant: Ntcp2Variant = NTCP2_PLAIN) -> float:
    """From message 1 to the data phase of both, with Alice's RouterInfo checked."""
    wall = FakeWallClock()
    alice, bob = Node("a", "127.0.0.2", wall), Node("b", "127.0.0.3", wall)
    hybrid = None if variant is NTCP2_PLAIN else variant
    contexts = [
        Context(n.local, NETWORK_ID, wall, n.entropy, n.known.get, LinkStats(), hybrid)
        for n in (alice, bob)
    ]
    watch = Stopwatch()
    for _ in range(HANDSHAKES):
        with watch.around(1):
            dialled = Connection.initiate(
                contexts[0], bob.hash, bob.static_key.public, bob.iv, _NOW, variant=variant
            )
            called = Connection.accept(contexts[1], _NOW)
            while dialled.output or called.output:
                for source, target in ((dialled, called), (called, dialled)):
                    data, source.output = b"".join(source.output), []
                    if data:
                        target.receive_data(data, _NOW)
        if not (dialled.is_established and called.variant is variant):
            raise RuntimeError("no NTCP2 session")
    return watch.us


def ssu2_handshake(variant: Ssu2Variant = SSU2_PLAIN) -> float:
    """From the TokenRequest to Alice's RouterInfo, checked."""
    wall = FakeWallClock()
    alice = Party("alice", wall)
    bob = Party("bob", wall, hybrid=None if variant is SSU2_PLAIN else variant)
    alice.room = 1472
    watch = Stopwatch()
    for _ in range(HANDSHAKES):
        accepted = None
        with watch.around(1):
            dial = alice.dial(bob, _NOW, variant=variant)
            dial.receive(retry_of(bob, dial.output.pop(), _NOW), _NOW)
            responder = bob.answer(dial.output.pop(), _NOW)
            dial.receive(responder.output.pop(), _NOW)
            for packet in dial.output:
                accepted = responder.receive(packet, _NOW) or accepted
        if accepted is None or responder.variant is not variant:
            raise RuntimeError("no SSU2 session")
    return watch.us
