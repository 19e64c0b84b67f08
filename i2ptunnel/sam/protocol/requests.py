"""What a command asks for, as values: read from its options, or refused with a RESULT."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from i2ptunnel.sam.protocol.line import Command
from i2ptunnel.sam.protocol.styles import OWN_PROTOCOLS, PROTOCOL_STREAMING, STYLES, Style

TRANSIENT = "TRANSIENT"
ID_CHARACTERS_MAX = 256
#: samv3.md: of datagrams with a sender, and of raw ones
DATAGRAM_BYTES_MAX = 31744
RAW_BYTES_MAX = 32768
#: names of signature types (common-structures.md, "Key Certificates") that a destination may have
SIGNATURE_TYPES: dict[str, int] = {
    "DSA_SHA1": 0,
    "ECDSA_SHA256_P256": 1,
    "ECDSA_SHA384_P384": 2,
    "ECDSA_SHA512_P521": 3,
    "EDDSA_SHA512_ED25519": 7,
    "ED25519": 7,
    "REDDSA_SHA512_ED25519": 11,
}
#: samv3.md: the default of programs that name none
DSA_SHA1 = 0

_SESSION_KEYS = frozenset(
    (
        *("STYLE", "ID", "DESTINATION", "SIGNATURE_TYPE", "PORT", "HOST", "FROM_PORT", "TO_PORT"),
        *("PROTOCOL", "HEADER", "LISTEN_PORT", "LISTEN_PROTOCOL"),
        *("CRYPTO_TYPE", "sam.udp.host", "sam.udp.port"),
    )
)
_NOT_FOR_PRIMARY = (
    *("PORT", "HOST", "FROM_PORT", "TO_PORT", "PROTOCOL", "HEADER"),
    *("LISTEN_PORT", "LISTEN_PROTOCOL"),
)


class Refused(Exception):
    """A request that is answered with ``result`` (samv3.md, "RESULT Values")."""

    def __init__(self, result: str, message: str = "") -> None:
        super().__init__(message)
        self.result = result


def invalid(message: str) -> Refused:
    """A request that is wrong in itself."""
    return Refused("I2P_ERROR", message)


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """SESSION CREATE or ADD. Ports of 0 stand for any.

    ``destination``: private keys in base 64, or TRANSIENT; empty for subsessions. ``host`` and
    ``port``: where datagrams are forwarded to; ``port`` None: to the control socket. ``options``:
    what is not SAM's own.
    """

    style: Style
    id: str
    destination: str = field(default="", repr=False)
    signature_type: int = DSA_SHA1
    host: str = ""
    port: int | None = None
    from_port: int = 0
    to_port: int = 0
    protocol: int = 0
    header: bool = False
    listen_port: int = 0
    listen_protocol: int = 0
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """STREAM CONNECT, ACCEPT or FORWARD. ``None``: the session's own port is meant."""

    id: str
    is_silent: bool = False
    destination: str = field(default="", repr=False)
    from_port: int | None = None
    to_port: int | None = None
    host: str = ""
    port: int = 0
    is_tls: bool = False


@dataclass(frozen=True, slots=True)
class DatagramRequest:
    """What a datagram is sent with; None: what the session has."""

    destination: str = field(repr=False)
    size: int = 0
    from_port: int | None = None
    to_port: int | None = None
    protocol: int | None = None


def number_of(options: Mapping[str, str], key: str, maximum: int, minimum: int = 0) -> int | None:
    """The number of an option, None if it is not given; raises Refused."""
    text = options.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise invalid(f"{key} is no number")
    value = int(text)
    if not minimum <= value <= maximum:
        raise invalid(f"{key} is not between {minimum} and {maximum}")
    return value


def port_of(options: Mapping[str, str], key: str) -> int | None:
    """An I2P port, 0 to 65535, None if it is not given; raises Refused."""
    return number_of(options, key, 65535)


def flag_of(options: Mapping[str, str], key: str) -> bool:
    """``true`` or ``false`` in any case, false if it is not given; raises Refused."""
    text = options.get(key, "false").lower()
    if text not in ("true", "false"):
        raise invalid(f"{key} is neither true nor false")
    return text == "true"


def signature_type_of(options: Mapping[str, str]) -> int:
    """The number behind SIGNATURE_TYPE, a name or a number; raises Refused."""
    text = options.get("SIGNATURE_TYPE")
    if text is None:
        return DSA_SHA1
    number = SIGNATURE_TYPES.get(text.upper())
    if number is None and text.isascii() and text.isdigit() and len(text) <= 5:
        number = int(text) if int(text) in SIGNATURE_TYPES.values() else None
    if number is None:
        raise invalid("SIGNATURE_TYPE is not supported")
    return number


def id_of(options: Mapping[str, str]) -> str:
    """The ID of a session; raises Refused."""
    name = options.get("ID", "")
    if not name:
        raise invalid("ID is missing")
    if len(name) > ID_CHARACTERS_MAX or any(one.isspace() or not one.isprintable() for one in name):
        raise invalid("ID has spaces, or is too long")
    return name


