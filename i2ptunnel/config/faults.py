"""What is wrong with a configuration: every fault has a place, a path, a wrong and a right.

Printed as ``FILE:LINE:COL: tunnels.browser.listen: what is wrong, what would be right``. All faults
of a file are collected before any is shown. Text that comes from the file is shown escaped and
shortened, so that a configuration cannot write control characters to a terminal or a journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from core.base.errors import I2PError
from i2ptunnel.printable import printable

_SHOWN_CHARACTERS_MAX = 60
FAULTS_MAX = 500


@dataclass(frozen=True, slots=True)
class Source:
    """Where text comes from: the ``name`` to print and the directory relative paths start at.

    ``path``: the user's own file; None for profiles and texts from memory.
    """

    name: str
    base: Path
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a source; line and column count from 1."""

    source: Source
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. ``path`` is dotted, from the top of the file."""

    mark: Mark
    path: str
    wrong: str
    right: str = ""

    def __str__(self) -> str:
        text = f"{self.wrong}, {self.right}" if self.right else self.wrong
        path = self.path or "configuration"
        where = f"{self.mark.source.name}:{self.mark.line}:{self.mark.column}"
        return printable(f"{where}: {path}: {text}")

    def as_warning(self) -> str:
        """The line of something that keeps nothing from running."""
        path = self.path or "configuration"
        return str(self).replace(f": {path}: ", f": {path}: warning: ", 1)

    def as_dict(self) -> dict[str, object]:
        """For programs (``check --json``)."""
        return {
            "file": self.mark.source.name,
            "line": self.mark.line,
            "column": self.mark.column,
            "path": self.path,
            "wrong": self.wrong,
            "right": self.right,
        }


class ConfigError(I2PError):
    """A configuration that cannot be used; holds every fault found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Refused(Exception):
    """Raised by a kind's ``read``: this value is unusable. The container records it and goes on."""

    def __init__(self, mark: Mark, path: str, wrong: str, right: str = "") -> None:
        super().__init__(wrong)
        self.fault: Fault | None = Fault(mark, path, wrong, right)


class AlreadyReported(Refused):
    """Unusable because of faults that were recorded before; adds none of its own."""

    def __init__(self) -> None:
        Exception.__init__(self)
        self.fault = None


class Faults:
    """Collects faults, at most :data:`FAULTS_MAX`, in the order of the file when asked."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        #: what is told and refuses nothing
        self.warnings: list[Fault] = []

    def warn(self, mark: Mark, path: str, wrong: str, right: str = "") -> None:
        """Note something that is of no use, but does no harm."""
        fault = Fault(mark, path, wrong, right)
        if len(self.warnings) < FAULTS_MAX and fault not in self.warnings:
            self.warnings.append(fault)

    def __len__(self) -> int:
        return len(self._faults)

    def has(self, path: str) -> bool:
        """Whether the option at ``path`` is known to be wrong."""
        return any(fault.path == path for fault in self._faults)

    def add(self, mark: Mark, path: str, wrong: str, right: str = "") -> None:
        """Record a fault: ``wrong`` says what it is, ``right`` what to write instead."""
        self.append(Fault(mark, path, wrong, right))

    def append(self, fault: Fault) -> None:
        """Record ``fault`` unless it was, or :data:`FAULTS_MAX` were: those are enough to read."""
        if len(self._faults) < FAULTS_MAX and fault not in self._faults:
            self._faults.append(fault)

    def record(self, refused: Refused) -> None:
        """Add what a kind refused."""
        if refused.fault is not None:
            self.append(refused.fault)

    def in_order(self) -> list[Fault]:
        """Sorted by file, line and column."""
        return sorted(
            self._faults, key=lambda f: (f.mark.source.name, f.mark.line, f.mark.column, f.path)
        )

    def raise_if_any(self) -> None:
        """Raise :class:`ConfigError` with everything found so far."""
        if self._faults:
            raise ConfigError(self.in_order())


def shown(text: str) -> str:
    """``text`` from a file, quoted, escaped and shortened, fit for a terminal."""
    return f'"{printable(text, _SHOWN_CHARACTERS_MAX)}"'


def join(path: str, key: str | int) -> str:
    """The path of a child: ``a.b`` for keys, ``a[0]`` for list positions."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    name = printable(key, _SHOWN_CHARACTERS_MAX)
    return f"{path}.{name}" if path else name


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word the writer probably meant, or None."""
    names = list(known)
    folded = {name.replace("_", "").lower(): name for name in names}
    plain = word.replace("-", "").replace("_", "").lower()
    if plain in folded:
        return folded[plain]
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if not close:
        close = [folded[k] for k in get_close_matches(plain, list(folded), n=1, cutoff=0.6)]
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean "length"? (known: length, quantity)``, shortened when there are many."""
    names = sorted(known)
    guess = nearest(word, names)
    listing = "known: " + ", ".join(names)
    return f'did you mean "{guess}"? ({listing})' if guess else listing
