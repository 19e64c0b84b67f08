"""Writes the option reference (docs/OPTIONS.md) from the definitions.

``python -m i2ptunnel.config.reference > docs/OPTIONS.md``

Each option has one row: what several tunnel types share stands in a table of its own, and so does a
group of options (``streaming``) that several places use or that is long.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import MISSING, Field
from typing import Any, NamedTuple

from i2ptunnel.config.client_models import ClientSection, ListeningSection, ProxySection
from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.i2cp_model import I2cpRouterKind
from i2ptunnel.config.interfaces_model import InterfacesSection
from i2ptunnel.config.kinds import Kind
from i2ptunnel.config.naming_model import NamingSection
from i2ptunnel.config.options import Section, description_of, info_of, options_of
from i2ptunnel.config.router_model import ControlSection, RouterSection
from i2ptunnel.config.server_models import ServerSection, TcpServerSection, WebServerSection
from i2ptunnel.config.torrents_model import TorrentsSection
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS
from i2ptunnel.config.tunnel_parts import TunnelSection

_HEAD = """# Options

This page is written from the definitions in `i2ptunnel/config`, by
`python -m i2ptunnel.config.reference`. [PROXIES.md](PROXIES.md) and [SERVERS.md](SERVERS.md) show
what the options are for.

An option without a default must be given. Sizes, rates and times take units: `512KiB`, `4MB/s`,
`10m`, `1h30m`. `null` means: not set.

A file can build on others: `extends: browser`, or `extends: [irc, common.yaml]`. A name is that of
a profile; a file ends in `.yaml`, and its path starts at the file that names it. Mappings are
merged. What the file says itself counts; those that it extends must not contradict each other.
"""
_TABLE = "| option | value | default | what it does |\n|---|---|---|---|\n"
#: a group that is longer than this has a table of its own
_INLINE_MAX = 3
_SECTIONS = (
    ("router", RouterSection),
    ("interfaces", InterfacesSection),
    ("control", ControlSection),
    ("naming", NamingSection),
    ("torrents", TorrentsSection),
)
_SECTION_NAMES: dict[type[Any], str] = {model: name for name, model in _SECTIONS}
#: what tunnel types share: class -> title
_SHARED: dict[type[Any], str] = {
    TunnelSection: "Every tunnel",
    ClientSection: "Every client tunnel",
    ListeningSection: "Client tunnels with a TCP listener",
    ProxySection: "Every proxy",
    ServerSection: "Every server tunnel",
    TcpServerSection: "Server tunnels for TCP",
    WebServerSection: "Server tunnels for web sites",
}


class _Groups:
    """The groups of options with a table of their own: section class -> title."""

    def __init__(self) -> None:
        used: Counter[type[Any]] = Counter()
        keys: dict[type[Any], list[str]] = {}
        for model, options in _own_tables():
            # With the section: two groups of one name would share a link.
            section = _SECTION_NAMES.get(model)
            for path, field in _paths(model, options, f"{section}." if section else ""):
                inner = _inner_section(info_of(field).kind)
                if inner is not None:
                    used[inner.model] += 1
                    keys.setdefault(inner.model, [])
                    if path not in keys[inner.model]:
                        keys[inner.model].append(path)
        self.titles = {
            model: f"{' and '.join(keys[model])} options"
            for model, count in used.items()
            if count > 1 or len(options_of(model)) > _INLINE_MAX
        }

    def link(self, model: type[Any]) -> str | None:
        """The link to a group's table, None if its options stand in the table it is used in."""
        title = self.titles.get(model)
        return None if title is None else f"[{title}](#{_anchor(title)})"


def _own_tables() -> Iterator[tuple[type[Any], dict[str, Field[Any]]]]:
    """Every class with options, and those options that its bases do not have."""
    models: list[type[Any]] = [model for _, model in _SECTIONS]
    models += [*_SHARED, *TUNNEL_MODELS.values()]
    for model in models:
        yield model, _own_options(model)


def _own_options(model: type[Any]) -> dict[str, Field[Any]]:
    own = inspect.get_annotations(model)
    return {key: field for key, field in options_of(model).items() if key in own}


def _paths(
    model: type[Any], options: dict[str, Field[Any]], prefix: str = ""
) -> Iterator[tuple[str, Field[Any]]]:
    """The options of a table and of all groups in it, each with its path."""
    for key, field in options.items():
        yield prefix + key, field
        inner = _inner_section(info_of(field).kind)
        if inner is not None:
            yield from _paths(inner.model, options_of(inner.model), f"{prefix}{key}.")


def _inner_section(kind: Kind[Any]) -> Section[Any] | None:
    if isinstance(kind, Maybe | ListOf):
        kind = kind.inner
    if isinstance(kind, I2cpRouterKind):
        return kind.section
    return kind if isinstance(kind, Section) else None


