"""State diagrams in mermaid's notation, drawn from a table of transitions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def mermaid(
    transitions: Mapping[tuple[Enum, Enum], Enum],
    initial: Mapping[Enum, str],
    final: Collection[Enum],
) -> str:
    """The table as a ``stateDiagram-v2``; arrows with the same ends share one line.

    ``initial``: what leads into a first state.
    """
    states = list(dict.fromkeys([*initial, *(s for s, _ in transitions), *transitions.values()]))
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state.value}" as {state.name}' for state in states]
    lines += [f"    [*] --> {state.name}: {why}" for state, why in initial.items()]
    arrows: dict[tuple[Enum, Enum], list[str]] = {}
    for (state, trigger), target in transitions.items():
        arrows.setdefault((state, target), []).append(trigger.value)
    for (state, target), triggers in arrows.items():
        lines.append(f"    {state.name} --> {target.name}: {', '.join(triggers)}")
    lines += [f"    {state.name} --> [*]" for state in final]
    return "\n".join(lines)


def drawn(document: str) -> str:
    """The first mermaid figure of a document in docs/."""
    text = (DOCS / document).read_text("utf-8")
    return text.split("```mermaid\n", 1)[1].split("\n```", 1)[0]
