"""The table of states: complete, drawn as it is, and walked by a connection."""

from __future__ import annotations

from core.transport.ntcp2.states import HANDSHAKE, TRANSITIONS, State, Trigger
from tests.support.state_diagram import drawn, mermaid

FIRST = {State.AWAIT_CREATED: "Alice / message 1", State.AWAIT_REQUEST: "Bob"}


def test_the_figure_shows_the_table() -> None:
    assert drawn("NTCP2_STATES.md") == mermaid(TRANSITIONS, FIRST, [State.CLOSED])


def test_every_state_is_reached_and_can_be_left_until_it_is_closed() -> None:
    reached = set(FIRST)
    for _ in State:
        reached |= {end for (start, _), end in TRANSITIONS.items() if start in reached}
    assert reached == set(State)
    for state in State:
        ways = {trigger for start, trigger in TRANSITIONS if start is state}
        assert (Trigger.CLOSE in ways) == (state is not State.CLOSED)
        assert (Trigger.TIMEOUT in ways) == (state in HANDSHAKE)
    assert {trigger for _, trigger in TRANSITIONS} == set(Trigger)


def test_a_handshake_fails_silently_on_the_side_that_was_dialled() -> None:
    for state in HANDSHAKE:
        is_alice = state.name.startswith("AWAIT_CREATED")
        end = State.CLOSED if is_alice else State.DRAINING
        assert TRANSITIONS[state, Trigger.VIOLATION] is end
