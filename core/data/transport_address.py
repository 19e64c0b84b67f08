"""Router addresses, and what NTCP2 and SSU2 publish in them.

common-structures: "RouterAddress"; ntcp2 and ssu2: "Published Router Info". A router that accepts
no connections publishes its static key only; then ``host`` is empty and ``port`` 0.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader, Writer
from core.data.encoding import b64decode
from core.data.ip_family import YGGDRASIL, IpAddress
from core.data.mapping import parse_mapping, write_mapping

INTRODUCERS_MAX = 3
_HYBRID_VARIANTS = ("3", "4", "5")


@dataclass(frozen=True, slots=True)
class RouterAddress:
    """``cost`` 0 (best) to 255; ``expiration`` in unix milliseconds, 0 on today's network."""

    cost: int
    expiration: int
    style: str
    options: Mapping[str, str]

    @classmethod
    def parse(cls, reader: Reader) -> RouterAddress:
        """DecodeError if truncated."""
        cost = reader.u8()
        expiration = reader.u64()
        style = reader.take(reader.u8()).decode("utf-8", "replace")
        return cls(cost, expiration, style, parse_mapping(reader))

    def write(self) -> bytes:
        """LocalError if the style or the options are too long."""
        style = self.style.encode("utf-8")
        if len(style) > 255:
            raise LocalError("transport style too long")
        return (
            Writer()
            .u8(self.cost)
            .u64(self.expiration)
            .u8(len(style))
            .raw(style)
            .raw(write_mapping(self.options))
            .finish()
        )


@dataclass(frozen=True, slots=True)
class Ntcp2Address:
    """One NTCP2 address. ``static_key`` 32 bytes; ``iv`` 16 bytes, None if unpublished.

    ``pq``: the hybrid variant that it takes, 3 to 5 for ML-KEM-512 to -1024; 0: none.
    """

    host: str
    port: int
    static_key: bytes
    iv: bytes | None
    caps: str
    is_published: bool
    is_ipv6: bool
    pq: int = 0

    @classmethod
    def from_address(cls, address: RouterAddress) -> Ntcp2Address | None:
        """None if the address is for another transport or malformed.

        i2pd: any style starting with NTCP counts. Without host or capabilities it means IPv4.
        """
        options = address.options
        if not address.style.startswith("NTCP") or not _is_version_2(options):
            return None
        static_key = _static_key(options)
        if static_key is None:
            return None
        host, port, is_ipv6 = _host_and_port(options)
        iv = _key(options, "i", 16)
        caps = options.get("caps", "")
        if not host or iv is None:
            return cls("", 0, static_key, None, caps, False, "6" in caps and "4" not in caps)
        # specs/ntcp2-hybrid: one variant at most. i2pd: any other value means none.
        pq = int(options["pq"]) if options.get("pq") in _HYBRID_VARIANTS else 0
        return cls(host, port, static_key, iv, caps, True, is_ipv6, pq)


@dataclass(frozen=True, slots=True)
class Introducer:
    """A router that introduces to one behind a firewall; ``expires_s`` unix seconds, 0 unknown."""

    router_hash: bytes
    tag: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class Ssu2Address:
    """One SSU2 address. Both keys have 32 bytes; ``mtu`` is 0 if not given.

    ``pq``: the hybrid variants that it takes, as for NTCP2, the best liked first.
    """

    host: str
    port: int
    static_key: bytes
    intro_key: bytes
    caps: str
    mtu: int
    introducers: tuple[Introducer, ...]
    is_published: bool
    is_ipv6: bool
    pq: tuple[int, ...] = ()

    @classmethod
    def from_address(cls, address: RouterAddress) -> Ssu2Address | None:
        """None if the address is for another transport or malformed.

        The introduction key is required even of routers that publish no host.
        """
        options = address.options
        if not address.style.startswith("SSU") or not _is_version_2(options):
            return None
        static_key = _static_key(options)
        intro_key = _key(options, "i", 32)
        if static_key is None or intro_key is None:
            return None
        host, port, is_ipv6 = _host_and_port(options)
        caps = options.get("caps", "")
        if not host:
            is_ipv6 = "6" in caps and "4" not in caps
        mtu = _number(options, "mtu", 0xFFFF)
        introducers = tuple(_introducers(options)) if not host else ()
        words = options.get("pq", "").split(",", len(_HYBRID_VARIANTS))
        return cls(
            host,
            port,
            static_key,
            intro_key,
            caps,
            mtu,
            introducers,
            bool(host),
            is_ipv6,
            tuple(int(word) for word in words if word in _HYBRID_VARIANTS),
        )


def published_host(address: RouterAddress) -> str:
    """The host of an address of any transport as an IP literal; empty if it has none."""
    return _host_and_port(address.options)[0]


def routable_ip(host: str, *, private: bool = False) -> IpAddress | None:
    """The IP of a literal that routers of the network can reach, or None.

    ``private``: on a test network any IP counts. Names never do. Yggdrasil's count: who can reach
    these is another question (:mod:`core.data.ip_family`).
    """
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    if private or ip in YGGDRASIL:
        return ip
    return ip if ip.is_global and not ip.is_multicast and not ip.is_reserved else None


def _is_version_2(options: Mapping[str, str]) -> bool:
    return "2" in options.get("v", "").split(",")


def _static_key(options: Mapping[str, str]) -> bytes | None:
    key = _key(options, "s", 32)
    # i2pd: an X25519 key never has the top bit set, an address with it is refused.
    return key if key is not None and key[31] < 0x80 else None


def _key(options: Mapping[str, str], name: str, length: int) -> bytes | None:
    text = options.get(name)
    if text is None:
        return None
    try:
        key = b64decode(text)
    except DecodeError:
        return None
    return key if len(key) == length else None


def _number(options: Mapping[str, str], name: str, value_max: int) -> int:
    text = options.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return 0
    value = int(text)
    return value if value <= value_max else 0


def _host_and_port(options: Mapping[str, str]) -> tuple[str, int, bool]:
    """Host as an IP literal, port, whether IPv6; ("", 0, False) unless both are valid.

    Hostnames are not followed: a lookup would tell a name server whom we connect to.
    """
    port = _number(options, "port", 0xFFFF)
    try:
        ip = ipaddress.ip_address(options.get("host", ""))
    except ValueError:
        return "", 0, False
    if not port or ip.is_unspecified or ip.is_multicast or "%" in str(ip):
        return "", 0, False
    return str(ip), port, ip.version == 6


def _introducers(options: Mapping[str, str]) -> list[Introducer]:
    found = []
    for index in range(INTRODUCERS_MAX):
        router_hash = _key(options, f"ih{index}", 32)
        tag = _number(options, f"itag{index}", 0xFFFFFFFF)
        if router_hash is not None and any(router_hash) and tag:
            expires_s = _number(options, f"iexp{index}", 0xFFFFFFFF)
            found.append(Introducer(router_hash, tag, expires_s))
    return found
