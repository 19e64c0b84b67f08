"""The table of tunnel types, and the kind that reads one tunnel of ``tunnels:``.

A client tunnel listens locally and connects into I2P; a server tunnel accepts from I2P and connects
to a local service. A type that is declared but not offered yet has ``IS_AVAILABLE = False``.
"""

from __future__ import annotations

from typing import Any

from i2ptunnel.config.client_models import (
    ClientTunnelSection,
    ConnectClientSection,
    HttpClientSection,
    IrcClientSection,
    Pop3ClientSection,
    SmtpClientSection,
    SocksIrcSection,
    SocksSection,
    StreamrClientSection,
    UdpClientSection,
)
from i2ptunnel.config.faults import AlreadyReported, Refused, did_you_mean, nearest, shown
from i2ptunnel.config.kinds import Kind, Place, Schema
from i2ptunnel.config.nodes import Mapping, Node, Scalar, kind_name
from i2ptunnel.config.options import Section
from i2ptunnel.config.server_models import (
    HttpBidirServerSection,
    HttpServerSection,
    IrcServerSection,
    ServerTunnelSection,
    StreamrServerSection,
    UdpServerSection,
)
from i2ptunnel.config.tunnel_parts import TunnelSection

TUNNEL_MODELS: dict[str, type[TunnelSection]] = {
    model.TYPE: model
    for model in (
        ClientTunnelSection,
        HttpClientSection,
        ConnectClientSection,
        SocksSection,
        SocksIrcSection,
        IrcClientSection,
        SmtpClientSection,
        Pop3ClientSection,
        StreamrClientSection,
        UdpClientSection,
        ServerTunnelSection,
        HttpServerSection,
        HttpBidirServerSection,
        IrcServerSection,
        StreamrServerSection,
        UdpServerSection,
    )
}

# Names that users of other routers will type.
_OTHER_NAMES = {
    "httpproxy": "httpclient",
    "http": "httpserver",
    "socks": "sockstunnel",
    "socks5": "sockstunnel",
    "socksproxy": "sockstunnel",
    "irc": "ircserver",
    "smtp": "smtpclient",
    "pop3": "pop3client",
    "eepsite": "httpserver",
    "tcp": "client",
}


class TunnelKind(Kind[TunnelSection]):
    """A mapping whose ``type`` decides which other keys it has."""

    word = "tunnel"

    def __init__(self) -> None:
        self._sections = {
            name: Section(model, ignored=frozenset(("type",)))
            for name, model in TUNNEL_MODELS.items()
        }

    def read(self, node: Node, place: Place) -> TunnelSection:
        """The section of the type that ``type`` names; the error for an unknown one guesses."""
        if not isinstance(node, Mapping):
            raise Refused(
                node.mark, place.path, f"{kind_name(node)} where a tunnel belongs", "write type: …"
            )
        entry = node.entries.get("type")
        if entry is None:
            raise Refused(
                node.mark, place.path, "type is missing", "one of: " + ", ".join(TUNNEL_MODELS)
            )
        here = place.at("type")
        if not isinstance(entry.value, Scalar) or entry.value.text not in TUNNEL_MODELS:
            self._refuse_type(entry.value, here)
        assert isinstance(entry.value, Scalar)
        name = entry.value.text
        if not TUNNEL_MODELS[name].IS_AVAILABLE:
            offered = ", ".join(n for n, m in TUNNEL_MODELS.items() if m.IS_AVAILABLE)
            place.faults.add(
                entry.value.mark,
                here.path,
                f'tunnel type "{name}" is not yet available',
                f"available: {offered}",
            )
            try:
                self._sections[name].read(node, place)
            except Refused as refused:
                place.faults.record(refused)
            raise AlreadyReported
        return self._sections[name].read(node, place)

    def plain(self, value: TunnelSection) -> Any:
        """With the type first, as people write it."""
        return {"type": value.TYPE, **self._sections[value.TYPE].plain(value)}

    @staticmethod
    def _refuse_type(node: Node, place: Place) -> None:
        if not isinstance(node, Scalar):
            raise Refused(
                node.mark, place.path, f"{kind_name(node)} is no type", ", ".join(TUNNEL_MODELS)
            )
        other = _OTHER_NAMES.get(node.text.lower())
        right = did_you_mean(node.text, TUNNEL_MODELS)
        if other and nearest(node.text, TUNNEL_MODELS) != other:
            right = f'did you mean "{other}"? (known: {", ".join(TUNNEL_MODELS)})'
        raise Refused(node.mark, place.path, f"unknown tunnel type {shown(node.text)}", right)

    def schema(self) -> Schema:
        """One variant for each type, told apart by a constant."""
        variants = []
        for name, section in self._sections.items():
            schema = section.schema()
            schema["properties"] = {"type": {"const": name}, **schema["properties"]}
            schema["required"] = ["type", *schema.get("required", [])]
            if not TUNNEL_MODELS[name].IS_AVAILABLE:
                schema["description"] += " (not yet available)"
            variants.append(schema)
        types = {"type": {"enum": list(TUNNEL_MODELS)}}
        return {"type": "object", "required": ["type"], "properties": types, "oneOf": variants}
