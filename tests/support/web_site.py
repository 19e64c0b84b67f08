"""A small web site with what browsers do: pages, images, a form, a download, a WebSocket echo.

It answers below ``/site/`` of :class:`tests.support.origin.Origin`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import struct
import zlib
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, quote, unquote

PREFIX = "/site/"
IMAGES = 12
DOWNLOAD = bytes(range(256)) * 2000
_WEBSOCKET_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE = 8

_INDEX = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>A site</title>
<link rel="stylesheet" href="style.css"><script src="echo.js" defer></script></head><body>
<h1>A site in I2P</h1><p id="pictures">{images}</p>
<p><a id="next" href="second.html">Next page</a> <a id="file" href="file.bin">File</a></p>
<form method="post" action="form" enctype="{enctype}"><input name="words" value="{words}">
<input type="file" name="upload" id="upload"><button id="send">Send</button></form>
<p id="echo"></p></body></html>
"""
_SECOND = """<!DOCTYPE html><html><head><title>Second page</title></head><body>
<p id="referrer"></p><script>
document.getElementById('referrer').textContent = 'from ' + document.referrer;
</script><p><a id="back" href="./">Back</a></p></body></html>
"""
_STYLE = "h1{color:rgb(1, 2, 3)}body{font-family:sans-serif}"
_SCRIPT = """
const socket = new WebSocket(`ws://${location.host}/site/echo`);
const said = [];
socket.onopen = () => { for (const word of ['one', 'two', 'x'.repeat(70000)]) socket.send(word); };
socket.onmessage = event => {
  said.push(event.data.length);
  if (said.length === 3) socket.close(1000);
};
socket.onclose = event => {
  document.getElementById('echo').textContent = `${said.join()} ${event.code}`;
};
"""


def picture(number: int) -> bytes:
    """A PNG of 40 x 40 points in a colour of its own."""
    row = b"\0" + bytes((number * 20 % 256, 90, 200)) * 40
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 40, 40, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 40)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def answer(handler: BaseHTTPRequestHandler) -> bool:
    """Answer a request below ``/site/``; False if it is for somewhere else."""
    path, _, query = handler.path.partition("?")
    if not path.startswith(PREFIX):
        return False
    name = path.removeprefix(PREFIX)
    if name == "echo":
        _echo(handler)
    elif name == "form":
        _send(handler, _form_answer(handler), "text/html; charset=utf-8")
    elif name.startswith("picture"):
        _send(handler, picture(int(name.removeprefix("picture").removesuffix(".png"))), "image/png")
    elif name == "file.bin":
        _send(
            handler,
            DOWNLOAD,
            "application/octet-stream",
            ("Content-Disposition", 'attachment; filename="file.bin"'),
        )
    elif name == "link":
        _send(handler, _link(query).encode(), "text/html; charset=utf-8")
    else:
        pages = {"": _index(), "second.html": _SECOND, "style.css": _STYLE, "echo.js": _SCRIPT}
        kind = {"css": "text/css", "js": "text/javascript"}.get(name.rpartition(".")[2])
        _send(handler, pages[name].encode(), kind or "text/html; charset=utf-8")
    return True


def link_page(url: str) -> str:
    """The path of a page with one link (``#link``) to ``url``."""
    return f"{PREFIX}link?{quote(url, safe='')}"


def _link(query: str) -> str:
    url = html.escape(unquote(query))
    return f'<!DOCTYPE html><title>Link</title><a id="link" href="{url}">A friend</a>'


def _index() -> str:
    images = "".join(
        f'<img src="picture{number}.png" width="40" height="40" alt="">' for number in range(IMAGES)
    )
    return _INDEX.format(images=images, enctype="multipart/form-data", words="grüße & more")


def _send(handler: BaseHTTPRequestHandler, body: bytes, kind: str, *extra: tuple[str, str]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in extra:
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def _form_answer(handler: BaseHTTPRequestHandler) -> bytes:
    """The words, and the digest of the uploaded file."""
    body = handler.rfile.read(int(handler.headers["Content-Length"]))
    kind = handler.headers["Content-Type"]
    if not kind.startswith("multipart/form-data"):
        words, upload = parse_qs(body.decode())["words"][0], b""
    else:
        mark = b"--" + kind.partition("boundary=")[2].encode()
        parts = [part.partition(b"\r\n\r\n")[2][:-2] for part in body.split(mark)[1:-1]]
        words, upload = parts[0].decode(), parts[1]
    digest = hashlib.sha256(upload).hexdigest()
    return (
        f'<!DOCTYPE html><title>Got it</title><p id="words">{html.escape(words)}</p>'
        f'<p id="digest">{digest}</p>'
    ).encode()


def _echo(handler: BaseHTTPRequestHandler) -> None:
    """RFC 6455 as far as a browser needs it: whole messages and fragments come back."""
    key = handler.headers["Sec-WebSocket-Key"]
    accept = base64.b64encode(hashlib.sha1((key + _WEBSOCKET_KEY).encode()).digest()).decode()
    handler.send_response(101)
    handler.send_header("Upgrade", "websocket")
    handler.send_header("Connection", "Upgrade")
    handler.send_header("Sec-WebSocket-Accept", accept)
    handler.end_headers()
    handler.close_connection = True
    while len(head := handler.rfile.read(2)) == 2:
        length = head[1] & 127
        if length > 125:
            length = int.from_bytes(handler.rfile.read(2 if length == 126 else 8))
        mask = handler.rfile.read(4)
        masked = handler.rfile.read(length)
        data = bytes(byte ^ mask[index & 3] for index, byte in enumerate(masked))
        size = bytes((length,)) if length < 126 else b"\x7f" + length.to_bytes(8)
        if 125 < length < 65536:
            size = b"\x7e" + length.to_bytes(2)
        handler.wfile.write(head[:1] + size + data)
        if head[0] & 15 == _CLOSE:
            return
