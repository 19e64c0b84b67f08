"""The encryption key pairs of one local destination: those that its lease set publishes.

A lease set has one key for each encryption type, from the favourite to the last resort: the types
from high to low (common-structures: "LeaseSet2"; i2pd). As in i2pd and Java every type has a key
of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.base.errors import DecodeError, LocalError
from core.crypto.elgamal import EXPONENT_LENGTH, ElGamalKey
from core.crypto.hkdf import hkdf
from core.crypto.x25519 import KEY_LENGTH, X25519Key
from core.data.certificate import CryptoType

TYPES_MAX = 8
"""Java: reads no lease set with more keys."""

_NAMES = {
    "ECIES_X25519": CryptoType.X25519,
    "MLKEM512_X25519": CryptoType.MLKEM512_X25519,
    "MLKEM768_X25519": CryptoType.MLKEM768_X25519,
    "MLKEM1024_X25519": CryptoType.MLKEM1024_X25519,
    "ELGAMAL_2048": CryptoType.ELGAMAL,
}
"""Java: types may be given by name."""


@dataclass(frozen=True, slots=True)
class EncryptionKeys:
    """``ratchet``: X25519 key pairs by encryption type (4, 6, 7); ``elgamal``: that of type 0."""

    ratchet: Mapping[int, X25519Key]
    elgamal: ElGamalKey | None = None

    @classmethod
    def derive(cls, types: Iterable[int], secret: bytes) -> EncryptionKeys:
        """Keys of these types from 32 secret bytes, which are themselves the key of type 4."""
        kinds = _from_high(types)
        has_elgamal = CryptoType.ELGAMAL in kinds
        return cls(
            {kind: X25519Key(_secret_of(kind, secret)) for kind in kinds if kind},
            elgamal_key(secret) if has_elgamal else None,
        )

    @classmethod
    def of_private(
        cls, pairs: Iterable[tuple[int, bytes]], usable: Iterable[int]
    ) -> EncryptionKeys:
        """From (type, private key); others than ElGamal and those of ``usable`` types are left out.

        DecodeError if the one for ElGamal is none.
        """
        known = dict(pairs)
        elgamal = known.get(int(CryptoType.ELGAMAL))
        try:
            old = None if elgamal is None else ElGamalKey(elgamal)
        except LocalError as error:
            raise DecodeError(str(error)) from None
        return cls(
            {
                kind: X25519Key(known[kind])
                for kind in _from_high(usable)
                if len(known.get(kind, b"")) == KEY_LENGTH
            },
            old,
        )

    @property
    def public(self) -> tuple[tuple[int, bytes], ...]:
        """(type, public key) as in a lease set."""
        return tuple((kind, key.public) for kind, key in self._pairs)

    @property
    def private(self) -> tuple[tuple[int, bytes], ...]:
        """(type, private key) in the same order, for the router that decrypts (I2CP)."""
        return tuple((kind, key.private) for kind, key in self._pairs)

    @property
    def _pairs(self) -> list[tuple[int, X25519Key | ElGamalKey]]:
        pairs: list[tuple[int, X25519Key | ElGamalKey]] = [*self.ratchet.items()]
        if self.elgamal is not None:
            pairs.append((int(CryptoType.ELGAMAL), self.elgamal))
        return pairs

    def check(self, published: Iterable[tuple[int, bytes]]) -> None:
        """DecodeError if others may encrypt with a key that is not here, or ours are not there.

        ``published``: as in a lease set. Keys of types that nobody of us can use are the client's
        business, but of those that others prefer to ours none may be there.
        """
        listed = set(published)
        if not listed.issuperset(self.public):
            raise DecodeError("the private keys do not belong to the lease set")
        ours = dict(self.public)
        for kind, key in listed:
            if CryptoType.X25519 <= kind <= CryptoType.MLKEM1024_X25519 and ours.get(kind) != key:
                raise DecodeError(
                    f"this router cannot decrypt type {kind} of i2cp.leaseSetEncType, or has no key"
                )

    def __repr__(self) -> str:
        return f"EncryptionKeys({', '.join(str(kind) for kind, _ in self.public)})"


def elgamal_key(secret: bytes) -> ElGamalKey:
    """The key pair of type 0 that comes from 32 secret bytes."""
    exponent = hkdf(secret, b"", b"lease set key 0", EXPONENT_LENGTH)
    return ElGamalKey((bytes((exponent[0] & 3,)) + exponent[1:]).rjust(256, b"\0"))


def read_types(text: str) -> tuple[int, ...]:
    """Encryption types by comma, as in ``i2cp.leaseSetEncType``, each once, in the given order.

    DecodeError if something else stands there, or more than eight.
    """
    found: dict[int, None] = {}
    for one in filter(None, (part.strip() for part in text.split(","))):
        kind = _NAMES.get(one.upper())
        if kind is None and not (one.isascii() and one.isdecimal() and len(one) <= 5):
            raise DecodeError(f"no encryption type: {one[:32]!r}")
        found[int(one) if kind is None else int(kind)] = None
    if len(found) > TYPES_MAX:
        raise DecodeError(f"{len(found)} encryption types")
    return tuple(found)


def _from_high(types: Iterable[int]) -> list[int]:
    return sorted({int(kind) for kind in types}, reverse=True)


def _secret_of(kind: int, secret: bytes) -> bytes:
    if kind == CryptoType.X25519:
        return secret
    return hkdf(secret, b"", f"lease set key {kind}".encode(), KEY_LENGTH)
