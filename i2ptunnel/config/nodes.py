"""YAML text to a tree of nodes that know their line and column, strictly.

Built on PyYAML's event stream, not on its constructors: a scalar stays the text that was written,
so none of YAML 1.1's surprises (``no`` -> false, ``0777`` -> 511, ``1:30`` -> 90) can happen; the
option that reads the scalar decides what it means. Duplicate keys, tags, several documents, deep
nesting and huge files are faults. Anchors stand below a top-level key that begins with ``x-`` and
is there for them; aliases and ``<<`` bring them in elsewhere, to a bounded size. Recursion never
depends on the input.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from i2ptunnel.config.faults import Faults, Mark, Source, join, shown

FILE_BYTES_MAX = 1 << 20
DEPTH_MAX = 16
#: nodes that aliases bring in, in all
ALIASED_NODES_MAX = 20_000
FREE_PREFIX = "x-"
_BARE_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*\](:[0-9]{1,5})?")

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


class Loader(yaml.SafeLoader):
    """PyYAML's, which raises ValueError and OverflowError from a few numbers that are too large.

    Those are in ``"\\UFFFFFFFF"`` and ``%YAML 999…``.
    """

    def fetch_more_tokens(self) -> None:
        """Scan on; what is wrong is a ScannerError with its place."""
        try:
            super().fetch_more_tokens()
        except (ValueError, OverflowError):
            wrong = "a number that is too large"
            raise yaml.scanner.ScannerError(None, None, wrong, self.get_mark()) from None


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written. ``is_plain``: not quoted."""

    mark: Mark
    text: str
    is_plain: bool

    @property
    def is_null(self) -> bool:
        """Whether YAML takes it for null: an empty value, ``~`` or ``null`` without quotes."""
        return self.is_plain and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    """A YAML list, and where it starts."""

    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place and its value."""

    key_mark: Mark
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """A YAML mapping in the order of the file, and where it starts."""

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

    __slots__ = ("anchor", "entries", "items", "key", "mark", "path", "size")

    def __init__(self, mark: Mark, path: str, is_mapping: bool, anchor: str | None) -> None:
        self.mark = mark
        self.anchor = anchor
        self.size = 1
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
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._aliased = 0
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
            done = self._stack.pop()
            self._merge(done)
            self._finish(done.close(), done.size, done.anchor)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self._faults.add(
                self.mark(event), "", "a second YAML document (---)", "one file holds one document"
            )
            return False
        return True

    def _feed_node(self, event: yaml.NodeEvent) -> bool:
        mark = self.mark(event)
        path = self._stack[-1].child_path() if self._stack else ""
        if isinstance(event, yaml.AliasEvent):
            return self._feed_alias(str(event.anchor), mark, path)
        if event.anchor is not None and not self._is_free():
            self._faults.add(
                mark,
                path,
                f"anchors and aliases ({shown(str(event.anchor))}) are not read here",
                "put the anchor below a top-level key like x-common, or write the value out",
            )
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            self._faults.add(
                mark, path, f"the tag {shown(str(event.tag))} is not read", "write the value alone"
            )
        if isinstance(event, yaml.ScalarEvent):
            self._finish(Scalar(mark, event.value, event.style is None), 1, event.anchor)
        else:
            if len(self._stack) >= DEPTH_MAX:
                self._faults.add(
                    mark, path, "nested too deeply", f"at most {DEPTH_MAX} levels are read"
                )
                return False
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self._stack.append(_Open(mark, path, is_mapping, event.anchor))
        return True

    def _is_free(self) -> bool:
        """Whether this is below a top-level key that begins with ``x-``."""
        key = self._stack[0].key if self._stack else None
        return key is not None and key[0].startswith(FREE_PREFIX)

    def _finish(self, node: Node, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node, size
        if self._stack:
            self._stack[-1].size += size
        self._place(node)

    def _feed_alias(self, name: str, mark: Mark, path: str) -> bool:
        node, size = self._anchors.get(name, (Scalar(mark, "", True), 1))
        if name not in self._anchors:
            self._faults.add(
                mark,
                path,
                f"nothing above has the anchor &{shown(name)[1:-1]}",
                "define it below a top-level key like x-common",
            )
        self._aliased += size
        if self._aliased > ALIASED_NODES_MAX:
            wrong = f"aliases bring in more than {ALIASED_NODES_MAX} values"
            self._faults.add(mark, path, wrong, "write them out")
            return False
        self._finish(node, size, None)
        return True

    def _merge(self, done: _Open) -> None:
        """``<<: *common``: what the mapping has itself counts."""
        entry = done.entries.pop("<<", None) if done.entries is not None else None
        if entry is None or done.entries is None:
            return
        value = entry.value
        several = value.items if isinstance(value, Sequence) else (value,)
        for one in several:
            if isinstance(one, Mapping):
                done.entries = {**one.entries, **done.entries}
            else:
                where = join(done.path, "<<")
                wrong = f"{kind_name(one)} cannot be merged"
                self._faults.add(entry.key_mark, where, wrong, "write <<: *NAME of a mapping")

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
        is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        what = "UTF-16 text" if is_utf16 else "not UTF-8 text"
        faults.add(Mark(source, line, column), "", what, "save the file as UTF-8")
        return None
    builder = _Builder(source, faults)
    try:
        for event in yaml.parse(text, Loader=Loader):
            if not builder.feed(event):
                return None
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        mark = Mark(source, where.line + 1, where.column + 1) if where else top
        hint = "see this line and the one above"
        if "\\t" in str(error.problem):
            hint = "indent with spaces"
        elif bare := _BARE_IPV6.search(_lines_at(text, mark.line)):
            hint = f'quote it: "{bare[0]}"'
            if not bare[1]:
                hint = f'quote it, with the port: "{bare[0]}:4444"'
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


def _lines_at(text: str, line: int) -> str:
    """The line, and the one above it, where YAML often means the mistake to be."""
    lines = text.splitlines()
    return "\n".join(reversed(lines[max(0, line - 2) : line]))


def merge(base: Mapping, over: Mapping) -> Mapping:
    """``base`` with ``over`` laid on top: mappings merge, everything else is replaced."""
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        if below and isinstance(below.value, Mapping) and isinstance(entry.value, Mapping):
            entry = Entry(entry.key_mark, merge(below.value, entry.value))
        entries[key] = entry
    return Mapping(over.mark, entries)
