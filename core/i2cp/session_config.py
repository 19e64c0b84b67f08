"""The SessionConfig structure: a destination with its options, signed (i2cp.md "Session Config").

With offline keys the transient key signs, and three options say who authorised it (proposal 123,
"Session Configuration").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.base.errors import DecodeError
from core.base.wire import Reader
from core.crypto import signing
from core.crypto.signing import SigningType
from core.data.encoding import b64decode, b64encode
from core.data.identity import Destination
from core.data.mapping import parse_mapping, write_mapping
from core.data.offline import OfflineSignature
from core.data.private_keys import PrivateKeys

#: how far the date may lie from the router's clock
DATE_TOLERANCE_MS = 30_000

_EXPIRES = "i2cp.leaseSetOfflineExpiration"
_TRANSIENT = "i2cp.leaseSetTransientPublicKey"
_SIGNATURE = "i2cp.leaseSetOfflineSignature"
#: Java writes the type of a key by its name.
_TYPE_NAMES = {
    "DSA_SHA1": SigningType.DSA_SHA1,
    "ECDSA_SHA256_P256": SigningType.ECDSA_P256,
    "ECDSA_SHA384_P384": SigningType.ECDSA_P384,
    "ECDSA_SHA512_P521": SigningType.ECDSA_P521,
    "EDDSA_SHA512_ED25519": SigningType.ED25519,
    "REDDSA_SHA512_ED25519": SigningType.REDDSA,
}


@dataclass(frozen=True, slots=True)
class SessionConfigStructure:
    """``date_ms``: Unix time. ``signed``: the bytes that the signature covers."""

    destination: Destination
    options: Mapping[str, str] = field(repr=False)
    date_ms: int
    signature: bytes = field(repr=False)
    signed: bytes = field(repr=False)

    @classmethod
    def read(cls, reader: Reader) -> SessionConfigStructure:
        """DecodeError if malformed. The signature is not checked: :meth:`verify`."""
        start = reader.position
        destination = Destination.parse(reader)
        options = parse_mapping(reader)
        date_ms = reader.u64()
        signed = reader.since(start)
        return cls(destination, options, date_ms, reader.rest(), signed)

    @classmethod
    def build(
        cls, keys: PrivateKeys, options: Mapping[str, str], date_ms: int
    ) -> SessionConfigStructure:
        """Sign one. LocalError if an option is longer than 255 bytes."""
        options = {**options, **_offline_options(keys.offline)}
        signed = keys.destination.raw + write_mapping(options) + date_ms.to_bytes(8, "big")
        return cls(keys.destination, options, date_ms, keys.sign(signed), signed)

    def write(self) -> bytes:
        """As it stands at the end of a message."""
        return self.signed + self.signature

    @property
    def offline(self) -> OfflineSignature | None:
        """The transient key that the options name; DecodeError if they contradict themselves."""
        return offline_in(self.options)

    def verify(self) -> bool:
        """True if the destination signed it, or a transient key that it authorised."""
        try:
            offline = self.offline
        except DecodeError:
            return False
        if offline is None:
            return self.destination.verify(self.signed, self.signature)
        return (
            offline.is_authorised_by(self.destination)
            and offline.expires_s * 1000 >= self.date_ms
            and offline.verify(self.signed, self.signature)
        )


def _offline_options(offline: OfflineSignature | None) -> dict[str, str]:
    if offline is None:
        return {}
    return {
        _EXPIRES: str(offline.expires_s),
        _TRANSIENT: f"{int(offline.signing_type)}:{b64encode(offline.signing_key)}",
        _SIGNATURE: b64encode(offline.signature),
    }


def offline_in(options: Mapping[str, str]) -> OfflineSignature | None:
    """The offline signature in the options of a session; None without one.

    DecodeError if the three options are incomplete or cannot be read.
    """
    if not options.get(_TRANSIENT):
        return None
    kind, separator, key = options[_TRANSIENT].rpartition(":")
    try:
        number = _TYPE_NAMES.get(kind.upper()) if separator else SigningType.DSA_SHA1
        signing_type = int(kind) if number is None else int(number)
        expires_s = int(options.get(_EXPIRES, ""))
    except ValueError:
        raise DecodeError("session options: offline keys cannot be read") from None
    public, signature = b64decode(key), b64decode(options.get(_SIGNATURE, ""))
    is_whole = signing.PUBLIC_KEY_LENGTH.get(signing_type) == len(public)
    if not is_whole or not 0 <= expires_s < 2**32:
        raise DecodeError("session options: offline keys of an unknown type")
    return OfflineSignature(expires_s, signing_type, public, signature)
