"""The pages that show and tell: overview, network, address books, log, browser; and live parts."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from pathlib import Path

import pytest

from core.api import LinkedRouter, TunnelPath
from core.data.encoding import b32encode
from core.data.private_keys import PrivateKeys
from i2ptunnel.cli.main import main as cli
from i2ptunnel.demo import free_port
from i2ptunnel.logs import RecentLines
from i2ptunnel.naming.store import Book
from tests.support.console import Answer, Visitor, console, link
from tests.support.deterministic import SeededEntropy

XSS = """<script>alert(1)</script>"'&"""


def address(number: int) -> str:
    return f"{b32encode(hashlib.sha256(bytes([number])).digest())}.b32.i2p"


async def events(visitor: Visitor, page: str, count: int) -> list[str]:
    """The first server-sent events of a live part."""
    reader, writer = await asyncio.open_connection("127.0.0.1", visitor.port)
    head = f"GET {visitor.base}{page} HTTP/1.1\r\nHost: {visitor.host}\r\n"
    writer.write(f"{head}Cookie: {visitor.cookie}\r\n\r\n".encode())
    async with asyncio.timeout(20):
        first = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in first
        assert b"text/event-stream" in first
        found, text = [], b""
        while len(found) < count:
            text += await reader.read(65536)
            found = [one for one in text.split(b"\n\n")[:-1] if b"data: " in one]
    writer.close()
    return [one.decode() for one in found]


