"""Kinds of values about networks: endpoints, addresses, networks, URLs, hosts, destinations."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from core.base.authority import authority
from i2ptunnel.config.faults import Refused
from i2ptunnel.config.kinds import Place, ScalarKind, Schema, check_no_variable
from i2ptunnel.config.nodes import Node, Scalar, Sequence
from i2ptunnel.printable import printable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_SOCKET_PATH_BYTES_MAX = 107
_URL_PORTS = {"http": "80", "https": "443", "ircs": "6697", "irc": "6667", "ssh": "22"}
_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_NAME_LENGTH_MAX = 255
_NTP_PORT = 123
_I2P_NAME = re.compile(r"(?=.{5,255}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+i2p")
_BASE64_DESTINATION = re.compile(r"[A-Za-z0-9~-]{516,1100}={0,2}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP ``host`` and ``port``, or a Unix socket ``path``."""

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def is_unix(self) -> bool:
        """Whether it is the path of a Unix socket; host and port are empty then."""
        return bool(self.path)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.is_unix or self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.is_unix:
            return f"unix:{self.path}"
        return authority(self.host, self.port)


@dataclass(frozen=True, slots=True)
class DestinationName:
    """An I2P host, ``x.b32.i2p`` or base64 destination as written, and the I2P port (0 = any).

    The others open an encrypted lease set: see ``core.data.blinded_address.BlindedTarget``.
    """

    name: str
    port: int = 0
    secret: str = field(default="", repr=False)
    client_key: bytes | None = field(default=None, repr=False)
    client_key_file: Path | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.name}:{self.port}" if self.port else self.name


def read_port(text: str) -> int:
    """1 to 65535; raises ValueError."""
    if not (text.isascii() and text.isdigit()) or len(text) > 5 or not 1 <= int(text) <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return int(text)


def _read_unix(text: str) -> Endpoint:
    path = text[5:]
    if not path.startswith("/") or not path.isprintable():
        raise ValueError("write unix: and an absolute path, like unix:/run/app.sock")
    if path.startswith("//"):
        raise ValueError(f"write unix:/{path.lstrip('/')}")
    check_no_variable(path)
    if len(path.encode()) > _SOCKET_PATH_BYTES_MAX:
        raise ValueError(f"a socket path has at most {_SOCKET_PATH_BYTES_MAX} bytes")
    return Endpoint(path=os.fsdecode(path.encode()))


def _bracketed(text: str, host: str, port: str) -> str:
    """What is right instead of something with several colons."""
    bare = text.strip("[]")
    try:
        ipaddress.IPv6Address(bare)
    except ValueError:
        pass
    else:
        if text != bare or not _is_ipv6(host):
            return f"the port is missing, write [{bare}]:PORT"
    if not _is_ipv6(host.strip("[]")):
        return f"write one port, like {host.partition(':')[0]}:{host.partition(':')[2] or port}"
    return f"write an IPv6 address in brackets, like [{host}]:{port}"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


