"""Names that carry their destination in themselves: ``.b32.i2p`` and base64 destinations.

A longer ``.b32.i2p`` address ("b33") is that of a destination with an encrypted lease set.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from core.base.errors import DecodeError, Retry, Unavailable
from core.data.blinded_address import LABEL_LENGTH_MIN, BlindedAddress, BlindedTarget
from core.data.identity import Destination, b32_to_hash, hash_to_b32

_B32_LENGTH = 52
_BASE64 = re.compile(r"[A-Za-z0-9~-]{516,4096}={0,2}")


class NameFault(Unavailable):
    """A name that leads nowhere. ``code``: unknown_name or bad_address."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code, Retry.NEVER)


@dataclass(frozen=True, slots=True)
class Address:
    """What a name stands for: the hash of a destination, or its ``blinded`` address.

    With ``blinded`` the destination is not known: ``hash`` is one of the address then, which tells
    such addresses apart and is good for nothing else. ``secret`` and ``client_key`` are what the
    address book keeps for it. ``others``: further destinations of the name, the best first, for
    when ``hash`` is not reached.
    """

    hash: bytes
    blinded: BlindedAddress | None = None
    others: tuple[bytes, ...] = field(default=(), compare=False)
    secret: str = field(default="", compare=False, repr=False)
    client_key: bytes | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_blinded(cls, blinded: BlindedAddress) -> Address:
        """The address of a destination with an encrypted lease set."""
        return cls(hashlib.sha256(blinded.host.encode()).digest(), blinded)

    @property
    def host(self) -> str:
        """The ``….b32.i2p`` form."""
        return hash_to_b32(self.hash) if self.blinded is None else self.blinded.host

    def target(self, secret: str = "", client_key: bytes | None = None) -> bytes | BlindedTarget:
        """What a session connects to; the credentials matter for blinded addresses only.

        Those given here count before those of the address book.
        """
        if self.blinded is None:
            return self.hash
        return BlindedTarget(
            self.blinded, secret or self.secret, client_key if client_key else self.client_key
        )


def read_address(name: str) -> Address | None:
    """The address in a self-contained name, None for a name to look up; raises NameFault.

    ``name`` is lower case unless it is a base64 destination.
    """
    if name.endswith(".b32.i2p"):
        return _read_b32(name)
    if _BASE64.fullmatch(name):
        try:
            return Address(Destination.from_base64(name).hash)
        except DecodeError:
            raise NameFault("not a destination", "bad_address") from None
    return None


def address_in(text: str) -> str | None:
    """The ``.b32.i2p`` address that somebody meant who pasted a URL, or left out the suffix."""
    host = re.sub(r"^[a-z]+://", "", text.strip().lower()).partition("/")[0].partition(":")[0]
    meant = host if host.endswith(".b32.i2p") else f"{host.removesuffix('.i2p')}.b32.i2p"
    try:
        return None if meant == text or read_address(meant) is None else meant
    except NameFault:
        return None


def _read_b32(name: str) -> Address:
    label = name.removesuffix(".b32.i2p")
    label = label.rpartition(".")[2]  # a subdomain of a b32 address is the same destination
    try:
        if len(label) == _B32_LENGTH:
            return Address(b32_to_hash(label))
        if len(label) >= LABEL_LENGTH_MIN:
            return Address.of_blinded(BlindedAddress.parse(label))
    except DecodeError:
        pass
    raise NameFault("not a b32 address", "bad_address")
