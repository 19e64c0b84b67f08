"""Tunnels in the console: watched, started, made, changed, removed; and the file they stand in."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from i2ptunnel.config.tunnel_models import TUNNEL_MODELS
from i2ptunnel.console.forms import fields_of, plain_value, write_fields
from tests.support.console import Answer, Visitor, console, link
from tests.support.waiting import until

XSS = """<script>alert(1)</script>"'&{{ 7*7 }}"""


async def confirm(visitor: Visitor, answer: Answer) -> tuple[Answer, Answer]:
    """The page that asks, and the one after the change."""
    asked = await visitor.page_after(answer)
    assert "Confirm" in asked.words, asked.words
    return asked, await visitor.page_after(await visitor.post("settings/confirm", {}))


def test_tunnels_are_shown_stopped_and_started(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            words = (await visitor.get("tunnels")).words
            assert "web httpclient" in words
            assert "site httpserver" in words
            stopped = await visitor.page_after(
                await visitor.post("tunnels/act", {"name": "web", "action": "stop"})
            )
            assert "web httpclient stopped" in stopped.words
            form = {"name": "web", "action": "start", "back": "show"}
            begun = await visitor.page_after(await visitor.post("tunnels/act", form))
            assert f"{tmp_path}/web" in begun.words
            unknown = await visitor.post("tunnels/act", {"name": "x", "action": "stop"})
            assert "there is no tunnel 'x'" in (await visitor.page_after(unknown)).words
            assert (await visitor.post("tunnels/act", {"name": "web"})).status == 400
            assert (await visitor.get("tunnels/show?name=x")).status == 404
            assert (await visitor.get("tunnels/edit?name=x")).status == 404
            for page in ("tunnels/act", "tunnels/remove"):
                assert (await visitor.get(page)).status == 303

    asyncio.run(main())


def test_a_server_shows_its_address_and_a_code_of_it(tmp_path: Path) -> None:
    tunnels = 'tunnels: {{site: {{type: server, target: "127.0.0.1:9"}}}}\n'

    async def main() -> None:
        async with console(tmp_path, tunnels=tunnels) as visitor:
            await visitor.enter()
            await until("keys", lambda: visitor.program.manager.status()[0].get("b32"))
            page = await visitor.get("tunnels/show?name=site")
            assert re.search(r"[a-z2-7]{52}\.b32\.i2p", page.text)
            assert re.search(r'<figure class="qr"[^>]*><svg[^>]*><path', page.text)

    asyncio.run(main())


def test_a_tunnel_is_made_changed_and_taken_back_and_comments_stay(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            before = visitor.path.read_text()
            kinds = await visitor.get("tunnels/new")
            asked = await visitor.send("GET", link(kinds, "Chat"))
            assert 'value="irc.postman.i2p"' in asked.text
            form = {"name": "chat", "listen": f"unix:{tmp_path}/chat", "destination": "irc.x.i2p"}
            made = await visitor.post("tunnels/new?recipe=irc", form)
            assert visitor.path.read_text() == before
            page, done = await confirm(visitor, made)
            assert "New: chat" in page.words
            assert "Kind ircclient" in done.words
            text = visitor.path.read_text()
            assert text.startswith(before.rstrip("\n"))
            assert "    listen: unix:" in text
            form = {"inbound.length": "2", "outproxies": "[http://exit.stormycloud.i2p]"}
            changed = await visitor.post("tunnels/edit?name=web", form)
            page, done = await confirm(visitor, changed)
            assert "web" in page.words
            text = visitor.path.read_text()
            assert "# for the browser" in text
            assert "inbound: {length: 2}" in text
            assert visitor.program.loaded.configuration.tunnels["web"].inbound.length == 2
            form = {"target": "127.0.0.1:10"}
            await confirm(visitor, await visitor.post("tunnels/edit?name=site", form))
            assert "target: 127.0.0.1:10   # discard" in visitor.path.read_text()
            settings = await visitor.page_after(await visitor.post("settings/undo", {}))
            assert "The change is made" in settings.words
            assert visitor.path.read_text() == text
            again = await visitor.page_after(await visitor.post("settings/undo", {}))
            assert "nothing was changed here" in again.words
            page, done = await confirm(
                visitor, await visitor.post("tunnels/remove", {"name": "chat"})
            )
            assert "Removed: chat" in page.words
            assert "chat" not in done.words
            assert "chat" not in visitor.path.read_text()

    asyncio.run(main())


def test_what_is_wrong_is_said_at_its_field_and_nothing_changes(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            before = visitor.path.read_text()
            form = {"name": "a", "listen": "0.0.0.0:4444", "inbound.length": "9", "enabled": "tru"}
            answer = await visitor.post("tunnels/new?kind=httpclient", form)
            assert answer.status == 422
            for key in ("listen", "inbound.length", "enabled"):
                assert re.search(rf'name="{key}"[^>]*aria-invalid="true"', answer.text), key
            assert "can be reached from other machines" in answer.words
            assert 'value="0.0.0.0:4444"' in answer.text
            for name in ("", "web", "x" * 65, "a\nb"):
                answer = await visitor.post(
                    "tunnels/new?kind=httpclient", {"name": name, "listen": "unix:/tmp/x"}
                )
                assert answer.status == 422, name
            port = visitor.port
            taken = {"name": "b", "listen": f"127.0.0.1:{port}"}
            answer = await visitor.post("tunnels/new?kind=httpclient", taken)
            assert "is taken by" in answer.words
            assert (await visitor.get("settings/confirm")).status == 303
            assert visitor.path.read_text() == before

    asyncio.run(main())


def test_names_and_values_of_others_are_text(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            form = {"name": XSS, "listen": f"unix:{tmp_path}/x", "keys": XSS, "outproxies": XSS}
            pages = [await visitor.post("tunnels/new?kind=httpclient", form)]
            assert XSS in pages[0].words
            pages.append(await visitor.get(f"tunnels/show?{urlencode({'name': XSS})}"))
            pages.append(await visitor.get(f"tunnels/new?{urlencode({'kind': XSS})}"))
            visitor.path.write_text(f"{visitor.path.read_text()}# {XSS}\n")
            pages.append(await visitor.get("settings/file"))
            text = f"{visitor.path.read_text()}# {XSS}\n"
            asked = await visitor.post("settings/file", {"text": text})
            pages.append(await visitor.page_after(asked))
            assert f"+# {XSS}" in pages[-1].words
            for page in pages:
                assert "<script>alert" not in page.text
                assert "'&{{ 7*7 }}" not in page.text  # the ampersand is escaped

    asyncio.run(main())


def test_the_whole_file_is_edited_and_a_change_meanwhile_is_noticed(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            text = visitor.path.read_text()
            bad = await visitor.post("settings/file", {"text": text + "nonsense: 1\n"})
            assert bad.status == 422
            assert f"{visitor.path}:" in bad.words
            assert "unknown key" in bad.words
            new = text.replace("# what I show", "# my site\r\n# in I2P").replace("\n", "\r\n")
            asked = await visitor.page_after(await visitor.post("settings/file", {"text": new}))
            assert "+ # my site" in asked.words
            visitor.path.write_text(text + "# by somebody else\n")
            late = await visitor.page_after(await visitor.post("settings/confirm", {}))
            assert "changed meanwhile" in late.words
            assert visitor.path.read_text().endswith("# by somebody else\n")

    asyncio.run(main())


def test_a_file_that_cannot_be_written_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = os.access

    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            before = visitor.path.read_text()
            monkeypatch.setattr(
                os, "access", lambda path, mode: mode != os.W_OK and may(path, mode)
            )
            form = {"name": "b", "listen": f"unix:{tmp_path}/b"}
            asked = await visitor.page_after(
                await visitor.post("tunnels/new?kind=httpclient", form)
            )
            assert "may not write" in asked.words
            file = await visitor.send("GET", link(asked, "Download"))
            assert "attachment" in file.headers["content-disposition"]
            assert "\n  b:\n    type: httpclient\n" in file.text
            refused = await visitor.page_after(await visitor.post("settings/confirm", {}))
            assert "may not write" in refused.words
            assert visitor.path.read_text() == before

    asyncio.run(main())


@pytest.mark.parametrize("kind", TUNNEL_MODELS)
def test_every_option_of_every_kind_has_a_field(kind: str) -> None:
    fields = fields_of(kind, None)
    assert len({field.key for field in fields}) == len(fields)
    for field in fields:
        assert field.help
        assert not (field.is_required and field.default)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-1", -1),
        ("012", "012"),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("true", True),
        ("null", None),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("a: b", "a: b"),
        ("#x", "#x"),
        ("[a, 2, 'true', [b]]", ["a", 2, "true", ["b"]]),
        ("{80: '127.0.0.1:80', on: yes}", {"80": "127.0.0.1:80", "on": "yes"}),
        ("[a", "[a"),
        ('"12"', "12"),
        ("a\nb", "a b"),
        # what YAML cannot read, or only with recursion, stays text
        ('"\\U00110000"', '"\\U00110000"'),
        ("[" * 3000, "[" * 3000),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_field_means_what_it_says(text: str, value: object) -> None:
    assert plain_value(text) == value


def test_an_empty_field_takes_an_option_away() -> None:
    text = "tunnels:\n  a: {type: server, target: '127.0.0.1:1', inbound: {length: 1}}\n"
    from i2ptunnel.config.loader import load_text

    section = load_text(text).configuration.tunnels["a"]
    fields = fields_of("server", section)
    values = {field.key: field.value for field in fields}
    assert values["inbound.length"] == "1"
    written = write_fields(text, "a", "server", fields, {"inbound.length": "", "keys": "a.dat"})
    again = load_text(written).configuration.tunnels["a"]
    assert again.inbound.length == 3
    assert "keys: a.dat" in written
    assert write_fields(text, "a", "server", fields, {}) == text
