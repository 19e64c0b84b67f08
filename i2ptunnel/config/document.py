"""Changes to a YAML text that leave everything else as it is, comments and order included.

The text is never written anew: a change replaces, removes or inserts only the characters of one
entry. Where they are is known from the marks of PyYAML's event stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from core.base.errors import LocalError
from i2ptunnel.config.nodes import Loader

#: a list or mapping of plain words is written on one line up to this width
_WIDTH = 100
_STEP = 2


@dataclass(slots=True)
class _Node:
    """A value and the characters it takes. ``entries``: of a mapping, (key, value)."""

    start: int
    end: int
    column: int
    is_flow: bool = False
    is_alias: bool = False
    is_empty: bool = False
    text: str = ""
    entries: list[tuple[_Node, _Node]] | None = None
    items: list[_Node] = field(default_factory=list)

    @property
    def is_mapping(self) -> bool:
        return self.entries is not None


def _parse(text: str) -> _Node | None:
    """The tree of a text that is known to be valid; None if it is empty."""
    events = yaml.parse(text, Loader=Loader)
    for event in events:
        if isinstance(event, yaml.NodeEvent):
            return _node(event, events)
    return None


def _node(event: yaml.NodeEvent, events: Iterator[yaml.Event]) -> _Node:
    start, end = event.start_mark, event.end_mark
    assert start is not None and end is not None
    node = _Node(start.index, end.index, start.column)
    if isinstance(event, yaml.AliasEvent):
        node.is_alias = True
    elif isinstance(event, yaml.ScalarEvent):
        node.text = str(event.value)
        node.is_empty = start.index == end.index
    elif isinstance(event, yaml.SequenceStartEvent):
        node.is_flow = bool(event.flow_style)
        while not isinstance(inner := next(events), yaml.SequenceEndEvent):
            assert isinstance(inner, yaml.NodeEvent)
            node.items.append(_node(inner, events))
        _set_end(node, node.items, inner)
    elif isinstance(event, yaml.MappingStartEvent):
        node.is_flow = bool(event.flow_style)
        node.entries = []
        while not isinstance(inner := next(events), yaml.MappingEndEvent):
            assert isinstance(inner, yaml.NodeEvent)
            key = _node(inner, events)
            second = next(events)
            assert isinstance(second, yaml.NodeEvent)
            node.entries.append((key, _node(second, events)))
        _set_end(node, [value for _, value in node.entries], inner)
    return node


def _set_end(node: _Node, parts: Sequence[_Node], last: yaml.Event) -> None:
    """A block ends with its last part: what PyYAML calls its end may be many comments later."""
    mark = last.end_mark
    assert mark is not None
    node.end = parts[-1].end if parts and not node.is_flow else mark.index


class Document:
    """A YAML text with a mapping at the top. Paths are keys from there: ``("tunnels", "web")``."""

    def __init__(self, text: str) -> None:
        self._has_returns = "\r\n" in text
        self._text = text.replace("\r\n", "\n")

    def __str__(self) -> str:
        return self._text.replace("\n", "\r\n") if self._has_returns else self._text

    def keys(self, *path: str) -> list[str]:
        """The keys written at a place, without what aliases bring in."""
        found = self._find(path)
        return [] if found is None else [key.text for key, _ in found.entries or ()]

    def is_mapping(self, *path: str) -> bool:
        """Whether a mapping stands there itself, and not an alias of one."""
        found = self._find(path)
        return found is not None and found.is_mapping

    def set(self, path: Sequence[str], value: Any) -> None:
        """Give a key this value (bool, int, str, None, list or dict); add it if it is not there."""
        *above, name = path
        parent = self._find(above)
        if parent is None or not parent.is_mapping or not parent.entries:
            if not above:
                self._append(block_entry(name, value, 0))
            else:
                self.set(above, {name: value})
            return
        for key, old in parent.entries or ():
            if key.text == name:
                self._replace(key, old, value, is_flow=parent.is_flow)
                return
        self._insert(parent, name, value)

    def remove(self, path: Sequence[str]) -> None:
        """Take a key away, with what belongs to it; LocalError if it is not there."""
        *above, name = path
        parent = self._find(above)
        entries = [] if parent is None or parent.entries is None else parent.entries
        place = next((i for i, (key, _) in enumerate(entries) if key.text == name), None)
        if parent is None or place is None:
            raise LocalError(f"{'.'.join(path)} is not there")
        if len(entries) == 1 and above:
            (_, old), key = self._entry(above), self._entry(above)[0]
            self._replace(key, old, {}, is_flow=False)
            return
        key, value = entries[place]
        if parent.is_flow:
            if place:
                self._splice(entries[place - 1][1].end, value.end, "")
            else:
                self._splice(key.start, entries[1][0].start, "")
            return
        start = self._comment_start(key)
        is_long = "\n" in self._text[key.start : value.end]
        if is_long and self._text[:start].endswith("\n\n"):
            start -= 1
        self._splice(start, self._line_end(value.end), "")

    # Places

    def _find(self, path: Sequence[str]) -> _Node | None:
        node = _parse(self._text)
        for name in path:
            entries = [] if node is None or node.entries is None else node.entries
            node = next((value for key, value in entries if key.text == name), None)
        return node

    def _entry(self, path: Sequence[str]) -> tuple[_Node, _Node]:
        parent = self._find(path[:-1])
        for key, value in () if parent is None or parent.entries is None else parent.entries:
            if key.text == path[-1]:
                return key, value
        raise LocalError(f"{'.'.join(path)} is not there")

    def _line_start(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _line_end(self, index: int) -> int:
        """Behind the line break of the line in which the character before ``index`` is."""
        if index and self._text[index - 1] == "\n":
            return index
        found = self._text.find("\n", index)
        return len(self._text) if found < 0 else found + 1

    def _comment_start(self, key: _Node) -> int:
        """Where the comment lines begin that stand at once above a key, as far in as it."""
        start = self._line_start(key.start)
        while key.column and start:
            above = self._line_start(start - 1)
            line = self._text[above:start]
            if line[: key.column].strip() or line[key.column : key.column + 1] != "#":
                break
            start = above
        return start

    # Changes

    def _splice(self, start: int, end: int, text: str) -> None:
        self._text = self._text[:start] + text + self._text[end:]

    def _append(self, text: str) -> None:
        if self._text and not self._text.endswith("\n"):
            self._text += "\n"
        self._text += ("\n" if self._text.strip() else "") + text

    def _replace(self, key: _Node, old: _Node, value: Any, *, is_flow: bool) -> None:
        inline = _inline(value)
        # Behind the key's colon, so that a block that begins on the next line goes, too.
        start = self._text.index(":", key.end) + 1
        on_line = self._text[start : old.start]
        end = old.end
        if end > start and self._text[end - 1] == "\n":
            end -= 1  # a literal block includes the line break behind it
        if is_flow or inline is not None or not value:
            text = flow_text(value) if inline is None else inline
            if "\n" not in on_line and not old.is_empty:
                self._splice(old.start, end, text)
            else:
                self._splice(start, max(start, end), f" {text}")
            return
        lines = _block_lines(value, key.column + _STEP)
        self._splice(start, max(start, end), "\n" + "\n".join(lines))

    def _insert(self, parent: _Node, name: str, value: Any) -> None:
        assert parent.entries
        last = parent.entries[-1][1]
        if parent.is_flow:
            self._splice(last.end, last.end, f", {_word(name, is_flow=True)}: {flow_text(value)}")
            return
        column = parent.entries[0][0].column
        text = block_entry(name, value, column)
        before = parent.entries[-1][0]
        at = self._line_end(max(last.end, before.end))
        is_long = "\n" in self._text[before.start : last.end] and text.count("\n") > 1
        if is_long or not self._text[:at].endswith("\n"):
            text = "\n" + text
        self._splice(at, at, text)


# Values


def _word(value: str | bool | int | None, *, is_flow: bool) -> str:
    """One scalar, without quotes if it can be read so."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if isinstance(value, int):
        return text
    return text if _is_plain(text, is_flow=is_flow) else json.dumps(text, ensure_ascii=False)


