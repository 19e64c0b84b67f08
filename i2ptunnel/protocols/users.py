"""Who may use a proxy: names and passwords, from SOCKS or ``Proxy-Authorization: Basic``."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping


def is_user(users: Mapping[str, str], name: bytes, password: bytes) -> bool:
    """Whether there is such a user with this password, in constant time."""
    wanted = users.get(name.decode("utf-8", "replace"))
    is_same = hmac.compare_digest(password, (wanted or "").encode())
    return wanted is not None and is_same


def is_authorised(users: Mapping[str, str], header: str | None) -> bool:
    """Whether a Basic credential (RFC 7617) names a user; True if there are no users."""
    if not users:
        return True
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "basic" or len(token) > 1024:
        return False
    try:
        name, colon, password = base64.b64decode(token.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    return bool(colon) and is_user(users, name, password)
