"""One word, one sentence, one remedy: from facts, worst first."""

from __future__ import annotations

import pytest

from i2ptunnel.health import (
    Facts,
    I2cpFacts,
    State,
    assess,
    assess_proxy,
    clock_warning,
    show_difference,
)
from i2ptunnel.protocols.reloads import ADDRESSES_MAX, FORGET_S, RELOADS_MAX, Reloads

WELL = {"routers": 30, "links": 12}


@pytest.mark.parametrize(
    ("facts", "state", "reason", "remedy"),
    [
        (Facts(**WELL, tunnels_ready=2, tunnels=2), State.READY, None, None),
        (Facts(**WELL), State.READY, None, None),  # a relay
        (Facts(), State.DEGRADED, "No other router is known", "netdb import"),
        (Facts(tunnels_ready=1, tunnels=1), State.DEGRADED, "No other router is known", "import"),
        (Facts(i2cp=I2cpFacts("a:1"), tunnels=2, tunnels_ready=2), State.READY, None, None),
        (Facts(i2cp=I2cpFacts("a:1"), tunnels=2), State.BUILDING, "The router at a:1 is", None),
        (
            Facts(routers=1, links=1, storage="database or disk is full", failed={"a": "no"}),
            State.DEGRADED,
            "What the router learns cannot be saved in the data directory: database or disk is",
            "Make room on that disk",
        ),
        (
            Facts(i2cp=I2cpFacts("a:1", "no I2CP at a:1: connection refused"), tunnels=2),
            State.DEGRADED,
            "cannot be reached: no I2CP at a:1: connection refused.",
            "enable I2CP in it",
        ),
        (Facts(routers=30), State.BUILDING, "None of the 30 known routers", "firewall"),
        (Facts(**WELL, tunnels=2), State.BUILDING, "building its tunnels; 0 of 0", None),
        (Facts(**WELL, tunnels=2, tunnels_ready=1), State.BUILDING, "1 of 2 tunnels", None),
        (
            Facts(**WELL, tunnels=2, tunnels_ready=1, failed={"web": "address in use"}),
            State.DEGRADED,
            "Tunnel web failed: address in use.",
            None,
        ),
        (
            Facts(**WELL, tunnels=9, failed={f"t{n}": "x" for n in range(9)}),
            State.DEGRADED,
            "9 tunnels failed: t0, t1, t2, t3, t4, ….",
            None,
        ),
        (Facts(**WELL, clock_skew_s=-10_800.4), State.DEGRADED, "3 h ahead", "timedatectl"),
        (Facts(**WELL, clock_skew_s=90.2), State.DEGRADED, "1 min 30 s behind", "timedatectl"),
        (Facts(clock_skew_s=86_400 * 400.0), State.DEGRADED, "400 d behind", "timedatectl"),
        (Facts(**WELL, clock_skew_s=59.0), State.READY, None, None),
        (Facts(is_started=False), State.STARTING, "is starting", None),
        (Facts(**WELL, clock_skew_s=90.0, is_stopping=True), State.STOPPING, "is stopping", None),
    ],
)
def test_the_worst_comes_first(
    facts: Facts, state: State, reason: str | None, remedy: str | None
) -> None:
    health = assess(facts)
    assert health.state is state
    assert (health.reason is None) == (reason is None)
    assert (reason or "") in str(health.reason or "")
    assert (remedy is None) == (health.remedy is None)
    assert (remedy or "") in str(health.remedy or "")
    assert str(health).startswith(state.value)


def test_a_proxy_cares_for_itself_only() -> None:
    facts = Facts(**WELL, tunnels=2, failed={"other": "x"})
    assert assess_proxy(facts, is_ready=True).state is State.READY
    assert assess_proxy(facts, is_ready=False).state is State.BUILDING
    assert not assess_proxy(Facts(), is_ready=True).is_waiting


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (-61, "1 min 1 s"), (3599.6, "1 h"), (-10_799, "3 h"), (93_784, "1 d 2 h")],
)
def test_a_difference_of_clocks_in_its_two_largest_units(seconds: float, shown: str) -> None:
    assert show_difference(seconds) == shown


def test_reloads_end_and_begin_again_after_a_pause() -> None:
    reloads = Reloads()
    assert [reloads.may_reload("a", 5.0 * n) for n in range(RELOADS_MAX + 2)] == [
        *[True] * RELOADS_MAX,
        False,
        False,
    ]
    assert reloads.may_reload("b", 0.0)
    assert reloads.may_reload("a", 5.0 * (RELOADS_MAX + 1) + FORGET_S)
    for number in range(ADDRESSES_MAX):
        assert reloads.may_reload(f"other {number}", 500.0)


@pytest.mark.parametrize(
    ("correction_s", "source", "words"),
    [
        (0.0, "ntp", None),
        (9.9, "ntp", None),
        (3 * 86_400.0, "ntp", "3 d behind, as time servers say"),
        (-300.0, "peers", "5 min ahead, as other routers say"),
        (-300.0, None, "5 min ahead, as others say"),
    ],
)
def test_a_wrong_clock_that_is_corrected_is_told_with_its_remedy(
    correction_s: float, source: str | None, words: str | None
) -> None:
    warning = clock_warning(correction_s, source)
    if words is None:
        assert warning is None
    else:
        assert warning is not None
        assert words in warning
        assert "timedatectl" in warning
