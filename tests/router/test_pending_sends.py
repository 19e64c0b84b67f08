"""Messages for routers nobody knows: how many lookups strangers can cause."""

from __future__ import annotations

from pathlib import Path

from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.router.pending_sends import LOOKUPS_BURST, LOOKUPS_PER_SECOND, REFRESH_S, PendingSends
from core.transport.events import PeerFailed
from tests.support.deterministic import FakeWallClock, SeededEntropy

ENTROPY = SeededEntropy("pending")
MESSAGE = b"\x12" + bytes(40)


def _pending_sends() -> PendingSends:
    config = RouterConfig(Path("."), network_id=77, host="127.0.0.1")
    keys = RouterKeys.generate(ENTROPY)
    engine = RouterEngine(config, keys, 4567, FakeWallClock(1.7e9), ENTROPY, 1.0)
    return PendingSends(engine.links, engine.netdb)


def _asked(pending: PendingSends, count: int, now: float, *, is_transit: bool) -> int:
    """How many of ``count`` routers nobody knows are looked up; each is found not to exist."""
    asked = 0
    for _ in range(count):
        router = ENTROPY.random_bytes(32)
        pending.send(router, [MESSAGE], now, (b"link", 1) if is_transit else None)
        for request in list(pending._lookups):
            asked += 1
            assert pending.looked_up(request, False, now) == router
    return asked


def test_strangers_cause_few_lookups_however_many_routers_they_invent() -> None:
    pending = _pending_sends()
    assert _asked(pending, 1000, 1.0, is_transit=True) == LOOKUPS_BURST
    assert (pending.unasked, pending.lost) == (1000 - LOOKUPS_BURST, 1000)
    assert _asked(pending, 1000, 3.0, is_transit=True) == 2 * LOOKUPS_PER_SECOND
    assert _asked(pending, 1000, 1e6, is_transit=True) == LOOKUPS_BURST


def test_what_transit_tunnels_carry_does_not_use_up_the_lookups_of_the_others() -> None:
    pending = _pending_sends()
    _asked(pending, 1000, 1.0, is_transit=True)
    assert _asked(pending, 1000, 1.0, is_transit=False) == LOOKUPS_BURST


def test_a_router_that_is_looked_up_already_costs_nothing_more() -> None:
    pending = _pending_sends()
    router = ENTROPY.random_bytes(32)
    for _ in range(10 * LOOKUPS_BURST):
        pending.send(router, [MESSAGE], 1.0, (b"link", 1))
    assert (pending.unasked, len(pending._lookups)) == (0, 1)
    for _ in range(1000):
        pending.send(ENTROPY.random_bytes(32), [MESSAGE], 1.0, (b"link", 1))
    assert len(pending._lookups) == LOOKUPS_BURST


def _unreachable(published_ms: int, keys: RouterKeys) -> RouterInfo:
    address = RouterAddress(14, 0, "NTCP2", {"caps": "4", "s": "A" * 43 + "=", "v": "2"})
    options = {"netId": "77", "caps": "LU", "router.version": "0.9.68"}
    return RouterInfo.build(keys.keys, published_ms, [address], options)


def test_a_router_that_cannot_be_dialled_is_looked_up_again_now_and_then() -> None:
    # It may have introducers by now; without them its messages would be lost for an hour.
    pending = _pending_sends()
    info = _unreachable(1_700_000_000_000, RouterKeys.generate(ENTROPY))
    pending._netdb.load_routers([info], set())
    pending.send(info.hash, [MESSAGE], 1.0)
    (request,) = pending._lookups
    pending.send(info.hash, [MESSAGE], 2.0)
    assert list(pending._lookups) == [request]
    # Nobody has a newer one: the link table says what that means, and not the lookup.
    assert pending.looked_up(request, False, 5.0) is None
    failed = pending._links.next_event()
    assert failed == PeerFailed(info.hash, "no_address", 2)
    pending.send(info.hash, [MESSAGE], 6.0)
    assert not pending._lookups
    assert pending._links.next_event() == PeerFailed(info.hash, "no_address", 1)
    pending.send(info.hash, [MESSAGE], 1.0 + REFRESH_S)
    assert len(pending._lookups) == 1


def test_a_router_that_does_not_answer_is_looked_up_again_now_and_then_for_us_alone() -> None:
    """It may be elsewhere by now. What strangers' tunnels carry is not worth a question."""
    pending = _pending_sends()
    host = {"host": "11.9.0.1", "port": "4567", "i": "A" * 22 + "=="}
    options = {"netId": "77", "caps": "LR", "router.version": "0.9.68"}
    address = RouterAddress(3, 0, "NTCP2", {"s": "A" * 43 + "=", "v": "2"} | host)
    keys = RouterKeys.generate(ENTROPY)
    info = RouterInfo.build(keys.keys, 1_700_000_000_000, [address], options)
    pending._netdb.load_routers([info], set())
    assert pending._links.can_dial(info, 1.0)
    pending._links._outbound._dialer.backoff.hold(info.hash, 100.0)
    pending.send(info.hash, [MESSAGE], 1.0, (b"link", 1))
    assert not pending._lookups
    assert pending._links.next_event() == PeerFailed(info.hash, "backoff", 1)
    pending.send(info.hash, [MESSAGE], 2.0)
    (request,) = pending._lookups
    assert pending._links.next_event() == PeerFailed(info.hash, "backoff", 1)
    pending.send(info.hash, [MESSAGE], 3.0)
    assert pending._links.next_event() == PeerFailed(info.hash, "backoff", 1)
    assert list(pending._lookups) == [request]
    assert pending.looked_up(request, False, 5.0) is None
    assert pending._links.next_event() is None
    pending.send(info.hash, [MESSAGE], 6.0)
    assert not pending._lookups
    pending.send(info.hash, [MESSAGE], 2.0 + REFRESH_S)
    assert len(pending._lookups) == 1
    pending._links.ban(info.hash, 100.0, 50.0, "for the test")
    pending.send(info.hash, [MESSAGE], 110.0)
    assert len(pending._lookups) == 1