class EndpointKind(ScalarKind[Endpoint]):
    """``host:port``, ``[ipv6]:port`` or ``unix:/path``. A listener's host is an address."""

    word = "host:port | unix:/path"

    def __init__(self, is_listener: bool, unix: bool = True) -> None:
        self._is_listener, self._unix = is_listener, unix
        self.right = "write host:port" + (" or unix:/path" if unix else "")

    def read(self, node: Node, place: Place) -> Endpoint:
        """As the scalar, with a better error for ``[::1]`` without quotes, a list to YAML."""
        if isinstance(node, Sequence) and len(node.items) == 1:
            only = node.items[0]
            if isinstance(only, Scalar) and ":" in only.text:  # [::1] is a list to YAML
                right = f'quote it, with the port: "[{printable(only.text, 60)}]:4444"'
                raise Refused(node.mark, place.path, "a list is no value here", right)
        return super().read(node, place)

    def convert(self, node: Scalar) -> Endpoint:
        """``host:port``, ``[ipv6]:port``, or ``unix:/path`` where the kind allows it."""
        text = node.text
        self._refuse_other_forms(text)
        if text.startswith("unix:"):
            if not self._unix:
                raise ValueError("a Unix socket does not work here, write host:port")
            return _read_unix(text)
        if text.isdigit():
            raise ValueError(f"write the host too, like 127.0.0.1:{text}")
        host, colon, port = text.rpartition(":")
        if not colon:
            raise ValueError(f"{self.right}; the port is missing")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            try:
                ipaddress.IPv6Address(host)
            except ValueError:
                raise ValueError("write an IPv6 address in the brackets") from None
        elif ":" in host:
            raise ValueError(_bracketed(text, host, port))
        if not host:
            raise ValueError(f"write the host too, like 127.0.0.1:{port}")
        return Endpoint(self._read_host(host), read_port(port))

    def _refuse_other_forms(self, text: str) -> None:
        """URLs and other ways to write an address: say what is to be written instead."""
        scheme, mark, rest = text.partition("://")
        if mark:
            if scheme == "unix":
                raise ValueError(f"write unix:/{rest.lstrip('/')}")
            port = _URL_PORTS.get(scheme.lower(), "")
            endpoint = rest.partition("/")[0].rpartition("@")[2]
            has_port = re.search(r":[0-9]+$", endpoint) is not None
            endpoint = endpoint if has_port else f"{endpoint}:{port or 'PORT'}"
            tls = " and target_tls: {}" if scheme.lower() == "https" else ""
            raise ValueError(f"write {endpoint}{'' if self._is_listener else tls}")
        if text.startswith(("/", "~/", "./")) and self._unix:
            raise ValueError(f"write unix:{text if text.startswith('/') else '/absolute/path'}")
        if text.startswith("*:"):
            raise ValueError(f"write 0.0.0.0{text[1:]}")
        plain = re.fullmatch(r"(.*:[0-9]{1,5})/.*", text)
        if plain and not text.startswith("unix:"):
            raise ValueError(f"write {plain[1]}")
        _, at, rest = text.rpartition("@")
        if at and not text.startswith("unix:"):
            raise ValueError(f"write {rest}")
        spaced = re.fullmatch(r"(\S+)\s+([0-9]{1,5})", text)
        if spaced:
            raise ValueError(f"write {spaced[1].rstrip(':')}:{spaced[2]}")

    def _read_host(self, host: str) -> str:
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            pass
        if re.fullmatch(r"[0-9.]+", host):
            raise ValueError("an IPv4 address is four numbers from 0 to 255")
        if self._is_listener and host.lower() != "localhost":
            raise ValueError("write an address to listen at, like 127.0.0.1, not a name")
        if host.lower().endswith(".i2p"):
            raise ValueError("a target is a local service; an I2P host belongs in destination")
        if not _HOST.fullmatch(host):
            raise ValueError("write a host name or address and a port")
        return host

    def schema(self) -> Schema:
        """Loose: only whether there is a port or a path."""
        return {"type": "string", "pattern": r"^(unix:/.+|.+:[0-9]{1,5})$"}


class TimeServerKind(EndpointKind):
    """A time server: ``host`` or ``host:port``; the port is 123 unless there is one."""

    word = "host, or host:port"

    def __init__(self) -> None:
        super().__init__(is_listener=False, unix=False)
        self.right = "write the host name or address of a time server"

    def convert(self, node: Scalar) -> Endpoint:
        """See :class:`ScalarKind`."""
        text = node.text
        if text.isdigit() or "/" in text:
            raise ValueError(self.right)
        if _is_ipv6(text):
            return Endpoint(text, _NTP_PORT)
        return super().convert(node) if ":" in text else Endpoint(self._read_host(text), _NTP_PORT)

    def schema(self) -> Schema:
        """See :class:`Kind`."""
        return {"type": "string", "pattern": r"^[^/]+$"}


class AddressKind(ScalarKind[IpAddress]):
    """An IP address."""

    word = "address"
    right = "write an IPv4 or IPv6 address"

    def convert(self, node: Scalar) -> IpAddress:
        """An IPv4 or IPv6 address, no host name."""
        try:
            return ipaddress.ip_address(node.text)
        except ValueError:
            raise ValueError(self.right) from None

    def schema(self) -> Schema:
        """By the formats of JSON Schema."""
        return {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}


class NetworkKind(ScalarKind[IpNetwork]):
    """A network such as ``192.168.1.0/24``, or one address."""

    word = "network"
    right = "write a network like 192.168.1.0/24"

    def convert(self, node: Scalar) -> IpNetwork:
        """A network in CIDR form; the error for set host bits names the network that was meant."""
        try:
            return ipaddress.ip_network(node.text)
        except ValueError as error:
            if "host bits" in str(error):
                right = ipaddress.ip_network(node.text, strict=False)
                raise ValueError(f"write {right}") from None
            raise ValueError(self.right) from None

    def schema(self) -> Schema:
        """Characters and prefix only, not whether it is a network."""
        return {"type": "string", "pattern": r"^[0-9a-fA-F.:]+(/[0-9]{1,3})?$"}


