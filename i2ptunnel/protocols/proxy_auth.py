"""Who uses a proxy: ``Proxy-Authorization`` by Basic (RFC 7617) and Digest (RFC 7616).

Digest is offered with SHA-256 and MD5. Its nonces are made from the time and a key of ours, so that
none has to be remembered before it is used; of those in use each count is accepted once, in any
order within a window, for browsers use several connections at a time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.base.bounded import BoundedMap
from i2ptunnel.protocols.http1 import RequestHead
from i2ptunnel.protocols.users import fingerprint, is_user

NONCE_LIFETIME_S = 3600
_HEADER_CHARACTERS_MAX = 4096
_NONCES_MAX = 1024
_COUNT_WINDOW = 1024
_STAMP_BYTES = 12
_TAG_BYTES = 16
_PARAMETER = re.compile(r'\s*([A-Za-z0-9_*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_ALGORITHMS: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``credential``: who it is, in a form that tells users apart; None: nobody was named."""

    is_allowed: bool
    credential: str | None = None
    is_stale: bool = False


class ProxyAuth:
    """The users of one proxy. ``key``: 32 random bytes; times are seconds of any clock."""

    def __init__(
        self, users: Mapping[str, str], methods: Sequence[str], realm: str, key: bytes
    ) -> None:
        self._users = dict(users)
        self._methods = tuple(methods)
        self._realm = realm
        self._key = key
        self._made = 0
        #: nonce -> highest count seen, and which of the counts below it (bit 0: the highest)
        self._counts: BoundedMap[str, tuple[int, int]] = BoundedMap(_NONCES_MAX)

    def challenges(self, now: float, *, is_stale: bool = False) -> list[str]:
        """The values of ``Proxy-Authenticate``, the best one first."""
        result = []
        if "digest" in self._methods:
            stale = ", stale=true" if is_stale else ""
            result = [
                f'Digest realm="{self._realm}", qop="auth", algorithm={algorithm}, '
                f'nonce="{self._make_nonce(now)}"{stale}'
                for algorithm in _ALGORITHMS
            ]
        if "basic" in self._methods:
            result.append(f'Basic realm="{self._realm}", charset="UTF-8"')
        return result

    def check(self, head: RequestHead, now: float) -> Verdict:
        """Whether a request may pass. Without users everybody may, and may name himself."""
        header = head.headers.get("proxy-authorization") or ""
        scheme, _, rest = header.partition(" ")
        if len(header) > _HEADER_CHARACTERS_MAX:
            return Verdict(is_allowed=not self._users)
        basic = _read_basic(rest) if scheme.lower() == "basic" else None
        if not self._users:
            return Verdict(True, None if basic is None else fingerprint(*basic))
        if basic is not None and "basic" in self._methods:
            is_right = is_user(self._users, *basic)
            return Verdict(is_right, basic[0].decode("utf-8", "replace") if is_right else None)
        if scheme.lower() == "digest" and "digest" in self._methods:
            return self._check_digest(rest, head, now)
        return Verdict(is_allowed=False)

    def _check_digest(self, rest: str, head: RequestHead, now: float) -> Verdict:
        given = _read_parameters(rest)
        if given is None or given.get("qop") != "auth" or given.get("realm") != self._realm:
            return Verdict(is_allowed=False)
        digest = _ALGORITHMS.get(given.get("algorithm", "MD5").upper())
        name, uri, nonce = given.get("username", ""), given.get("uri", ""), given.get("nonce", "")
        count_text = given.get("nc", "")
        if digest is None or not re.fullmatch("[0-9a-fA-F]{8}", count_text):
            return Verdict(is_allowed=False)
        if uri not in (head.target, _path_of(head.target)):
            return Verdict(is_allowed=False)
        password = self._users.get(name)
        a1 = digest(f"{name}:{self._realm}:{password or ''}".encode())
        a2 = digest(f"{head.method}:{uri}".encode("latin-1"))
        parts = (a1, nonce, count_text, given.get("cnonce", ""), "auth", a2)
        wanted = digest(":".join(parts).encode("latin-1"))
        # As bytes: strings with other characters than ASCII cannot be compared.
        is_right = hmac.compare_digest(wanted.encode(), given.get("response", "").lower().encode())
        if not is_right or password is None:
            return Verdict(is_allowed=False)
        age_s = self._age_of(nonce, now)
        if age_s is None:
            return Verdict(is_allowed=False, is_stale=True)  # from before a restart, perhaps
        if age_s > NONCE_LIFETIME_S:
            return Verdict(is_allowed=False, is_stale=True)
        if not self._count(nonce, int(count_text, 16)):
            return Verdict(is_allowed=False, is_stale=True)
        return Verdict(True, name)

    def _make_nonce(self, now: float) -> str:
        self._made = (self._made + 1) & 0xFFFFFFFF
        stamp = int(now * 1000).to_bytes(8, "big") + self._made.to_bytes(4, "big")
        return base64.urlsafe_b64encode(stamp + self._tag(stamp)).decode()

    def _tag(self, stamp: bytes) -> bytes:
        return hmac.digest(self._key, b"nonce" + stamp, "sha256")[:_TAG_BYTES]

    def _age_of(self, nonce: str, now: float) -> float | None:
        """Seconds since we made it; None if we did not."""
        try:
            raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        stamp, tag = raw[:_STAMP_BYTES], raw[_STAMP_BYTES:]
        if not hmac.compare_digest(self._tag(stamp), tag):
            return None
        return now - int.from_bytes(stamp[:8], "big") / 1000

    def _count(self, nonce: str, count: int) -> bool:
        """Whether a count of a nonce is used for the first time."""
        highest, seen = self._counts.get(nonce, (0, 0))
        is_new = True
        if count > highest:
            shift = min(count - highest, _COUNT_WINDOW)
            highest, seen = count, (seen << shift | 1) & ((1 << _COUNT_WINDOW) - 1)
        elif highest - count >= _COUNT_WINDOW or seen >> (highest - count) & 1:
            is_new = False
        else:
            seen |= 1 << (highest - count)
        self._counts.put(nonce, (highest, seen))
        return is_new


def _read_basic(token: str) -> tuple[bytes, bytes] | None:
    """(name, password), or None."""
    try:
        name, colon, password = base64.b64decode(token.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None


def _read_parameters(text: str) -> dict[str, str] | None:
    """The comma list of a Digest header; None if it is none, or one is there twice."""
    result: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if not match or match[1].lower() in result:
            return None
        quoted = match[2]
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match[3]
        if match[1].lower() == "username":
            value = value.encode("latin-1").decode("utf-8", "replace")
        result[match[1].lower()] = value
        position = match.end()
    return result


def _path_of(target: str) -> str:
    """The path and query of an absolute address: what some clients sign instead of all of it."""
    _, mark, rest = target.partition("://")
    if not mark:
        return target
    return "/" + rest.partition("/")[2]
