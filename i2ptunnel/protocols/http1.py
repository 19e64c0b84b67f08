"""HTTP/1.0 and 1.1 messages, read strictly (RFC 9110, 9112) so that nobody downstream disagrees.

The head is read here: a proxy that forwards what it only half understands is how requests get
smuggled. A request with anything ambiguous is refused: bare CR or LF, NUL, space before a colon,
folded lines, two ``Host``, two lengths, a length and a coding, an unknown coding, too many or too
long lines. Responses are read kindly and made canonical (``http_responses``): the origin has been
chosen already. Bodies are read in ``http_body``.

One input, then drain :meth:`next_event` until it says :data:`NEED_DATA`. Each call does a bounded
amount of work.
"""

from __future__ import annotations

import re

from i2ptunnel.protocols.http_body import (
    BodyReader,
    ChunkedBody,
    GunzippedBody,
    InflatedBody,
    LengthBody,
    NoBody,
)
from i2ptunnel.protocols.http_head import (
    CLOSED,
    END,
    NEED_DATA,
    Event,
    Headers,
    HttpFault,
    Limits,
    RequestHead,
    ResponseHead,
    Signal,
)
from i2ptunnel.protocols.http_responses import RESPONSE_LIMITS, ResponseGate, parse_response

__all__ = [
    "CLOSED",
    "END",
    "NEED_DATA",
    "REQUEST_LIMITS",
    "RESPONSE_LIMITS",
    "BodyWriter",
    "Event",
    "Headers",
    "HttpFault",
    "Limits",
    "RequestHead",
    "RequestReader",
    "ResponseHead",
    "ResponseReader",
    "Signal",
    "parse_request",
    "parse_response",
]

REQUEST_LIMITS = Limits(8192, 32768, 100)
#: empty lines before a head
BLANK_LINES_MAX = 32

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[!-~]+")
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)")
#: letters of 4 bytes, and a name that is longer is none; converting costs more than linear
_HOST_BYTES_MAX = 1024
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
_BAD_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(r"[0-9]{1,18}")


class _HeadGate:
    """Splits a request's head into lines, within limits, as the bytes arrive."""

    __slots__ = ("_blank_lines", "_buffer", "_limits", "_lines", "_searched", "_used")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._lines: list[bytes] = []
        self._blank_lines = 0
        self._used = 0

    @property
    def is_empty(self) -> bool:
        return not self._buffer and not self._lines

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def rest(self) -> bytes:
        data = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return data

    def take_lines(self) -> list[bytes] | None:
        """The lines of a complete head, without their ends, or None."""
        start, searched = 0, self._searched
        try:
            while (end := self._buffer.find(b"\n", max(start, searched))) >= 0:
                line = bytes(self._buffer[start:end])
                start = end + 1
                if self._add(line):
                    lines, self._lines, self._used = self._lines, [], 0
                    return lines
            self._check_partial(len(self._buffer) - start)
        finally:
            del self._buffer[:start]
            self._searched = 0
        self._searched = len(self._buffer)
        return None

    def _add(self, line: bytes) -> bool:
        """True at the end of the head."""
        if not line.endswith(b"\r"):
            raise HttpFault(400, "a line ends without CR LF")
        line = line[:-1]
        self._used += len(line) + 2
        self._check_partial(len(line), is_complete=True)
        if not line:
            # Empty lines before the first one are skipped.
            self._blank_lines = 0 if self._lines else self._blank_lines + 1
            if self._blank_lines > BLANK_LINES_MAX:
                raise HttpFault(431, "too many empty lines")
            return bool(self._lines)
        if _BAD_IN_VALUE.search(line):
            raise HttpFault(400, "a control character in the head")
        if line[:1] in (b" ", b"\t"):
            raise HttpFault(400, "a folded header line")
        self._lines.append(line)
        if len(self._lines) > self._limits.fields + 1:
            raise HttpFault(431, "too many header lines")
        return False

    def _check_partial(self, line_bytes: int, is_complete: bool = False) -> None:
        if line_bytes > self._limits.line_bytes:
            is_first = not self._lines
            raise HttpFault(414 if is_first else 431, "a line of the head is too long")
        total = self._used + (0 if is_complete else line_bytes)
        if total > self._limits.head_bytes:
            raise HttpFault(431, "the head is too long")


def _parse_fields(lines: list[bytes]) -> Headers:
    headers = Headers()
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise HttpFault(400, "a header line without a proper name")
        headers.add(name.decode("ascii"), value.strip(b" \t").decode("latin-1"))
    return headers


