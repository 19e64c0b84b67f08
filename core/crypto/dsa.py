"""DSA with SHA-1, signature type 0: the destinations and update signers of I2P's first years.

The group is I2P's own (cryptography.md "DSA"). Current libraries drop 1024-bit DSA, so it is
written out on integers. The nonce is that of RFC 6979. Signing takes a time that depends on its
secrets; that is accepted for old destinations that are moved here, and nothing new is made with
this type by default.

Keys and signatures are big endian: public 128 bytes, private 20, signature r || s of 20 bytes each.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import NamedTuple

from core.base.errors import LocalError
from core.base.ports import Entropy


class Group(NamedTuple):
    """The parameters p, q and g; q has 160 bits."""

    p: int
    q: int
    g: int


I2P_GROUP = Group(
    p=int(
        "9C05B2AA960D9B97B8931963C9CC9E8C3026E9B8ED92FAD0"
        "A69CC886D5BF8015FCADAE31A0AD18FAB3F01B00A358DE23"
        "7655C4964AFAA2B337E96AD316B9FB1CC564B5AEC5B69A9F"
        "F6C3E4548707FEF8503D91DD8602E867E6D35D2235C1869C"
        "E2479C3B9D5401DE04E0727FB33D6511285D4CF29538D9E3"
        "B6051F5B22CC1C93",
        16,
    ),
    q=int("A5DFC28FEF4CA1E286744CD8EED9D29D684046B7", 16),
    g=int(
        "0C1F4D27D40093B429E962D7223824E0BBC47E7C832A3923"
        "6FC683AF84889581075FF9082ED32353D4374D7301CDA1D2"
        "3C431F4698599DDA02451824FF369752593647CC3DDC197D"
        "E985E43D136CDCFC6BD5409CD2F450821142A5E6F8EB1C3A"
        "B5D0484B8129FCF17BCE4F7F33321C3CB3DBB14A905E7B2B"
        "3E93BE4708CBCC82",
        16,
    ),
)
PUBLIC_KEY_LENGTH = 128
PRIVATE_KEY_LENGTH = 20
SIGNATURE_LENGTH = 40
_HALF = 20


def generate_private(entropy: Entropy) -> bytes:
    """A uniform private key in 1 .. q - 1 (64 surplus bits make the bias invisible)."""
    wide = int.from_bytes(entropy.random_bytes(PRIVATE_KEY_LENGTH + 8), "big")
    return (wide % (I2P_GROUP.q - 1) + 1).to_bytes(PRIVATE_KEY_LENGTH, "big")


def derive_public(private: bytes, group: Group = I2P_GROUP) -> bytes:
    """g^x mod p; LocalError unless ``private`` is 20 bytes in 1 .. q - 1."""
    y = pow(group.g, _scalar(private, group), group.p)
    return y.to_bytes(PUBLIC_KEY_LENGTH, "big")


def sign(private: bytes, message: bytes, group: Group = I2P_GROUP) -> bytes:
    """The 40-byte signature; the same for the same message. LocalError on a bad key."""
    x = _scalar(private, group)
    digest = hashlib.sha1(message, usedforsecurity=False).digest()
    h = int.from_bytes(digest, "big")
    for k in _nonces(x, h, group.q):
        r = pow(group.g, k, group.p) % group.q
        s = pow(k, -1, group.q) * (h + x * r) % group.q
        if r and s:
            return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
    raise LocalError("no DSA nonce")  # the nonces never end


def verify(public: bytes, message: bytes, signature: bytes, group: Group = I2P_GROUP) -> bool:
    """Whether the signature holds; False for any malformed input."""
    if len(public) != PUBLIC_KEY_LENGTH or len(signature) != SIGNATURE_LENGTH:
        return False
    p, q, g = group
    y = int.from_bytes(public, "big")
    r = int.from_bytes(signature[:_HALF], "big")
    s = int.from_bytes(signature[_HALF:], "big")
    if not (1 < y < p and 0 < r < q and 0 < s < q):
        return False
    digest = hashlib.sha1(message, usedforsecurity=False).digest()
    w = pow(s, -1, q)
    u1 = int.from_bytes(digest, "big") * w % q
    u2 = r * w % q
    return pow(g, u1, p) * pow(y, u2, p) % p % q == r


def _scalar(private: bytes, group: Group) -> int:
    x = int.from_bytes(private, "big")
    if len(private) != PRIVATE_KEY_LENGTH or not 0 < x < group.q:
        raise LocalError("DSA private key is not 20 bytes below q")
    return x


def _nonces(x: int, h: int, q: int) -> Iterator[int]:
    """The nonces of RFC 6979 section 3.2 for SHA-1 and a 160-bit q: both have 20 bytes."""
    seed = x.to_bytes(_HALF, "big") + (h % q).to_bytes(_HALF, "big")
    key, v = bytes(_HALF), b"\x01" * _HALF
    for mark in (b"\x00", b"\x01"):
        key = hmac.digest(key, v + mark + seed, "sha1")
        v = hmac.digest(key, v, "sha1")
    while True:
        v = hmac.digest(key, v, "sha1")
        candidate = int.from_bytes(v, "big")
        if 0 < candidate < q:
            yield candidate
        key = hmac.digest(key, v + b"\x00", "sha1")
        v = hmac.digest(key, v, "sha1")
