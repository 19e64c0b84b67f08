"""The torrents page, with the real client behind it, and the forms with files that it takes."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.console import guard, view
from i2ptunnel.console.multipart import PARTS_MAX, parse_multipart
from tests.i2ptunnel.console.test_pages import events
from tests.support.console import TUNNELS, Answer, Visitor, console
from tests.support.torrents import TRACKER, magnet_of, make_torrent, until

NAME = '<b>"film"&\'.bin'
CONTENT_TYPE = "multipart/form-data; boundary=x"


def row_of(visitor: Visitor, name: str) -> dict[str, Any]:
    client = visitor.program.torrents
    rows = client.list() if client.is_running else []
    return next((one for one in rows if one["name"] == name), {})


async def said(visitor: Visitor, answer: Answer) -> str:
    return (await visitor.page_after(answer)).words


def test_torrents_are_added_by_file_and_link_and_live(tmp_path: Path) -> None:
    made = make_torrent(tmp_path / "src", {NAME: b"x" * 2000}, [TRACKER, "udp://a.example.com:1"])
    other = magnet_of(make_torrent(tmp_path / "src", {"other": b"y" * 99}, []))

    async def main() -> None:
        async with console(tmp_path, tunnels=TUNNELS + "torrents: {{}}\n") as visitor:
            await visitor.enter()
            assert "There are no torrents yet" in (await visitor.get("torrents")).words
            form = {"paused": "yes", "magnet": ""}
            words = await said(visitor, await visitor.upload("torrents/add", form, {"file": made}))
            assert f"{NAME} is added." in words
            assert "removed from it: 1 trackers" in words
            await until("it is there", lambda: row_of(visitor, NAME))
            page = await visitor.get("torrents")
            assert f"{NAME} 2.0 kB paused 0.0 %" in page.words
            assert "<b>" not in page.text
            assert "film" in (await events(visitor, "torrents/live", 1))[0]

            name = row_of(visitor, NAME)["id"]
            acted = await visitor.post("torrents/act", {"torrent": name, "action": "resume"})
            assert acted.status == 303
            await until("it goes on", lambda: row_of(visitor, NAME)["state"] == "downloading")
            await visitor.post("torrents/act", {"torrent": name, "action": "pause"})
            await until("it rests", lambda: row_of(visitor, NAME)["state"] == "paused")
            assert (await visitor.post("torrents/act", {"action": "x"})).status == 400

            # A link, with a field for a file that nobody chose.
            added = await visitor.upload("torrents/add", {"magnet": f" {other} "}, {"file": b""})
            assert "It has no tracker in I2P" in await said(visitor, added)
            await until("it is there", lambda: len(visitor.program.torrents.list()) == 2)
            for fields, files, words in (
                ({"magnet": "magnet:?x"}, {}, "this is no magnet link"),
                ({"magnet": ""}, {}, "give a magnet link or a torrent file"),
                ({"magnet": other}, {"file": made}, "give a magnet link or a torrent file"),
                ({}, {"file": bytes(99)}, "this is no torrent file"),
                ({}, {"file": bytes(1_400_001)}, "at most 1400000 bytes"),
            ):
                assert words in await said(
                    visitor, await visitor.upload("torrents/add", fields, files)
                )

            # Removed, once it is said whether the files go, too.
            asked = await visitor.get(f"torrents/remove?torrent={name}")
            assert "keep its files" in asked.words and NAME in asked.words
            assert (await visitor.get("torrents/remove?torrent=nothing")).status == 404
            gone = await visitor.post("torrents/remove", {"torrent": name, "data": "yes"})
            assert "The torrent is removed" in await said(visitor, gone)
            await until("it is gone", lambda: not row_of(visitor, NAME))

    asyncio.run(main())


def test_limits_are_set_and_left(tmp_path: Path) -> None:
    section = "torrents: {{upload_rate: 51234B/s}}\n"

    async def main() -> None:
        async with console(tmp_path, tunnels=TUNNELS + section) as visitor:
            await visitor.enter()
            page = await visitor.get("torrents")
            shown = dict(re.findall(r'name="(\w+)" value="(\d*)" inputmode', page.text))
            assert shown == {"download_rate": "", "upload_rate": "51", "connections": "200"}
            set_ = await visitor.post("torrents/limits", {**shown, "download_rate": "300"})
            assert "The limits are set" in await said(visitor, set_)
            limits = visitor.program.torrents.limits
            assert (limits.download_rate, limits.upload_rate) == (300_000, 51_234)
            await visitor.post("torrents/limits", {**shown, "download_rate": "", "upload_rate": ""})
            assert visitor.program.torrents.limits.upload_rate is None
            for wrong, words in (("9" * 30, "whole numbers"), ("-1", "whole"), ("1", "from 2 to")):
                form = {**shown, "upload_rate": "", "connections": wrong}
                assert words in await said(visitor, await visitor.post("torrents/limits", form))
            assert visitor.program.torrents.limits.connections == 200

    asyncio.run(main())


def test_a_client_that_is_installed_can_be_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            assert "Torrents" in (await visitor.get("")).words
            assert "switched off" in (await visitor.get("torrents")).words
            added = await visitor.upload("torrents/add", {"magnet": "magnet:?x"}, {})
            assert "no torrent client" in await said(visitor, added)
            confirm = await visitor.page_after(await visitor.post("torrents/on", {}))
            assert "+ torrents: {}" in confirm.words.replace("+torrents", "+ torrents")
            await visitor.post("settings/confirm", {})
            assert "torrents: {}" in visitor.path.read_text()
            assert "There are no torrents yet" in (await visitor.get("torrents")).words
        monkeypatch.setattr(view, "HAS_LIBTORRENT", False)
        async with console(tmp_path) as visitor:
            await visitor.enter()
            assert "Torrents" not in (await visitor.get("")).words

    asyncio.run(main())


def test_files_are_taken_where_they_belong_and_from_our_pages_alone(tmp_path: Path) -> None:
    large = bytes(guard.BODY_BYTES_MAX + 1)

    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            assert (
                await visitor.upload("torrents/add", {}, {"file": large}, csrf="x")
            ).status == 403
            assert (await visitor.upload("addresses/add", {}, {"file": large})).status == 413
            too_large = bytes(guard.UPLOADS["torrents/add"][0])
            assert (await visitor.upload("torrents/add", {}, {"file": too_large})).status == 413
            cookie, visitor.cookie = visitor.cookie, ""
            assert (await visitor.upload("torrents/add", {}, {"file": large})).status == 403
            visitor.cookie = cookie
            broken = await visitor.send(
                "POST",
                visitor.base + "torrents/add",
                b"--x\r\n",
                Origin=f"http://{visitor.host}",
                Content_Type=CONTENT_TYPE,
            )
            assert broken.status == 400

    asyncio.run(main())


def part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}'
    return f"--x\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def test_a_form_with_files_is_read_byte_for_byte() -> None:
    content = bytes(range(256)) + b"\r\n--y\r\n\r\n--"
    body = part("a", "ü".encode()) + part("b", b"1") + part("b", b"2")
    body += part("f", content, "; filename=\"x; name='a'\"")
    body += part("none", b"", '; filename=""')
    fields, files = parse_multipart(body + b"--x--\r\n", CONTENT_TYPE)
    assert fields == {"a": "ü", "b": "2"}
    assert files == {"f": content}
    quoted = 'multipart/form-data; boundary="x"'
    assert parse_multipart(part("a", b"") + b"--x--", quoted) == ({"a": ""}, {})


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", CONTENT_TYPE),
        (b"--x", CONTENT_TYPE),
        (part("a", b"1"), CONTENT_TYPE),
        (b"before" + part("a", b"1") + b"--x--", CONTENT_TYPE),
        (part("a", b"1") + b"--x--", "multipart/form-data"),
        (part("a", b"1") + b"--x--", "multipart/form-data; boundary=" + "x" * 71),
        (part("a", b"\xff") + b"--x--", CONTENT_TYPE),
        (b"--x\r\nContent-Type: text/plain\r\n\r\na\r\n--x--", CONTENT_TYPE),
        (b'--xy\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--x--', CONTENT_TYPE),
        (part("a", b"1") * PARTS_MAX + b"--x--", CONTENT_TYPE),
        (b"--x\r\n" + b"a" * 5000 + b"\r\n\r\n\r\n--x--", CONTENT_TYPE),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(ValueError, match=r"part|boundary|decode"):
        parse_multipart(body, content_type)
