"""The whole configuration as one value, and the kind that reads it."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2ptunnel.config.compound_kinds import Maybe, NamedMap
from i2ptunnel.config.interfaces_model import InterfacesSection
from i2ptunnel.config.kinds import Schema
from i2ptunnel.config.layers import EXTENDS
from i2ptunnel.config.layers import SCHEMA as EXTENDS_SCHEMA
from i2ptunnel.config.naming_model import NamingSection
from i2ptunnel.config.options import OptionInfo, Section, option
from i2ptunnel.config.router_model import ControlSection, RouterSection
from i2ptunnel.config.torrents_model import TorrentsSection
from i2ptunnel.config.tunnel_models import TunnelKind
from i2ptunnel.config.tunnel_parts import TunnelSection

_TUNNELS = NamedMap(TunnelKind(), "tunnel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A router and its tunnels in one YAML file."""

    router: RouterSection = option(Section(RouterSection), "the router", default=RouterSection())
    interfaces: InterfacesSection = option(
        Section(InterfacesSection), "doors for other programs", default=InterfacesSection()
    )
    control: ControlSection = option(
        Section(ControlSection), "watching and control", default=ControlSection()
    )
    naming: NamingSection = option(
        Section(NamingSection), "the address books", default=NamingSection()
    )
    torrents: TorrentsSection | None = option(
        Maybe(Section(TorrentsSection)),
        "a torrent client in I2P; null: off; {}: on, as usual",
        default=None,
    )
    tunnels: dict[str, TunnelSection] = field(
        default_factory=dict, metadata={"option": OptionInfo(_TUNNELS, "name -> tunnel")}
    )


CONFIGURATION = Section(Configuration)


def json_schema() -> Schema:
    """The JSON Schema (2020-12) of the YAML file."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "i2ptunnel configuration",
    }
    schema |= CONFIGURATION.schema()
    schema["properties"] = {EXTENDS: EXTENDS_SCHEMA, **schema["properties"]}
    schema["patternProperties"] = {"^x-": {"description": "values for YAML anchors; not read"}}
    return schema


def default_data_dir(environment: dict[str, str]) -> Path:
    """Where state goes when nobody says: systemd's directory, else the user's data directory."""
    state = environment.get("STATE_DIRECTORY", "").split(":")[0]
    if state.startswith("/"):
        return Path(state)
    base = environment.get("XDG_DATA_HOME", "")
    home = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return home / "i2ptunnel"
