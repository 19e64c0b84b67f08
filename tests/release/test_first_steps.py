"""A new user on a clean Debian, with the README's commands and nothing else.

From nothing to a page in a browser, and to an eepsite of one's own that others can open, in five
minutes each, what is downloaded included. Times are in build/first-steps.json.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from release.roots import ROOT, ROOTS, SUITES, Root, clean_root, remove
from tests.support.browser import browser
from tests.support.documentation import shown
from tests.support.i2pd_net import wait_until
from tests.support.namespace import separate_network
from tests.support.own_network import own_network

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a Debian system"),
]

MINUTES_5 = 300.0
README = (ROOT / "README.md").read_text()
TIMES = ROOT / "build" / "first-steps.json"
NETWORK_ID = 78
#: what makes of the public network that of this test; the rest is the README's
PRIVATE = f"""
extends: [eepsite, browser]
router:
  network_id: {NETWORK_ID}
  host: 127.78.200.1
  bind: 127.78.200.1
  allow_private_addresses: true
  reseed: {{enabled: false}}
  time: {{ntp: false}}
"""


def block(heading: str) -> list[str]:
    """The commands of the README below a heading."""
    return shown(ROOT / "README.md", f"## {heading}")


class Newcomer:
    """Somebody with a shell, and a checkout of the sources."""

    def __init__(self, root: Root) -> None:
        self.root = root
        root.run("useradd", "-m", "-s", "/bin/bash", "newcomer")
        home = root.path / "home" / "newcomer"
        tree = ["git", "-C", str(ROOT), "archive", "--prefix=i2ptunnel/", "HEAD"]
        archive = subprocess.run(tree, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(home)], input=archive, check=True)
        root.run("chown", "-R", "newcomer:newcomer", "/home/newcomer")
        # The resolver and the certificates of this machine, for whoever downloads.
        (root.path / "etc/resolv.conf").unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", root.path / "etc/resolv.conf")
        shutil.copy(
            "/etc/ssl/certs/ca-certificates.crt", root.path / "etc/ssl/certs/ca-certificates.crt"
        )
        (root.path / "etc/profile.d/test.sh").write_text(
            "export PIP_CERT=/etc/ssl/certs/ca-certificates.crt\n"
        )

    def shell(self, command: str) -> list[str]:
        """A command in a new login shell, in the checkout."""
        return ["su", "-", "newcomer", "-c", f"cd i2ptunnel && {command}"]

    def types(self, command: str) -> str:
        """What a command prints; RootFault if it fails. ``sudo`` is root."""
        if command.startswith("sudo "):
            return self.root.run("sh", "-c", command.removeprefix("sudo "))
        return self.root.run(*self.shell(command))


@pytest.fixture(params=SUITES)
def newcomer(request: pytest.FixtureRequest) -> Iterator[Newcomer]:
    suite = request.param
    root = clean_root(suite).copy(ROOTS / f"{suite}-newcomer")
    try:
        yield Newcomer(root)
    finally:
        remove(root.path)


class Clock:
    """Seconds of each step, and of all so far."""

    def __init__(self, name: str) -> None:
        self.name, self.began, self.steps = name, time.monotonic(), dict[str, float]()

    def note(self, step: str) -> None:
        self.steps[step] = round(time.monotonic() - self.began, 1)

    def keep(self) -> None:
        TIMES.parent.mkdir(exist_ok=True)
        known = json.loads(TIMES.read_text()) if TIMES.exists() else {}
        TIMES.write_text(json.dumps(known | {self.name: self.steps}, indent=2) + "\n")


def test_pipx_a_page_and_a_site(newcomer: Newcomer, tmp_path: Path) -> None:
    clock = Clock(f"{newcomer.root.suite}: pipx")
    needed = re.search(r"`(sudo apt install pipx)`", README)
    assert needed is not None
    newcomer.types("sudo apt-get -q update")
    newcomer.types(f"{needed[1]} -y")
    install, run = block("Two commands")
    newcomer.types(install)
    clock.note("installed")
    make_site, run_both, status, *_ = block("An eepsite in one minute")
    with separate_network():
        program = newcomer.root.start(*newcomer.shell(run))
        try:
            asyncio.run(open_own_page(tmp_path / "first"))
            clock.note("own page in Chromium")
        finally:
            program.kill()
            program.wait()
        newcomer.types(make_site)
        (newcomer.root.path / "home/newcomer/i2ptunnel/private.yaml").write_text(PRIVATE)
        run_private = run_both.replace("--profile eepsite --profile browser", "-c private.yaml")
        assert run_private != run_both
        ask = f"{status} -c private.yaml"
        asyncio.run(open_site(newcomer, run_private, ask, clock, tmp_path))
    clock.keep()
    assert clock.steps["own page in Chromium"] < MINUTES_5
    assert clock.steps["own site in Chromium"] < 2 * MINUTES_5


async def open_own_page(root: Path) -> None:
    async with browser(root, "http://127.0.0.1:4444") as page:
        async with asyncio.timeout(60):
            while await page.open("http://proxy.i2p/") != 200:
                await asyncio.sleep(0.2)
        assert "i2p" in (await page.text()).lower()


async def open_site(
    newcomer: Newcomer, run: str, status: str, clock: Clock, tmp_path: Path
) -> None:
    """The site of the second block, through a network of other routers."""
    async with own_network(tmp_path / "net", 6, ends=0, network_id=NETWORK_ID) as network:
        known = newcomer.root.path / "home/newcomer/known"
        known.mkdir()
        for number, router in enumerate(network.routers):
            (known / f"routerInfo-{number}.dat").write_bytes(router.router_info.raw)
        newcomer.types("i2ptunnel netdb import ~/known -c private.yaml")
        program = newcomer.root.start(*newcomer.shell(run))
        try:
            address = await asyncio.to_thread(address_shown, lambda: newcomer.types(status))
            clock.note("address shown")
            async with browser(tmp_path / "second", "http://127.0.0.1:4444") as page:
                async with asyncio.timeout(120):
                    while await page.open(f"http://{address}/") != 200:
                        await asyncio.sleep(0.5)
                assert "Hello, I2P" in await page.text()
            clock.note("own site in Chromium")
        finally:
            program.kill()
            program.wait()


def address_shown(ask: Callable[[], str]) -> str:
    found: list[str] = []

    def is_there() -> bool:
        try:
            found[:] = re.findall(r"eepsite .*?(\w{52}\.b32\.i2p)", ask())
        except Exception:
            return False
        return bool(found)

    wait_until("the site's address", is_there, 60)
    return found[0]