def _check_framing(headers: Headers, version_minor: int) -> None:
    """One unambiguous way to find the end of a request's body, or HttpFault."""
    lengths = headers.get_all("content-length")
    codings = headers.get_all("transfer-encoding")
    if lengths and codings:
        raise HttpFault(400, "both Content-Length and Transfer-Encoding")
    if len(lengths) > 1:
        raise HttpFault(400, "more than one Content-Length")
    if lengths and not _LENGTH.fullmatch(lengths[0]):
        raise HttpFault(400, "a Content-Length that is no number")
    if codings:
        if version_minor == 0:
            raise HttpFault(400, "Transfer-Encoding in HTTP/1.0")
        if len(codings) > 1 or codings[0].lower() != "chunked":
            raise HttpFault(501, "a Transfer-Encoding other than chunked")


def _percent_encode(raw: bytes) -> bytes:
    return _BEYOND_ASCII.sub(lambda match: b"%%%02X" % match[0][0], raw)


def _encode_target(raw: bytes) -> bytes:
    """As browsers write it: Punycode in the host, percent signs elsewhere; raises HttpFault."""
    match = _ABSOLUTE.match(raw)
    if not match:
        return _percent_encode(raw)
    return match[1] + _encode_authority(match[2]) + _percent_encode(raw[match.end() :])


def _encode_authority(raw: bytes) -> bytes:
    """The host in Punycode, user and password with percent signs; raises HttpFault."""
    user, at, place = raw.rpartition(b"@")
    host, colon, port = place.partition(b":")
    if not host.isascii():
        try:
            host = host[:_HOST_BYTES_MAX].decode().encode("idna")
        except UnicodeError:
            raise HttpFault(400, "a host that is no proper name") from None
    return b"".join((_percent_encode(user), at, host, colon, port))


