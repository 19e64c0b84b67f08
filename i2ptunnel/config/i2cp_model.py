"""``router.i2cp``: another I2P router that the tunnels run over."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2ptunnel.config.compound_kinds import Maybe
from i2ptunnel.config.kinds import FilePath, Flag, Kind, Place, Schema, Text
from i2ptunnel.config.network_kinds import Endpoint, EndpointKind
from i2ptunnel.config.nodes import Node, Scalar
from i2ptunnel.config.options import Section, option

_ADDRESS = EndpointKind(is_listener=False, unix=False)
_ADDRESS.word = "host:port"


@dataclass(frozen=True, slots=True, kw_only=True)
class I2cpRouterSection:
    """Where another router takes I2CP, and how it is reached."""

    address: Endpoint = option(_ADDRESS, "host:port of its I2CP interface")
    tls: bool = option(
        Flag(), "speak TLS, which that router must want (Java I2P: SSL required)", default=False
    )
    certificate: Path | None = option(
        Maybe(FilePath()),
        "PEM file with the certificate that the router shows, for one that it made itself; null: "
        "certificates of the system's authorities",
        default=None,
    )
    username: str | None = option(Maybe(Text()), "user, where the router wants one", default=None)
    password_file: Path | None = option(
        Maybe(FilePath()), "file with the password of that user", default=None
    )


class I2cpRouterKind(Kind[I2cpRouterSection]):
    """``HOST:PORT``, or the section."""

    word = "host:port or section"

    def __init__(self) -> None:
        self.section = Section(I2cpRouterSection)

    def read(self, node: Node, place: Place) -> I2cpRouterSection:
        """See :class:`Kind`."""
        if isinstance(node, Scalar):
            return I2cpRouterSection(address=_ADDRESS.read(node, place))
        return self.section.read(node, place)

    def schema(self) -> Schema:
        """Either of the two."""
        return {"anyOf": [_ADDRESS.schema(), self.section.schema()]}

    def show(self, value: I2cpRouterSection) -> str:
        """The whole section."""
        return self.section.show(value)

    def plain(self, value: I2cpRouterSection) -> Any:
        """The address alone if nothing else is said."""
        if value == I2cpRouterSection(address=value.address):
            return _ADDRESS.plain(value.address)
        return self.section.plain(value)
