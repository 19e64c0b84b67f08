"""What a message costs on its way through two link tables and their NTCP2 sessions."""

from __future__ import annotations

import os

from core.transport.events import MessagesReceived
from tests.bench.stopwatch import Stopwatch
from tests.support.link_nodes import Node, pair

TURNS = 96
#: As with every router there is a limit; it is never reached.
_UNLIMITED = 1e12


def _received(node: Node) -> int:
    count = 0
    while (event := node.links.next_event()) is not None:
        if isinstance(event, MessagesReceived):
            count += len(event.messages)
    return count


def link_out_and_in(per_turn: int) -> float:
    """Queued, sealed, read and told to the router; microseconds for each message."""
    alice, bob, wire = pair(outbound_bytes_s=_UNLIMITED, inbound_bytes_s=_UNLIMITED)
    alice.links.send(bob.hash, [], wire.now)
    wire.run()
    bob.take_events()
    (number,) = bob.ntcp2._sessions
    expires = (int(alice.wall.now()) + 60).to_bytes(4, "big")
    messages = [b"\x12" + os.urandom(4) + expires + os.urandom(1028) for _ in range(per_turn)]
    watch = Stopwatch()
    for _ in range(TURNS):
        with watch.around(per_turn):
            alice.links.send(bob.hash, messages, wire.now)
            while output := alice.ntcp2.take_output(wire.now):
                for _, data in output:
                    bob.ntcp2.receive_data(number, memoryview(data), wire.now)
            alice.ntcp2.next_timer()
            count = _received(bob)
        if count != per_turn:
            raise RuntimeError("a message was lost")
    return watch.us
