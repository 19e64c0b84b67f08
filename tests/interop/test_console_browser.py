"""The console as people use it: opened by its command in Chromium, clicked through, looked at."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.api import LinkedRouter, TunnelPath, new_event_loop
from core.data.private_keys import PrivateKeys
from i2ptunnel.logs import RECENT
from tests.support import fetch_axe
from tests.support.browser import Page, browser
from tests.support.console import Visitor, console
from tests.support.deterministic import SeededEntropy
from tests.support.own_network import own_network
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

TUNNELS = """
tunnels:
  # for the browser
  web: {{type: httpclient, listen: "127.78.9.3:4444"}}
  site: {{type: httpserver, target: "127.0.0.1:9"}}
  chat: {{type: ircclient, listen: "unix:{directory}/chat", destination: irc.postman.i2p}}
  radio: {{type: streamrserver, listen: "127.78.9.3:7777", enabled: false}}
naming:
  subscriptions: [http://udhdrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v4jna.b32.i2p/hosts.txt]
torrents: {{upload_rate: 200KB/s}}
"""
FEED = "http://udhdrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v4jna.b32.i2p/hosts.txt"
PAGES = (
    "",
    "tunnels",
    "tunnels/show?name=site",
    "tunnels/new",
    "tunnels/new?recipe=folder",
    "tunnels/edit?name=web",
    "addresses",
    "addresses/add",
    "addresses/subscriptions",
    "addresses/conflicts",
    "network",
    "network/links",
    "network/routers",
    "network/transit",
    "logs",
    "doctor",
    "browser",
    "settings",
    "settings/file",
    "settings/backup",
    "settings/confirm",
    "torrents",
    "torrents/remove?torrent=" + "0" * 40,
    "nowhere",
)
SIZES = {"desktop": (1280, 900, False), "phone": (360, 780, True)}
SCHEMES = ("light", "dark")
#: those of docs/pictures: page, width, height, whether it is a phone, colour scheme
PICTURES = {
    "overview": ("", 1200, 720, False, "light"),
    "tunnels": ("tunnels", 1200, 480, False, "light"),
    "address-book": ("addresses", 1200, 480, False, "light"),
    "browser": ("browser", 1040, 720, False, "light"),
    "phone": ("", 360, 720, True, "dark"),
}
PICTURE_BYTES_MAX = 80_000
SHOWN_TUNNELS = """
tunnels:
  browser: {{type: httpclient, listen: "127.0.0.1:4444"}}
  site: {{type: httpserver, target: "127.0.0.1:9"}}
  socks: {{type: sockstunnel, listen: "127.0.0.1:4447"}}
  chat: {{type: ircclient, listen: "127.0.0.1:6668", destination: irc.postman.i2p, enabled: false}}
torrents: {{}}
"""
SHOWN_NAMES = ("friends.i2p", "git-at-home.i2p", "library.i2p", "weather-station.i2p")
LANGUAGES = ("de", "ru", "zh")


def run_in_loop(main: object) -> None:
    logging.getLogger().addHandler(RECENT)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main)  # type: ignore[arg-type]
    finally:
        logging.getLogger().removeHandler(RECENT)


@asynccontextmanager
async def opened(
    root: Path,
    tunnels: str = TUNNELS,
    names: Sequence[str] = tuple(f"site{number}.i2p" for number in range(120)),
) -> AsyncIterator[tuple[Visitor, Page, str]]:
    """A program, a browser that came in by the command's file, and the address of the pages."""
    async with (
        console(root, tunnels=tunnels) as visitor,
        browser(root / "browser", "direct://") as page,
    ):
        command = [sys.executable, "-m", "i2ptunnel", "console", "--no-browser"]
        process = await asyncio.create_subprocess_exec(
            *command, "-c", str(visitor.path), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        file = said.decode().strip().rpartition(": ")[2]
        # Chromium says of a file that it has loaded before the form is sent.
        await page.call("Page.navigate", url=Path(file).as_uri())
        await page.until("location.protocol === 'http:' && document.title.includes('Overview')", 20)
        assert not Path(file).exists()
        base = str(await page.evaluate("location.href"))
        for number, name in enumerate(names):
            digest = hashlib.sha256(bytes([number])).digest()
            await _add_name(visitor, name, _b32(digest))
        yield visitor, page, base


def _b32(digest: bytes) -> str:
    from core.data.encoding import b32encode

    return f"{b32encode(digest)}.b32.i2p"


async def _add_name(visitor: Visitor, name: str, target: str) -> None:
    from i2ptunnel.commands import address_add

    await address_add(visitor.program, name=name, target=target)


async def show(page: Page, size: str, scheme: str) -> None:
    """Look at pages at this width and in this colour scheme from now on."""
    await look(page, *SIZES[size], scheme)


async def look(page: Page, width: int, height: int, is_mobile: bool, scheme: str) -> None:
    """The same by the figures."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    await page.call("Emulation.setEmulatedMedia", features=features)
    await page.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=height,
        deviceScaleFactor=1,
        mobile=is_mobile,
    )


async def pretend(visitor: Visitor, page: Page, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a router without a network has none of, a conflict of names, and a change drafted."""
    hashes = [hashlib.sha256(bytes([number])).digest() for number in range(60)]
    router = visitor.program.router
    paths = [
        TunnelPath("clients", bool(n % 2), tuple(hashes[n : n + 3]), n * 991) for n in range(6)
    ]
    linked = [LinkedRouter(one, "ntcp2", True, 12.5) for one in hashes]
    monkeypatch.setattr(router, "tunnel_paths", lambda: paths)
    monkeypatch.setattr(router, "linked_routers", lambda: linked)
    monkeypatch.setattr(visitor.program.torrents, "list", lambda: [*map(_torrent, range(5))])
    theirs = PrivateKeys.generate_destination(SeededEntropy("theirs")).destination
    visitor.program.naming.books.merge(f"site7.i2p={theirs.b64}", FEED)
    await page.open(f"{base}addresses/subscriptions")
    await _write(page, "#urls", "")
    await page.click("form.stack .primary")
    await page.loaded(20, title="Confirm")


def _torrent(number: int) -> dict[str, Any]:
    state = ("downloading", "seeding", "paused", "metadata", "error")[number]
    return {
        "id": f"{number:040}",
        "name": f"debian-{number}-with-quite-a-long-name-amd64-netinst.iso",
        "state": state,
        "size": 700_000_000,
        "done": 700_000_000 if state == "seeding" else 140_000_000,
        "download_rate": 150_000 if state == "downloading" else 0,
        "upload_rate": 30_000,
        "peers": 3,
        "error": "another torrent has files at debian" if state == "error" else None,
        "tracker_error": "no answer" if state == "metadata" else None,
    }


def test_every_page_fits_in_both_sizes_and_schemes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots = Path(os.environ.get("CONSOLE_SHOTS") or tmp_path / "shots")
    shots.mkdir(parents=True, exist_ok=True)

    async def main() -> None:
        async with opened(tmp_path) as (visitor, page, base):
            await pretend(visitor, page, base, monkeypatch)
            for path in PAGES:
                status = await page.open(base + path)
                assert status == (404 if path == "nowhere" else 200), path
                for size in SIZES:
                    for scheme in SCHEMES:
                        await show(page, size, scheme)
                        await _fits(page, f"{path} {size}")
                        name = path.replace("/", "-").replace("?recipe=", "-").partition("?")[0]
                        name = name or "overview"
                        await page.screenshot(shots / f"{name}-{size}-{scheme}.png")
            await show(page, "phone", "light")
            for language in LANGUAGES:
                await page.call(
                    "Network.setExtraHTTPHeaders", headers={"Accept-Language": language}
                )
                for path in PAGES[:10]:
                    await page.open(base + path)
                    await _fits(page, f"{path} {language}")
            assert page.policy_breaches == []

    run_in_loop(main())


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_pictures_of_the_guides_are_of_a_program_that_works(tmp_path: Path) -> None:
    """``CONSOLE_PICTURES=docs/pictures`` writes them where the guides show them."""
    pictures = Path(os.environ.get("CONSOLE_PICTURES") or tmp_path / "pictures")
    pictures.mkdir(parents=True, exist_ok=True)

    async def main() -> None:
        async with (
            own_network(tmp_path / "network", 10, ends=0, network_id=78) as network,
            opened(tmp_path, SHOWN_TUNNELS, SHOWN_NAMES) as (visitor, page, base),
        ):
            program = visitor.program
            program.router.import_routers(router.router_info for router in network.routers)
            await until("tunnels", lambda: program.health().state.value == "ready", 200)
            await page.call("Emulation.setScrollbarsHidden", hidden=True)
            await page.open(base)
            await page.until("!document.querySelector('.legend b').innerText.includes('–')", 60)
            for name, (path, width, height, is_mobile, scheme) in PICTURES.items():
                await look(page, width, height, is_mobile, scheme)
                assert await page.open(base + path) == 200
                await page.screenshot(pictures / f"{name}.png")
                assert (pictures / f"{name}.png").stat().st_size < PICTURE_BYTES_MAX
            assert "ready" in await page.text()

    run_in_loop(main())


async def _fits(page: Page, where: str) -> None:
    """Nothing makes the page wider than the screen."""
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, where
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    is_dark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (ground == "rgb(20, 23, 28)") == is_dark, where


def test_a_tunnel_is_made_watched_changed_and_taken_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as (visitor, page, base):
            before = visitor.path.read_text()
            # The overview lives: the uptime changes without loading the page again.
            uptime = "document.querySelector('[data-live] .facts div:last-child dd').innerText"
            first = await page.evaluate(uptime)
            await page.until(f"{uptime} !== {json.dumps(first)}", 20)

            await page.click("nav a[href$=tunnels]")
            await page.loaded(20, title="Tunnels")
            await page.click("main a.primary")
            await page.loaded(20, title="New tunnel")
            await page.click("a[href$='recipe=folder']")
            await page.until("document.querySelector('#f-docroot') !== null", 20)
            (tmp_path / "files").mkdir()
            await _write(page, "#f-docroot", str(tmp_path / "files"))
            await _write(page, "#name", "my-site")
            await page.click("form .primary")
            await page.loaded(20, title="Confirm")
            assert "New: my-site" in await page.text()
            assert visitor.path.read_text() == before
            await page.click("form .primary")
            await page.loaded(20, title="my-site")
            await page.until("document.body.innerText.includes('.b32.i2p')", 20)
            await page.until("document.querySelector('.qr svg path') !== null", 20)
            assert "\n  my-site:\n" in visitor.path.read_text()

            await page.click(".buttons form:nth-of-type(2) button")
            await page.until("document.querySelector('.state.stopped') !== null", 20)

            await page.open(f"{base}settings")
            await page.click("form[action$=undo] button")
            await page.until("document.body.innerText.includes('The change is made')", 20)
            assert visitor.path.read_text() == before
            assert page.policy_breaches == []

            # Without script all of it is there, too.
            await page.call("Emulation.setScriptExecutionDisabled", value=True)
            assert await page.open(base) == 200
            await page.call("Emulation.setScriptExecutionDisabled", value=False)

            # Nobody else's page can read or frame the console.
            await page.open("data:text/html,<title>other</title>")
            frame = f"<iframe src='{base}'></iframe>"
            await page.evaluate(f"document.body.innerHTML = {json.dumps(frame)}")
            await page.until("document.querySelector('iframe').contentDocument === null", 20)

    run_in_loop(main())


async def _write(page: Page, selector: str, text: str) -> None:
    element = f"document.querySelector({json.dumps(selector)})"
    await page.evaluate(f"{element}.value = {json.dumps(text)}")


@pytest.mark.slow
def test_no_page_is_hard_to_use_for_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = fetch_axe.script()

    async def main() -> None:
        async with opened(tmp_path) as (visitor, page, base):
            await pretend(visitor, page, base, monkeypatch)
            wrong = {}
            for path in PAGES:
                for scheme in SCHEMES:
                    await show(page, "phone" if scheme == "dark" else "desktop", scheme)
                    await page.open(base + path)
                    await page.evaluate(f"{script};0")
                    found = await page.evaluate(
                        "axe.run(document).then(result => result.violations.map(one => "
                        "`${one.id}: ${one.nodes.slice(0, 3).map(n => n.html).join(' ')}`))"
                    )
                    if found:
                        wrong[f"{path} {scheme}"] = found
            assert wrong == {}

    run_in_loop(main())
