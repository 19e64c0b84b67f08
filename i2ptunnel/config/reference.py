"""Writes the option reference (docs/OPTIONS.md) from the definitions.

``python -m i2ptunnel.config.reference > docs/OPTIONS.md``
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING
from typing import Any

from i2ptunnel.config.kinds import Kind, ListOf, Maybe
from i2ptunnel.config.naming_model import NamingSection
from i2ptunnel.config.options import Section, description_of, info_of, options_of
from i2ptunnel.config.router_model import ControlSection, RouterSection
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS, TunnelSection

_HEAD = """# Options

Written from the definitions in `i2ptunnel/config` by `python -m i2ptunnel.config.reference`.
An option without a default must be given. Sizes, rates and times take units: `512KiB`, `4MB/s`,
`10m`, `1h30m`.
"""


def _inner_section(kind: Kind[Any]) -> Section[Any] | None:
    if isinstance(kind, Maybe | ListOf):
        kind = kind.inner
    return kind if isinstance(kind, Section) else None


def _rows(model: type[Any], prefix: str, without: frozenset[str]) -> Iterator[str]:
    for key, field in options_of(model).items():
        if key in without:
            continue
        info = info_of(field)
        inner = _inner_section(info.kind)
        note = f" *({info.note})*" if info.note else ""
        if inner is not None and isinstance(info.kind, Section):
            yield from _rows(inner.model, f"{prefix}{key}.", frozenset())
            continue
        default = "" if field.default is MISSING else f"`{info.kind.show(field.default)}`"
        word = info.kind.word.replace("|", "\\|")
        yield f"| `{prefix}{key}` | {word} | {default} | {info.help}{note} |"
        if inner is not None:
            yield from _rows(inner.model, f"{prefix}{key}.", frozenset())


def _table(model: type[Any], prefix: str = "", without: frozenset[str] = frozenset()) -> str:
    head = "| option | value | default | what it does |\n|---|---|---|---|\n"
    return head + "\n".join(_rows(model, prefix, without)) + "\n"


def option_reference() -> str:
    """The Markdown text."""
    common = frozenset(options_of(TunnelSection))
    parts = [
        _HEAD,
        f"## router\n\n{description_of(RouterSection)}\n\n{_table(RouterSection)}",
        f"## control\n\n{description_of(ControlSection)}\n\n{_table(ControlSection)}",
        f"## naming\n\n{description_of(NamingSection)}\n\n{_table(NamingSection)}",
        f"## tunnels\n\nOptions of every tunnel:\n\n{_table(TunnelSection)}",
    ]
    for name, model in TUNNEL_MODELS.items():
        note = "" if model.IS_AVAILABLE else "\n\n*Not yet available.*"
        parts.append(
            f"### {name}\n\n{description_of(model)}{note}\n\n{_table(model, without=common)}"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    print(option_reference(), end="")
