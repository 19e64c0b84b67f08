"""Declarative options: a dataclass field with its kind, default and help is the whole definition.

From one definition come the validator, the JSON Schema and the option reference. A section is a
frozen dataclass whose fields are made by :func:`option`; its docstring is its description.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, Field
from typing import Any, TypeVar

from i2ptunnel.config.faults import AlreadyReported, Refused, did_you_mean, shown
from i2ptunnel.config.kinds import Kind, Place, Schema
from i2ptunnel.config.nodes import Mapping, Node, Scalar, kind_name

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class OptionInfo:
    """What is known of an option besides its name and default."""

    kind: Kind[Any]
    help: str
    is_available: bool = True
    has_effect: bool = True

    @property
    def note(self) -> str:
        """What a reader has to know of an option that does not work yet, or nothing."""
        if not self.is_available:
            return "not yet available"
        return "" if self.has_effect else "has no effect yet"


def option(
    kind: Kind[T],
    help: str,
    *,
    default: Any = MISSING,
    available: bool = True,
    effect: bool = True,
) -> Any:
    """A field of a section; without ``default`` the key must be given.

    ``available=False`` declares a key whose function does not exist yet: setting it is a fault.
    ``effect=False`` one that is taken and changes nothing yet: setting it brings a warning.
    """
    metadata = {"option": OptionInfo(kind, help, available, effect)}
    if default is MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def info_of(field: Field[Any]) -> OptionInfo:
    """The definition behind a dataclass field."""
    info = field.metadata["option"]
    assert isinstance(info, OptionInfo)
    return info


def is_required(field: Field[Any]) -> bool:
    """Whether the key must be given."""
    return field.default is MISSING and field.default_factory is MISSING


def options_of(section: type[Any]) -> dict[str, Field[Any]]:
    """Key -> field, in the order of declaration."""
    return {field.name: field for field in dataclasses.fields(section)}


def description_of(section: type[Any]) -> str:
    """The section's docstring as one paragraph."""
    return " ".join((section.__doc__ or "").split())


class Section(Kind[T]):
    """A mapping with known keys, read into the dataclass ``model``."""

    def __init__(self, model: type[T], ignored: frozenset[str] = frozenset()) -> None:
        self.model = model
        self._fields = options_of(model)
        self._ignored = ignored
        self.word = "section"

    def read(self, node: Node, place: Place) -> T:
        """The model with what is given, and defaults for the rest; null is an empty section.

        All faults are recorded in ``place``; then, if there is no model without what is wrong,
        AlreadyReported is raised.
        """
        if isinstance(node, Scalar) and node.is_null:
            node = Mapping(node.mark, {})
        if not isinstance(node, Mapping):
            raise Refused(
                node.mark,
                place.path,
                f"{kind_name(node)} where options belong",
                "write key: value; known: " + ", ".join(self._fields),
            )
        values: dict[str, Any] = {}
        is_broken = False
        for key, entry in node.entries.items():
            if key in self._ignored:
                continue
            field = self._fields.get(key)
            here = place.at(key)
            if field is None:
                known = did_you_mean(key, [*self._fields, *self._ignored])
                place.faults.add(entry.key_mark, here.path, f"unknown key {shown(key)}", known)
                continue
            info = info_of(field)
            try:
                values[key] = info.kind.read(entry.value, here)
            except Refused as refused:
                place.faults.record(refused)
                is_broken = is_broken or is_required(field)
                continue
            if not info.is_available and values[key] != field.default:
                place.faults.add(
                    entry.key_mark, here.path, "not yet available", "leave it out for now"
                )
            if not info.has_effect:
                place.faults.warn(
                    entry.key_mark, here.path, "this option has no effect yet", "leave it out"
                )
        for key, field in self._fields.items():
            if is_required(field) and key not in node.entries:
                is_broken = True
                place.faults.add(
                    node.mark, place.path, f"{key} is missing", f"add {key}: {info_of(field).help}"
                )
        if is_broken:
            raise AlreadyReported
        return self.model(**values)

    def schema(self) -> Schema:
        """An object without further properties, with the help text of each option."""
        properties: Schema = {}
        for key, field in self._fields.items():
            info = info_of(field)
            entry = dict(info.kind.schema())
            text = info.help
            if field.default is not MISSING:
                text += f" (default: {info.kind.show(field.default)})"
            if info.note:
                text += f" ({info.note})"
            entry["description"] = text
            properties[key] = entry
        result: Schema = {
            "type": "object",
            "description": description_of(self.model),
            "properties": properties,
            "additionalProperties": False,
        }
        required = [key for key, field in self._fields.items() if is_required(field)]
        if required:
            result["required"] = required
        return result

    def show(self, value: T) -> str:
        """All options, in YAML's flow style."""
        shown_keys = []
        for key, field in self._fields.items():
            current = getattr(value, key)
            shown_keys.append(f"{key}: {info_of(field).kind.show(current)}")
        return "{" + ", ".join(shown_keys) + "}"

    def plain(self, value: T) -> Any:
        """What differs from the defaults, and what must be given."""
        return {
            key: info_of(field).kind.plain(getattr(value, key))
            for key, field in self._fields.items()
            if is_required(field) or getattr(value, key) != field.default
        }
