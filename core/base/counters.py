"""Counters as every room of the router declares them, for people and for monitoring programs.

A room has a module ``counters`` with a table: what it counts, in plain words, and where the figure
is. Only totals that grow are here; what goes up and down stands in the router's status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

MachineT = TypeVar("MachineT")
EnumT = TypeVar("EnumT", bound=Enum)

#: one figure, or one for each value of a counter's label
Value = int | Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Counter(Generic[MachineT]):
    """One total since the start, read from the room's machine.

    ``name``: as in monitoring, a plural noun; bytes end with ``_bytes``. ``label``: what tells the
    figures of one counter apart, empty if there is one figure only. ``help``: a phrase for people.
    """

    room: str
    name: str
    help: str
    read: Callable[[MachineT], Value]
    label: str = ""


def by_value(counts: Mapping[EnumT, int]) -> dict[str, int]:
    """Counts that are kept by the members of an enumeration, by what these are called."""
    return {str(key.value).replace(" ", "_"): count for key, count in counts.items()}


def total(values: Iterable[Value], label: str) -> Value:
    """The sum of several values of the counter with this label."""
    if not label:
        return sum(value for value in values if isinstance(value, int))
    result: dict[str, int] = {}
    for value in values:
        if not isinstance(value, int):
            for key, count in value.items():
                result[key] = result.get(key, 0) + count
    return result
