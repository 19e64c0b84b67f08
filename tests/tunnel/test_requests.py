"""Build requests that wait: how many, whose, and how fast."""

from __future__ import annotations

from core.tunnel.requests import AT_ONCE, BURST, PER_SECOND, WAITING_MAX, WaitingRequest
from core.tunnel.requests import BuildRequests as Requests
from tests.tunnel.mesh import Mesh

NOW = 50.0


def request(link: object, number: int = 0) -> WaitingRequest:
    return WaitingRequest(25, str(number).encode(), None, (link, number))


def test_a_link_brings_twelve_a_second_after_a_burst() -> None:
    requests = Requests()
    taken = 0
    for tick in range(1000):
        at = NOW + tick / 100
        taken += requests.put(request("flood", tick), at)
        requests.take()
    assert BURST + 10 * PER_SECOND - 2 <= taken <= BURST + 10 * PER_SECOND
    assert requests.throttled == 1000 - taken
    assert requests.put(request("other"), NOW + 10)


def test_what_i2pd_takes_of_one_session_is_taken() -> None:
    requests = Requests()
    for run in range(100):
        for number in range(6):
            assert requests.put(request("paced", number), NOW + 0.55 * run)
        requests.take()


def test_links_take_turns() -> None:
    requests = Requests()
    for number in range(20):
        requests.put(request("many", number), NOW)
    requests.put(request("one"), NOW)
    requests.put(request("two"), NOW)
    assert [r.source[0] for r in requests.take()][:4] == ["many", "one", "two", "many"]


def test_a_full_room_drops_the_latest_of_who_has_most() -> None:
    requests = Requests()
    for number in range(WAITING_MAX):
        assert requests.put(request(f"link {number % 8}", number), NOW)
    assert requests.put(request("link 0", 999), NOW) is False
    assert requests.put(request("honest"), NOW)
    assert (len(requests), requests.overflowed) == (WAITING_MAX, 2)
    taken = []
    while requests:
        batch = requests.take()
        assert len(batch) <= AT_ONCE
        taken += batch
    assert request("honest") in taken[:9]
    assert len(taken) == WAITING_MAX


def test_a_router_answers_some_in_a_turn_and_asks_for_the_next_at_once() -> None:
    mesh = Mesh(1)
    manager = mesh.routers[0].manager
    for number in range(2 * AT_ONCE):
        manager.receive_build_message(
            25, number, b"\1" + bytes(218), bytes([number]) * 32, mesh.now
        )
    refused = manager.transit.refused
    assert sum(refused.values()) == 0
    manager.flush(mesh.now)
    assert sum(refused.values()) == AT_ONCE
    assert manager.next_timer() == mesh.now
    manager.handle_timer(mesh.now)
    manager.flush(mesh.now)
    assert sum(refused.values()) == 2 * AT_ONCE
    assert manager.next_timer() is None or manager.next_timer() > mesh.now  # type: ignore[operator]
