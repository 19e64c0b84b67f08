"""Configurations on top of each other: what a file ``extends``, and then what it says itself.

What stands side by side (the list of ``extends``, several ``--profile``) is merged, and must not
say two things about one option. What is above decides: its value replaces theirs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence as Series
from dataclasses import dataclass, field
from pathlib import Path

from core.base.errors import system_reason
from i2ptunnel.config.compound_kinds import ListOf
from i2ptunnel.config.faults import (
    ConfigError,
    Fault,
    Faults,
    Mark,
    Refused,
    Source,
    did_you_mean,
    join,
    shown,
)
from i2ptunnel.config.kinds import Place, Schema, Text
from i2ptunnel.config.nodes import (
    FILE_BYTES_MAX,
    FREE_PREFIX,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    kind_name,
    merge,
    parse_yaml,
)
from i2ptunnel.config.profiles import profiles

EXTENDS = "extends"
#: configurations below one file, each counted as often as it is named
BASES_MAX = 64
_SUFFIXES = (".yaml", ".yml")
_NAMES = ListOf(Text(), allow_one=True)
SCHEMA: Schema = {
    "description": "profiles by name, or other files (NAME.yaml), that this file builds on",
    **_NAMES.schema(),
}


def _open_at_once(path: str, flags: int) -> int:
    """A pipe of the shell can be read, ``-c <(…)``; one that nobody writes into is empty."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    return handle


def read_source(
    path: Path, name: str | None = None, base: Path | None = None
) -> tuple[bytes, Source]:
    """The text of a file and where it comes from; raises :class:`ConfigError`.

    ``base``: where relative paths in it start; given for profiles, which are nobody's own files.
    """
    place = Path(os.path.abspath(path))
    source = Source(name or str(path), base or place.parent, None if base else place)
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            return file.read(FILE_BYTES_MAX + 1), source
    except OSError as error:
        what = f"cannot be read: {system_reason(error)}"
        fault = Fault(Mark(source, 1, 1), "", what, "check the path")
        raise ConfigError([fault]) from None


@dataclass(slots=True)
class Layers:
    """Reads configurations with what they extend. ``files``: the user's own that were read."""

    faults: Faults
    files: list[Path] = field(default_factory=list)
    _reading: list[str] = field(default_factory=list)
    _bases: int = 0

    def read(
        self, beside: Series[tuple[bytes, Source]], own: Series[tuple[bytes, Source]]
    ) -> Mapping:
        """``beside`` next to each other; on top of them each of ``own``, in turn."""
        below = [self._read(data, source) for data, source in beside]
        root: Mapping | None = None
        for data, source in own:
            top, extended = self._own_and_extended(data, source)
            bases = [*below, *extended] if root is None else [root, *extended]
            root = self._lay(bases, top)
        return self._lay(below, None) if root is None else root

    def _read(self, data: bytes, source: Source) -> Mapping:
        top, extended = self._own_and_extended(data, source)
        return self._lay(extended, top)

    def _own_and_extended(self, data: bytes, source: Source) -> tuple[Mapping, list[Mapping]]:
        """What a file says itself, and what each file that it extends says in all."""
        if source.path is not None:
            self.files.append(source.path)
        top = _as_mapping(parse_yaml(data, source, self.faults), source, self.faults)
        entry = top.entries.pop(EXTENDS, None)
        if entry is None:
            return top, []
        self._reading.append(_identity(source))
        bases = [self._read_base(name, mark, source) for name, mark in self._names(entry)]
        self._reading.pop()
        return top, [base for base in bases if base is not None]

    def _names(self, entry: Entry) -> list[tuple[str, Mark]]:
        try:
            names = _NAMES.read(entry.value, Place(EXTENDS, self.faults))
        except Refused as refused:
            self.faults.record(refused)
            return []
        items = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
        # Where a name was refused, the next one's place is wrong; it is not told without the fault.
        return [(name, item.mark) for name, item in zip(names, items, strict=False)]

    def _read_base(self, name: str, mark: Mark, source: Source) -> Mapping | None:
        is_file = "/" in name or name.endswith(_SUFFIXES)
        if is_file:
            path = source.base / Path(name).expanduser()
        elif (known := profiles()) and name in known:
            path = known[name]
        else:
            guess = f"{did_you_mean(name, known)}; the name of a file ends in .yaml"
            self.faults.add(mark, EXTENDS, f"no profile {shown(name)}", guess)
            return None
        self._bases += 1
        if self._bases > BASES_MAX:
            self.faults.add(mark, EXTENDS, "too many files", f"at most {BASES_MAX} are read")
            return None
        try:
            data, base = read_source(path, base=None if is_file else source.base)
        except ConfigError as error:
            self.faults.add(mark, EXTENDS, f"{shown(name)} {error.faults[0].wrong}", "check it")
            return None
        if _identity(base) in self._reading:
            self.faults.add(mark, EXTENDS, f"{shown(name)} extends itself", "take one of them out")
            return None
        return self._read(data, base)

    def _lay(self, bases: Series[Mapping], top: Mapping | None) -> Mapping:
        """Bases side by side, and ``top`` on them: it decides where they contradict each other."""
        if not bases:
            assert top is not None
            return top
        below = bases[0]
        for other in bases[1:]:
            below = self._merge_equal(below, other, "", top)
        return below if top is None else merge(below, top)

    def _merge_equal(
        self, one: Mapping, other: Mapping, path: str, decided: Node | None
    ) -> Mapping:
        """Both together; a fault where they differ and ``decided`` says nothing."""
        entries = dict(one.entries)
        for key, entry in other.entries.items():
            first, where = entries.setdefault(key, entry), join(path, key)
            above = decided.entries.get(key) if isinstance(decided, Mapping) else None
            if first is entry or (above is not None and not isinstance(above.value, Mapping)):
                continue
            if isinstance(first.value, Mapping) and isinstance(entry.value, Mapping):
                value = None if above is None else above.value
                both = self._merge_equal(first.value, entry.value, where, value)
                entries[key] = Entry(first.key_mark, both)
            elif not _is_same(first.value, entry.value):
                there = f"{first.value.mark.source.name}:{first.value.mark.line}"
                self.faults.add(
                    entry.value.mark,
                    where,
                    f"{_told(entry.value)} here, but {_told(first.value)} in {there}",
                    "use one of the two, or set it in a file of your own that extends both",
                )
        return Mapping(one.mark, entries)


def _as_mapping(node: Node | None, source: Source, faults: Faults) -> Mapping:
    empty = Mapping(Mark(source, 1, 1), {})
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return empty
    if not isinstance(node, Mapping):
        faults.add(node.mark, "", "not a mapping", "write router: and tunnels: sections")
        return empty
    kept = {key: entry for key, entry in node.entries.items() if not key.startswith(FREE_PREFIX)}
    return Mapping(node.mark, kept)


def _identity(source: Source) -> str:
    return os.path.realpath(source.path or source.name)


def _told(node: Node) -> str:
    return shown(node.text) if isinstance(node, Scalar) and not node.is_null else kind_name(node)


def _is_same(one: Node, other: Node) -> bool:
    """Whether two nodes say the same, wherever they stand."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return one.text == other.text and one.is_null == other.is_null
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        pairs = zip(one.items, other.items, strict=False)
        return len(one.items) == len(other.items) and all(_is_same(a, b) for a, b in pairs)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.entries.keys() == other.entries.keys() and all(
            _is_same(entry.value, other.entries[key].value) for key, entry in one.entries.items()
        )
    return False