def read_create(command: Command) -> SessionRequest:
    """SESSION CREATE; raises Refused."""
    options = command.options
    style = _style_of(options)
    if style.is_primary:
        for key in _NOT_FOR_PRIMARY:
            if key in options:
                raise invalid(f"{key} belongs to subsessions")
    destination = options.get("DESTINATION", "")
    if not destination:
        raise invalid("DESTINATION is missing")
    signature_type = DSA_SHA1
    if destination == TRANSIENT:
        signature_type = signature_type_of(options)
    request = _read_session(style, options, destination, signature_type)
    if "LISTEN_PORT" in options or "LISTEN_PROTOCOL" in options:
        raise invalid("LISTEN_PORT and LISTEN_PROTOCOL belong to subsessions")
    return request


def read_add(command: Command) -> SessionRequest:
    """SESSION ADD; raises Refused."""
    options = command.options
    style = _style_of(options)
    if style.is_primary:
        raise invalid("a subsession cannot be PRIMARY")
    if "DESTINATION" in options:
        raise invalid("DESTINATION is the primary session's")
    request = _read_session(style, options, "", DSA_SHA1)
    if style.is_stream and request.listen_port not in (0, request.from_port):
        raise invalid("LISTEN_PORT of streams is FROM_PORT or 0")
    return request


def _style_of(options: Mapping[str, str]) -> Style:
    style = STYLES.get(options.get("STYLE", ""))
    if style is None:
        raise invalid("STYLE is missing" if "STYLE" not in options else "unknown STYLE")
    return style


def _read_session(
    style: Style, options: Mapping[str, str], destination: str, signature_type: int
) -> SessionRequest:
    name = id_of(options)
    from_port = port_of(options, "FROM_PORT") or 0
    listen_port = port_of(options, "LISTEN_PORT")
    protocol = listen_protocol = style.protocol
    if style.is_raw:
        given = number_of(options, "PROTOCOL", 255)
        protocol = style.protocol if given is None else given
        if protocol in OWN_PROTOCOLS:
            raise invalid("PROTOCOL belongs to another style")
        listening = number_of(options, "LISTEN_PROTOCOL", 255)
        listen_protocol = protocol if listening is None else listening
        if listen_protocol == PROTOCOL_STREAMING:
            raise invalid("LISTEN_PROTOCOL belongs to streams")
    elif not style.is_primary and ("PROTOCOL" in options or "LISTEN_PROTOCOL" in options):
        raise invalid("PROTOCOL and LISTEN_PROTOCOL are for RAW")
    has_target = style.version is not None
    return SessionRequest(
        style,
        name,
        destination,
        signature_type,
        options.get("HOST", "") if has_target else "",
        number_of(options, "PORT", 65535, 1) if has_target else None,
        from_port,
        port_of(options, "TO_PORT") or 0,
        protocol,
        flag_of(options, "HEADER") if style.is_raw else False,
        from_port if listen_port is None else listen_port,
        listen_protocol,
        {key: value for key, value in options.items() if key not in _SESSION_KEYS},
    )


def read_stream(command: Command) -> StreamRequest:
    """STREAM CONNECT, ACCEPT or FORWARD; raises Refused."""
    options = command.options
    name = id_of(options)
    is_silent = flag_of(options, "SILENT")
    if command.action == "CONNECT":
        if not options.get("DESTINATION"):
            raise invalid("DESTINATION is missing")
        return StreamRequest(
            name,
            is_silent,
            options["DESTINATION"],
            port_of(options, "FROM_PORT"),
            port_of(options, "TO_PORT"),
        )
    if command.action == "ACCEPT":
        return StreamRequest(name, is_silent)
    if command.action == "FORWARD":
        port = number_of(options, "PORT", 65535, 1)
        if port is None:
            raise invalid("PORT is missing")
        host, is_tls = options.get("HOST", ""), flag_of(options, "SSL")
        return StreamRequest(name, is_silent, host=host, port=port, is_tls=is_tls)
    raise invalid("unknown command")


def read_datagram(options: Mapping[str, str], *, is_raw: bool) -> DatagramRequest:
    """The options of DATAGRAM SEND, RAW SEND or of a line over UDP; raises Refused.

    SEND_TAGS, TAG_THRESHOLD, EXPIRES and SEND_LEASESET are I2CP's, and change nothing here.
    """
    protocol = number_of(options, "PROTOCOL", 255) if is_raw else None
    if protocol in OWN_PROTOCOLS:
        raise invalid("PROTOCOL belongs to another style")
    size_max = RAW_BYTES_MAX if is_raw else DATAGRAM_BYTES_MAX
    return DatagramRequest(
        options.get("DESTINATION", ""),
        number_of(options, "SIZE", size_max, 1) or 0,
        port_of(options, "FROM_PORT"),
        port_of(options, "TO_PORT"),
        protocol,
    )


def target_host(host: str, client: str) -> str:
    """Where FORWARD and datagrams may go: to the client itself, never anywhere else.

    ``client``: its address, empty for Unix sockets. Raises Refused for another machine's, and for
    names, which nobody looks up here.
    """
    own = client or "127.0.0.1"
    if not host:
        return own
    if host.lower() == "localhost":
        host = "127.0.0.1"
    try:
        address, ours = ipaddress.ip_address(host), ipaddress.ip_address(own)
    except ValueError:
        raise invalid("HOST is no address") from None
    if address == ours or (address.is_loopback and ours.is_loopback):
        return str(address)
    raise invalid("HOST is not the address that this connection comes from")
