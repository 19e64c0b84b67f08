"""Kinds of values with parts: optional values, lists, and mappings from free names."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from i2ptunnel.config.faults import Refused, shown
from i2ptunnel.config.kinds import Kind, Place, Schema
from i2ptunnel.config.nodes import Mapping, Node, Scalar, Sequence, kind_name

T = TypeVar("T")


class Maybe(Kind[T | None]):
    """``null`` or the inner kind."""

    def __init__(self, inner: Kind[T]) -> None:
        self.inner = inner
        self.word = f"{inner.word} | null"

    def read(self, node: Node, place: Place) -> T | None:
        """None for YAML's null, else what the inner kind reads."""
        if isinstance(node, Scalar) and node.is_null:
            return None
        return self.inner.read(node, place)

    def schema(self) -> Schema:
        """The inner kind's, or null."""
        return {"anyOf": [{"type": "null"}, self.inner.schema()]}

    def show(self, value: T | None) -> str:
        """``null`` for None."""
        return "null" if value is None else self.inner.show(value)

    def plain(self, value: T | None) -> Any:
        """None stays None."""
        return None if value is None else self.inner.plain(value)


class ListOf(Kind[tuple[T, ...]]):
    """A list; with ``allow_one``, a single value may stand without the brackets."""

    def __init__(self, inner: Kind[T], count_max: int = 64, allow_one: bool = False) -> None:
        self.inner, self._count_max, self.allow_one = inner, count_max, allow_one
        self.word = f"list of {inner.word}" if not allow_one else f"{inner.word}, or a list of them"

    def read(self, node: Node, place: Place) -> tuple[T, ...]:
        """The items that are right; the faults of the others are recorded in ``place``."""
        if not isinstance(node, Sequence):
            if self.allow_one and not (isinstance(node, Scalar) and node.is_null):
                return (self.inner.read(node, place),)
            raise Refused(
                node.mark, place.path, f"{kind_name(node)} where a list belongs", "write [a, b]"
            )
        if len(node.items) > self._count_max:
            raise Refused(
                node.mark, place.path, f"{len(node.items)} entries", f"at most {self._count_max}"
            )
        values: list[T] = []
        for index, item in enumerate(node.items):
            try:
                values.append(self.inner.read(item, place.at(index)))
            except Refused as refused:
                place.faults.record(refused)
        return tuple(values)

    def schema(self) -> Schema:
        """An array of at most ``count_max`` items, or one item where that is allowed."""
        many: Schema = {
            "type": "array",
            "items": self.inner.schema(),
            "maxItems": self._count_max,
        }
        return {"anyOf": [self.inner.schema(), many]} if self.allow_one else many

    def show(self, value: tuple[T, ...]) -> str:
        """In YAML's flow style."""
        return "[" + ", ".join(self.inner.show(item) for item in value) + "]"

    def plain(self, value: tuple[T, ...]) -> Any:
        """A list, also of a single item."""
        return [self.inner.plain(item) for item in value]


class NamedMap(Kind[dict[str, T]]):
    """Free names, each with a value of one kind."""

    _NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

    def __init__(self, inner: Kind[T], what: str, count_max: int = 1024) -> None:
        self.inner, self._what, self._count_max = inner, what, count_max
        self.word = f"name -> {inner.word}"

    def read(self, node: Node, place: Place) -> dict[str, T]:
        """Name -> value, where the value is right; faults are recorded in ``place``.

        Names that differ only in upper and lower case are a fault, too.
        """
        if isinstance(node, Scalar) and node.is_null:
            return {}
        if not isinstance(node, Mapping):
            raise Refused(
                node.mark,
                place.path,
                f"{kind_name(node)} where names belong",
                f"write NAME: and the {self._what} below it",
            )
        if len(node.entries) > self._count_max:
            raise Refused(
                node.mark, place.path, f"{len(node.entries)} entries", f"at most {self._count_max}"
            )
        values: dict[str, T] = {}
        lines: dict[str, int] = {}  # folded name -> where it stands
        for name, entry in node.entries.items():
            here = place.at(name)
            if not self._NAME.fullmatch(name):
                place.faults.add(
                    entry.key_mark,
                    here.path,
                    f"{shown(name)} is no name for a {self._what}",
                    "use letters, digits, - _ . and at most 64 of them",
                )
            first = lines.setdefault(name.lower(), entry.key_mark.line)
            if first != entry.key_mark.line:
                place.faults.add(
                    entry.key_mark,
                    here.path,
                    f"differs from the name in line {first} only in upper and lower case",
                    "use clearly different names",
                )
            try:
                values[name] = self.inner.read(entry.value, here)
            except Refused as refused:
                place.faults.record(refused)
        return values

    def schema(self) -> Schema:
        """An object with names of the allowed form; null is an empty one."""
        return {
            "type": ["object", "null"],
            "propertyNames": {"pattern": f"^{self._NAME.pattern}$"},
            "additionalProperties": self.inner.schema(),
        }

    def show(self, value: dict[str, T]) -> str:
        """The names only; the values have no short form."""
        return "{}" if not value else ", ".join(value)

    def plain(self, value: dict[str, T]) -> Any:
        """A dict in the same order."""
        return {name: self.inner.plain(item) for name, item in value.items()}
