"""Chromium as users have it, through I2P: sites behind our servers and behind i2pd's.

A page with images, style and script; following links; a form with a file; a download; a WebSocket;
links with address helpers; and the proxy's own pages as a browser shows them.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from core.crypto.signing import SigningKey, SigningType
from core.data.blinded_address import BlindedAddress
from tests.interop.conftest import Network
from tests.support import curl, web_site
from tests.support.browser import Page, browser
from tests.support.deterministic import SeededEntropy
from tests.support.origin import body_of
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

UPLOAD_BYTES = 300_000


async def visit_everything(page: Page, site: str, root: Path) -> None:
    """What a visitor of the site does."""
    base = f"http://{site}{web_site.PREFIX}"
    assert await page.open(base) == 200, await page.text()
    loaded = (
        "Array.from(document.images).every(image => image.complete && image.naturalWidth === 40)"
    )
    await page.until(loaded, 20)
    colour = "getComputedStyle(document.querySelector('h1')).color"
    assert await page.evaluate(colour) == "rgb(1, 2, 3)"
    await page.until("document.getElementById('echo').textContent", 20)
    assert await page.text("#echo") == "3,3,70000 1000"

    await page.click("#file")
    got = root / "downloads" / "file.bin"
    await until("the file", lambda: page.downloads.get("file.bin") == "completed")
    assert got.read_bytes() == web_site.DOWNLOAD

    await page.click("#next")
    await page.loaded(20, title="Second page")
    await page.click("#back")
    await page.loaded(20, title="A site")

    upload = root / "upload"
    upload.write_bytes(body_of(UPLOAD_BYTES))
    await page.choose_file("#upload", upload)
    await page.click("#send")
    await page.loaded(30, title="Got it")
    assert await page.text("#words") == "grüße & more"
    assert await page.text("#digest") == hashlib.sha256(body_of(UPLOAD_BYTES)).hexdigest()


def test_our_site_through_our_proxy(network: Network, tmp_path: Path) -> None:
    asyncio.run(_browse(f"http://{network.ours.address}:4444", network.other_site, tmp_path))


def test_i2pd_site_through_our_proxy(network: Network, tmp_path: Path) -> None:
    asyncio.run(_browse(f"http://{network.ours.address}:4444", network.i2pd_site, tmp_path))


def test_our_site_through_i2pd_proxy(network: Network, tmp_path: Path) -> None:
    asyncio.run(_browse(f"http://{network.i2pd_proxy.address}:4444", network.our_site, tmp_path))


def test_our_site_through_our_socks_proxy(network: Network, tmp_path: Path) -> None:
    asyncio.run(_browse(f"socks5://{network.ours.address}:4447", network.other_site, tmp_path))


async def _browse(proxy: str, site: str, root: Path) -> None:
    there = proxy.replace("socks5:", "socks5h:")
    got = await asyncio.to_thread(curl.fetch_with_retry, f"http://{site}/", proxy=there)
    assert got.status == 200, got
    async with browser(root / "browser", proxy) as page:
        await visit_everything(page, site, root / "browser")


def test_address_helpers_are_asked_about(network: Network, tmp_path: Path) -> None:
    asyncio.run(_follow_helpers(network, tmp_path))


async def _follow_helpers(network: Network, root: Path) -> None:
    site, friend = network.other_site, "browsed-friend.i2p"
    helper = f"http://{friend}{web_site.PREFIX}second.html?i2paddresshelper="
    async with browser(root / "browser", f"http://{network.ours.address}:4444") as page:
        # A new name: the choice is shown, and taken; afterwards it is known.
        url = f"http://{site}{web_site.link_page(helper + site)}"
        assert await page.open(url) == 200
        await page.click("#link")
        await page.loaded(20, title="not in the address book")
        assert site in await page.text()
        await page.click("button[value=none]")
        await page.loaded(30, title="Second page")
        assert await page.evaluate("location.href") == f"http://{friend}/site/second.html"
        assert await page.text("#referrer") == "from"
        assert await page.open(f"http://{friend}{web_site.PREFIX}") == 200

        # Another address for the same name: a conflict.
        other = network.i2pd_site
        assert await page.open(f"http://{site}{web_site.link_page(helper + other)}") == 200
        await page.click("#link")
        await page.loaded(20, title="different addresses")
        text = await page.text()
        assert other in text and site in text
        await fits(page, "conflict")
        await page.screenshot(root / "conflict.png")

        # An address that is none.
        assert await page.open(f"{helper}damaged") == 409


PAGES = {
    "http://proxy.i2p/": 200,
    "http://proxy.i2p/setup": 200,
    "http://proxy.i2p/selftest": 200,
    "http://proxy.i2p/none": 404,
    "http://nobody-knows-this.i2p/": 502,
    "http://example.com/": 503,
    "http://192.168.1.1/": 403,
    "http://2130706433/": 403,
    "http://short.b32.i2p/": 400,
    "http://new-name.i2p/?i2paddresshelper=" + "a" * 52 + ".b32.i2p": 409,
}
INVITED = BlindedAddress(
    SigningType.ED25519,
    SigningKey.generate(SeededEntropy("invited")).public,
    needs_secret=True,
    needs_client_key=True,
)
PAGES[f"http://{INVITED.host}/"] = 400
LANGUAGES = ("en", "de", "ru", "zh", "es", "fr")


def test_pages_of_the_proxy(network: Network, tmp_path: Path) -> None:
    asyncio.run(_look_at_pages(network, tmp_path))


async def _look_at_pages(network: Network, root: Path) -> None:
    proxy = f"http://{network.ours.address}:4444"
    async with browser(root / "browser", proxy, "--proxy-bypass-list=<-loopback>") as page:
        shots = root / "shots"
        shots.mkdir()
        titles = set()
        for language in LANGUAGES:
            await page.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
            for number, (url, status) in enumerate(PAGES.items()):
                assert await page.open(url) == status, url
                await fits(page, url)
                titles.add((number, await page.evaluate("document.title")))
                await page.screenshot(shots / f"{number}-{language}.png")
        # Every page is translated into every language, if its words differ at all.
        assert len(titles) > len(PAGES) * (len(LANGUAGES) - 1), titles
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        await page.call("Emulation.setEmulatedMedia", features=dark)
        await page.call(
            "Emulation.setDeviceMetricsOverride",
            width=320,
            height=600,
            deviceScaleFactor=1,
            mobile=True,
        )
        for number, url in enumerate(PAGES):
            await page.open(url)
            await fits(page, url)
            await page.screenshot(shots / f"{number}-narrow.png")
        assert not page.policy_breaches


async def fits(page: Page, url: str) -> None:
    """The style is applied, and nothing sticks out at the side."""
    assert await page.evaluate("getComputedStyle(document.querySelector('main')).borderTopWidth")
    wide = await page.evaluate(
        "(() => { const edge = document.querySelector('main').getBoundingClientRect().right;"
        "return Array.from(document.querySelectorAll('main *'))"
        ".filter(part => part.getBoundingClientRect().right > edge - 8)"
        ".map(part => part.outerHTML); })()"
    )
    assert wide == [], url
    assert url not in page.failures
