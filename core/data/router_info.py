"""Router infos: what a router publishes about itself (common-structures: "RouterInfo").

Identity, published date, addresses, options, signature; addressed by the hash of the identity. The
exact received bytes are kept and are what is stored, flooded and verified. Parsing checks the
structure only; whether to believe it (signature, age, network id) is for the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader, Writer
from core.data import family
from core.data.identity import HASH_BYTES, RouterIdentity
from core.data.mapping import parse_mapping, write_mapping
from core.data.private_keys import PrivateKeys
from core.data.transport_address import Ntcp2Address, RouterAddress, Ssu2Address

#: Java: larger ones are refused. i2pd refuses from 3072 on, so ours stay below that.
ROUTER_INFO_BYTES_MAX = 4096
ROUTER_INFO_BYTES_BUILD_MAX = 3071
#: Java: more addresses are refused.
ADDRESSES_MAX = 16

BANDWIDTH_CLASSES = "KLMNOPX"
_FAMILY_MARK = b"\x06family="


class RouterInfo:
    """One published record. Equal if all bytes are equal.

    A router knows tens of thousands of them, so each is one small object: the bytes and what is
    asked all the time. The rest is read from the bytes again when it is asked for.
    """

    __slots__ = (
        "_addresses_at",
        "_options_at",
        "_signature_at",
        "caps",
        "hash",
        "network_id",
        "published_ms",
        "raw",
        "version",
    )

    #: the exact bytes
    raw: bytes
    #: the router hash
    hash: bytes
    published_ms: int
    #: the capability letters, or an empty string
    caps: str
    #: ``router.version`` as numbers, such as (0, 9, 67); (0,) if missing or malformed
    version: tuple[int, ...]
    #: ``netId``, or None if missing or malformed
    network_id: int | None
    _addresses_at: int
    _options_at: int
    _signature_at: int

    @classmethod
    def parse(cls, data: bytes) -> RouterInfo:
        """Parse exactly one router info; the signature is not checked."""
        if len(data) > ROUTER_INFO_BYTES_MAX:
            raise DecodeError(f"router info of {len(data)} bytes")
        reader = Reader(data)
        identity = RouterIdentity.parse(reader)
        info = cls()
        info.raw = data
        info.hash = identity.hash
        info.published_ms = reader.u64()
        info._addresses_at = reader.position
        _parse_addresses(reader)
        reader.skip(reader.u8() * HASH_BYTES)  # peers: never used, always zero of them
        info._options_at = reader.position
        options = parse_mapping(reader)
        info._signature_at = reader.position
        signature = reader.rest()
        if not signature or len(signature) != (identity.signature_length or len(signature)):
            raise DecodeError("router info with a signature of the wrong length")
        info.caps = intern(options.get("caps", ""))
        info.version = _version(options.get("router.version", ""))
        info.network_id = _network_id(options.get("netId", ""))
        return info

    @classmethod
    def build(
        cls,
        signer: PrivateKeys,
        published_ms: int,
        addresses: Sequence[RouterAddress],
        options: Mapping[str, str],
    ) -> RouterInfo:
        """Sign a new one; LocalError if peers would find it too large."""
        writer = Writer().raw(signer.router_identity.raw).u64(published_ms).u8(len(addresses))
        for address in addresses:
            writer.raw(address.write())
        body = writer.u8(0).raw(write_mapping(options)).finish()
        raw = body + signer.sign(body)
        if len(raw) > ROUTER_INFO_BYTES_BUILD_MAX or len(addresses) > ADDRESSES_MAX:
            raise LocalError(f"router info of {len(raw)} bytes, {len(addresses)} addresses")
        return cls.parse(raw)

    def verify(self) -> bool:
        """True if the signature is by the identity inside."""
        return self.identity.verify(self.raw[: self._signature_at], self.signature)

    @property
    def identity(self) -> RouterIdentity:
        """Its public keys and certificate."""
        return RouterIdentity.parse(Reader(self.raw))

    @property
    def addresses(self) -> tuple[RouterAddress, ...]:
        """What it publishes of its transports, parsed anew at each call."""
        return _parse_addresses(Reader(self.raw, self._addresses_at))

    @property
    def options(self) -> Mapping[str, str]:
        """Its properties, parsed anew at each call."""
        return parse_mapping(Reader(self.raw, self._options_at))

    @property
    def signature(self) -> bytes:
        """Over everything before it."""
        return self.raw[self._signature_at :]

    @property
    def family(self) -> str | None:
        """The name of its family in lower case, if it claims one; see :mod:`core.data.family`."""
        name = self.options.get(family.NAME) if _FAMILY_MARK in self.raw else None
        return None if name is None else name.lower()

    @property
    def is_family_genuine(self) -> bool:
        """False if it claims a family that has not signed for it."""
        return _FAMILY_MARK not in self.raw or family.is_genuine(self.options, self.hash)

    @property
    def bandwidth_class(self) -> str:
        """The highest of the letters K to X in the capabilities, or an empty string."""
        best = max((BANDWIDTH_CLASSES.find(letter) for letter in self.caps), default=-1)
        return BANDWIDTH_CLASSES[best] if best >= 0 else ""

    @property
    def is_floodfill(self) -> bool:
        """True if it says that it keeps a part of the netDb."""
        return "f" in self.caps

    @property
    def is_hidden(self) -> bool:
        """True if it says that it must not be given to others."""
        return "H" in self.caps

    @property
    def is_reachable(self) -> bool:
        """True unless the router says it is unreachable (U) or hidden (H)."""
        caps = self.caps
        return "U" not in caps and "H" not in caps

    @property
    def encryption_key(self) -> bytes | None:
        """The X25519 key of 32 bytes, or None for routers with another type."""
        identity = self.identity
        return identity.crypto_key if identity.is_x25519 else None

    def ntcp2_addresses(self) -> list[Ntcp2Address]:
        """Every usable NTCP2 address in published order; empty if there is none."""
        return [a for a in map(Ntcp2Address.from_address, self.addresses) if a is not None]

    def ssu2_addresses(self) -> list[Ssu2Address]:
        """Every usable SSU2 address in published order; empty if there is none."""
        return [a for a in map(Ssu2Address.from_address, self.addresses) if a is not None]

    def write(self) -> bytes:
        """The exact bytes that were parsed or built."""
        return self.raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RouterInfo) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"RouterInfo({self.identity!r}, {self.published_ms})"


def _parse_addresses(reader: Reader) -> tuple[RouterAddress, ...]:
    count = reader.u8()
    if count > ADDRESSES_MAX:
        raise DecodeError(f"router info with {count} addresses")
    return tuple([RouterAddress.parse(reader) for _ in range(count)])


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    if len(text) > 32 or not all(part.isascii() and part.isdigit() for part in parts):
        return (0,)
    return tuple([int(part) for part in parts])


def _network_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
