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
from i2ptunnel.config.nodes import Node, Scalar, kind_name

T = TypeVar("T")
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: its dotted path, and where to record the faults of its parts."""

    path: str
    faults: Faults

    def at(self, key: str | int) -> Place:
        """The place of a part: a key of a mapping, or an index of a list."""
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
        """What :meth:`convert` makes of it, whose ValueError becomes a Refused with the place."""
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
        """Printable, not empty, at most ``length_max`` characters, and as the pattern has it."""
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
        """The pattern matches the whole text here, too."""
        result: Schema = {"type": "string", "minLength": 1}
        if self._pattern:
            result["pattern"] = f"^(?:{self._pattern.pattern})$"
        return result


class Flag(ScalarKind[bool]):
    """``true`` or ``false``; the other words YAML 1.1 takes for truth values are refused."""

    word = "true | false"
    right = "write true or false"

    def convert(self, node: Scalar) -> bool:
        """``true`` or ``false`` without quotes; for ``yes`` and the like the right word is told."""
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
        """YAML 1.1's ``yes`` and ``no`` are not allowed."""
        return {"type": "boolean"}

    def show(self, value: bool) -> str:
        """In YAML's spelling, not in Python's."""
        return "true" if value else "false"

    def plain(self, value: bool) -> Any:
        """A bool as it is."""
        return value


class Number(ScalarKind[int]):
    """A whole decimal number within bounds."""

    word = "number"

    def __init__(self, minimum: int, maximum: int) -> None:
        self._minimum, self._maximum = minimum, maximum
        self.right = f"write a whole number from {minimum} to {maximum}"

    def convert(self, node: Scalar) -> int:
        """Decimal digits without quotes, in the range of the kind."""
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
        """With both ends of the range."""
        return {"type": "integer", "minimum": self._minimum, "maximum": self._maximum}

    def plain(self, value: int) -> Any:
        """An int as it is."""
        return value


class Size(ScalarKind[int]):
    """Bytes, with a unit."""

    word = "size"
    right = "write a size with its unit, like 512KiB or 4MB"

    def convert(self, node: Scalar) -> int:
        """Bytes, see :func:`units.read_size`."""
        return units.read_size(node.text)

    def schema(self) -> Schema:
        """An integer only for 0, the one size without a unit."""
        return {"type": ["string", "integer"], "pattern": units.SIZE_PATTERN}

    def show(self, value: int) -> str:
        """With the largest unit that keeps it exact."""
        return units.show_size(value)


class Rate(ScalarKind[int]):
    """Bytes per second, with a unit."""

    word = "rate"
    right = "write a rate with its unit, like 4MB/s or 512KiB/s"

    def __init__(self, minimum: int = 10_000) -> None:
        self._minimum = minimum

    def convert(self, node: Scalar) -> int:
        """Bytes per second, at least the minimum of the kind."""
        value = units.read_rate(node.text)
        if value < self._minimum:
            raise ValueError(f"write at least {units.show_size(self._minimum)}/s")
        return value

    def schema(self) -> Schema:
        """An integer only for 0, the one rate without a unit."""
        return {"type": ["string", "integer"], "pattern": units.RATE_PATTERN}

    def show(self, value: int) -> str:
        """As a size per second."""
        return units.show_size(value) + "/s"


class Duration(ScalarKind[float]):
    """Seconds, with a unit, within bounds."""

    word = "time"
    right = "write a time with its unit, like 30s, 10m or 1h30m"

    def __init__(self, minimum: float = 0.0, maximum: float = 365 * 86400.0) -> None:
        self._minimum, self._maximum = minimum, maximum

    def convert(self, node: Scalar) -> float:
        """Seconds, see :func:`units.read_duration`, within the bounds of the kind."""
        value = units.read_duration(node.text)
        if not self._minimum <= value <= self._maximum:
            low, high = units.show_duration(self._minimum), units.show_duration(self._maximum)
            raise ValueError(f"write a time from {low} to {high}")
        return value

    def schema(self) -> Schema:
        """An integer only for 0, the one time without a unit."""
        return {"type": ["string", "integer"], "pattern": units.TIME_PATTERN}

    def show(self, value: float) -> str:
        """In whole seconds or, below one, milliseconds."""
        return units.show_duration(value)

    def plain(self, value: float) -> Any:
        """As shown if that is exact, else in seconds with six places."""
        shown = self.show(value)
        if units.read_duration(shown) == value:
            return shown
        return f"{value:.6f}".rstrip("0").rstrip(".") + "s"


class Percent(ScalarKind[float]):
    """A fraction, written in percent."""

    word = "percentage"
    right = "write a percentage from 0% to 100%"

    def convert(self, node: Scalar) -> float:
        """A fraction from 0 to 1 of ``80%`` and the like."""
        return units.read_percent(node.text)

    def schema(self) -> Schema:
        """A string: the percent sign is needed."""
        return {"type": "string", "pattern": units.PERCENT_PATTERN}

    def show(self, value: float) -> str:
        """In percent, as short as possible."""
        return f"{value * 100:g}%"

    def plain(self, value: float) -> Any:
        """In percent, to three places."""
        return f"{round(value * 100, 3):g}%"


class Choice(ScalarKind[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.word = " | ".join(words)
        self.right = "write one of: " + ", ".join(words)

    def convert(self, node: Scalar) -> str:
        """One of the words; the error guesses which was meant."""
        if node.text in self.words:
            return node.text
        guess = nearest(node.text, self.words)
        raise ValueError((f'did you mean "{guess}"? ' if guess else "") + self.right)

    def schema(self) -> Schema:
        """The words; ``true`` and ``false`` as what YAML makes of them."""
        words: list[Any] = [{"true": True, "false": False}.get(w, w) for w in self.words]
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
        """An absolute path; variables such as ``$HOME`` are refused, for nobody expands them."""
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
        """Any text: whether the file is there is no matter of the schema."""
        return {"type": "string", "minLength": 1}