def _is_plain(text: str, *, is_flow: bool) -> bool:
    if not text or not text.isprintable() or text in ("~", "null", "Null", "NULL", "<<"):
        return False
    try:
        for around in (("k: ", "\n"), ("{k: ", "}\n"))[: 2 if is_flow else 1]:
            scalars = [
                event
                for event in yaml.parse(around[0] + text + around[1], Loader=Loader)
                if isinstance(event, yaml.NodeEvent)
            ]
            last = scalars[-1]
            if len(scalars) != 3 or not isinstance(last, yaml.ScalarEvent):
                return False
            if last.value != text or last.style is not None or last.tag or last.anchor:
                return False
    except yaml.YAMLError:
        return False
    return True


def _inline(value: Any) -> str | None:
    """A scalar, or a list of scalars that fits on a line; None for what is larger."""
    if isinstance(value, dict):
        return None if value else "{}"
    if isinstance(value, list):
        text = flow_text(value)
        is_short = all(not isinstance(item, list | dict) for item in value)
        return text if is_short and len(text) < _WIDTH - 2 * _STEP else None
    return _word(value, is_flow=False)


def flow_text(value: Any) -> str:
    """A value in YAML's flow style, as it stands within a line."""
    if isinstance(value, dict):
        pairs = (
            f"{_word(str(key), is_flow=True)}: {flow_text(item)}" for key, item in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow_text, value)) + "]"
    return _word(value, is_flow=True)


def _block_lines(value: Any, column: int) -> list[str]:
    """The lines of a mapping or list that starts at a column."""
    pad = " " * column
    if isinstance(value, list):
        return [f"{pad}- {flow_text(item)}" for item in value]
    lines: list[str] = []
    for key, item in value.items():
        lines += block_entry(str(key), item, column).splitlines()
    return lines


def block_entry(name: str, value: Any, column: int) -> str:
    """``name: value`` with a line break at the end."""
    head = " " * column + _word(name, is_flow=False) + ":"
    inline = _inline(value)
    if inline is not None:
        return f"{head} {inline}\n"
    return "\n".join((head, *_block_lines(value, column + _STEP))) + "\n"
