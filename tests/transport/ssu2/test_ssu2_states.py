"""The table of states: complete, and drawn as it is."""

from __future__ import annotations

from core.transport.ssu2.states import TRANSITIONS, State, Trigger
from tests.support.state_diagram import drawn, mermaid

FIRST = {
    State.AWAIT_RETRY: "Alice / TokenRequest",
    State.AWAIT_CONFIRMED: "Bob, token proven / SessionCreated",
}


def test_the_figure_shows_the_table() -> None:
    assert drawn("SSU2_STATES.md") == mermaid(TRANSITIONS, FIRST, [State.CLOSED])


def test_every_state_is_reached_and_can_be_left_until_it_is_closed() -> None:
    reached = set(FIRST)
    for _ in State:
        reached |= {end for (start, _), end in TRANSITIONS.items() if start in reached}
    assert reached == set(State)
    for state in set(State) - {State.CLOSED, State.CLOSING}:
        ways = {trigger for start, trigger in TRANSITIONS if start is state}
        assert {Trigger.CLOSE, Trigger.TIMEOUT} <= ways
    assert not any(start is State.CLOSED for start, _ in TRANSITIONS)
    assert {trigger for _, trigger in TRANSITIONS} == set(Trigger)