def _anchor(title: str) -> str:
    """As GitHub makes it from a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


class Row(NamedTuple):
    """An option, and all that is told of it; ``default`` empty: it must be given, or is a group."""

    key: str
    word: str
    default: str
    help: str


def _rows(options: dict[str, Field[Any]], groups: _Groups, prefix: str = "") -> Iterator[Row]:
    for key, field in options.items():
        info = info_of(field)
        note = f" *({info.note})*" if info.note else ""
        inner = _inner_section(info.kind)
        link = None if inner is None else groups.link(inner.model)
        is_plain = inner is not None and isinstance(info.kind, Section)
        if inner is not None and is_plain and link is None:
            yield from _rows(options_of(inner.model), groups, f"{prefix}{key}.")
            continue
        word = info.kind.word
        if link is not None:
            word = word.replace("section", link) if "section" in word else f"{word}: {link}"
        default = ""
        if field.default is not MISSING and not is_plain:
            default = info.kind.show(field.default) or '""'
        yield Row(prefix + key, word, default, info.help + note)
        if inner is not None and link is None:
            yield from _rows(options_of(inner.model), groups, f"{prefix}{key}.")


def _table(options: dict[str, Field[Any]], groups: _Groups) -> str:
    rows = [_markdown(row) for row in _rows(options, groups)]
    return _TABLE + "\n".join(rows) + "\n" if rows else ""


def _markdown(row: Row) -> str:
    word, default = row.word.replace("|", "\\|"), f"`{row.default}`" if row.default else ""
    return f"| `{row.key}` | {word} | {default} | {row.help} |"


def _shared_by(model: type[Any]) -> str:
    """Links to what a tunnel type has besides its own options."""
    titles = [_SHARED[base] for base in reversed(model.__mro__) if base in _SHARED]
    return ", ".join(f"[{title[0].lower() + title[1:]}](#{_anchor(title)})" for title in titles)


def _contents(groups: _Groups) -> str:
    def link(title: str) -> str:
        return f"[{title}](#{_anchor(title)})"

    types = "\n".join(
        f"  * {link(name)}: {description_of(model)}" for name, model in TUNNEL_MODELS.items()
    )
    shared = "\n".join(f"  * {link(title)}" for title in _SHARED.values())
    parts = "\n".join(f"  * {link(title)}" for title in sorted(groups.titles.values()))
    sections = "\n".join(f"* {link(name)}" for name, _ in _SECTIONS)
    return (
        f"## Contents\n\n{sections}\n* {link('tunnels')}\n{types}\n"
        f"* {link('Shared options')}\n{shared}\n* {link('Groups of options')}\n{parts}\n"
    )


def option_reference() -> str:
    """The Markdown text."""
    groups = _Groups()
    parts = [_HEAD, _contents(groups)]
    parts += [
        f"## {name}\n\n{description_of(model)}\n\n{_table(options_of(model), groups)}"
        for name, model in _SECTIONS
    ]
    parts.append(
        "## tunnels\n\nEach entry of `tunnels:` has a name of its own and a `type`. Below, each "
        "type names\nthe shared options that it has, and lists its own.\n"
    )
    for name, model in TUNNEL_MODELS.items():
        note = "" if model.IS_AVAILABLE else "\n\n*Not yet available.*"
        own = _table(_own_options(model), groups)
        parts.append(
            f"### {name}\n\n{description_of(model)}{note}\n\n"
            f"Shared options: {_shared_by(model)}.\n" + (f"\n{own}" if own else "")
        )
    parts.append("## Shared options\n")
    parts += [
        f"### {title}\n\n{_table(_own_options(model), groups)}" for model, title in _SHARED.items()
    ]
    parts.append("## Groups of options\n")
    parts += [
        f"### {title}\n\n{description_of(model)}\n\n{_table(options_of(model), groups)}"
        for model, title in sorted(groups.titles.items(), key=lambda item: item[1])
    ]
    return "\n".join(parts)


class Part(NamedTuple):
    """A part of the reference: ``level`` 1 for a section of the file, 2 for what is in one."""

    level: int
    title: str
    text: str
    rows: tuple[Row, ...]


def reference_parts() -> Iterator[Part]:
    """The same as plain values, for other formats."""
    groups = _Groups()

    def rows(options: dict[str, Field[Any]]) -> tuple[Row, ...]:
        return tuple(_rows(options, groups))

    for name, model in _SECTIONS:
        yield Part(1, name, description_of(model), rows(options_of(model)))
    yield Part(1, "tunnels", "Each entry has a name of its own and a type.", ())
    for name, kind in TUNNEL_MODELS.items():
        shared = ", ".join(_SHARED[base] for base in reversed(kind.__mro__) if base in _SHARED)
        text = f"{description_of(kind)} Shared options: {shared}."
        yield Part(2, name, text, rows(_own_options(kind)))
    yield Part(1, "shared options", "", ())
    for base, title in _SHARED.items():
        yield Part(2, title, "", rows(_own_options(base)))
    yield Part(1, "groups of options", "", ())
    for group, title in sorted(groups.titles.items(), key=lambda item: item[1]):
        yield Part(2, title, description_of(group), rows(options_of(group)))


if __name__ == "__main__":
    print(option_reference(), end="")
