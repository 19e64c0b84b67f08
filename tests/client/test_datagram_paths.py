"""Destinations that exchange datagrams only notice that the other one has moved."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.client.config import LastingKeys
from core.client.remote import ACK_DELAY_S, QUESTIONS_MAX, SEARCH_LAST_S, Remote
from core.data.payload import PROTOCOL_DATAGRAM, PROTOCOL_RAW
from core.data.private_keys import PrivateKeys
from core.datagram.manager import Mailbox
from tests.client.parties import Party, World
from tests.support.deterministic import SeededEntropy

pytestmark = pytest.mark.doubles

START = 1_700_000_000.0
KEYS = PrivateKeys.generate_destination(SeededEntropy("service"), 7)
LASTING = LastingKeys.generate(SeededEntropy("lasting"))
BACK_S = 7.0


class Talk:
    """A client sends to a service once in ``every_s`` seconds; the service may answer each time."""

    def __init__(self, *, answers: bool, every_s: float = 1.0, lasting: bool = True) -> None:
        self.world = World(START)
        self.answers = answers
        self.every_s = every_s
        self.lasting = LASTING if lasting else None
        self.service, self.calls = self._service()
        self.world.run_until(lambda: self.service.engine.is_ready)
        self.client = self.world.add("client")
        self.replies = self.client.engine.datagrams.bind(PROTOCOL_RAW, 1)
        self.client.find(KEYS.hash)
        self._send_at = 0.0

    def _service(self) -> tuple[Party, Mailbox]:
        party = self.world.add("service", keys=KEYS, publish=True, lasting=self.lasting)
        return party, party.engine.datagrams.bind(PROTOCOL_DATAGRAM, 2)

    def run_until(self, done: Callable[[], bool], limit_s: float) -> float:
        """Seconds until ``done``; everybody sends meanwhile."""
        started = self.world.network.now
        while not done():
            now = self.world.network.now
            assert now - started < limit_s, "it did not happen"
            if now >= self._send_at:
                self._send_at = now + self.every_s
                self.client.engine.datagrams.send(
                    KEYS.hash, b"?", protocol=PROTOCOL_DATAGRAM, from_port=1, to_port=2
                )
            self.world.run(0.1)
            while self.answers and self.calls.take() is not None:
                self.service.engine.datagrams.send(
                    self.client.keys.hash, b"!", protocol=PROTOCOL_RAW, from_port=2, to_port=1
                )
        return self.world.network.now - started

    def run(self, seconds: float) -> None:
        end = self.world.network.now + seconds
        self.run_until(lambda: self.world.network.now >= end, seconds + 1)

    def is_heard(self) -> bool:
        """Whether a datagram has arrived since the last call."""
        mailbox = self.replies if self.answers else self.calls
        return mailbox.take() is not None

    def settle(self) -> None:
        while self.is_heard():
            pass

    def restart_service(self, away_s: float) -> None:
        self.world.stop(self.service)
        self.run(away_s)
        self.service, self.calls = self._service()
        self.run_until(lambda: self.service.engine.is_ready, 30)
        self.settle()


@pytest.mark.parametrize("answers", [True, False], ids=["answered", "one-way"])
@pytest.mark.parametrize("lasting", [True, False], ids=["same key", "new key"])
def test_a_service_is_found_again_after_its_router_restarted(answers: bool, lasting: bool) -> None:
    talk = Talk(answers=answers, lasting=lasting)
    talk.run_until(talk.is_heard, 5)
    talk.run(20)
    talk.restart_service(15)
    assert talk.run_until(talk.is_heard, 60) < BACK_S


@pytest.mark.parametrize("every_s", [0.05, 5.0])
def test_however_often_something_is_sent(every_s: float) -> None:
    talk = Talk(answers=True, every_s=every_s)
    talk.run_until(talk.is_heard, 10)
    talk.run(20)
    talk.restart_service(5)
    assert talk.run_until(talk.is_heard, 60) < BACK_S


def test_both_ends_lost_all_their_tunnels() -> None:
    talk = Talk(answers=True)
    talk.run_until(talk.is_heard, 5)
    talk.run(20)
    for party in (talk.service, talk.client):
        talk.world.cut_tunnels(party)
    talk.run(3)
    for party in (talk.service, talk.client):
        talk.world.renew_tunnels(party)
    talk.settle()
    assert talk.run_until(talk.is_heard, 60) < BACK_S


@pytest.mark.parametrize("answers", [True, False], ids=["answered", "one-way"])
def test_a_path_that_works_is_not_suspected_and_hardly_asked(answers: bool) -> None:
    talk = Talk(answers=answers, every_s=0.2)
    talk.run_until(talk.is_heard, 5)
    talk.run(10)
    sent = talk.service.engine.stats.messages_out
    talk.run(60)
    for party in (talk.client, talk.service):
        for remote in party.engine._remotes.by_hash.values():
            assert remote.failed_paths == 0
    if not answers:
        # What the service sends is acknowledgements only.
        assert talk.service.engine.stats.messages_out - sent < 40


def test_silence_is_asked_about_ever_more_rarely() -> None:
    remote = Remote(bytes(32), heard_at=0.0)
    now, asked, changed = 0.5, 0, 0
    while now < 3600:
        remote.note_datagram(now)
        if remote.is_unanswered(now):
            changed += remote.suspect_path(now)
        if remote.should_ask(now):
            remote.note_question(now)
            asked += 1
        if now < ACK_DELAY_S:
            assert not asked
        now += 0.5
    assert QUESTIONS_MAX <= changed <= asked < 3600 / SEARCH_LAST_S + 60
