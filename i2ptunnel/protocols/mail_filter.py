"""What a mail message tells about its sender besides what was written, taken out. Pure.

The header keeps the fields that a letter needs (:data:`KEPT`) and loses all others: the programs,
hosts and ways in ``Received``, ``User-Agent``, ``X-…``. The date loses its time zone, the message
identifiers their host. A multipart boundary that has an address or a name of this machine in it is
replaced. Nothing else of the body is touched, so attachments pass byte for byte.

A message that is signed as a whole (RFC 1847) passes with a clean header and its body untouched;
where the body would have to be changed, the message is refused.
"""

from __future__ import annotations

import email.utils
import hmac
import re
from collections.abc import Iterable
from datetime import UTC

from core.base.errors import PeerError

HEADER_BYTES_MAX = 256 * 1024
#: RFC 5322 allows 998; mailing lists have been seen with more
LINE_BYTES_MAX = 64 * 1024
DEPTH_MAX = 32
KEPT = frozenset(
    b"from to cc reply-to subject date message-id in-reply-to references comments keywords"
    b" mime-version content-type content-transfer-encoding content-disposition content-description"
    b" content-id autocrypt disposition-notification-to importance".split()
)
_IDENTIFIERS = frozenset((b"message-id", b"in-reply-to", b"references"))
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_IDENTIFIER = re.compile(rb"<([^<>@\s]*)@([^<>\s]*)>")
_BOUNDARY = re.compile(
    rb"""(?:;\s*boundary\s*=\s*)(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))""", re.IGNORECASE
)
_MULTIPART = re.compile(rb"\s*multipart/([!-~]+?)\s*(?:;|$)", re.IGNORECASE)
_ADDRESS = re.compile(
    rb"\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}", re.IGNORECASE
)
_DEFAULT_HOST = b"mail.i2p"


class MailRefused(PeerError):
    """The message cannot be made anonymous; the text says why, for the sender."""