class UrlKind(ScalarKind[str]):
    """A URL of one of the given schemes; with ``i2p_host``, its host ends in ``.i2p``."""

    word = "URL"

    def __init__(self, *schemes: str, i2p_host: bool = False, bare: bool = False) -> None:
        self._schemes, self._i2p_host, self._bare = schemes, i2p_host, bare
        host = "host.i2p" if i2p_host else "host"
        self.right = "write a URL like " + " or ".join(f"{s}://{host}" for s in schemes)

    def convert(self, node: Scalar) -> str:
        """ASCII without spaces, with one of the schemes and a host; as it was written."""
        text = node.text
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError(self.right)
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ValueError(self.right) from None
        if parts.scheme not in self._schemes or not parts.hostname or port == 0:
            raise ValueError(self.right)
        if self._i2p_host and not parts.hostname.endswith((".i2p", ".i2p.alt")):
            raise ValueError(f"{self.right}; it is reached through I2P")
        if self._bare and (parts.path not in ("", "/") or parts.query or parts.fragment):
            raise ValueError("write the URL without a path")
        return text

    def schema(self) -> Schema:
        """The schemes only."""
        return {"type": "string", "pattern": "^(" + "|".join(self._schemes) + ")://.+$"}


class ProxyUrlKind(UrlKind):
    """A SOCKS 5 or HTTP proxy by its address: nothing about it is asked of DNS."""

    def __init__(self) -> None:
        super().__init__("socks5", "http", bare=True)
        self.right = "write a URL like socks5://127.0.0.1:9050 or http://127.0.0.1:8080"

    def convert(self, node: Scalar) -> str:
        """As a URL, whose host is an IP address or ``localhost``: nothing may ask a DNS server."""
        text = super().convert(node)
        host = urlsplit(text).hostname
        if host != "localhost":
            try:
                ipaddress.ip_address(host or "")
            except ValueError:
                raise ValueError(f"{self.right}, with the proxy's address") from None
        return text


def _i2p_name(text: str) -> str:
    """Lower case, ASCII (``xn--``), without ``.alt`` after ``.i2p`` (RFC 9476)."""
    name = text.lower()
    if not name.isascii() and len(name) <= _NAME_LENGTH_MAX:
        with contextlib.suppress(UnicodeError):
            name = name.encode("idna").decode("ascii").lower()
    return name.removesuffix(".alt") if name.endswith(".i2p.alt") else name


class I2pHost(ScalarKind[str]):
    """A name that ends in ``.i2p``, lower case."""

    word = "name.i2p"
    right = "write a name like mysite.i2p"

    def convert(self, node: Scalar) -> str:
        """In lower case, as IDNA has it, and without ``.alt`` (RFC 9476)."""
        name = _i2p_name(node.text)
        if not _I2P_NAME.fullmatch(name):
            raise ValueError(self.right)
        return name

    def schema(self) -> Schema:
        """The endings only."""
        return {"type": "string", "pattern": r"\.i2p(\.alt)?$"}


class DestinationKind(ScalarKind[DestinationName]):
    """``name.i2p``, ``….b32.i2p`` or a base64 destination, optionally with ``:port``."""

    word = "destination[:port]"
    right = "write name.i2p, ….b32.i2p or a base64 destination, with :PORT if it needs one"

    def convert(self, node: Scalar) -> DestinationName:
        """In lower case but for base64; the error for a URL says what to write instead."""
        scheme, mark, rest = node.text.partition("://")
        host = rest.partition("/")[0].rpartition("@")[2]
        if mark and _I2P_NAME.fullmatch(_i2p_name(host.partition(":")[0])):
            port_text = _URL_PORTS.get(scheme.lower(), "")
            has_port = ":" in host or not port_text
            raise ValueError(f"write {host}{'' if has_port else f':{port_text}'}")
        name, colon, port_text = node.text.partition(":")
        port = read_port(port_text) if colon else 0
        if _BASE64_DESTINATION.fullmatch(name):
            return DestinationName(name, port)
        lowered = _i2p_name(name)
        if not lowered.endswith(".i2p") or not _I2P_NAME.fullmatch(lowered):
            raise ValueError(self.right)
        if lowered.endswith(".b32.i2p"):
            label = lowered.removesuffix(".b32.i2p")
            if not re.fullmatch(r"[a-z2-7]+", label) or (len(label) != 52 and len(label) < 56):
                raise ValueError(
                    "a .b32.i2p address has 52 letters a-z and digits 2-7 (56 or more if encrypted)"
                )
        return DestinationName(lowered, port)

    def schema(self) -> Schema:
        """Any text of five characters: the shortest name is ``x.i2p``."""
        return {"type": "string", "minLength": 5}
