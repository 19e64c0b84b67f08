"""The built-in web server of ``docroot``: what is served and hidden, types, conditions, ranges."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.protocols.file_requests import RANGES_MAX, read_path
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession
from tests.support.tunnel_bench import TableResolver, running

DATA = bytes(range(256)) * 4000
CHANGED_AT = 1_700_000_000


class Visitor:
    """Somebody in I2P who speaks raw bytes to the site."""

    def __init__(self, session: LoopbackSession, site: Any) -> None:
        self._session = session
        self._site = site

    async def ask(self, raw: bytes) -> tuple[bytes, bytes]:
        """(head, body) of what comes back until the site closes."""
        stream = await self._session.connect(self._site.session.destination.hash, port=80)
        await stream.write(raw)
        answer = b""
        async with asyncio.timeout(5):
            while data := await stream.read():
                answer += data
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body

    async def get(self, path: str, *headers: str, method: str = "GET") -> tuple[bytes, bytes]:
        lines = [f"{method} {path} HTTP/1.1", "Host: site.i2p", *headers]
        return await self.ask("\r\n".join((*lines, "Connection: close", "", "")).encode("latin-1"))


def run(docroot: Path, case: Callable[[Visitor], Awaitable[Any]]) -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        model = HttpServerSection(docroot=docroot)
        async with running("site", model, network, TableResolver({})) as site:
            await case(Visitor(network.session("visitor"), site))

    asyncio.run(main())


@pytest.fixture
def docroot(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("<p>home</p>")
    (root / "sub" / "index.html").write_text("<p>sub</p>")
    (root / "data.bin").write_bytes(DATA)
    os.utime(root / "data.bin", (CHANGED_AT, CHANGED_AT))
    (root / "empty").write_bytes(b"")
    (root / "a b.txt").write_text("space")
    (root / ".hidden").write_text("secret")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    (root / ".git" / "index.html").write_text("secret")
    (root / "link").symlink_to(root / ".git" / "config")
    (root / ".well-known" / "matrix").mkdir(parents=True)
    (root / ".well-known" / "matrix" / "client").write_text("{}")
    (root / ".well-known" / ".hidden").write_text("secret")
    (root / "sub" / ".well-known").mkdir()
    (root / "sub" / ".well-known" / "x").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    (root / "out").symlink_to(tmp_path / "outside.txt")
    os.mkfifo(root / "pipe")
    return root


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/", b"<p>home</p>", b"text/html; charset=utf-8"),
        ("/index.html?x", b"<p>home</p>", b"text/html; charset=utf-8"),
        ("/sub/", b"<p>sub</p>", b"text/html; charset=utf-8"),
        ("/a%20b.txt", b"space", b"text/plain; charset=utf-8"),
        ("/data.bin", DATA, b"application/octet-stream"),
        ("/./index.html", b"<p>home</p>", b"text/html"),
        ("/sub/../index.html", b"<p>home</p>", b"text/html"),
        ("/../index.html", b"<p>home</p>", b"text/html"),
        ("/../../%2e%2E/index.html", b"<p>home</p>", b"text/html"),
        ("/%2e/sub/%2E%2e/sub/.", b"<p>sub</p>", b"text/html"),
        ("/sub/..", b"<p>home</p>", b"text/html"),
        ("/.git/../index.html", b"<p>home</p>", b"text/html"),
        ("//sub//index.html", b"<p>sub</p>", b"text/html"),
        ("/.well-known/matrix/client", b"{}", b"application/octet-stream"),
        ("/sub/../.well-known/matrix/client", b"{}", b"application/octet-stream"),
    ],
)
def test_files(docroot: Path, path: str, body: bytes, kind: bytes) -> None:
    async def case(visitor: Visitor) -> None:
        head, got = await visitor.get(path)
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert b"Content-Type: " + kind in head
        assert got == body
        assert b"\r\nDate:" not in head
        assert b"\r\nServer:" not in head

    run(docroot, case)


def test_paths_that_are_not_files(docroot: Path) -> None:
    paths = (
        *("/none", "/.hidden", "/%2ehidden", "/./.hidden", "/sub/../.hidden", "/out", "/pipe"),
        *("/.git/config", "/.git/", "/.git", "/.git/./config", "/link", "/.well-known/.hidden"),
        *("/.well-known/%2ehidden", "/sub/.well-known/x", "/.Well-Known/matrix/client"),
        *("/../outside.txt", "/%2e%2e/outside.txt", "/sub/..%2f..%2foutside.txt", "/...", "/.../x"),
        *("/%00", "/%ff", "//etc/passwd", "/sub/none/", "/index.html/", "/data.bin/"),
        *("/index.html/.", "/index.html//", "/data.bin/x", "/.well-known/matrix/", "/sub%2f"),
    )

    async def case(visitor: Visitor) -> None:
        for path in paths:
            head, body = await visitor.get(path)
            assert head.startswith(b"HTTP/1.1 404 "), path
            assert b"secret" not in body

    run(docroot, case)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/sub", b"/sub/"),
        ("/sub?a=/b", b"/sub/?a=/b"),
        ("/sub/../sub", b"/sub/"),
        ("//sub", b"/sub/"),
        ("/./%73ub", b"/sub/"),
    ],
)
def test_a_directory_without_its_slash(docroot: Path, path: str, location: bytes) -> None:
    async def case(visitor: Visitor) -> None:
        head, _ = await visitor.get(path, "If-None-Match: *")
        assert head.startswith(b"HTTP/1.1 301 ")
        assert b"\r\nLocation: " + location + b"\r\n" in head

    run(docroot, case)


@pytest.mark.parametrize(
    ("target", "parts", "written"),
    [
        ("/a/b/c/./../../g", ("a", "g"), "/a/g"),
        ("/mid/content=5/../6", ("mid", "6"), "/mid/6"),
        ("/a/b/%2e%2E/", ("a",), "/a/"),
        ("/a%20b/%c3%a9", ("a b", "é"), "/a%20b/%C3%A9"),
        ("/..", (), "/"),
        ("", (), "/"),
        ("/a/%2f", None, ""),
        ("/a?/../b", ("a",), "/a"),
    ],
)
def test_dot_segments(target: str, parts: tuple[str, ...] | None, written: str) -> None:
    path = read_path(target)
    assert (path.parts if path else None) == parts
    if path is not None:
        assert path.written() == written


def test_packed_files_say_what_they_are(docroot: Path) -> None:
    svg, script = b"image/svg+xml; charset=utf-8", b"text/javascript; charset=utf-8"
    kinds = {
        "a.svgz": (svg, b"gzip"),
        "a.js.gz": (script, b"gzip"),
        "a.mjs": (script, b"x-i2p-gzip"),
        "a.css.gz": (b"text/css; charset=utf-8", b"gzip"),
        "a.css.br": (b"text/css; charset=utf-8", b"br"),
        "a.json.gz": (b"application/json; charset=utf-8", b"gzip"),
        "a.tar.gz": (b"application/gzip", None),
        "a.tgz": (b"application/gzip", None),
        "a.bin.gz": (b"application/gzip", None),
        "Packages.gz": (b"application/gzip", None),
        "Packages.xz": (b"application/x-xz", None),
        "a.tar.xz": (b"application/x-xz", None),
        "a.tar.bz2": (b"application/x-bzip2", None),
        "a.woff2": (b"font/woff2", None),
        "a.deb": (b"application/vnd.debian.binary-package", None),
        "Release": (b"application/octet-stream", None),
    }
    for name in kinds:
        (docroot / name).write_bytes(bytes(2000))

    async def case(visitor: Visitor) -> None:
        for name, (kind, coding) in kinds.items():
            head, body = await visitor.get(f"/{name}", "X-Accept-Encoding: x-i2p-gzip;q=1.0")
            fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            assert fields[b"Content-Type"] == kind, name
            # What is packed already is not packed once more on the way.
            assert fields.get(b"Content-Encoding") == coding, name
            assert (body == bytes(2000)) == (coding != b"x-i2p-gzip")

    run(docroot, case)


TAG = "{tag}"


CONDITIONS: list[tuple[list[str], int]] = [
    ([f"If-None-Match: {TAG}"], 304),
    ([f"If-None-Match: W/{TAG}"], 304),
    ([f'If-None-Match: "a,b", W/"c" , W/{TAG}'], 304),
    (['If-None-Match: "a"', f"If-None-Match: {TAG}"], 304),
    (["If-None-Match: *"], 304),
    (['If-None-Match: "other"'], 200),
    (["If-None-Match: nonsense"], 200),
    ([f"If-Match: {TAG}"], 200),
    (["If-Match: *"], 200),
    ([f'If-Match: "other", {TAG}'], 200),
    ([f"If-Match: W/{TAG}"], 412),
    (['If-Match: "other"'], 412),
    (['If-Match: "other"', f"If-None-Match: {TAG}"], 412),
    ([f"If-Modified-Since: {formatdate(CHANGED_AT, usegmt=True)}"], 304),
    ([f"If-Modified-Since: {formatdate(CHANGED_AT + 9, usegmt=True)}"], 304),
    ([f"If-Modified-Since: {formatdate(CHANGED_AT - 1, usegmt=True)}"], 200),
    (["If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT"], 304),
    (["If-Modified-Since: Tue Nov 14 22:13:20 2023"], 304),
    (["If-Modified-Since: yesterday"], 200),
    (["If-Modified-Since: Mon, 99 Foo 9999 99:99:99 GMT"], 200),
    (['If-None-Match: "x"', f"If-Modified-Since: {formatdate(CHANGED_AT)}"], 200),
    ([f"If-Unmodified-Since: {formatdate(CHANGED_AT - 1, usegmt=True)}"], 412),
    ([f"If-Unmodified-Since: {formatdate(CHANGED_AT, usegmt=True)}"], 200),
    ([f"If-Match: {TAG}", f"If-Unmodified-Since: {formatdate(1, usegmt=True)}"], 200),
    (["Range: bytes=0-9", f"If-None-Match: {TAG}"], 304),
    (["Range: bytes=0-9", f"If-Range: {TAG}"], 206),
    (["Range: bytes=0-9", f"If-Range: W/{TAG}"], 200),
    (["Range: bytes=0-9", 'If-Range: "other"'], 200),
    (["Range: bytes=0-9", f"If-Range: {formatdate(CHANGED_AT, usegmt=True)}"], 206),
    (["Range: bytes=0-9", f"If-Range: {formatdate(CHANGED_AT + 1, usegmt=True)}"], 200),
    (["Range: bytes=9999999-", 'If-Range: "other"'], 200),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_preconditions(docroot: Path, method: str) -> None:
    async def case(visitor: Visitor) -> None:
        plain, _ = await visitor.get("/data.bin", method="HEAD")
        tag = re.search(rb'ETag: (".*?")\r\n', plain)
        assert tag is not None
        assert b"Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT" in plain
        for headers, status in CONDITIONS:
            sent = [header.replace(TAG, tag[1].decode()) for header in headers]
            head, body = await visitor.get("/data.bin", *sent, method=method)
            wanted = 200 if status == 206 and method == "HEAD" else status
            assert head.startswith(b"HTTP/1.1 %d " % wanted), sent
            whole = {200: DATA, 206: DATA[:10]}.get(wanted, b"")
            assert body == (whole if method == "GET" else b""), sent

    run(docroot, case)


def test_conditions_on_what_is_not_there(docroot: Path) -> None:
    async def case(visitor: Visitor) -> None:
        for header in ("If-None-Match: *", "If-Match: *", "Range: bytes=0-1"):
            assert (await visitor.get("/none", header))[0].startswith(b"HTTP/1.1 404 ")

    run(docroot, case)


def test_a_date_in_the_future_is_not_said(docroot: Path) -> None:
    os.utime(docroot / "data.bin", (1 << 33, 1 << 33))

    async def case(visitor: Visitor) -> None:
        date = formatdate(1 << 34, usegmt=True)
        head, _ = await visitor.get("/data.bin", f"If-Modified-Since: {date}")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"Last-Modified" not in head

    run(docroot, case)


@pytest.mark.parametrize(
    ("wanted", "status", "start", "stop"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("BYTES=0-9", 206, 0, 10),
        ("bytes=1000-", 206, 1000, 1_024_000),
        ("bytes=-5", 206, 1_023_995, 1_024_000),
        ("bytes=-99999999", 206, 0, 1_024_000),
        ("bytes=0-99999999999999999999999", 206, 0, 1_024_000),
        ("bytes=0-4,5-9", 206, 0, 10),
        ("bytes=, 0-4 ,, 3-9", 206, 0, 10),
        ("bytes=9999999-,0-9", 206, 0, 10),
        ("bytes=5-2", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=2000000-", 416, 0, 0),
        ("bytes=1024000-", 416, 0, 0),
        ("lines=1-2", 200, 0, 1_024_000),
        ("bytes=a-b", 200, 0, 1_024_000),
        ("bytes=-", 200, 0, 1_024_000),
        ("bytes=", 200, 0, 1_024_000),
        ("bytes=0-,0-", 200, 0, 1_024_000),
        ("bytes=" + ",".join(["0-0"] * (RANGES_MAX + 1)), 200, 0, 1_024_000),
    ],
)
def test_ranges(docroot: Path, wanted: str, status: int, start: int, stop: int) -> None:
    async def case(visitor: Visitor) -> None:
        head, body = await visitor.get("/data.bin", f"Range: {wanted}")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert body == DATA[start:stop]
        if status == 206:
            assert b"Content-Range: bytes %d-%d/1024000" % (start, stop - 1) in head
        if status == 416:
            assert b"Content-Range: bytes */1024000" in head

    run(docroot, case)


def test_several_ranges_come_as_multipart(docroot: Path) -> None:
    async def case(visitor: Visitor) -> None:
        head, body = await visitor.get("/data.bin", "Range: bytes=100-109, -3, 0-0")
        assert head.startswith(b"HTTP/1.1 206 ")
        assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
        boundary = re.search(rb"multipart/byteranges; boundary=([0-9a-f]+)\r\n", head)
        assert boundary is not None
        first, *parts, end = body.split(b"\r\n--" + boundary[1])
        assert (first, end) == (b"", b"--\r\n")
        wanted = [(100, 110), (1_023_997, 1_024_000), (0, 1)]
        for part, (start, stop) in zip(parts, wanted, strict=True):
            fields, _, content = part.partition(b"\r\n\r\n")
            assert b"Content-Type: application/octet-stream" in fields
            assert b"Content-Range: bytes %d-%d/1024000" % (start, stop - 1) in fields
            assert content == DATA[start:stop]

    run(docroot, case)


def test_an_empty_file(docroot: Path) -> None:
    async def case(visitor: Visitor) -> None:
        head, body = await visitor.get("/empty")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"Content-Length: 0" in head
        assert body == b""
        for wanted in ("bytes=0-", "bytes=-1"):
            head, _ = await visitor.get("/empty", f"Range: {wanted}")
            assert head.startswith(b"HTTP/1.1 416 ")

    run(docroot, case)


def test_only_reading_is_offered(docroot: Path) -> None:
    async def case(visitor: Visitor) -> None:
        raw = b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        head, _ = await visitor.ask(raw)
        assert head.startswith(b"HTTP/1.1 405 ")
        assert b"\r\nAllow: GET, HEAD\r\n" in head + b"\r\n"
        assert not (docroot / "x").exists()
        head, body = await visitor.get("/data.bin", method="HEAD")
        assert b"Content-Length: 1024000" in head
        assert body == b""

    run(docroot, case)
