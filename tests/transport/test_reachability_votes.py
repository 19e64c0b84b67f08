"""The vote on whether other routers reach us."""

from __future__ import annotations

import pytest

from core.transport.reachability_votes import (
    OBSERVED_LIFE_S,
    VOTE_LIFE_S,
    PeerTestOutcome,
    PeerTestResult,
    ReachabilityState,
    ReachabilityStatus,
    ReachabilityVotes,
)

OURS = ("198.51.100.7", 9111)
OK, FIREWALLED, UNKNOWN = PeerTestOutcome.OK, PeerTestOutcome.FIREWALLED, PeerTestOutcome.UNKNOWN


class Poll:
    """Votes by ever new witnesses, a minute apart."""

    def __init__(self, **options: bool) -> None:
        self.votes = ReachabilityVotes(("ntcp2", "ssu2"), **options)
        self.now = 1000.0
        self.witness = 0

    def tests(self, *outcomes: PeerTestOutcome, port: int = OURS[1]) -> ReachabilityState:
        for outcome in outcomes:
            self.witness += 1
            self.one_more(f"203.0.113.{self.witness}", outcome, (OURS[0], port))
        return self.state

    def one_more(
        self, witness: str, outcome: PeerTestOutcome, seen: tuple[str, int] | None = None
    ) -> None:
        self.now += 60
        result = PeerTestResult(outcome, False, OURS, seen, b"b", b"c", witness)
        self.votes.tested("ssu2", result, self.now)

    def seen_at(self, *addresses: tuple[str, int]) -> None:
        for address in addresses:
            self.witness += 1
            self.votes.observed(f"203.0.113.{self.witness}", address, self.now)

    @property
    def state(self) -> ReachabilityState:
        return self.votes.verdict("ssu2", False, self.now).state

    @property
    def why(self) -> str:
        return self.votes.verdict("ssu2", False, self.now).why


def test_two_that_agree_make_it_known() -> None:
    poll = Poll()
    assert poll.tests(OK) is ReachabilityState.UNKNOWN
    assert "too few" in poll.why
    assert poll.tests(OK) is ReachabilityState.OK
    assert poll.votes.reached_at("ssu2", False) == OURS
    assert Poll().tests(FIREWALLED, FIREWALLED) is ReachabilityState.FIREWALLED
    assert Poll().tests(OK, FIREWALLED) is ReachabilityState.UNKNOWN


def test_one_and_the_same_witness_has_one_vote() -> None:
    poll = Poll()
    for _ in range(5):
        poll.one_more("203.0.113.1", OK)
    assert poll.state is ReachabilityState.UNKNOWN


@pytest.mark.parametrize(("usual", "odd"), [(OK, FIREWALLED), (FIREWALLED, OK)])
def test_one_or_two_odd_results_do_not_flip_it(
    usual: PeerTestOutcome, odd: PeerTestOutcome
) -> None:
    poll = Poll()
    before = poll.tests(usual, usual)
    for outcomes in ([odd], [usual], [odd, UNKNOWN], [usual] * 3 + [odd] * 2):
        assert poll.tests(*outcomes) is before
    assert poll.votes.is_contested("ssu2", False)
    # A true change gets through with the third.
    assert poll.tests(odd).value == odd.value


def test_unknown_results_say_nothing() -> None:
    poll = Poll()
    poll.tests(OK, OK)
    assert poll.tests(*[UNKNOWN] * 20) is ReachabilityState.OK


def test_connections_count_for_their_own_transport() -> None:
    poll = Poll()
    for host in ("203.0.113.1", "203.0.113.2"):
        poll.votes.connected("ntcp2", host, poll.now)
    assert poll.votes.verdict("ntcp2", False, poll.now).state is ReachabilityState.OK
    assert poll.state is ReachabilityState.UNKNOWN
    assert poll.votes.family_verdict(False, poll.now).state is ReachabilityState.OK
    # Nothing says where it was reached, and UDP has no evidence at all.
    assert poll.votes.reached_at("ntcp2", False) is None
    assert poll.votes.reached_at("ssu2", False) is None


