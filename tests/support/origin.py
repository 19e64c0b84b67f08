"""A web server for the tests: reproducible bytes to download, a digest of what is uploaded.

Below ``/site/`` it is the site of :mod:`tests.support.web_site`."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support import web_site
from tests.support.deterministic import SeededEntropy

_CHUNK_BYTES = 65536
PAGE = b"<html><body>It works: a page from an eepsite.</body></html>"


@lru_cache(maxsize=8)
def body_of(size: int) -> bytes:
    """``size`` reproducible bytes that do not compress."""
    block = SeededEntropy(f"origin {size}").random_bytes(min(size, 1 << 20))
    return (block * (size // max(len(block), 1) + 1))[:size]


def digest_of(size: int) -> str:
    return hashlib.sha256(body_of(size)).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = None

    def do_GET(self) -> None:
        if web_site.answer(self) or self._answer_late():
            return
        _, _, size = self.path.strip("/").partition("/")
        if not self.path.startswith("/bytes/") or not size.isdigit():
            self._answer(
                200, b"<html><body>It works: a page from an eepsite.</body></html>", "text/html"
            )
            return
        self._answer(200, body_of(int(size)), "application/octet-stream")

    def do_POST(self) -> None:
        if web_site.answer(self) or self._answer_late():
            return
        digest = hashlib.sha256()
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                digest.update(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length", "0"))
            while left:
                data = self.rfile.read(min(left, _CHUNK_BYTES))
                if not data:
                    return
                digest.update(data)
                left -= len(data)
        self._answer(200, digest.hexdigest().encode(), "text/plain")

    do_PUT = do_POST

    def _answer_late(self) -> bool:
        """``/wait/SECONDS/NAME``: counted under its name, and answered after that time."""
        parts = self.path.split("/")
        if len(parts) != 4 or parts[1] != "wait":
            return False
        assert isinstance(self.server, _Server)
        self.server.asked[parts[3]] += 1
        time.sleep(float(parts[2]))
        self._answer(200, b"at last", "text/plain")
        return True

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self.asked: Counter[str] = Counter()

    def handle_error(self, *_: object) -> None:
        """A peer that goes away mid-transfer is part of the tests."""


class Origin:
    """The server on a free loopback port, as a context manager."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._server = _Server((address, 0))
        self.address = address
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def asked(self) -> Counter[str]:
        """How often each name below ``/wait/`` was asked for."""
        return self._server.asked

    def __enter__(self) -> Origin:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
