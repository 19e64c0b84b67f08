"""YAML text to a tree of nodes that know their line and column, strictly.

Built on PyYAML's event stream, not on its constructors: a scalar stays the text that was written,
so none of YAML 1.1's surprises (``no`` -> false, ``0777`` -> 511, ``1:30`` -> 90) can happen; the
option that reads the scalar decides what it means. Duplicate keys, anchors, aliases, tags, several
documents, deep nesting and huge files are faults. Recursion never depends on the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import yaml

from i2ptunnel.config.faults import Faults, Mark, Source, join, shown

FILE_BYTES_MAX = 1 << 20
DEPTH_MAX = 16

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written. ``is_plain``: not quoted."""

    mark: Mark
    text: str
    is_plain: bool

    @property
    def is_null(self) -> bool:
        return self.is_plain and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place and its value."""

    key_mark: Mark
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    mark: Mark
    entries: dict[str, Entry]


Node: TypeAlias = Scalar | Sequence | Mapping


def kind_name(node: Node) -> str:
    """What to call a node in a message."""
    if isinstance(node, Mapping):
        return "a mapping (key: value)"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.is_null else shown(node.text)


class _Open:
    """A collection that is being read."""

    __slots__ = ("entries", "items", "key", "mark", "path")

    def __init__(self, mark: Mark, path: str, is_mapping: bool) -> None:
        self.mark = mark
        self.path = path
        self.entries: dict[str, Entry] | None = {} if is_mapping else None
        self.items: list[Node] = []
        self.key: tuple[str, Mark] | None = None

    def child_path(self) -> str:
        if self.entries is None:
            return join(self.path, len(self.items))
        return join(self.path, self.key[0]) if self.key else self.path

    def close(self) -> Node:
        if self.entries is not None:
            return Mapping(self.mark, self.entries)
        return Sequence(self.mark, tuple(self.items))


class _Builder:
    """Turns events into nodes with a stack of its own."""

    def __init__(self, source: Source, faults: Faults) -> None:
        self._source = source
        self._faults = faults
        self._stack: list[_Open] = []
        self.root: Node | None = None

    def mark(self, event: yaml.Event) -> Mark:
        where = event.start_mark
        assert where is not None
        return Mark(self._source, where.line + 1, where.column + 1)

    def feed(self, event: yaml.Event) -> bool:
        """False when reading on makes no sense."""
        if isinstance(event, yaml.NodeEvent):
            return self._feed_node(event)
        if isinstance(event, yaml.CollectionEndEvent):
            self._place(self._stack.pop().close())
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self._faults.add(
                self.mark(event), "", "a second YAML document (---)", "one file holds one document"
            )
            return False
        return True

    def _feed_node(self, event: yaml.NodeEvent) -> bool:
        mark = self.mark(event)
        path = self._stack[-1].child_path() if self._stack else ""
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._faults.add(
                mark,
                path,
                f"anchors and aliases ({shown(str(event.anchor))}) are not read",
                "write the value out",
            )
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            self._faults.add(
                mark, path, f"the tag {shown(str(event.tag))} is not read", "write the value alone"
            )
        if isinstance(event, yaml.AliasEvent):
            self._place(Scalar(mark, "", True))
        elif isinstance(event, yaml.ScalarEvent):
            self._place(Scalar(mark, event.value, event.style is None))
        else:
            if len(self._stack) >= DEPTH_MAX:
                self._faults.add(
                    mark, path, "nested too deeply", f"at most {DEPTH_MAX} levels are read"
                )
                return False
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self._stack.append(_Open(mark, path, is_mapping))
        return True

    def _place(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if parent.entries is None:
            parent.items.append(node)
        elif parent.key is None:
            if not isinstance(node, Scalar):
                self._faults.add(
                    node.mark, parent.path, f"{kind_name(node)} as a key", "keys are plain words"
                )
                parent.key = ("", node.mark)
            else:
                parent.key = (node.text, node.mark)
        else:
            name, key_mark = parent.key
            parent.key = None
            first = parent.entries.get(name)
            if first is None:
                parent.entries[name] = Entry(key_mark, node)
            else:
                self._faults.add(
                    key_mark,
                    join(parent.path, name),
                    f"the key is already set in line {first.key_mark.line}",
                    "keep one of the two",
                )


def parse_yaml(data: bytes, source: Source, faults: Faults) -> Node | None:
    """The tree of ``data``, or None; what is wrong goes to ``faults``."""
    top = Mark(source, 1, 1)
    if len(data) > FILE_BYTES_MAX:
        faults.add(top, "", f"{len(data)} bytes", f"a configuration has at most {FILE_BYTES_MAX}")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        faults.add(Mark(source, line, column), "", "not UTF-8 text", "save the file as UTF-8")
        return None
    builder = _Builder(source, faults)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if not builder.feed(event):
                return None
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        mark = Mark(source, where.line + 1, where.column + 1) if where else top
        hint = (
            "indent with spaces"
            if "\\t" in str(error.problem)
            else "see this line and the one above"
        )
        faults.add(mark, "", f"not valid YAML: {error.problem or error.context}", hint)
        return None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        faults.add(
            Mark(source, line, column), "", "a control character", "only printable text is read"
        )
        return None
    return builder.root


def merge(base: Mapping, over: Mapping) -> Mapping:
    """``base`` with ``over`` laid on top: mappings merge, everything else is replaced."""
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        if below and isinstance(below.value, Mapping) and isinstance(entry.value, Mapping):
            entry = Entry(entry.key_mark, merge(below.value, entry.value))
        entries[key] = entry
    return Mapping(over.mark, entries)
