"""A running program with its web console, and a visitor who asks it over real connections."""

from __future__ import annotations

import asyncio
import html
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from i2ptunnel.app import App
from i2ptunnel.commands import console_open
from i2ptunnel.config.loader import load, read_source
from i2ptunnel.demo import free_port
from tests.support.running_app import running_app
from tests.support.waiting import until

CONFIGURATION = """\
# my router
router:
  data_dir: {directory}/data
  network_id: 78
  host: 127.78.9.1
  bind: 127.78.9.1
  port: {router_port}
  allow_private_addresses: true
control:
  console: {{listen: "127.0.0.1:{port}"{more}}}
"""
TUNNELS = """
tunnels:
  # for the browser
  web: {{type: httpclient, listen: "unix:{directory}/web"}}
  # what I show
  site:
    type: httpserver
    target: 127.0.0.1:9   # discard
    enabled: false
"""


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def words(self) -> str:
        """What a reader sees, on one line."""
        shown = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", self.text, flags=re.DOTALL)
        return " ".join(html.unescape(shown).split())


@dataclass(slots=True)
class Visitor:
    """A browser, as far as the console can tell."""

    port: int
    program: App
    path: Path
    tls: ssl.SSLContext | None = None
    base: str = ""
    cookie: str = ""
    csrf: str = ""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def send(
        self, method: str, path: str, body: bytes = b"", **headers: str | None
    ) -> Answer:
        """One request; a header that is None is left out."""
        fields: dict[str, str | None] = {"Host": self.host, "Connection": "close"}
        if self.cookie:
            fields["Cookie"] = self.cookie
        if body:
            fields["Content-Length"] = str(len(body))
        fields |= self.more
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
        return await self.raw(head.encode() + body)

    async def raw(self, request: bytes) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        try:
            writer.write(request)
            async with asyncio.timeout(20):
                answer = await reader.read()
        finally:
            writer.close()
        return read_answer(answer)

    async def get(self, page: str, **headers: str | None) -> Answer:
        return await self.send("GET", self.base + page, **headers)

    async def post(self, page: str, fields: dict[str, str], **headers: str | None) -> Answer:
        """A form of the console's own, sent from one of its pages."""
        scheme = "http" if self.tls is None else "https"
        usual: dict[str, str | None] = {
            "Origin": f"{scheme}://{self.host}",
            "Content_Type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"csrf": self.csrf, **fields}).encode()
        return await self.send("POST", self.base + page, body, **(usual | headers))

    async def upload(
        self, page: str, fields: dict[str, str], files: dict[str, bytes], csrf: str | None = None
    ) -> Answer:
        """A form with files, as browsers send it; a file of no bytes was not chosen."""
        mark = "----WebKitFormBoundaryk3Pb"
        body = b""
        for name, value in {"csrf": self.csrf if csrf is None else csrf, **fields}.items():
            body += f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
            body += value.encode() + b"\r\n"
        for name, content in files.items():
            chosen = "a.torrent" if content else ""
            head = f'Content-Disposition: form-data; name="{name}"; filename="{chosen}"'
            body += f"--{mark}\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()
            body += content + b"\r\n"
        return await self.send(
            "POST",
            self.base + page,
            body + f"--{mark}--\r\n".encode(),
            Origin=f"http://{self.host}",
            Content_Type=f"multipart/form-data; boundary={mark}",
        )

    async def enter(self) -> Answer:
        """Come in by the file of ``i2ptunnel console``, as a browser that opens it does."""
        way = await console_open(self.program)
        page = Path(way["file"]).read_text()
        token = re.findall(r'name="token" value="(\w+)"', page)[0]
        answer = await self.send(
            "POST", "/enter", f"token={token}".encode(), Origin="null", Sec_Fetch_Site="cross-site"
        )
        await self.follow(answer)
        return answer

    async def follow(self, answer: Answer) -> None:
        """Take the cookie and the path that a way in gives."""
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        self.base = re.findall(r'url=(/\w+/)"', answer.text)[0]
        settings = await self.get("settings")
        self.csrf = re.findall(r'name="csrf" value="(\w+)"', settings.text)[0]

    async def page_after(self, answer: Answer) -> Answer:
        """The page that a form leads to."""
        assert answer.status == 303, answer.words
        return await self.send("GET", answer.headers["location"])

    async def settled(self) -> None:
        """Wait until no tunnel is starting any more."""
        tunnels = self.program.manager.status
        await until(
            "tunnels settle", lambda: all(one["state"] != "starting" for one in tunnels()), 120
        )


def read_answer(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        parts, rest = [], body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            parts.append(rest[: int(size, 16)])
            rest = rest[int(size, 16) + 2 :]
        body = b"".join(parts)
    return Answer(int(first.split()[1]), headers, body)


@asynccontextmanager
async def console(
    directory: Path, more: str = "", tunnels: str = TUNNELS, text: str = "", port: int = 0
) -> AsyncIterator[Visitor]:
    """A program of a configuration file in ``directory``; ``more``: options of the console.

    ``text``: another file altogether, whose console listens at ``port``.
    """
    port = port or free_port("127.0.0.1", 0)
    places = {
        "directory": directory,
        "port": port,
        "router_port": free_port("127.78.9.1", 0),
        "more": f", {more}" if more else "",
    }
    path = directory / "my.yaml"
    path.write_text(text or (CONFIGURATION + tunnels).format(**places))
    app = App(load([read_source(path)]), lambda: load([read_source(path)]))

    def is_up() -> bool:
        console = app.services.status().get("console", {})
        has_tunnel = app.manager.counts[1] > 0 or "web:" not in path.read_text()
        return console.get("state") == "listening" and has_tunnel

    async with running_app(app, is_up):
        yield Visitor(port, app, path)


def link(answer: Answer, words: str) -> str:
    """The address behind a link of a page."""
    for address, shown in re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', answer.text):
        if words in html.unescape(shown):
            return urlsplit(html.unescape(address)).geturl()
    raise AssertionError(f"no link {words!r}")
