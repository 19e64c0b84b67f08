"""The YAML of an import: commented with where everything came from, and always valid.

What the configuration's own check refuses is taken out again, with its words as the reason. Where
that would open a tunnel to more people than before, the tunnel does not start by itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from core.base.errors import LocalError
from i2ptunnel.config.document import block_entry
from i2ptunnel.config.faults import ConfigError, Fault, Source
from i2ptunnel.config.loader import load
from i2ptunnel.importing.draft import Draft, Note, TunnelDraft
from i2ptunnel.printable import printable

#: options that keep somebody out
_GUARDS = frozenset(
    ("access", "allow", "auth", "encrypted", "tls", "target_tls", "limits", "isolate")
)
_ROUNDS_MAX = 200
_INDEX = re.compile(r"\[\d+\]")


def write_text(title: str, draft: Draft, tunnels: list[TunnelDraft], base: Path) -> str:
    """A valid text. What had to be taken out is added to the notes of the tunnels and ``draft``.

    ``base``: the directory that the file will be in. ``tunnels`` loses what cannot stand in it.
    """
    for _ in range(_ROUNDS_MAX):
        text = _render(title, draft, tunnels)
        try:
            load([(text.encode(), Source("i2ptunnel.yaml", base))])
        except ConfigError as error:
            for fault in error.faults:
                _take_out(fault, draft, tunnels)
            continue
        return text
    raise LocalError("no valid configuration could be made of this")


# Faults


def _take_out(fault: Fault, draft: Draft, tunnels: list[TunnelDraft]) -> None:
    """Remove what a fault is about, and note it."""
    keys = _INDEX.sub("", fault.path).split(".")
    reason = f"{fault.wrong}; {fault.right}" if fault.right else fault.wrong
    if keys[0] != "tunnels":
        path = _remove(draft.values, keys)
        if path:
            draft.notes.append(_note(draft, path, reason, ""))
        return
    tunnel = next((one for one in tunnels if len(keys) > 1 and one.name == keys[1]), None)
    if tunnel is None:
        return
    path = _remove(tunnel.values, keys[2:])
    if not path or path == ("type",):
        tunnels.remove(tunnel)
        draft.notes += [*tunnel.notes, Note(tunnel.source, tunnel.section, "the tunnel", reason)]
        return
    tunnel.notes.append(_note(tunnel, path, reason, tunnel.section))
    if path[0] in _GUARDS:
        tunnel.turn_off(f"{path[0]} could not be carried over")


def _note(draft: Draft, path: tuple[str, ...], reason: str, section: str) -> Note:
    return Note(draft.source, section, _origin(draft, path) or ".".join(path), reason)


def _origin(draft: Draft, path: tuple[str, ...]) -> str | None:
    """The option that a path comes from, or its nearest parent, or something in it."""
    for end in range(len(path), 0, -1):
        if path[:end] in draft.origins:
            return draft.origins[path[:end]]
    return next((name for at, name in draft.origins.items() if at[: len(path)] == path), None)


def _remove(values: dict[str, Any], keys: list[str]) -> tuple[str, ...]:
    """Remove the deepest part of a path that is there; returns it, or nothing."""
    place, depth = values, 0
    while depth < len(keys) and keys[depth] in place:
        inner = place[keys[depth]]
        if depth + 1 < len(keys) and isinstance(inner, dict) and keys[depth + 1] in inner:
            place, depth = inner, depth + 1
            continue
        del place[keys[depth]]
        path = tuple(keys[: depth + 1])
        while depth and not _at(values, path[:depth]):
            del _at(values, path[: depth - 1])[path[depth - 1]]
            depth -= 1
        return path
    return ()


def _at(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        values = values[key]
    return values


# Text


def _render(title: str, draft: Draft, tunnels: list[TunnelDraft]) -> str:
    lines = [_comment(line, "") for line in title.splitlines()]
    lines += _notes(draft.notes, "")
    for name, value in {"router": {}, **draft.values}.items():
        lines.append("")
        if value:
            lines += [f"{name}:", *_mapping(value, (name,), draft.origins, 2)]
        else:
            lines.append(f"{name}: {{}}")
    if tunnels:
        lines += ["", "tunnels:"]
    for number, tunnel in enumerate(tunnels):
        if number:
            lines.append("")
        lines += _tunnel(tunnel)
    return "\n".join(lines) + "\n"


def _tunnel(tunnel: TunnelDraft) -> list[str]:
    where = f" [{tunnel.section}]" if tunnel.section else ""
    lines = [_comment(f"from {tunnel.source}{where}", "  ")]
    lines += [_comment(text, "  ") for text in tunnel.comments]
    if tunnel.address:
        lines.append(_comment(f"its address: {tunnel.address}", "  "))
    lines += _notes(tunnel.notes, "  ")
    values = dict(tunnel.values)
    if tunnel.off:
        values["enabled"] = False
        lines.append(_comment(f"Look at this before you enable it: {tunnel.off}.", "  "))
    ordered = {key: values[key] for key in ("type", "enabled") if key in values} | values
    return [*lines, f"  {tunnel.name}:", *_mapping(ordered, (), tunnel.origins, 4)]


def _notes(notes: list[Note], indent: str) -> list[str]:
    if not notes:
        return []
    return [
        _comment("Not carried over:", indent),
        *(_comment(f"  {note.option}: {note.reason}", indent) for note in notes),
    ]


def _comment(text: str, indent: str) -> str:
    return f"{indent}# {printable(text, 300)}"


def _mapping(
    values: dict[str, Any], path: tuple[str, ...], origins: dict[tuple[str, ...], str], column: int
) -> list[str]:
    lines: list[str] = []
    for key, value in values.items():
        here = (*path, key)
        origin = origins.get(here)
        if isinstance(value, dict) and value:
            head = f"{' ' * column}{key}:" + (f"  # {printable(origin, 100)}" if origin else "")
            lines += [head, *_mapping(value, here, origins, column + 2)]
            continue
        first, *rest = block_entry(key, value, column).splitlines()
        if origin and origin != key:
            first += f"  # {printable(origin, 100)}"
        lines += [first, *rest]
    return lines
