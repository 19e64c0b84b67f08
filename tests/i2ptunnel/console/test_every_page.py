"""Every page of the console, with every kind of tunnel in whatever state: none fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import pytest

from i2ptunnel.config.options import options_of
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS
from i2ptunnel.console import view
from i2ptunnel.console.pages import PAGES
from i2ptunnel.console.pages.tunnels import RECIPES
from i2ptunnel.demo import free_port
from tests.support.console import CONFIGURATION, Visitor, console

PLACE = "127.78.9.5"
#: carry datagrams, so they have no Unix socket
LISTEN_UDP = ("udpclient", "streamrserver")
MORE = """\
torrents: {}
naming: {subscriptions: [http://udhdrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v4jna.b32.i2p/a]}
tunnels:
"""
#: what a page is asked with, beside its bare address
QUERIES = {
    "": ["range=day"],
    "tunnels/new": [
        *(f"recipe={one}" for one in RECIPES),
        *(f"kind={one}" for one in TUNNEL_MODELS),
    ],
    "network/routers": ["find=ab", "part=9"],
    "logs": ["level=error", "find=x"],
    "torrents/remove": ["torrent=" + "0" * 40],
}
OF_A_TUNNEL = ("tunnels/show", "tunnels/show/live", "tunnels/edit")


def tunnel(kind: str, name: str, directory: Path, **more: object) -> str:
    """A line of the configuration, with what a tunnel of this kind cannot be without."""
    at = f"{PLACE}:{free_port(PLACE, 0)}" if kind in LISTEN_UDP else f"unix:{directory}/{name}"
    usual = {"listen": at, "target": "127.0.0.1:9", "destination": "a.i2p:7"}
    known = options_of(TUNNEL_MODELS[kind])
    values = {key: value for key, value in usual.items() if key in known} | more
    written = ", ".join(f"{key}: {value}" for key, value in values.items())
    return f"  {name}: {{type: {kind}, {written}}}\n"


def addresses() -> list[str]:
    """All pages, each with all it is asked with."""
    names = [quote(f"{kind}-{state}") for kind in TUNNEL_MODELS for state in ("on", "off")]
    asked = []
    for page in PAGES:
        if page not in OF_A_TUNNEL:
            asked += [page, *(f"{page}?{query}" for query in QUERIES.get(page, ()))]
        else:
            asked += [page, *(f"{page}?name={name}" for name in [*names, "failed", "nobody"])]
    return asked


async def status_of(visitor: Visitor, address: str) -> int:
    """The answer's, of a live page when its first part has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", visitor.port)
    head = f"GET {visitor.base}{address} HTTP/1.1\r\nHost: {visitor.host}\r\n"
    writer.write(f"{head}Connection: close\r\nCookie: {visitor.cookie}\r\n\r\n".encode())
    async with asyncio.timeout(20):
        answer = await reader.readuntil(b"\r\n\r\n")
        if b"text/event-stream" in answer:
            assert await reader.readuntil(b"data: "), address
    writer.close()
    return int(answer.split()[1])


def test_no_page_fails_with_any_kind_of_tunnel(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port("127.0.0.1", 0)
    places = {"directory": tmp_path, "port": port, "router_port": free_port("127.78.9.1", 0)}
    text = CONFIGURATION.format(**places, more="") + MORE
    for kind in TUNNEL_MODELS:
        text += tunnel(kind, f"{kind}-on", tmp_path)
        text += tunnel(kind, f"{kind}-off", tmp_path, enabled="false")
    (tmp_path / "no-keys").mkdir()
    text += tunnel("server", "failed", tmp_path, keys=tmp_path / "no-keys")

    async def main() -> dict[str, int]:
        async with console(tmp_path, text=text, port=port) as visitor:
            await visitor.enter()
            asked = {one: await status_of(visitor, one) for one in addresses()}
            await visitor.settled()  # a server is known by its address when it has keys
            states = {one["state"] for one in visitor.program.manager.status()}
            assert states >= {"building", "stopped", "failed"}
            of_tunnels = [one for one in addresses() if one.startswith("tunnels")]
            return asked | {one: await status_of(visitor, one) for one in of_tunnels}

    answers = asyncio.run(main())
    assert set(answers.values()) <= {200, 303, 404}, answers
    assert [one for one, code in answers.items() if code == 404 and "nobody" not in one] == [
        *OF_A_TUNNEL,
        "torrents/remove",
        "torrents/remove?torrent=" + "0" * 40,
    ]
    assert "internal error" not in caplog.text


def test_a_live_part_ends_with_its_tunnel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(view, "LIVE_EVERY_S", 0.05)

    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            reader, writer = await asyncio.open_connection("127.0.0.1", visitor.port)
            head = f"GET {visitor.base}tunnels/show/live?name=web HTTP/1.1\r\n"
            head += f"Host: {visitor.host}\r\nConnection: close\r\nCookie: {visitor.cookie}\r\n\r\n"
            writer.write(head.encode())
            async with asyncio.timeout(20):
                await reader.readuntil(b"data: ")
                await visitor.program.manager.apply({})
                await reader.read()
            writer.close()

    asyncio.run(main())
    assert "internal error" not in caplog.text
