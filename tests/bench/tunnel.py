"""CPU time of the tunnel room per tunnel message, without sockets.

``python -m tests.bench.tunnel`` prints microseconds for each role and batch size, and exits with 1
if a role costs more than its budget times ``--slack`` (a shared machine is slower).
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from core.i2np.message import make_standard
from core.io.system import SystemEntropy, SystemWallClock
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.participant import Participant, TransitEndpoint, TransitGateway
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel

BUDGET_US = {"sender": 8.0, "participant": 5.0, "endpoint": 11.0, "gateway": 9.0, "receiver": 9.0}
"""For batches of 16; a streaming packet is two tunnel messages."""

_WALL = SystemWallClock()
_ENTROPY = SystemEntropy()
_ALICE, _RELAY, _BOB = b"a" * 32, b"r" * 32, b"b" * 32
_PACKET_BYTES = 1912
_FOREVER = 1e12


def _dispatcher() -> TunnelDispatcher:
    return TunnelDispatcher(_RELAY, _WALL, _ENTROPY)


def _best(runs: list[float]) -> float:
    return min(runs)


def measure(batch: int, packets: int) -> dict[str, float]:
    """Microseconds per tunnel message for each role, the best of three runs."""
    results: dict[str, list[float]] = {role: [] for role in BUDGET_US}
    for _ in range(3):
        for role, cost in _run(batch, packets).items():
            results[role].append(cost)
    return {role: _best(costs) for role, costs in results.items()}


def _run(batch: int, packets: int) -> dict[str, float]:
    keys = [(os.urandom(32), os.urandom(32)) for _ in range(3)]
    expires_ms = int(_WALL.now() + 60) * 1000
    body = os.urandom(_PACKET_BYTES - 16)
    messages = [make_standard(11, i + 1, expires_ms, body) for i in range(packets)]
    costs: dict[str, float] = {}

    creator = _dispatcher()
    outbound = OutboundTunnel("o", 5, [_RELAY, _BOB], [keys[1], keys[0]], creator, 0.0)
    start = time.process_time()
    for at in range(0, packets, batch):
        outbound.send([(1, _BOB, 77, m) for m in messages[at : at + batch]], 1.0)
        creator.flush(1.0)
    sent = creator.outgoing[_RELAY]
    costs["sender"] = (time.process_time() - start) / len(sent)

    relay = _dispatcher()
    relay.add_transit(Participant(5, _ALICE, _BOB, 6, *keys[0], _FOREVER))
    start = time.process_time()
    _feed(relay, sent, batch)
    passed = relay.transit_outgoing[_BOB]
    costs["participant"] = (time.process_time() - start) / len(sent)

    endpoint = _dispatcher()
    endpoint.add_transit(TransitEndpoint(6, _ALICE, _BOB, 7, *keys[1], _FOREVER))
    start = time.process_time()
    _feed(endpoint, passed, batch)
    costs["endpoint"] = (time.process_time() - start) / len(passed)
    bodies = endpoint.transit_outgoing[_BOB]

    gateway = _dispatcher()
    gateway.add_transit(TransitGateway(77, None, _BOB, 8, *keys[2], _FOREVER))
    start = time.process_time()
    for at in range(0, len(bodies), batch):
        gateway.receive_tunnel_gateways(bodies[at : at + batch], 1.0)
        gateway.flush(1.0)
    entered = gateway.transit_outgoing[_BOB]
    costs["gateway"] = (time.process_time() - start) / len(entered)

    receiver = _dispatcher()
    receiver.add_inbound(InboundTunnel("o", 8, [_ALICE], 77, [keys[2]], receiver, 0.0))
    start = time.process_time()
    _feed(receiver, entered, batch)
    costs["receiver"] = (time.process_time() - start) / len(entered)
    assert [m for _, _, m in receiver.delivered] == messages
    return {role: cost * 1e6 for role, cost in costs.items()}


def _feed(dispatcher: TunnelDispatcher, messages: list[bytes], batch: int) -> None:
    for at in range(0, len(messages), batch):
        dispatcher.receive_tunnel_data(messages[at : at + batch], _ALICE, 1.0)
        dispatcher.flush(1.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=4000)
    parser.add_argument("--slack", type=float, default=2.0)
    arguments = parser.parse_args()
    over = False
    for batch in (1, 4, 16):
        costs = measure(batch, arguments.packets)
        print(f"batch {batch:3d}:", "  ".join(f"{k} {v:.2f}" for k, v in costs.items()), "us")
        if batch == 16:
            over = any(costs[k] > BUDGET_US[k] * arguments.slack for k in costs)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
