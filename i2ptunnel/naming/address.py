"""Names that carry their destination in themselves: ``.b32.i2p`` and base64 destinations."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.base.errors import DecodeError, Retry, Unavailable
from core.data.encoding import b32decode
from core.data.identity import Destination, b32_to_hash

_B32_LENGTH = 52
_B33_LENGTH_MIN = 56
_BASE64 = re.compile(r"[A-Za-z0-9~-]{516,4096}={0,2}")


class NameFault(Unavailable):
    """A name that leads nowhere. ``code``: unknown_name, bad_address or encrypted_address."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code, Retry.NEVER)


@dataclass(frozen=True, slots=True)
class Address:
    """What a name stands for: the hash of a destination."""

    hash: bytes


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


def _read_b32(name: str) -> Address:
    label = name.removesuffix(".b32.i2p")
    label = label.rpartition(".")[2]  # a subdomain of a b32 address is the same destination
    try:
        if len(label) == _B32_LENGTH:
            return Address(b32_to_hash(label))
        if len(label) >= _B33_LENGTH_MIN:
            b32decode(label)
            raise NameFault("an encrypted address", "encrypted_address")
    except DecodeError:
        pass
    raise NameFault("not a b32 address", "bad_address")
