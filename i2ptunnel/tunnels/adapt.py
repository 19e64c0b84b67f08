"""One type's model as another's, for types that are made of others."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from i2ptunnel.config.tunnel_parts import TunnelSection

SectionT = TypeVar("SectionT", bound=TunnelSection)


def adapt(model: TunnelSection, section: type[SectionT], **values: Any) -> SectionT:
    """A ``section`` with the options both have, and ``values``; the others at their defaults."""
    common = {
        field.name: getattr(model, field.name)
        for field in fields(section)
        if hasattr(model, field.name)
    }
    return section(**{**common, **values})
