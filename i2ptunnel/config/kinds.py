"""Kinds of values: each reads a node into a typed value, and describes itself as JSON Schema.

``read`` raises :class:`Refused` when the value as a whole is unusable; kinds with parts record the
faults of their parts and go on, so that one run finds everything. ``word`` is the short name of a
kind in the option reference.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from i2ptunnel.config import units
from i2ptunnel.config.faults import Faults, Refused, join, nearest, shown
from i2ptunnel.config.nodes import Mapping, Node, Scalar, Sequence, kind_name

T = TypeVar("T")
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: its dotted path, and where to record the faults of its parts."""

    path: str
    faults: Faults

    def at(self, key: str | int) -> Place:
        return Place(join(self.path, key), self.faults)


class Kind(ABC, Generic[T]):
    """One kind of value."""

    word: str = ""

    @abstractmethod
    def read(self, node: Node, place: Place) -> T:
        """The value of ``node``; raises :class:`Refused`."""

    @abstractmethod
    def schema(self) -> Schema:
        """What JSON Schema can say about it."""

    def show(self, value: T) -> str:
        """A default as one would write it in YAML."""
        return str(value)

    def plain(self, value: T) -> Any:
        """What :meth:`read` reads as ``value``: a bool, int, str, None, list or dict."""
        return self.show(value)


class ScalarKind(Kind[T]):
    """A kind written as one word or line; ``right`` says what it looks like."""

    right: str = ""

    def read(self, node: Node, place: Place) -> T:
        if not isinstance(node, Scalar) or node.is_null:
            raise Refused(node.mark, place.path, f"{kind_name(node)} is no value here", self.right)
        try:
            return self.convert(node)
        except ValueError as error:
            raise Refused(
                node.mark, place.path, f"{shown(node.text)} is not right", str(error)
            ) from None

    @abstractmethod
    def convert(self, node: Scalar) -> T:
        """The value; raises ValueError that says what would be right."""


class Text(ScalarKind[str]):
    """Any text, or one that matches a pattern."""

    word = "text"

    def __init__(
        self, right: str = "write some text", pattern: str = "", length_max: int = 4096
    ) -> None:
        self.right = right
        self._pattern = re.compile(pattern) if pattern else None
        self._length_max = length_max

    def convert(self, node: Scalar) -> str:
        if not node.text:
            raise ValueError(self.right)
        if len(node.text) > self._length_max:
            raise ValueError(f"at most {self._length_max} characters")
        if not node.text.isprintable():
            raise ValueError("only printable characters")
        if self._pattern and not self._pattern.fullmatch(node.text):
            raise ValueError(self.right)
        return node.text

    def schema(self) -> Schema:
        result: Schema = {"type": "string", "minLength": 1}
        if self._pattern:
            result["pattern"] = f"^(?:{self._pattern.pattern})$"
        return result


class Flag(ScalarKind[bool]):
    """``true`` or ``false``; the other words YAML 1.1 takes for truth values are refused."""

    word = "true | false"
    right = "write true or false"

    def convert(self, node: Scalar) -> bool:
        if node.text == "true" and node.is_plain:
            return True
        if node.text == "false" and node.is_plain:
            return False
        word = node.text.lower()
        if word in ("true", "yes", "on", "y"):
            raise ValueError("write true")
        if word in ("false", "no", "off", "n"):
            raise ValueError("write false")
        raise ValueError(self.right)

    def schema(self) -> Schema:
        return {"type": "boolean"}

    def show(self, value: bool) -> str:
        return "true" if value else "false"

    def plain(self, value: bool) -> Any:
        return value


class Number(ScalarKind[int]):
    """A whole decimal number within bounds."""

    word = "number"

    def __init__(self, minimum: int, maximum: int) -> None:
        self._minimum, self._maximum = minimum, maximum
        self.right = f"write a whole number from {minimum} to {maximum}"

    def convert(self, node: Scalar) -> int:
        digits = node.text[1:] if node.text[:1] == "-" else node.text
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
            raise ValueError(self.right)
        if not node.is_plain:
            raise ValueError(f"write {node.text} without quotes")
        if len(digits) > 1 and digits[0] == "0":
            raise ValueError(f"write {int(node.text)} without leading zeros")
        value = int(node.text)
        if not self._minimum <= value <= self._maximum:
            raise ValueError(self.right)
        return value

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self._minimum, "maximum": self._maximum}

    def plain(self, value: int) -> Any:
        return value


class Size(ScalarKind[int]):
    """Bytes, with a unit."""

    word = "size"
    right = "write a size with its unit, like 512KiB or 4MB"

    def convert(self, node: Scalar) -> int:
        return units.read_size(node.text)

    def schema(self) -> Schema:
        return {"type": ["string", "integer"], "pattern": units.SIZE_PATTERN}

    def show(self, value: int) -> str:
        return units.show_size(value)


class Rate(ScalarKind[int]):
    """Bytes per second, with a unit."""

    word = "rate"
    right = "write a rate with its unit, like 4MB/s or 512KiB/s"

    def __init__(self, minimum: int = 10_000) -> None:
        self._minimum = minimum

    def convert(self, node: Scalar) -> int:
        value = units.read_rate(node.text)
        if value < self._minimum:
            raise ValueError(f"write at least {units.show_size(self._minimum)}/s")
        return value

    def schema(self) -> Schema:
        return {"type": ["string", "integer"], "pattern": units.RATE_PATTERN}

    def show(self, value: int) -> str:
        return units.show_size(value) + "/s"


