"""What an import makes before it is written: values with their origin, and what is left out.

The tables of the other modules say where an option goes: its name there, the path here, and how
its value is converted. What no table takes is a :class:`Note` with the reason: nothing is lost
without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from i2ptunnel.config.units import show_duration

#: parts of option names whose value nobody may read on a screen
_SECRET_PARTS = ("pass", "key", "secret", "psk", "auth", ".dh.")
_TRUE = frozenset(("true", "1", "yes", "on"))
_FALSE = frozenset(("false", "0", "no", "off"))

Path = tuple[str, ...]
Convert = Callable[[str], Any]
Table = dict[str, tuple[str, Convert]]
Reasons = dict[str, str]


@dataclass(frozen=True, slots=True)
class Note:
    """An option that is not carried over, or a file that is missing, and why."""

    source: str
    section: str
    option: str
    reason: str

    def __str__(self) -> str:
        source = f"{self.source}: " if self.source else ""
        section = f"[{self.section}] " if self.section else ""
        return f"{source}{section}{self.option}: {self.reason}"


class Options:
    """The options of one section, each taken once; what nobody takes is told."""

    def __init__(self, source: str, section: str, values: dict[str, str]) -> None:
        self.source, self.section = source, section
        self._values = {key: value.strip() for key, value in values.items()}
        self.notes: list[Note] = []

    def take(self, name: str) -> str | None:
        """The value, None if it is not there or empty; it counts as carried over."""
        return self._values.pop(name, "") or None

    def peek(self, name: str) -> str | None:
        """The value; it stays to be taken."""
        return self._values.get(name) or None

    def flag(self, name: str) -> bool | None:
        """The value as yes or no; None if it is not there, or neither of the two."""
        value = self._values.get(name, "").lower()
        if value not in _TRUE | _FALSE:
            return None
        self.take(name)
        return value in _TRUE

    def names(self) -> list[str]:
        """What has not been taken."""
        return list(self._values)

    def note(self, option: str, reason: str) -> None:
        """Tell that an option is not carried over."""
        self.notes.append(Note(self.source, self.section, option, reason))

    def finish(self, reasons: Reasons, same: dict[str, str] | None = None) -> None:
        """Note what is left, with its reason; the first pattern that fits says it.

        ``same``: options with the value that says what is always so here; they need no words.
        """
        for name, value in self._values.items():
            if not value or (same or {}).get(name) == value.lower():
                continue
            reason = next(
                (text for pattern, text in reasons.items() if fnmatchcase(name, pattern)),
                "there is no such option here",
            )
            self.note(shown(name, value), reason)
        self._values.clear()


def shown(name: str, value: str) -> str:
    """``name = value``, without the value of what may be a secret."""
    is_secret = any(part in name.lower() for part in _SECRET_PARTS)
    return name if is_secret else f"{name} = {value}"


@dataclass(slots=True)
class Draft:
    """A mapping in the making. ``origins``: path of a value -> the option it came from.

    ``files``: small files that its values name, such as one with a password. ``notes``: what is
    not carried over, of ``source`` or of no tunnel.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    source: str = ""

    def set(self, path: str, value: Any, origin: str = "") -> None:
        """Give a dotted path its value."""
        keys = tuple(path.split("."))
        place = self.values
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
        if origin:
            self.origins[keys] = origin

    def get(self, path: str) -> Any:
        """The value at a dotted path, or None."""
        place: Any = self.values
        for key in path.split("."):
            if not isinstance(place, dict) or key not in place:
                return None
            place = place[key]
        return place

    def carry(self, options: Options, table: Table, prefix: str = "") -> None:
        """Take what a table knows of ``options``; their names there begin with ``prefix``."""
        for name, (path, convert) in table.items():
            value = options.take(prefix + name)
            if value is None:
                continue
            try:
                self.set(path, convert(value), prefix + name)
            except ValueError as error:
                options.note(shown(prefix + name, value), str(error) or "is not understood")


@dataclass(slots=True)
class TunnelDraft(Draft):
    """One tunnel. ``keys``: the name of its key file where it came from.

    ``comments`` stand above it in the file, with the ``notes``; ``off`` is why it must not start
    before somebody has looked at it. ``port``: of a server, its port in I2P. ``address``: what its
    keys are the address of.
    """

    name: str = ""
    section: str = ""
    comments: list[str] = field(default_factory=list)
    keys: str | None = None
    off: str = ""
    port: str = "0"
    address: str | None = None

    @property
    def type(self) -> str:
        """Its type here."""
        return str(self.values.get("type", ""))

    @property
    def is_server(self) -> bool:
        """Whether others connect to it."""
        return self.type.endswith("server")

    def note(self, option: str, reason: str) -> None:
        """Tell that an option is not carried over."""
        self.notes.append(Note(self.source, self.section, option, reason))

    def turn_off(self, reason: str) -> None:
        """Do not start it by itself; the first reason counts."""
        self.off = self.off or reason


# Converters


def text(value: str) -> str:
    """As it is."""
    return value


def whole(value: str) -> int:
    """A whole number."""
    try:
        return int(value)
    except ValueError:
        raise ValueError("is no whole number") from None


def flag(value: str) -> bool:
    """Yes or no."""
    if value.lower() not in _TRUE | _FALSE:
        raise ValueError("is neither true nor false")
    return value.lower() in _TRUE


def no_flag(value: str) -> bool:
    """Yes for no."""
    return not flag(value)


def word_flag(value: str) -> str:
    """``true`` or ``false`` as a word, for options that also have ``auto``."""
    return value.lower() if value.lower() == "auto" else str(flag(value)).lower()


def milliseconds(value: str) -> str:
    """A time."""
    return show_duration(whole(value) / 1000)


def seconds(value: str) -> str:
    """A time."""
    return show_duration(whole(value))


def words(value: str) -> list[str]:
    """A list, with commas, semicolons or spaces in between."""
    return [word for word in value.replace(",", " ").replace(";", " ").split() if word]


def endpoint(host: str, port: str | int) -> str:
    """``host:port``, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def slug(name: str, taken: Iterable[str]) -> str:
    """A name that a tunnel may have here, near to ``name`` and not taken."""
    made = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in name.strip())
    made = "-".join(part for part in made.split("-") if part).lstrip("_")[:56] or "tunnel"
    used = {one.lower() for one in taken}
    return next(one for one in _numbered(made) if one.lower() not in used)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 1
    while True:
        number += 1
        yield f"{name}-{number}"