def test_connections_outvote_tests() -> None:
    poll = Poll()
    for number in range(5):
        poll.votes.connected("ssu2", f"203.0.114.{number}", poll.now)
    assert poll.tests(FIREWALLED, FIREWALLED) is ReachabilityState.OK


def test_who_says_so_is_told_while_nothing_else_is_known() -> None:
    poll = Poll()
    poll.votes.claimed("ssu2", False, "a port mapping (pcp)")
    assert "a port mapping (pcp)" in poll.why
    assert poll.tests(FIREWALLED, FIREWALLED) is ReachabilityState.FIREWALLED
    poll.votes.claimed("ssu2", False, None)
    assert "port mapping" not in poll.why


def test_ports_tell_a_symmetric_nat_only_together() -> None:
    poll = Poll()
    assert poll.tests(FIREWALLED, FIREWALLED, port=1111) is ReachabilityState.FIREWALLED
    # One observer who sees another port may be lying, or the box has a new mapping.
    assert poll.tests(FIREWALLED, port=2222) is ReachabilityState.FIREWALLED
    assert poll.tests(FIREWALLED, port=2222) is ReachabilityState.FIREWALLED
    symmetric = Poll()
    for port in (1111, 2222, 3333):
        symmetric.tests(FIREWALLED, port=port)
    assert symmetric.state is ReachabilityState.SYMMETRIC
    assert "1111, 2222, 3333" in symmetric.why
    # Whoever gets in all the same is believed: the port may be forwarded.
    assert symmetric.tests(OK, OK, OK) is ReachabilityState.OK


def test_another_host_voids_the_votes() -> None:
    poll = Poll()
    poll.tests(OK, OK)
    poll.seen_at(OURS, OURS)
    assert poll.votes.observed_address(False, poll.now) == OURS
    moved = ("198.51.100.8", 9111)
    poll.seen_at(moved, moved)
    assert poll.state is ReachabilityState.OK
    poll.seen_at(moved)
    assert poll.state is ReachabilityState.UNKNOWN
    assert poll.votes.observed_address(False, poll.now) == moved


def test_evidence_gets_old() -> None:
    poll = Poll()
    poll.tests(OK, OK)
    poll.now += VOTE_LIFE_S + 1
    assert poll.state is ReachabilityState.UNKNOWN
    poll.seen_at(OURS, OURS)
    poll.now += OBSERVED_LIFE_S + 1
    assert poll.votes.observed_address(False, poll.now) is None


def test_states_without_evidence() -> None:
    assert Poll(is_hidden=True).state is ReachabilityState.HIDDEN
    assert Poll(ipv4=False).state is ReachabilityState.DISABLED
    poll = Poll()
    assert poll.state is ReachabilityState.UNKNOWN
    poll.tests(OK, OK)
    poll.votes.network_changed(False)
    assert poll.state is ReachabilityState.UNKNOWN
    assert poll.votes.observed_host(False, poll.now) is None


def test_what_the_status_shows() -> None:
    poll = Poll()
    poll.tests(OK, OK)
    assert poll.votes.status(poll.now) == ReachabilityStatus(
        "ok",
        "disabled",
        {
            "ntcp2/ipv4": "unknown",
            "ntcp2/ipv6": "disabled",
            "ssu2/ipv4": "ok",
            "ssu2/ipv6": "disabled",
        },
        "IPv4: of the last 2 tries, 2 peer tests and 0 connections got in",
    )
    hidden = Poll(is_hidden=True).votes.status(1000.0)
    assert (hidden.ipv4, hidden.why) == ("hidden", "IPv4: hidden by configuration")
    assert ReachabilityVotes(()).status(1000.0).ipv4 == "disabled"
