"""The access filter's language and what it decides."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.identity import hash_to_b32
from i2ptunnel.protocols import access_filter as module
from i2ptunnel.protocols.access_filter import (
    ALLOW,
    DENY,
    AccessFilter,
    FilterFault,
    Threshold,
    parse_definition,
    parse_list,
)

BASE = Path("/base")
FRIEND, ENEMY, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))


def filter_of(text: str) -> AccessFilter:
    return AccessFilter(parse_definition(text, BASE))


def test_a_whole_definition() -> None:
    text = f"""
# comment
  15/5   default
allow file friends.txt
deny  file /abs/with space.txt
0/5 explicit {hash_to_b32(ENEMY).upper().replace("B32.I2P", "b32.i2p")}
60/5 record suspicious.txt
"""
    definition = parse_definition(text, BASE)
    assert definition.default == Threshold(15, 5)
    assert definition.rules == (
        (ALLOW, BASE / "friends.txt"),
        (DENY, Path("/abs/with space.txt")),
        (DENY, ENEMY),
    )
    assert definition.recorders == ((Threshold(60, 5), BASE / "suspicious.txt"),)
    assert parse_definition("", BASE).default == ALLOW


BAD = [
    "allow",
    "allow all",
    "15/5",
    "15 default",
    "15/0 default",
    "99999/5 default",
    "-1/5 default",
    "Allow default",
    "allow default extra",
    "deny explicit",
    "deny explicit name.i2p",
    "deny explicit " + "a" * 52,
    "deny explicit " + "1" * 52 + ".b32.i2p",
    "deny explicit " + "a" * 56 + ".b32.i2p",
    "deny file",
    "allow record x.txt",
    "deny default\nallow default",
]


@pytest.mark.parametrize("line", BAD)
def test_what_is_not_understood_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(FilterFault, match=r"line [123]"):
        parse_definition("# first\n" + line, BASE)


def test_the_last_one_allowed_is_one_less_than_the_number() -> None:
    access = filter_of("15/5 default")
    assert [access.admit(OTHER, 0.1 * n) for n in range(16)] == [True] * 14 + [False] * 2
    assert access.admit(FRIEND, 1.6), "each destination by itself"
    assert not access.admit(OTHER, 5.0), "attempts that were refused count"
    assert access.admit(OTHER, 20.0)
    assert not filter_of("1/1 default").admit(OTHER, 0.0)


def test_the_first_rule_counts() -> None:
    access = filter_of(
        f"deny default\nallow explicit {hash_to_b32(FRIEND)}\ndeny file list\n"
        f"allow explicit {hash_to_b32(ENEMY)}"
    )
    access.set_lists({BASE / "list": frozenset((FRIEND, ENEMY))})
    assert [access.admit(one, 0) for one in (FRIEND, ENEMY, OTHER)] == [True, False, False]
    assert [access.is_denied(one) for one in (FRIEND, ENEMY, OTHER)] == [False, True, True]
    access.set_lists({})
    assert access.admit(ENEMY, 0)


def test_who_breaches_a_recorder_is_recorded_and_let_in() -> None:
    access = filter_of("3/10 record bad.txt\n5/10 default")
    assert [access.admit(ENEMY, n) for n in range(5)] == [True] * 4 + [False]
    access.admit(FRIEND, 0)
    assert access.recorded == {BASE / "bad.txt": {ENEMY}}


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DESTINATIONS_MAX", 10)
    access = filter_of("3/100 default")
    for n in range(100):
        access.admit(bytes([n]) * 32, n)
    assert len(access._attempts) == 10
    assert all(len(attempts) <= 3 for attempts in access._attempts.values())


def test_lists() -> None:
    text = f"\n# x\n{hash_to_b32(FRIEND)}\n  {hash_to_b32(ENEMY)}  \n{hash_to_b32(FRIEND)}\n"
    assert parse_list(text) == {FRIEND, ENEMY}
    with pytest.raises(FilterFault, match="line 1"):
        parse_list("friend.i2p")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["", "deny default\n", "15/5 "]))
def test_junk(junk: str, start: str) -> None:
    for parse in (lambda text: parse_definition(text, BASE), parse_list):
        try:
            parse(start + junk)
        except FilterFault:
            pass
