"""What a stream packet costs in a client session: everything between application and tunnel.

Two sessions whose tunnels are pipes. Out: cut, remembered, wrapped, sealed and put into an I2NP
message, and the acks that come back. In: found by its tag, opened, unwrapped, put in order, read,
and acknowledged.
"""

from __future__ import annotations

from core.i2np.message import Message
from core.streaming.connection import Stream
from core.streaming.events import StreamOpened
from tests.bench.stopwatch import Stopwatch
from tests.client.parties import Party, World

PACKETS = 1536
_BEGAN = 1_700_000_000.0
_STEP_S = 0.005


def client_out() -> float:
    """A stream packet from the application's write to the outbound tunnel."""
    return _transfer(True)


def client_in() -> float:
    """A stream packet from the inbound tunnel to the application's read."""
    return _transfer(False)


def _transfer(is_sender_timed: bool) -> float:
    world = World(_BEGAN, floodfills=1)
    sender, receiver = world.add("sender"), world.add("receiver", publish=True)
    world.run_until(lambda: receiver.engine.is_ready and sender.engine.is_ready)
    if sender.find(receiver.engine.owner).lease_set is None:
        raise RuntimeError("the lease set was not found")
    now = world.network.now
    writer = sender.engine.streams.connect(receiver.engine.destination, to_port=80, now=now)
    reader: Stream | None = None
    block = bytes(65536)
    watches = {sender: Stopwatch(), receiver: Stopwatch()}
    packets = 0
    while packets < PACKETS:
        now += _STEP_S
        world.network.wall.time += _STEP_S
        for party in (sender, receiver):
            arrived = _take(world, party)
            is_timed = reader is not None
            with (watches[party] if is_timed else Stopwatch()).around(0):
                for data in arrived:
                    party.engine.receive_garlic(data, now)
                if party is sender:
                    while writer.write(block) == len(block):
                        pass
                party.engine.run(now)
                if party is receiver and reader is not None:
                    while reader.read(65536):
                        pass
            reader = _opened(party) or reader
            if is_timed and party is receiver:
                packets += len(arrived)
    watch = watches[sender if is_sender_timed else receiver]
    watch.count(packets)
    return watch.us


def _take(world: World, party: Party) -> list[bytes]:
    """Garlic data under way to ``party``."""
    arrived, left = [], []
    for one in world.under_way:
        if world.tunnels[one[:2]] is party:
            body = Message.parse_standard(one[2]).body
            arrived.append(body[4:])
        else:
            left.append(one)
    world.under_way = left
    return arrived


def _opened(party: Party) -> Stream | None:
    stream = None
    while (event := party.engine.next_event()) is not None:
        if isinstance(event, StreamOpened):
            stream = event.stream
    return stream
