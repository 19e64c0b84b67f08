"""Who may use a proxy: names and passwords, from SOCKS or HTTP."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping


def is_user(users: Mapping[str, str], name: bytes, password: bytes) -> bool:
    """Whether there is such a user with this password, in constant time."""
    wanted = users.get(name.decode("utf-8", "replace"))
    is_same = hmac.compare_digest(password, (wanted or "").encode())
    return wanted is not None and is_same


def fingerprint(name: bytes, password: bytes) -> str:
    """Tells credentials apart that nobody checks."""
    return hashlib.sha256(len(name).to_bytes(4, "big") + name + password).hexdigest()
