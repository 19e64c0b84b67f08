"""Router families: routers of one operator, who says so (network-database, "Family Options").

Three options of a RouterInfo: ``family`` is the name, ``family.key`` the type and public key that
the family signs with, ``family.sig`` the signature of the name and the router hash. Nobody puts two
routers of one family into one tunnel.

Whose family a name is, nobody says: the signature proves that who has the key lets this router in.
i2pd knows the keys of some families, and drops a RouterInfo with a wrong signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.base.errors import DecodeError
from core.crypto import signing
from core.crypto.signing import SigningKey
from core.data.encoding import b64decode, b64encode

NAME, KEY, SIGNATURE = "family", "family.key", "family.sig"


@dataclass(frozen=True, slots=True)
class RouterFamily:
    """What a router of the family has: its ``name``, lower case (i2pd), and the key of all."""

    name: str
    key: SigningKey = field(repr=False)

    def options(self, router_hash: bytes) -> dict[str, str]:
        """What stands in the RouterInfo of one of its routers."""
        return {
            NAME: self.name,
            KEY: f"{self.key.signing_type}:{b64encode(self.key.public)}",
            SIGNATURE: b64encode(self.key.sign(_message(self.name, router_hash))),
        }


def is_genuine(options: Mapping[str, str], router_hash: bytes) -> bool:
    """False if a RouterInfo claims a family with a key and a signature that do not belong to it.

    A claim without them proves nothing, and harms only who makes it. Nor does one with a key of a
    type that we do not know.
    """
    name, key_text, signature_text = (options.get(one) for one in (NAME, KEY, SIGNATURE))
    if name is None or key_text is None or signature_text is None:
        return True
    kind, colon, key_b64 = key_text.partition(":")
    if not (colon and kind.isascii() and kind.isdigit() and len(kind) <= 5):
        return False
    if int(kind) not in signing.PUBLIC_KEY_LENGTH:
        return True
    try:
        key, signature = b64decode(key_b64), b64decode(signature_text)
    except DecodeError:
        return False
    return signing.verify(int(kind), key, _message(name, router_hash), signature)


def _message(name: str, router_hash: bytes) -> bytes:
    return name.encode("utf-8", "replace") + router_hash
