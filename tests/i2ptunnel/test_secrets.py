"""No secret in the log, on a page or in a list of processes, however much is logged."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from base64 import b64encode
from pathlib import Path

import pytest

from core.data.encoding import b64encode as i2p_b64encode
from i2ptunnel.console.pages import PAGES
from i2ptunnel.demo import free_port
from i2ptunnel.keyfiles import read_keys
from i2ptunnel.logs import RECENT
from tests.support.console import CONFIGURATION, Visitor, console
from tests.support.torrents import magnet_of, make_torrent
from tests.support.waiting import until

#: stand in files of their own: on no page at all
IN_FILES = {
    "console": "one-8f1d-console-password",
    "proxy": "two-91ac-proxy-password",
    "i2pcontrol": "three-77e0-i2pcontrol-password",
    "users": "four-52bb-sam-password",
}
#: stand in the configuration: on the pages that change it, and nowhere else
WRITTEN = ("five-c0de-written-password", "six-d00d-secret-word")
EDITORS = ("settings/file", "settings/i2ptunnel.yaml", "tunnels/edit")
MORE = """
torrents: {{}}
interfaces:
  sam: {{listen: "127.0.0.1:{sam}", users: {directory}/users}}
  i2pcontrol: {{listen: "127.0.0.1:{rpc}", password_file: {directory}/i2pcontrol}}
tunnels:
  web: {{type: httpclient, listen: "unix:{directory}/web",
    auth: {{username: anna, password_file: {directory}/proxy}}}}
  socks: {{type: sockstunnel, listen: "127.0.0.1:{socks}",
    auth: {{username: anna, password: {written[0]}}}}}
  site: {{type: server, target: "127.0.0.1:9"}}
  hidden: {{type: server, target: "127.0.0.1:9",
    encrypted: {{enabled: true, secret: {written[1]}}}}}
"""


def processes_of(pid: int) -> list[int]:
    """This one and all that it has started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += processes_of(int(child))
    return found


def forms_of(secret: bytes) -> set[str]:
    """How its bytes could have been written."""
    return {
        secret.hex(),
        b64encode(secret).decode().rstrip("="),
        i2p_b64encode(secret).rstrip("="),
        repr(secret)[2:-1],
    }


async def pages_of(visitor: Visitor) -> dict[str, str]:
    """All that can be had at once, also those of each tunnel."""
    names = visitor.program.loaded.configuration.tunnels
    asked = [page for page in PAGES if not page.endswith("live")]
    asked += [f"{page}?name={name}" for page in ("tunnels/show", "tunnels/edit") for name in names]
    return {page: (await visitor.get(page)).text for page in asked}


def test_none_is_shown_logged_or_seen_in_the_list_of_processes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger().addHandler(RECENT)
    for name, secret in IN_FILES.items():
        (tmp_path / name).write_text(f"anna:{secret}\n" if name == "users" else f"{secret}\n")
        (tmp_path / name).chmod(0o600)
    port = free_port("127.0.0.1", 0)
    password = f", password_file: {tmp_path}/console"
    places = {"directory": tmp_path, "port": port, "more": password, "written": WRITTEN}
    places |= {name: free_port("127.0.0.1", 0) for name in ("sam", "rpc", "socks")}
    text = (CONFIGURATION + MORE).format(**places, router_port=free_port("127.78.9.1", 0))
    magnet = magnet_of(make_torrent(tmp_path / "src", {"hidden-film": b"x" * 99}, []))
    (torrent,) = re.findall(r"btih:(\w+)", magnet)

    async def main() -> tuple[dict[str, str], list[bytes], set[str]]:
        async with console(tmp_path, text=text, port=port) as visitor:
            await visitor.enter()
            tunnels = visitor.program.manager.status
            await until("keys", lambda: all(one.get("b32") for one in tunnels()), 30)
            await until("the torrent client", lambda: visitor.program.torrents.is_running, 30)
            await visitor.post("torrents/add", {"magnet": magnet})
            await visitor.send("POST", "/login", b"password=" + IN_FILES["console"].encode())
            await visitor.send("POST", "/login", b"password=wrong-" + IN_FILES["users"].encode())
            lines = []
            for pid in processes_of(os.getpid())[1:]:
                lines += [Path(f"/proc/{pid}/{one}").read_bytes() for one in ("cmdline", "environ")]
            own = {visitor.base.strip("/"), visitor.cookie.partition("=")[2], visitor.csrf}
            return await pages_of(visitor), lines, own

    try:
        pages, lines, session = asyncio.run(main())
    finally:
        logging.getLogger().removeHandler(RECENT)
    secrets = {*IN_FILES.values()}
    for name in ("site.dat", "hidden.dat"):
        keys = read_keys(tmp_path / "data" / name)
        assert keys is not None
        secrets |= forms_of(keys.signing.private) | forms_of(keys.crypto_private)
    log = caplog.text
    assert "core." in log and "i2ptunnel." in log and lines
    assert {one for one in secrets | session | {*WRITTEN, torrent} if one in log} == set()
    shown = {(page, one) for page, text in pages.items() for one in secrets if one in text}
    shown |= {
        (page, one)
        for page, text in pages.items()
        for one in WRITTEN
        if one in text and page.partition("?")[0] not in EDITORS
    }
    assert shown == set()
    assert all(one in pages["settings/file"] for one in WRITTEN), "the visitor was outside"
    assert torrent in pages["torrents"], "the link was not taken"
    listed = b"\n".join(lines).decode("utf-8", "replace")
    assert {one for one in secrets | session | {*WRITTEN, torrent} if one in listed} == set()