class MessageFilter:
    """One message: :meth:`header` first, then :meth:`body_line` for each line.

    Lines are without their ends. ``secret``: names messages that would tell too much, the same way
    each time, so that answers find them. ``private_words``: names of this machine and its users,
    casefolded.
    """

    def __init__(self, secret: bytes, private_words: frozenset[str]) -> None:
        self._secret = secret
        self._private = [word.encode() for word in private_words]
        self._is_signed = False
        #: open multiparts, the innermost last: the boundary, and what stands in its place
        self._parts: list[tuple[bytes, bytes]] = []
        self._part_header: list[bytes] | None = None
        self.fields_dropped = 0

    def header(self, lines: Iterable[bytes]) -> list[bytes]:
        """The header section that goes out; raises MailRefused."""
        fields = [(name.lower(), name, value) for name, value in _fields(lines)]
        kept = [one for one in fields if one[0] in KEPT]
        self.fields_dropped += len(fields) - len(kept)
        own_host = self._own_host(kept)
        sender_host = _sender_host(kept)
        result = []
        for key, name, value in kept:
            if key == b"date":
                value = _utc(value)
            elif key in _IDENTIFIERS:
                value = self._identifiers(value, own_host, sender_host)
            elif key == b"content-type":
                value = self._content_type(value, is_top=True)
            if value.strip():
                result += (name + b":" + value).split(b"\r\n")
        return result

    def body_line(self, line: bytes) -> bytes:
        """The line that goes out; raises MailRefused."""
        if self._part_header is not None:
            return self._header_line_of_part(line)
        if not self._parts or not line.startswith(b"--"):
            return line
        for depth in range(len(self._parts) - 1, -1, -1):
            boundary, replaced = self._parts[depth]
            if not line.startswith(b"--" + boundary):
                continue
            rest = line[2 + len(boundary) :]
            if rest.rstrip() not in (b"", b"--"):
                continue
            # Parts inside of this one that were not ended have ended.
            del self._parts[depth + 1 :]
            if rest.startswith(b"--"):
                self._parts.pop()
            else:
                self._part_header = []
            return b"--" + replaced + rest
        return line

    def _header_line_of_part(self, line: bytes) -> bytes:
        """A part's header stays as it is, but for a boundary that tells something."""
        header = self._part_header
        assert header is not None
        if line and not line.startswith(b"--"):
            if line[:1] in b" \t" and header:
                header[-1] += b"\r\n" + line
            else:
                header.append(line)
            if sum(map(len, header)) > HEADER_BYTES_MAX:
                raise MailRefused("the header of a part is too long")
            self._look_for_boundary(header[-1])
            return self._replaced(line)
        self._part_header = None
        return line if not line else self.body_line(line)

    def _look_for_boundary(self, field: bytes) -> None:
        match = _FIELD.fullmatch(field)
        if match is None or match[1].lower() != b"content-type":
            return
        boundary = _boundary_of(match[2])
        if boundary and not any(one == boundary for one, _ in self._parts):
            self._open(boundary)

    def _open(self, boundary: bytes) -> bytes:
        if len(self._parts) >= DEPTH_MAX:
            raise MailRefused(f"multiparts are nested more than {DEPTH_MAX} deep")
        replaced = boundary
        if self._tells(boundary):
            if self._is_signed and self._parts:
                raise MailRefused("it is signed, and a boundary in it names this machine")
            replaced = self._named(boundary)
        self._parts.append((boundary, replaced))
        return replaced

    def _replaced(self, line: bytes) -> bytes:
        boundary, replaced = self._parts[-1] if self._parts else (b"", b"")
        return line if boundary == replaced else line.replace(boundary, replaced)

    def _content_type(self, value: bytes, *, is_top: bool) -> bytes:
        multipart = _MULTIPART.match(value)
        self._is_signed = is_top and multipart is not None and multipart[1].lower() == b"signed"
        boundary = _boundary_of(value)
        if multipart is None or not boundary:
            return value
        replaced = self._open(boundary)
        return value if replaced == boundary else value.replace(boundary, replaced)

    def _identifiers(self, value: bytes, own_host: bytes, sender_host: bytes) -> bytes:
        def replace(match: re.Match[bytes]) -> bytes:
            whole, left, host = match[0], match[1], match[2].lower()
            is_own = host == own_host
            if not is_own or (host == sender_host and not self._tells(left)):
                return whole
            return b"<" + self._named(whole) + b"@" + sender_host + b">"

        return _IDENTIFIER.sub(replace, value)

    def _own_host(self, fields: list[tuple[bytes, bytes, bytes]]) -> bytes:
        """What stands in this message's identifier: in those it answers, it is a host of ours."""
        for key, _, value in fields:
            if key == b"message-id" and (match := _IDENTIFIER.search(value)) is not None:
                return match[2].lower()
        return b""

    def _tells(self, text: bytes) -> bool:
        """Whether there is an address, or a name of this machine, in it."""
        folded = text.lower()
        return _ADDRESS.search(text) is not None or any(word in folded for word in self._private)

    def _named(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, text, "sha256").hex()[:32].encode()


def _fields(lines: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """Names and values, folded lines joined by CRLF; lines that are no field are left out."""
    unfolded: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and unfolded:
            unfolded[-1] += b"\r\n" + line
        else:
            unfolded.append(line)
    matches = [_FIELD.fullmatch(field) for field in unfolded]
    return [(match[1], match[2]) for match in matches if match is not None]


def _boundary_of(value: bytes) -> bytes:
    match = _BOUNDARY.search(value)
    if match is None:
        return b""
    return re.sub(rb"\\(.)", rb"\1", match[1]) if match[1] is not None else match[2]


def _sender_host(fields: list[tuple[bytes, bytes, bytes]]) -> bytes:
    """The host of the sender's address, which he writes himself."""
    for key, _, value in fields:
        if key == b"from":
            address = email.utils.parseaddr(value.decode("latin-1"))[1]
            host = address.rpartition("@")[2].lower()
            return host.encode("latin-1") or _DEFAULT_HOST
    return _DEFAULT_HOST


def _utc(value: bytes) -> bytes:
    """The same moment without the sender's time zone; nothing if it cannot be read."""
    try:
        moment = email.utils.parsedate_to_datetime(value.decode("ascii").strip())
    except ValueError:
        return b""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return b" " + email.utils.format_datetime(moment).encode()
