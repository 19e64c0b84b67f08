"""Forms made from the declared options: each option is a field, with its help and its default.

What a field says is YAML's flow style, as it would stand in the file. An empty field leaves the
option to its default. Only fields that were changed are written, so what the user wrote otherwise
stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.document import Document, flow_text
from i2ptunnel.config.faults import Fault, join
from i2ptunnel.config.kinds import Choice, Flag, Kind
from i2ptunnel.config.nodes import Loader
from i2ptunnel.config.options import Section, info_of, is_required, options_of
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS
from i2ptunnel.config.tunnel_parts import TunnelSection

#: options that a form shows first, beside those that must be given
_FIRST = frozenset(
    ("enabled", "listen", "destination", "target", "docroot", "outproxies", "hostname", "auth")
)
NAME_CHARACTERS_MAX = 64


@dataclass(slots=True)
class Field:
    """One option. ``key``: dotted, within the tunnel; ``choices``: what may be written, if few."""

    key: str
    help: str
    value: str
    default: str
    choices: tuple[str, ...]
    is_required: bool
    is_first: bool
    fault: str = ""


def fields_of(kind: str, section: TunnelSection | None) -> list[Field]:
    """The fields of a tunnel type; ``section``: what is there, None for a new tunnel."""
    model = TUNNEL_MODELS[kind]
    plain = {} if section is None else Section(model).plain(section)
    return list(_fields(model, plain, ""))


def _fields(model: type[Any], plain: Mapping[str, Any], above: str) -> Iterator[Field]:
    for key, option in options_of(model).items():
        info = info_of(option)
        value = plain.get(key)
        if isinstance(info.kind, Section):
            inner = value if isinstance(value, Mapping) else {}
            yield from _fields(info.kind.model, inner, f"{above}{key}.")
        elif info.is_available:
            needed = is_required(option)
            yield Field(
                f"{above}{key}",
                info.help,
                _shown(info.kind, value) if key in plain else "",
                "" if needed else info.kind.show(option.default),
                _choices(info.kind),
                needed and not above,
                not above and (needed or key in _FIRST),
            )


def _shown(kind: Kind[Any], value: Any) -> str:
    """A value as a field has it: words without quotes, and one of a list without brackets."""
    inner = kind.inner if isinstance(kind, Maybe) else kind
    is_one = isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)
    if is_one and isinstance(inner, ListOf) and inner.allow_one:
        value = value[0]
    is_word = isinstance(value, str) and plain_value(value) == value
    return value if is_word else flow_text(value)


def _choices(kind: Kind[Any]) -> tuple[str, ...]:
    if isinstance(kind, Flag):
        return ("true", "false")
    return tuple(kind.words) if isinstance(kind, Choice) else ()


def plain_value(text: str) -> Any:
    """What a field means: a list or mapping in brackets, true, false, null, or just words."""
    text = " ".join(text.splitlines()).strip()
    if text[:1] in ("[", "{", '"', "'"):
        try:
            return _plain(yaml.compose(text, Loader=Loader))
        except (yaml.YAMLError, RecursionError):
            return text  # the check says what is wrong with it
    known = {"true": True, "false": False, "null": None}
    if text in known:
        return known[text]
    is_number = len(text) < 20 and text.isascii() and text.removeprefix("-").isdigit()
    return int(text) if is_number and str(int(text)) == text else text


def _plain(node: Any) -> Any:
    """A node of YAML without guesses: what is no list or mapping is read as a field is."""
    if isinstance(node, yaml.MappingNode):
        return {str(_plain(key)): _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    if node is None or node.style in ("'", '"'):
        return "" if node is None else node.value
    return plain_value(node.value) if node.value[:1] not in ("[", "{") else node.value


def write_fields(
    text: str, name: str, kind: str, fields: list[Field], form: Mapping[str, str]
) -> str:
    """The configuration with what the form changes at tunnel ``name``, which is made if new."""
    document = Document(text)
    path = ("tunnels", name)
    if name not in document.keys("tunnels"):
        document.set(path, _new_tunnel(kind, fields, form))
        return str(document)
    if not document.is_mapping(*path):
        document.set(path, {"type": kind})
    for field in fields:
        given = form.get(field.key, field.value).strip()
        if given == field.value:
            continue
        where = (*path, *field.key.split("."))
        if given:
            _set(document, where, plain_value(given))
        elif where[-1] in document.keys(*where[:-1]):
            document.remove(where)
    return str(document)


def _set(document: Document, where: tuple[str, ...], value: Any) -> None:
    above = where[:-1]
    if above[-1] in document.keys(*above[:-1]) and not document.is_mapping(*above):
        document.set(above, {where[-1]: value})
    else:
        document.set(where, value)


def _new_tunnel(kind: str, fields: list[Field], form: Mapping[str, str]) -> dict[str, Any]:
    section: dict[str, Any] = {"type": kind}
    for field in fields:
        given = form.get(field.key, "").strip()
        if given:
            *above, last = field.key.split(".")
            place = section
            for key in above:
                place = place.setdefault(key, {})
            place[last] = plain_value(given)
    return section


def place_faults(faults: list[Fault], name: str, fields: list[Field]) -> list[str]:
    """Give each field its fault; what is left is for the whole form."""
    left = []
    own = join("tunnels", name)
    known = {join_all(own, field.key): field for field in fields}
    for fault in faults:
        path = fault.path
        while path and path not in known and path != own:
            path = path.rpartition("[" if path.endswith("]") else ".")[0]
        words = f"{fault.wrong}, {fault.right}" if fault.right else fault.wrong
        if path in known:
            known[path].fault = words
        else:
            left.append(f"{fault.path}: {words}" if fault.path != own else words)
    return left


def join_all(path: str, dotted: str) -> str:
    """A dotted key below a path, as faults have it."""
    for key in dotted.split("."):
        path = join(path, key)
    return path
