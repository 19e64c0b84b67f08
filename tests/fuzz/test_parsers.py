"""Hostile input for every parser and machine of the table; ``make fuzz`` feeds a million each."""

from __future__ import annotations

import os

import pytest

from tests.fuzz.mutate import Mutator
from tests.fuzz.runner import Target, run
from tests.fuzz.table import TARGETS

INPUTS = int(os.environ.get("FUZZ_INPUTS", "2000"))
#: a machine takes many times as long as a parser for an input
MACHINE_INPUTS_MAX = 500


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_parser(target: Target) -> None:
    inputs = INPUTS if target.allowed else min(INPUTS, MACHINE_INPUTS_MAX)
    report = run(target, inputs)
    assert not report.faults, "\n".join(report.faults)
    assert report.inputs == inputs


def test_genuine_inputs_are_taken() -> None:
    """A table of parsers that refuse everything would prove nothing."""
    for target in TARGETS:
        assert target.seeds, target.name
        assert len({target.name for target in TARGETS}) == len(TARGETS)
        assert run(target, len(target.seeds)).accepted, target.name


def test_inputs_are_reproducible_and_differ() -> None:
    first, second, other = (Mutator(name, (b"seed" * 20,)) for name in ("a", "a", "b"))
    inputs = [first.next() for _ in range(500)]
    assert inputs == [second.next() for _ in range(500)]
    assert inputs != [other.next() for _ in range(500)]
    assert len(set(inputs)) > 300


def test_the_runner_reports_what_is_wrong() -> None:
    def parse(raw: bytes) -> None:
        raise KeyError(raw)

    report = run(Target("wrong", parse, (b"x",)), 100)
    assert len(report.faults) == 10 and "KeyError" in report.faults[0]
