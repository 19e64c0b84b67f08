"""A :class:`Configuration` as YAML: a new text, or the least change to one that is there.

What a user wrote stays: comments, order, blank lines, units, relative paths. Only options whose
value changed are touched. Each result is read again before it is given out, so a text that does not
say what was meant is never written.
"""

from __future__ import annotations

from dataclasses import Field, replace
from pathlib import Path
from typing import Any

from core.base.errors import LocalError
from i2ptunnel.config.document import Document
from i2ptunnel.config.faults import ConfigError, Fault, Mark, Source, join
from i2ptunnel.config.layers import EXTENDS
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.options import Section, info_of, is_required, options_of
from i2ptunnel.config.tunnel_models import TunnelKind
from i2ptunnel.config.tunnel_parts import TunnelSection

_TUNNELS = TunnelKind()


def write_new(configuration: Configuration) -> str:
    """A text that says only what differs from the defaults."""
    return write_over("", configuration)


def write_over(text: str, configuration: Configuration, base: Path | None = None) -> str:
    """``text`` with as few changes as say what ``configuration`` says.

    ``base``: the directory where relative paths in ``text`` start. ``router.data_dir`` is left as
    it is where the text does not say it. Raises ConfigError if ``text`` is not valid, or if the
    result would not be.
    """
    document = Document(text)
    old = _load(text, base)
    wanted = _without_data_dir(configuration, old)
    sections = {**options_of(Configuration)}
    del sections["tunnels"]
    _write_options(document, (), sections, old, wanted)
    _write_tunnels(document, old.tunnels, wanted.tunnels)
    if not wanted.tunnels and not document.keys("router"):
        document.set(("router",), {})
    result = str(document)
    if _load(result, base) != wanted:
        raise LocalError("the text does not say what was meant")
    return result


def rename_tunnel(text: str, old: str, new: str) -> str:
    """The text with another name for a tunnel, in its place; LocalError if it is not there.

    A server keeps its key file: where none is named, that of the old name is.
    """
    document = Document(text)
    section = _load(text, None).tunnels.get(old)
    _refuse_inherited(document, old)
    if section is None or new in document.keys("tunnels"):
        raise LocalError(f"there is no tunnel {old!r}, or there is one {new!r}")
    if getattr(section, "keys", "") is None and section.TYPE.endswith("server"):
        document.set(("tunnels", old, "keys"), f"{old}.dat")
    document.rename(("tunnels", old), new)
    return str(document)


def _load(text: str, base: Path | None) -> Configuration:
    """What a text says; nothing at all is a configuration without tunnels, too."""
    loaded = load_text(text if text.strip() else "router: {}\n", base=base).configuration
    said = "data_dir" in Document(text).keys("router")
    router = loaded.router if said else replace(loaded.router, data_dir=None)
    return replace(loaded, router=router)


def _without_data_dir(configuration: Configuration, old: Configuration) -> Configuration:
    """The loader fills in the data directory; it is not written because of that."""
    if old.router.data_dir is not None:
        return configuration
    return replace(configuration, router=replace(configuration.router, data_dir=None))


def _write_tunnels(
    document: Document, old: dict[str, TunnelSection], new: dict[str, TunnelSection]
) -> None:
    for name in old:
        if name not in new:
            _refuse_inherited(document, name)
            document.remove(("tunnels", name))
    keys = document.keys()
    if not new and "tunnels" in keys:
        document.remove(("tunnels",))
    for name, section in new.items():
        before = old.get(name)
        path = ("tunnels", name)
        if before is not None and before.TYPE == section.TYPE and document.is_mapping(*path):
            _write_options(document, path, options_of(type(section)), before, section)
        elif before != section:
            document.set(path, _TUNNELS.plain(section))


def _extends(document: Document) -> bool:
    top = document.keys()
    return EXTENDS in top


def _refuse_inherited(document: Document, name: str) -> None:
    """What another file says cannot be taken out of this one."""
    if _extends(document) and name not in document.keys("tunnels"):
        mark = Mark(Source("the configuration", Path()), 1, 1)
        why = f"comes from a file that this one {EXTENDS}"
        raise ConfigError([Fault(mark, join("tunnels", name), why, "write enabled: false here")])


def _write_section(
    document: Document, path: tuple[str, ...], kind: Section[Any], old: Any, new: Any
) -> None:
    if old == new:
        return
    plain = kind.plain(new)
    if document.is_mapping(*path) and plain:
        _write_options(document, path, options_of(kind.model), old, new)
    else:
        _write(document, path, plain, is_default=not plain)


def _write_options(
    document: Document, path: tuple[str, ...], options: dict[str, Field[Any]], old: Any, new: Any
) -> None:
    for key, option in options.items():
        before, after = getattr(old, key), getattr(new, key)
        if before == after:
            continue
        inner, here = info_of(option).kind, (*path, key)
        if isinstance(inner, Section):
            _write_section(document, here, inner, before, after)
        else:
            is_default = not is_required(option) and after == option.default
            _write(document, here, inner.plain(after), is_default=is_default)


def _write(document: Document, path: tuple[str, ...], plain: Any, *, is_default: bool) -> None:
    """Say it; a default needs no words, unless something else is brought in from elsewhere."""
    keys = document.keys(*path[:-1])
    if not is_default or "<<" in keys or _extends(document):
        document.set(path, plain)
    elif path[-1] in keys:
        document.remove(path)
