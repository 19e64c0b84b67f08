"""Response heads as servers really send them, made canonical (RFC 9110, 9112).

curl and browsers read much that no standard allows, and so do we: the origin has been chosen
already, and what is passed on is written anew. Line ends may be LF or have several CR, fields may
be folded, a status line may tell another version or be Shoutcast's; control characters in values
become spaces (RFC 9110 5.5), a space before a colon goes (RFC 9112 5.1), lines without a usable
name are dropped. The framing is repaired where only one reading is left: ``chunked`` wins over a
length (RFC 9112 6.3), equal lengths are one, ``identity`` and ``none`` are nothing, gzip around the
content is undone. A response is refused only where two readers could differ on where it ends or
what its fields are: different or unreadable lengths, unknown codings, NUL, a bare CR. Repaired
framing makes a head ``is_doubtful``: nothing that follows on the same connection is taken for
another response.
"""

from __future__ import annotations

import re

from i2ptunnel.protocols.http_head import Headers, HttpFault, Limits, ResponseHead

#: what browsers take: Chromium 256 KiB in all; its lines and fields have no limit of their own
RESPONSE_LIMITS = Limits(262_144, 262_144, 4096)
_BLANK_LINES_MAX = 32

_STATUS_LINE = re.compile(
    rb"[ \t]*(?:HTTP/([0-9]{1,3})(?:\.([0-9]{1,3}))?|ICY)[ \t]+([1-9][0-9][0-9])(?:[ \t]+(.*))?",
    re.IGNORECASE,
)
_CANONICAL_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [0-9]{3}(?: .*)?")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x01-\x08\x0a-\x1f\x7f]")
_WITHOUT_CONTROL = bytes(
    32 if (byte < 32 and byte != 9) or byte == 127 else byte for byte in range(256)
)
#: in a list that says where the body ends
_MEMBERS_MAX = 64
_LENGTH = re.compile(r"[0-9]{1,18}")
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))
#: transfer codings besides chunked that are undone
TRANSFER_CODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class ResponseGate:
    """Splits a head into lines, within limits, as the bytes arrive; linear whatever the pieces."""

    def __init__(self, limits: Limits = RESPONSE_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._scanned = 0
        self._lines: list[bytes] = []
        self._folds: list[bytes] = []
        self._used = 0
        self._line_count = 0
        self._blank_lines = 0
        #: whether the last head had folded lines
        self.has_folds = False

    @property
    def is_empty(self) -> bool:
        """Whether everything that was fed has been passed on."""
        return not self._buffer and not self._lines

    def feed(self, data: bytes) -> None:
        """Bytes as they came, in any division."""
        self._buffer += data

    def rest(self) -> bytes:
        """What is not part of a head; it is taken out."""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return data

    def take_lines(self) -> list[bytes] | None:
        """The lines of a complete head, unfolded and without their ends, or None."""
        buffer = self._buffer
        start = 0
        try:
            while (end := buffer.find(b"\n", max(start, self._scanned))) >= 0:
                line = bytes(buffer[start:end])
                start = end + 1
                if self._add(line):
                    self._unfold()
                    lines, self._lines = self._lines, []
                    self._used = self._line_count = 0
                    return lines
            if self._used + len(buffer) - start > self._limits.head_bytes:
                raise HttpFault(502, "the head is too long")
        finally:
            del buffer[:start]
            self._scanned = 0 if start and end >= 0 else len(buffer)
        return None

    def _add(self, line: bytes) -> bool:
        """True at the end of the head."""
        line = line.rstrip(b"\r")
        self._used += len(line) + 2
        if self._used > self._limits.head_bytes:
            raise HttpFault(502, "the head is too long")
        if not line:
            # Empty lines before the first one are skipped.
            self._blank_lines = 0 if self._lines else self._blank_lines + 1
            if self._blank_lines > _BLANK_LINES_MAX:
                raise HttpFault(502, "too many empty lines")
            return bool(self._lines)
        if b"\0" in line or b"\r" in line:
            raise HttpFault(502, "a NUL or a bare CR in the head")
        self._line_count += 1
        if self._line_count > self._limits.fields + 1:
            raise HttpFault(502, "too many header lines")
        if self._lines and line[0] in b" \t":
            self._folds.append(line.strip(b" \t"))
            self.has_folds = True
        else:
            self._unfold()
            self._lines.append(line)
        return False

    def _unfold(self) -> None:
        if self._folds:
            if len(self._lines) > 1:  # what is folded below the status line belongs to nothing
                self._lines[-1] = b" ".join((self._lines[-1], *self._folds))
            self._folds.clear()


def parse_response(lines: list[bytes]) -> ResponseHead:
    """A response head from its lines, made canonical; raises HttpFault (502)."""
    match = _STATUS_LINE.fullmatch(lines[0])
    if not match:
        raise HttpFault(502, "not an HTTP status line")
    major, minor_text = match[1], match[2] or b"0"
    is_old = major is None or int(major) == 0 or (int(major) == 1 and int(minor_text) == 0)
    reason = (match[4] or b"").translate(_WITHOUT_CONTROL).strip(b" \t").decode("latin-1")
    head = ResponseHead(int(match[3]), reason, 0 if is_old else 1)
    head.is_doubtful = not _CANONICAL_STATUS_LINE.fullmatch(lines[0])
    for line in lines[1:]:
        _read_field(head, line)
    _repair_framing(head)
    return head


def _read_field(head: ResponseHead, line: bytes) -> None:
    name, colon, value = line.partition(b":")
    token = name.rstrip(b" \t")
    if not colon or not _TOKEN.fullmatch(token):
        return
    if token.lower() in _FRAMING:
        if _CONTROL.search(value):
            raise HttpFault(502, "a control character in the framing")
        head.is_doubtful |= token != name
    text = value.translate(_WITHOUT_CONTROL).strip(b" \t")
    head.headers.add(token.decode("ascii"), text.decode("latin-1"))


def _members(headers: Headers, name: str) -> list[str]:
    """The members of a comma list over all its fields, in lower case; empty ones too."""
    values = headers.get_all(name)
    members = ",".join(values).split(",", _MEMBERS_MAX) if values else []
    if len(members) > _MEMBERS_MAX:
        raise HttpFault(502, "a list without end in the framing")
    return [member.strip(" \t").lower() for member in members]


def _repair_framing(head: ResponseHead) -> None:
    """Leave one field at most that says where the body ends, or raise HttpFault."""
    headers = head.headers
    told = _members(headers, "transfer-encoding")
    codings = [coding for coding in told if coding not in ("", "identity", "none")]
    lengths = _members(headers, "content-length")
    if told:
        headers.remove("transfer-encoding")
        head.is_doubtful |= told != ["chunked"] or head.version_minor == 0
    if codings:
        _read_codings(head, codings)
        if lengths:
            headers.remove("content-length")
            head.is_doubtful = True
    elif lengths:
        headers.remove("content-length")
        head.is_doubtful |= len(lengths) > 1
        values = set()
        for length in filter(None, lengths):
            if not _LENGTH.fullmatch(length):
                raise HttpFault(502, "a Content-Length that is no number")
            values.add(int(length))
        if len(values) > 1:
            raise HttpFault(502, "more than one Content-Length")
        for value in values:
            headers.add("Content-Length", str(value))
        head.is_doubtful |= not values


def _read_codings(head: ResponseHead, codings: list[str]) -> None:
    others = [coding for coding in codings if coding != "chunked"]
    if len(others) > 1 or (others and others[0] not in TRANSFER_CODINGS):
        raise HttpFault(502, "an unknown Transfer-Encoding")
    if others:
        head.transfer_coding = others[0]
    if "chunked" in codings:
        if codings[-1] != "chunked":
            raise HttpFault(502, "a Transfer-Encoding around the chunks")
        head.headers.add("Transfer-Encoding", "chunked")
