"""Addresses of destinations with an encrypted lease set ("b33"), and what it takes to reach one.

b32encrypted.md. Such an address holds the unblinded signing key instead of a hash: at least 56
characters before ``.b32.i2p``, where a hash has 52. The first three bytes are masked with a CRC-32
of the rest, so that a wrong character nearly always shows as nonsense in flags or types.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field
from functools import lru_cache

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader, Writer
from core.crypto.blinding import BLINDABLE_TYPES, BLINDED_TYPE, KEY_LENGTH, Blinding, store_key
from core.data.encoding import b32decode, b32encode
from core.data.identity import KeysAndCert

SUFFIX = ".b32.i2p"
LABEL_LENGTH_MIN = 56
"""Characters; a shorter label is the hash of a destination."""
CLIENT_KEY_BYTES = 32

_FLAG_TWO_BYTE_TYPES = 0x01
_FLAG_SECRET = 0x02
_FLAG_CLIENT_KEY = 0x04
_FLAGS_UNUSED = 0xF8
_BLINDINGS_KEPT = 64


@dataclass(frozen=True, slots=True)
class BlindedAddress:
    """The public part. The flags say what a client must know besides the address."""

    signing_type: int
    signing_key: bytes
    needs_secret: bool = False
    needs_client_key: bool = False

    @classmethod
    def of(
        cls, destination: KeysAndCert, *, needs_secret: bool = False, needs_client_key: bool = False
    ) -> BlindedAddress:
        """The address of a destination. LocalError if its key cannot be blinded."""
        if destination.signing_type not in BLINDABLE_TYPES:
            raise LocalError(
                f"a destination of signing type {destination.signing_type} cannot be blinded"
            )
        return cls(
            destination.signing_type, destination.signing_key, needs_secret, needs_client_key
        )

    @classmethod
    def parse(cls, text: str) -> BlindedAddress:
        """Read ``<label>.b32.i2p`` or the bare label, in either case; DecodeError."""
        label = text.lower().removesuffix(SUFFIX)
        data = b32decode(label)
        if b32encode(data) != label.rstrip("="):
            raise DecodeError("blinded address with bits set after its end")
        if len(data) < 3:
            raise DecodeError("blinded address is too short")
        reader = Reader(_mask(data))
        flags = reader.u8()
        if flags & _FLAGS_UNUSED:
            raise DecodeError("not a blinded address, or mistyped")
        is_wide = flags & _FLAG_TWO_BYTE_TYPES
        signing_type = reader.u16() if is_wide else reader.u8()
        blinded_type = reader.u16() if is_wide else reader.u8()
        if signing_type not in BLINDABLE_TYPES or blinded_type != BLINDED_TYPE:
            raise DecodeError(
                f"blinded address with signing types {signing_type} and {blinded_type}"
            )
        key = reader.take(KEY_LENGTH)
        reader.expect_end()
        return cls(signing_type, key, bool(flags & _FLAG_SECRET), bool(flags & _FLAG_CLIENT_KEY))

    @property
    def label(self) -> str:
        """The 56 characters before the suffix."""
        flags = _FLAG_SECRET * self.needs_secret | _FLAG_CLIENT_KEY * self.needs_client_key
        writer = Writer().u8(flags).u8(self.signing_type).u8(BLINDED_TYPE)
        return b32encode(_mask(writer.raw(self.signing_key).finish()))

    @property
    def host(self) -> str:
        """The whole address, ``<label>.b32.i2p``."""
        return self.label + SUFFIX

    def is_of(self, destination: KeysAndCert) -> bool:
        """True if this is an address of ``destination``."""
        return (
            destination.signing_type == self.signing_type
            and destination.signing_key == self.signing_key
        )

    def __str__(self) -> str:
        return self.host


@dataclass(frozen=True, slots=True)
class BlindedTarget:
    """An address with everything that opens its lease set. Keep it out of logs.

    ``client_key``: our X25519 private key (DH) or the pre-shared key (PSK), 32 bytes; the lease
    set says which of the two it is.
    """

    address: BlindedAddress
    secret: str = field(default="", repr=False)
    client_key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.client_key is not None and len(self.client_key) != CLIENT_KEY_BYTES:
            raise LocalError(f"client key of {len(self.client_key)} bytes")

    @property
    def blinding(self) -> Blinding:
        """The arithmetic behind it."""
        return _blinding(self.address.signing_type, self.address.signing_key, self.secret)

    def store_key(self, day: int) -> bytes:
        """Where its lease set is stored on a day; DecodeError if the key is no curve point."""
        return store_key(self.blinding.public_key(day))


@lru_cache(maxsize=_BLINDINGS_KEPT)
def _blinding(signing_type: int, public: bytes, secret: str) -> Blinding:
    return Blinding(signing_type, public, secret)


def _mask(data: bytes) -> bytes:
    """XOR the first three bytes with the CRC of the others; its own inverse."""
    checksum = binascii.crc32(data[3:]).to_bytes(4, "little")
    return bytes(a ^ b for a, b in zip(data[:3], checksum, strict=False)) + data[3:]