def parse_request(lines: list[bytes], *, encodes_target: bool = False) -> RequestHead:
    """A request head from its lines; raises HttpFault.

    ``encodes_target``: bytes beyond ASCII in target and Host are encoded instead of refused.
    """
    parts = lines[0].split(b" ")
    if encodes_target and len(parts) == 3 and not parts[1].isascii():
        encode = _encode_authority if parts[0] == b"CONNECT" else _encode_target
        parts[1] = encode(parts[1])
    if len(parts) > 3 and parts[1] and _VERSION.fullmatch(parts[-1]):
        raise HttpFault(400, "a space in the address; %20 stands for one")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise HttpFault(400, "not an HTTP request line")
    version = _VERSION.fullmatch(parts[2])
    if not version:
        raise HttpFault(400, "not an HTTP request line")
    if version[1] != b"1" or version[2] not in b"01":
        raise HttpFault(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    minor = int(version[2])
    headers = _parse_fields(lines[1:])
    hosts = headers.get_all("host")
    if len(hosts) > 1:
        raise HttpFault(400, "more than one Host")
    if not hosts and minor == 1:
        raise HttpFault(400, "Host is missing")
    if encodes_target and hosts and not hosts[0].isascii():
        hosts = [_encode_authority(hosts[0].encode("latin-1")).decode("latin-1")]
        headers.remove("host")
        headers.add("Host", hosts[0])
    if hosts and not re.fullmatch(r"[!-~]*", hosts[0]):
        raise HttpFault(400, "a Host that is no host")
    _check_framing(headers, minor)
    expected = headers.words("expect")
    if expected - {"100-continue"}:
        raise HttpFault(417, "an Expect other than 100-continue")
    return RequestHead(parts[0].decode(), parts[1].decode(), minor, headers)


def _request_body(head: RequestHead) -> BodyReader:
    if "transfer-encoding" in head.headers:
        return ChunkedBody(is_strict=True)
    return _known_length(head.headers) or NoBody()


def _response_body(head: ResponseHead, *, is_bodyless: bool) -> BodyReader:
    if is_bodyless:
        return NoBody()
    body: BodyReader
    if "transfer-encoding" in head.headers:
        body = ChunkedBody(is_strict=False)
    else:
        body = _known_length(head.headers) or LengthBody(None)
    return InflatedBody(body, head.transfer_coding) if head.transfer_coding else body


def _known_length(headers: Headers) -> LengthBody | None:
    length = headers.get("content-length")
    return None if length is None else LengthBody(int(length))


class _MessageReader:
    """What requests and responses have in common."""

    __slots__ = ("_body", "_gate", "_is_eof", "is_doubtful")

    def __init__(self, gate: _HeadGate | ResponseGate) -> None:
        self._gate = gate
        self._body: BodyReader | None = None
        self._is_eof = False
        #: a framing that was read had to be repaired: no other message may follow
        self.is_doubtful = False

    def receive_data(self, data: bytes) -> None:
        """Feed what arrived; empty at the end of the stream."""
        if not data:
            self._is_eof = True
        if self._body is not None:
            self._body.receive_data(data)
        elif data:
            self._gate.feed(data)

    @property
    def is_idle(self) -> bool:
        """Between two messages, with nothing of the next one here."""
        return self._body is None and self._gate.is_empty

    def take_rest(self) -> bytes:
        """What follows the head, unread: for CONNECT and after a switch of protocols."""
        if self._body is not None:
            return self._body.rest() + self._gate.rest()
        return self._gate.rest()

    def _start_body(self, body: BodyReader) -> None:
        self._body = body
        rest = self._gate.rest()
        if rest:
            body.receive_data(rest)
        if self._is_eof:
            body.receive_data(b"")

    def _next_body_event(self) -> bytes | Signal:
        assert self._body is not None
        event = self._body.next_event()
        if event is END:
            self.is_doubtful |= self._body.is_doubtful
            self._gate.feed(self._body.rest())
            self._body = None
        return event


class RequestReader(_MessageReader):
    """Reads the requests of one connection, one after the other."""

    __slots__ = ("_body_bytes", "_body_bytes_max", "_encodes_target")

    def __init__(
        self,
        limits: Limits = REQUEST_LIMITS,
        *,
        body_bytes_max: int | None = None,
        encodes_target: bool = False,
    ) -> None:
        """``encodes_target``: what curl sends of an address in UTF-8 is written as browsers do."""
        self._encodes_target = encodes_target
        super().__init__(_HeadGate(limits))
        self._body_bytes_max = body_bytes_max
        self._body_bytes = 0

    def next_event(self) -> RequestHead | bytes | Signal:
        """A head, then its body's pieces, then END. CONNECT has a head only.

        An empty piece: there is more work, ask again.
        """
        if self._body is not None:
            event = self._next_body_event()
            if isinstance(event, bytes):
                self._count_body(len(event))
            return event
        lines = self._gate.take_lines()
        if lines is None:
            if not self._is_eof:
                return NEED_DATA
            if self._gate.is_empty:
                return CLOSED
            raise HttpFault(400, "the request ends early")
        head = parse_request(lines, encodes_target=self._encodes_target)
        self._body_bytes = 0
        self._count_body(int(head.headers.get("content-length") or 0))
        self._body_bytes = 0
        if head.method != "CONNECT":
            self._start_body(_request_body(head))
        elif head.has_body:
            raise HttpFault(400, "CONNECT with a body")
        return head

    def _count_body(self, count: int) -> None:
        self._body_bytes += count
        if self._body_bytes_max is not None and self._body_bytes > self._body_bytes_max:
            raise HttpFault(413, "the body is too long")


class ResponseReader(_MessageReader):
    """Reads the responses to one request: interim ones, then the final one."""

    def __init__(
        self, method: str, limits: Limits = RESPONSE_LIMITS, *, unpacks: bool = False
    ) -> None:
        """``unpacks``: x-i2p-gzip was asked for and is undone here, with its header removed."""
        gate = ResponseGate(limits)
        super().__init__(gate)
        self._head_gate = gate
        self._method = method
        self._unpacks = unpacks

    def next_event(self) -> ResponseHead | bytes | Signal:
        """Heads (1xx first), the body's pieces, END. After 101 use :meth:`take_rest`.

        An empty piece: there is more work, ask again.
        """
        try:
            return self._next()
        except HttpFault as fault:
            raise HttpFault(502, str(fault)) from None

    def _next(self) -> ResponseHead | bytes | Signal:
        if self._body is not None:
            return self._next_body_event()
        lines = self._gate.take_lines()
        if lines is None:
            if self._is_eof:
                raise HttpFault(502, "the response ends early")
            return NEED_DATA
        head = parse_response(lines)
        self.is_doubtful |= head.is_doubtful or self._head_gate.has_folds
        if not head.is_interim and head.status != 101:
            if self._method == "CONNECT" and 200 <= head.status < 300:
                return head
            is_bodyless = self._method == "HEAD" or head.status in (204, 304)
            body = _response_body(head, is_bodyless=is_bodyless)
            is_packed = self._unpacks and head.headers.words("content-encoding") == {"x-i2p-gzip"}
            if is_packed:
                head.headers.remove("content-encoding")
            self._start_body(GunzippedBody(body) if is_packed and not is_bodyless else body)
        return head


class BodyWriter:
    """Writes a body in the framing that ``headers`` announce."""

    __slots__ = ("_is_chunked",)

    def __init__(self, headers: Headers) -> None:
        self._is_chunked = "transfer-encoding" in headers

    def data(self, piece: bytes) -> bytes:
        """``piece`` as it goes on the wire: one chunk, or as it is where a length was announced."""
        if not self._is_chunked or not piece:
            return piece
        return b"%x\r\n%b\r\n" % (len(piece), piece)

    def end(self) -> bytes:
        """The last chunk; empty without chunked coding."""
        return b"0\r\n\r\n" if self._is_chunked else b""
