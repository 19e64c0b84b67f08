"""Offline signature: a transient signing key authorised by the long-term one.

common-structures: "OfflineSignature"; used in lease sets, streaming, datagrams and key files.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.base.errors import DecodeError
from core.base.wire import Reader, Writer
from core.crypto import signing
from core.data.identity import KeysAndCert


@dataclass(frozen=True, slots=True)
class OfflineSignature:
    """``expires_s`` is in unix seconds; ``signature`` is by the identity's long-term key."""

    expires_s: int
    signing_type: int
    signing_key: bytes
    signature: bytes

    @classmethod
    def parse(cls, reader: Reader, signer_signature_length: int) -> OfflineSignature:
        """Read one; the signature has the length of the long-term key's type.

        DecodeError for an unknown transient type: what follows could not be found.
        """
        expires_s = reader.u32()
        signing_type = reader.u16()
        length = signing.PUBLIC_KEY_LENGTH.get(signing_type)
        if length is None:
            raise DecodeError(f"offline signature: unknown signing type {signing_type}")
        if not signer_signature_length:
            raise DecodeError("offline signature by a key of unknown type")
        key = reader.take(length)
        return cls(expires_s, signing_type, key, reader.take(signer_signature_length))

    def signed_part(self) -> bytes:
        """What the long-term key signs."""
        return Writer().u32(self.expires_s).u16(self.signing_type).raw(self.signing_key).finish()

    def write(self) -> bytes:
        """All of it, as it stands in a lease set or packet."""
        return self.signed_part() + self.signature

    @property
    def transient_signature_length(self) -> int:
        """Bytes of a signature by the transient key."""
        return signing.SIGNATURE_LENGTH[self.signing_type]

    def is_authorised_by(self, identity: KeysAndCert) -> bool:
        """True if ``identity`` signed the transient key. The expiry is the caller's to check."""
        return identity.verify(self.signed_part(), self.signature)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """True if ``signature`` of ``message`` is by the transient key."""
        return signing.verify(self.signing_type, self.signing_key, message, signature)
