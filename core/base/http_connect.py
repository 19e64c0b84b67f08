"""The client side of HTTP's CONNECT (RFC 9110, 9.3.6), without I/O: a connection through a proxy.

Send what :meth:`HttpConnect.data_to_send` returns, feed what comes, until :attr:`status` is there.
"""

from __future__ import annotations

import base64
import re

from core.base.authority import authority
from core.base.errors import DecodeError

HEAD_BYTES_MAX = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: |\r|\Z)")


class HttpConnect:
    """One request to an HTTP proxy. ``host`` is a name or an address, without brackets."""

    def __init__(
        self, host: str, port: int, *, user: str | None = None, password: str = ""
    ) -> None:
        target = authority(host, port)
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if user is not None:
            login = base64.b64encode(f"{user}:{password}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {login}")
        self._out = "\r\n".join((*lines, "", "")).encode()
        self._buffer = b""
        #: of the answer; 2xx: the connection is there
        self.status: int | None = None

    def data_to_send(self) -> bytes:
        """What is to be sent to the proxy now; each byte is given once."""
        data, self._out = self._out, b""
        return data

    def take_rest(self) -> bytes:
        """What came after the answer's head."""
        data, self._buffer = self._buffer, b""
        return data

    def receive_data(self, data: bytes) -> None:
        """Raises DecodeError when this is no HTTP, or has no end."""
        self._buffer += data
        if self.status is not None:
            return
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        found = _STATUS.match(head)
        if (found is None and len(head) > 12) or (end and found is None):
            raise DecodeError("not an HTTP proxy")
        if not end:
            if len(head) > HEAD_BYTES_MAX:
                raise DecodeError("the proxy's answer has no end")
            return
        assert found is not None
        status = int(found[1])
        self._buffer = rest
        if status >= 200:
            self.status = status
        elif rest:
            self.receive_data(b"")
