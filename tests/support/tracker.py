"""A small tracker for torrents in I2P: one swarm for each info hash, peers as 32-byte hashes.

It stands behind an eepsite, which tells it who announces (``X-I2P-DestHash``).
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_to_bytes, urlsplit

from core.data.encoding import b64decode


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        parts = urlsplit(self.path)
        pairs = (pair.partition("=") for pair in parts.query.split("&"))
        given = {key: unquote_to_bytes(value) for key, _, value in pairs}
        swarm = server.swarms.setdefault(given.get("info_hash", b""), {})
        own = b64decode(self.headers.get("X-I2P-DestHash", ""))
        peers = b"".join(one for one in swarm if one != own)
        if given.get("event") == b"stopped":
            swarm.pop(own, None)
        elif len(own) == 32:
            swarm[own] = None
        body = b"d8:intervali5e12:min intervali2e5:peers%d:%se" % (len(peers), peers)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self.swarms: dict[bytes, dict[bytes, None]] = {}


class Tracker:
    """On a free port of loopback, as a context manager."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0))
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def swarms(self) -> dict[bytes, dict[bytes, None]]:
        """Info hash -> hashes of the peers that have announced."""
        return self._server.swarms

    def __enter__(self) -> Tracker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
