"""SNTP: what a reply must be, who of several is believed, and how often anybody is asked."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from core.base.errors import DecodeError
from core.base.sntp import KissOfDeath, Sample, agreed_epoch, parse_reply, write_request
from core.base.sntp_client import (
    ANSWER_S,
    INTERVAL_MAX_S,
    INTERVAL_MIN_S,
    INTERVAL_S,
    Request,
    SntpClient,
)
from tests.support.deterministic import SeededEntropy
from tests.support.time_server import answer, is_request

NONCE = b"\x01\x02\x03\x04\x05\x06\x07\x08"
UNIX = 1_780_000_000.25
REQUEST = write_request(NONCE)


def test_a_request_tells_nothing_of_this_machine() -> None:
    assert is_request(REQUEST)
    assert REQUEST[40:] == NONCE


@pytest.mark.parametrize("unix_s", [UNIX, 2_085_978_495.5, 2_085_978_497.5, 2_200_000_000.0])
def test_a_reply_tells_the_epoch_also_after_2036(unix_s: float) -> None:
    # 0.2 s there, 0.1 s at the server, 0.2 s back
    reply = parse_reply(answer(REQUEST, unix_s, held_s=0.1), NONCE, 100.0, 100.5)
    assert isinstance(reply, Sample)
    assert reply.epoch_s + 100.2 == pytest.approx(unix_s, abs=1e-3)
    assert reply.error_s == pytest.approx(0.2 + 0.005 + 0.01 + 0.05, abs=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": b"\x01\x02\x03\x04\x05\x06\x07\x09"},
        {"origin": bytes(8)},
        {"mode": 3},
        {"mode": 5},
        {"version": 1},
        {"version": 7},
        {"leap": 3},
        {"stratum": 16},
        {"stratum": 255},
        {"root_delay_s": 1.5},
        {"root_dispersion_s": 1.5},
        {"unix_s": 0.0},
        {"held_s": -1.0},
        {"held_s": 2.0},
        {"stratum": 0, "code": b"DENY", "origin": bytes(8)},
    ],
    ids=str,
)
def test_a_reply_that_breaks_a_rule_is_ignored(changes: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        parse_reply(answer(REQUEST, **{"unix_s": UNIX, **changes}), NONCE, 100.0, 100.5)


def test_a_reply_that_is_cut_off_is_ignored() -> None:
    for size in range(48):
        with pytest.raises(DecodeError):
            parse_reply(answer(REQUEST, UNIX)[:size], NONCE, 100.0, 100.5)


def test_a_reply_with_extensions_is_taken() -> None:
    assert isinstance(parse_reply(answer(REQUEST, UNIX) + bytes(20), NONCE, 100.0, 100.1), Sample)


@pytest.mark.parametrize(("code", "shown"), [(b"RATE", "RATE"), (b"\xff\xfe\0\0", "\ufffd\ufffd")])
def test_a_kiss_of_death_is_told(code: bytes, shown: str) -> None:
    reply = parse_reply(answer(REQUEST, UNIX, stratum=0, code=code), NONCE, 100.0, 100.5)
    assert reply == KissOfDeath(shown)


@pytest.mark.parametrize(
    ("offsets", "asked", "agreed"),
    [
        ([], 4, None),
        ([5.0], 1, 5.0),
        ([5.0], 4, None),
        ([5.0, 5.0], 4, 5.0),
        ([5.0, 900.0], 2, None),
        ([5.0, 5.02, 900.0], 3, 5.01),
        ([900.0, 900.0, 5.0], 3, 900.0),
        ([5.0, 5.0, 900.0, 900.0], 4, None),
        ([5.0, 5.0, 5.0, -900.0], 4, 5.0),
        ([5.0, 6.0, 7.0], 3, None),
    ],
)
def test_the_majority_is_believed(offsets: list[float], asked: int, agreed: float | None) -> None:
    samples = [Sample(offset, 0.1) for offset in offsets]
    assert agreed_epoch(samples, asked) == (None if agreed is None else pytest.approx(agreed))


class Scene:
    """A client whose servers answer at once, each with a time of its own or not at all."""

    def __init__(self, *offsets: float | bytes | None) -> None:
        self.offsets = list(offsets)
        self.now = 1000.0
        self.agreed: list[float] = []
        self.asked: list[tuple[float, int]] = []
        names = [f"server {number}" for number in range(len(offsets))]
        self.client = SntpClient(
            names, SeededEntropy("sntp"), self.now, lambda epoch, _: self.agreed.append(epoch)
        )

    def run(self, seconds: float) -> None:
        """Serve timers and requests for so long."""
        end = self.now + seconds
        while True:
            self.client.handle_timer(self.now)
            while (request := self.client.next_request()) is not None:
                self.serve(request)
            due = self.client.next_timer()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
        self.now = end

    def serve(self, request: Request) -> None:
        assert is_request(request.data)
        self.asked.append((self.now, request.number))
        self.client.sent(request.number, self.now)
        offset = self.offsets[request.number]
        if isinstance(offset, bytes):
            data = answer(request.data, UNIX, stratum=0, code=offset)
            self.client.receive(request.number, data, self.now)
        elif offset is not None:
            data = answer(request.data, UNIX + self.now + offset)
            self.client.receive(request.number, data, self.now)

    def times(self, number: int) -> list[float]:
        return [at - 1000.0 for at, one in self.asked if one == number]


def test_all_are_asked_at_once_and_rarely_when_all_is_well() -> None:
    scene = Scene(0.0, 0.0, 0.0, 0.0)
    scene.run(INTERVAL_S * 10)
    assert scene.agreed[0] == pytest.approx(UNIX)
    # Three of four are a majority: the fourth is not waited for.
    assert [at for at, _ in scene.asked[:3]] == [1000.0] * 3
    assert 9 <= scene.client.rounds <= 12
    assert scene.client.rounds == scene.client.agreements == len(scene.agreed)


def test_a_liar_and_a_silent_one_do_no_harm() -> None:
    scene = Scene(7200.0, 0.0, None, 0.0)
    scene.run(ANSWER_S)
    assert scene.agreed == [pytest.approx(UNIX)]


def test_half_of_them_prove_nothing_and_are_asked_ever_more_rarely() -> None:
    scene = Scene(7200.0, 0.0, None, None)
    scene.run(86_400)
    assert scene.agreed == []
    times = scene.times(0)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[0] >= INTERVAL_MIN_S
    assert pauses == sorted(pauses)
    assert INTERVAL_MAX_S <= pauses[-1] <= INTERVAL_MAX_S + ANSWER_S
    assert len(times) < 40


def test_whoever_refuses_is_left_alone() -> None:
    scene = Scene(b"DENY", b"RSTR", b"RATE", 0.0, 0.0)
    scene.run(600)
    assert len(scene.times(0)) == len(scene.times(1)) == 1
    for _ in range(30):
        scene.client.hurry(scene.now)
        scene.run(32)
    assert len(scene.times(0)) == len(scene.times(1)) == 1
    pauses = scene.times(2)
    assert pauses[1] - pauses[0] >= 64
    assert pauses[2] - pauses[1] >= 128
    assert scene.client.refusals == 2 + len(pauses)
    assert len(scene.agreed) > 20


def test_nobody_is_asked_when_all_refuse() -> None:
    scene = Scene(b"DENY", b"RSTR")
    scene.run(600)
    assert scene.client.next_timer() is None
    assert len(scene.asked) == 2
    assert Scene().client.next_timer() is None


def test_a_kiss_of_an_unknown_kind_is_no_answer() -> None:
    scene = Scene(b"INIT")
    scene.run(100)
    assert len(scene.times(0)) > 1
    assert scene.agreed == []


def test_hurry_never_asks_twice_within_the_least_interval() -> None:
    scene = Scene(0.0, 0.0)
    for _ in range(100):
        scene.client.hurry(scene.now)
        scene.run(1)
    times = scene.times(0)
    assert all(after - before >= INTERVAL_MIN_S for before, after in pairwise(times))
    assert 6 <= len(times) <= 7


def test_an_answer_that_comes_too_late_or_twice_is_ignored() -> None:
    scene = Scene(None, None)
    scene.client.handle_timer(scene.now)
    requests = [scene.client.next_request(), scene.client.next_request()]
    assert scene.client.next_request() is None
    assert requests[0] is not None and requests[1] is not None
    assert requests[0].data != requests[1].data
    for request in requests:
        assert request is not None
        scene.client.sent(request.number, scene.now)
    good = answer(requests[0].data, UNIX + scene.now)
    late = scene.now + ANSWER_S + 0.1
    scene.client.receive(0, good, late)
    assert scene.client.ignored == 1
    scene.client.receive(0, good, scene.now)
    scene.client.receive(0, good, scene.now)
    scene.client.receive(1, good, scene.now)
    assert (scene.client.answers, scene.client.ignored) == (1, 3)
    assert scene.agreed == []