def test_the_overview_tells_how_it_goes_and_goes_on_telling(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            page = await visitor.get("")
            assert "No other router is known" in page.words
            assert "NTCP2 IPv4" in page.words
            assert page.text.count('<svg viewBox="0 0 600 100"') == 2
            assert "The last day" in (await visitor.get("?range=day")).words
            assert "No other router" in (await events(visitor, "live", 1))[0]
            first, second = await events(visitor, "live", 2)  # the uptime changes
            assert first != second
            for part in ("tunnels/live", "tunnels/show/live?name=web", "network/live", "logs/live"):
                assert await events(visitor, part, 1)

    asyncio.run(main())


def test_a_live_part_ends_with_the_session(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            reader, writer = await asyncio.open_connection("127.0.0.1", visitor.port)
            head = f"GET {visitor.base}live HTTP/1.1\r\nHost: {visitor.host}\r\n"
            writer.write(f"{head}Connection: close\r\nCookie: {visitor.cookie}\r\n\r\n".encode())
            await reader.readuntil(b"data: ")
            await visitor.post("leave", {})
            async with asyncio.timeout(20):
                await reader.read()
            writer.close()

    asyncio.run(main())


def test_names_are_added_found_replaced_and_removed(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            form = {"name": "a.i2p", "target": address(1), "book": "private", "notes": XSS}
            page = await visitor.page_after(await visitor.post("addresses/add", form))
            assert "The name is saved" in page.words
            assert "a.i2p" in page.words
            assert XSS in page.words
            assert "<script>alert" not in page.text
            again = await visitor.post("addresses/add", form | {"target": address(2)})
            assert again.status == 200
            assert f'value="{address(2)}"' in again.text
            more = {"target": address(2), "replace": "yes"}
            await visitor.page_after(await visitor.post("addresses/add", form | more))
            assert "a.i2p" in (await visitor.get(f"addresses?find={address(2)}")).words
            assert "1 in all" in (await visitor.get("addresses?find=A.I2P&book=private")).words
            assert "0 in all" in (await visitor.get("addresses?find=a.i2p&book=local")).words
            form = {"name": "a.i2p", "book": "private"}
            gone = await visitor.page_after(await visitor.post("addresses/remove", form))
            assert "a.i2p is removed" in gone.words
            assert "0 in all" in gone.words
            bad = await visitor.post("addresses/add", {"name": "a", "target": "b"})
            assert bad.status == 200
            assert "note bad" in bad.text
            for number in range(101):
                form = {"name": f"n{number}.i2p", "target": address(number)}
                assert (await visitor.post("addresses/add", form)).status == 303
            first = await visitor.get("addresses")
            assert "Part 1 of 2" in first.words
            second = await visitor.send("GET", link(first, "Next"))
            assert "Part 2 of 2" in second.words
            assert second.text.count('<th scope="row">') == 1

    asyncio.run(main())


def test_subscriptions_are_shown_changed_and_fetched(tmp_path: Path) -> None:
    url = f"http://{address(7)}/hosts.txt"

    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            bad = await visitor.post("addresses/subscriptions", {"urls": "gopher://x"})
            assert "note bad" in (await visitor.page_after(bad)).text
            change = await visitor.post("addresses/subscriptions", {"urls": f"{url}\r\n"})
            assert url in (await visitor.page_after(change)).words
            await visitor.post("settings/confirm", {})
            assert f"subscriptions: [{url}]" in visitor.path.read_text().replace('"', "")
            page = await visitor.get("addresses/subscriptions")
            assert "never" in page.words
            fetched = await visitor.page_after(await visitor.post("addresses/fetch", {}))
            assert "are being fetched" in fetched.words

            # What a subscription has otherwise is listed, and can be taken.
            assert "No subscription has another" in (await visitor.get("addresses/conflicts")).words
            books = visitor.program.naming.books
            theirs, mine = (
                PrivateKeys.generate_destination(SeededEntropy(name)) for name in ("a", "b")
            )
            books.add(Book.LOCAL, "a.i2p", mine.destination.b64)
            books.merge(f"a.i2p={theirs.destination.b64}", url)
            page = await visitor.get("addresses/conflicts")
            assert mine.destination.b32[:12] in page.words
            form = dict(re.findall(r'name="(name|target)" value="([^"]*)"', page.text))
            assert form == {"name": "a.i2p", "target": theirs.destination.b32}
            taken = await visitor.page_after(await visitor.post("addresses/conflicts", form))
            assert "a.i2p has the other address now" in taken.words
            assert "No subscription has another" in taken.words
            assert books.lookup("a.i2p")[0].hash == theirs.hash

    asyncio.run(main())


def test_the_network_is_shown_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(number: int) -> bytes:
        return hashlib.sha256(str(number).encode()).digest()

    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            router = visitor.program.router
            assert "no tunnels yet" in (await visitor.get("network")).words
            paths = [TunnelPath(None, True, (of(1), of(2)), 3), TunnelPath("c", False, (), 0)]
            linked = [LinkedRouter(of(number), "ssu2", True, 4.0) for number in range(150)]
            monkeypatch.setattr(router, "tunnel_paths", lambda: paths)
            monkeypatch.setattr(router, "linked_routers", lambda: linked)
            words = (await visitor.get("network")).words
            assert f"{b32encode(of(1))[:8]} → {b32encode(of(2))[:8]}" in words
            assert "no hops" in words
            page = await visitor.get("network/links?part=9")
            assert "150 in all" in page.words
            assert "Part 2 of 2" in page.words
            assert page.words.count("SSU2") == 50
            assert "0 in all" in (await visitor.get("network/routers?find=abc&part=x")).words
            assert "Transit tunnels 0" in (await visitor.get("network/transit")).words

    asyncio.run(main())


def test_the_log_is_searched_and_says_no_path(tmp_path: Path) -> None:
    recent = logging.getLogger()
    from i2ptunnel.logs import RECENT

    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            logging.getLogger("i2ptunnel.test").warning("odd %s", XSS)
            page = await visitor.get("logs?part=ODD")
            assert f"odd {XSS}" in page.words
            assert "<script>alert" not in page.text
            assert "odd" not in (await visitor.get("logs?level=error")).words
            assert visitor.base not in str(RECENT.lines(1000))
            assert (await visitor.get("logs?level=x")).status == 200

    recent.addHandler(RECENT)
    try:
        asyncio.run(main())
    finally:
        recent.removeHandler(RECENT)


def test_recent_lines_are_the_last_ones_each_once() -> None:
    lines = RecentLines(3)
    for number in (1, 2, 2, 3, 4):
        level = logging.WARNING if number == 3 else logging.INFO
        lines.emit(logging.LogRecord("a", level, "", 0, "line %d\n", (number,), None))
    lines.emit(logging.LogRecord("a", logging.INFO, "", 0, "%d", ("x",), None))
    assert [line["message"] for line in lines.lines(9)] == ["line 2\\n", "line 3\\n", "line 4\\n"]
    assert [line["message"] for line in lines.lines(1)] == ["line 4\\n"]
    assert [line["level"] for line in lines.lines(9, logging.WARNING)] == ["warning"]
    assert lines.lines(0) == []


def test_a_browser_is_told_where_the_proxy_is(tmp_path: Path) -> None:
    tunnels = 'tunnels: {{web: {{type: httpclient, listen: "127.0.0.1:0"}}}}\n'
    tunnels = tunnels.replace("127.0.0.1:0", "127.78.9.2:4444")

    async def main() -> None:
        async with console(tmp_path, tunnels=tunnels) as visitor:
            await visitor.enter()
            page = await visitor.get("browser")
            assert "http://127.78.9.2:4444/proxy.pac" in page.words
            assert "--proxy-server=http://127.78.9.2:4444" in page.words
            assert re.search(r"127\.78\.9\.2 , 4444 as HTTP proxy", page.words)
            form = {"name": "web", "action": "stop"}
            assert (await visitor.post("tunnels/act", form)).status == 303

    asyncio.run(main())


def test_a_backup_is_downloaded_and_opens_with_its_passphrase(tmp_path: Path) -> None:
    async def main() -> Answer:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            short = await visitor.post("settings/backup", {"passphrase": "short", "again": "short"})
            assert short.status == 422
            form = {"passphrase": "correct horse", "again": "correct hors"}
            assert (await visitor.post("settings/backup", form)).status == 422
            return await visitor.post("settings/backup", form | {"again": "correct horse"})

    answer = asyncio.run(main())
    assert answer.status == 200
    assert "attachment" in answer.headers["content-disposition"]
    file = tmp_path / "a.backup"
    file.write_bytes(answer.body)
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse\n")
    check = ["backup", "--verify", str(file), "--passphrase-file", str(passphrase)]
    assert cli([*check, "-c", str(tmp_path / "my.yaml")]) == 0
    passphrase.write_text("correct hors\n")
    assert cli([*check, "-c", str(tmp_path / "my.yaml")]) != 0


def test_pages_of_tunnels_that_run_over_a_foreign_router(tmp_path: Path) -> None:
    port = free_port("127.0.0.1", 0)
    text = f"""\
router: {{data_dir: {tmp_path}/data, i2cp: "127.78.9.9:7654"}}
control: {{console: {{listen: "127.0.0.1:{port}"}}}}
tunnels: {{web: {{type: httpclient, listen: "unix:{tmp_path}/web"}}}}
"""

    async def main() -> None:
        async with console(tmp_path, text=text, port=port) as visitor:
            await visitor.enter()
            assert "127.78.9.9:7654 (I2CP)" in (await visitor.get("")).words
            for page in ("tunnels", "network", "network/links", "network/routers", "addresses"):
                assert (await visitor.get(page)).status == 200, page
            assert (await visitor.get("network/transit")).status == 200

    asyncio.run(main())


def test_the_check_up_says_what_is_wrong_and_how_far_a_visit_gets(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            page = await visitor.get("doctor")
            assert page.status == 200
            assert page.words.index("problem") < page.words.index(" ok ")
            visited = await visitor.post("doctor", {"url": "http://unknown-name.i2p/"})
            assert visited.status == 200
            assert "the name is in no address book" in visited.words
            assert "<script>alert" not in (await visitor.post("doctor", {"url": XSS})).text

    asyncio.run(main())