class Duration(ScalarKind[float]):
    """Seconds, with a unit, within bounds."""

    word = "time"
    right = "write a time with its unit, like 30s, 10m or 1h30m"

    def __init__(self, minimum: float = 0.0, maximum: float = 365 * 86400.0) -> None:
        self._minimum, self._maximum = minimum, maximum

    def convert(self, node: Scalar) -> float:
        value = units.read_duration(node.text)
        if not self._minimum <= value <= self._maximum:
            low, high = units.show_duration(self._minimum), units.show_duration(self._maximum)
            raise ValueError(f"write a time from {low} to {high}")
        return value

    def schema(self) -> Schema:
        return {"type": ["string", "integer"], "pattern": units.TIME_PATTERN}

    def show(self, value: float) -> str:
        return units.show_duration(value)

    def plain(self, value: float) -> Any:
        shown = self.show(value)
        if units.read_duration(shown) == value:
            return shown
        return f"{value:.6f}".rstrip("0").rstrip(".") + "s"


class Percent(ScalarKind[float]):
    """A fraction, written in percent."""

    word = "percentage"
    right = "write a percentage from 0% to 100%"

    def convert(self, node: Scalar) -> float:
        return units.read_percent(node.text)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": units.PERCENT_PATTERN}

    def show(self, value: float) -> str:
        return f"{value * 100:g}%"

    def plain(self, value: float) -> Any:
        return f"{round(value * 100, 3):g}%"


class Choice(ScalarKind[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self.word = " | ".join(words)
        self.right = "write one of: " + ", ".join(words)

    def convert(self, node: Scalar) -> str:
        if node.text in self._words:
            return node.text
        guess = nearest(node.text, self._words)
        raise ValueError((f'did you mean "{guess}"? ' if guess else "") + self.right)

    def schema(self) -> Schema:
        words: list[Any] = [{"true": True, "false": False}.get(w, w) for w in self._words]
        return {"enum": words}


_VARIABLE = re.compile(r"\$[A-Za-z_{(]|^%[a-zA-Z]/")


def check_no_variable(path: str) -> None:
    """Raise ValueError for ``$HOME/x`` and the like: a directory of that name would be made."""
    if _VARIABLE.search(path):
        raise ValueError("write the path itself: variables are not expanded, ~ is your home")


class FilePath(ScalarKind[Path]):
    """A path; ``~`` is the home directory, relative ones start at the directory of the file."""

    word = "path"
    right = "write a path"

    def convert(self, node: Scalar) -> Path:
        if not node.text or not node.text.isprintable():
            raise ValueError(self.right)
        check_no_variable(node.text)
        try:
            # UTF-8 on the disk, too, where the locale is another one
            path = Path(os.fsdecode(node.text.encode())).expanduser()
        except RuntimeError:
            raise ValueError("write the path without ~, there is no home directory") from None
        return path if path.is_absolute() else node.mark.source.base / path

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1}


class Maybe(Kind[T | None]):
    """``null`` or the inner kind."""

    def __init__(self, inner: Kind[T]) -> None:
        self.inner = inner
        self.word = f"{inner.word} | null"

    def read(self, node: Node, place: Place) -> T | None:
        if isinstance(node, Scalar) and node.is_null:
            return None
        return self.inner.read(node, place)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "null"}, self.inner.schema()]}

    def show(self, value: T | None) -> str:
        return "null" if value is None else self.inner.show(value)

    def plain(self, value: T | None) -> Any:
        return None if value is None else self.inner.plain(value)


class ListOf(Kind[tuple[T, ...]]):
    """A list; with ``allow_one``, a single value may stand without the brackets."""

    def __init__(self, inner: Kind[T], count_max: int = 64, allow_one: bool = False) -> None:
        self.inner, self._count_max, self._allow_one = inner, count_max, allow_one
        self.word = f"list of {inner.word}" if not allow_one else f"{inner.word}, or a list of them"

    def read(self, node: Node, place: Place) -> tuple[T, ...]:
        if not isinstance(node, Sequence):
            if self._allow_one and not (isinstance(node, Scalar) and node.is_null):
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
        many: Schema = {
            "type": "array",
            "items": self.inner.schema(),
            "maxItems": self._count_max,
        }
        return {"anyOf": [self.inner.schema(), many]} if self._allow_one else many

    def show(self, value: tuple[T, ...]) -> str:
        return "[" + ", ".join(self.inner.show(item) for item in value) + "]"

    def plain(self, value: tuple[T, ...]) -> Any:
        return [self.inner.plain(item) for item in value]


class NamedMap(Kind[dict[str, T]]):
    """Free names, each with a value of one kind."""

    _NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

    def __init__(self, inner: Kind[T], what: str, count_max: int = 1024) -> None:
        self.inner, self._what, self._count_max = inner, what, count_max
        self.word = f"name -> {inner.word}"

    def read(self, node: Node, place: Place) -> dict[str, T]:
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
        return {
            "type": ["object", "null"],
            "propertyNames": {"pattern": f"^{self._NAME.pattern}$"},
            "additionalProperties": self.inner.schema(),
        }

    def show(self, value: dict[str, T]) -> str:
        return "{}" if not value else ", ".join(value)

    def plain(self, value: dict[str, T]) -> Any:
        return {name: self.inner.plain(item) for name, item in value.items()}
