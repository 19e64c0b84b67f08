"""Whether a text has public keys as OpenSSH's ``authorized_keys`` has them, without any library."""

from __future__ import annotations

import base64
import re

_KEY = re.compile(r"(?:^|\s)((?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+)\s+([A-Za-z0-9+/]+={0,2})(?:\s|$)")


def fault_of(text: str) -> str | None:
    """What is wrong with the first line that is no key, or that there is none; None: nothing."""
    is_any = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _KEY.search(line)
        if found is None or not _is_key(*found.groups()):
            return f"line {number} is no public key"
        is_any = True
    return None if is_any else "there is no key in it"


def _is_key(kind: str, text: str) -> bool:
    """A key begins with the length and the name of its type (RFC 4253, 6.6)."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return data.startswith(len(kind).to_bytes(4, "big") + kind.encode())
