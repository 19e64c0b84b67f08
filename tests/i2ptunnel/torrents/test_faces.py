"""The torrent client in the configuration, the commands, ``status``, the metrics and the shell."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from core.base.errors import I2PError, Unavailable
from i2ptunnel.cli.main import main
from i2ptunnel.commands import CommandRefused, call
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.torrents_model import TorrentsSection
from i2ptunnel.control import ControlServer
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.services import Services
from i2ptunnel.status_text import torrents_line
from i2ptunnel.torrents.client import TorrentClient
from i2ptunnel.torrents.process import TorrentRefused
from i2ptunnel.tracker_urls import LOOK, is_i2p_tracker
from tests.support.metrics import metrics_page
from tests.support.sam_bridge import SamNetwork
from tests.support.torrents import TRACKER, make_torrent, until

STATUS: dict[str, Any] = {
    "torrents": {
        "state": "listening",
        "last_error": None,
        "pid": 7,
        "worker": {"last_error": None},
        "download_rate": 2000,
        "upload_rate": 0,
        "torrents": [{"state": "seeding"}, {"state": "seeding"}, {"state": "error"}],
    }
}


class Program:
    """What the commands need of the running program."""

    def __init__(self, root: Path) -> None:
        network = SamNetwork(root)
        self.torrents = TorrentClient(root, network, network.naming, ConnectionBudget())
        self.services = Services()


def drive(work: Coroutine[Any, Any, None]) -> None:
    async def run() -> None:
        async with asyncio.timeout(60):
            await work

    asyncio.run(run())


# Configuration


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ("{trackers: [http://tracker.example.com/a]}", "torrents.trackers"),
        ("{trackers: [udp://tracker.i2p:80]}", "torrents.trackers"),
        ("{download_dir: $HOME/x}", "torrents.download_dir"),
        ("{upload_rate: 3}", "torrents.upload_rate"),
        ("{inbound: {length: 9}}", "torrents.inbound.length"),
        ("{max_connection: 9}", "max_connections"),
        ("{download_dir: /tmp}", "it contains the data directory"),
        ("{download_dir: /tmp/i2p/data/router}", "it is in the data directory"),
        ("{download_dir: /proc/self}", "shows this program"),
    ],
)
def test_a_wrong_section_is_told(section: str, wrong: str) -> None:
    text = f"router: {{data_dir: /tmp/i2p/data}}\ntorrents: {section}\n"
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    assert wrong in str(caught.value)


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert load_text("router: {}\n").configuration.torrents is None
    loaded = load_text("torrents: {}\n").configuration.torrents
    assert loaded == TorrentsSection()
    assert loaded.place(Path("/data")) == Path("/data/downloads")


def test_what_a_tracker_in_i2p_is() -> None:
    for right in (LOOK, "HTTP://a-b.c.I2P:80/x?y=1", f"http://{'a' * 52}.b32.i2p/a"):
        assert is_i2p_tracker(right), right
    for wrong in (
        *("https://a.i2p/", "udp://a.i2p/", "http://a.i2p", "http://a.i2p.example.com/"),
        *("http://a.example.com/b.i2p/", "http://u:p@a.i2p/", "http://a.i2p@example.com/"),
        *("http://.i2p/", "http://i2p/", "http://a.i2p\\@b.com/", "http://a.i2p/\n", ""),
        "http://a.i2p/" + "x" * 1024,
    ):
        assert not is_i2p_tracker(wrong), wrong


# Commands


def test_commands_without_a_client_say_what_is_missing(tmp_path: Path) -> None:
    async def run() -> None:
        program: Any = Program(tmp_path)
        for name, arguments in (
            ("add", {"magnet": "magnet:?xt=urn:btih:" + "0" * 40}),
            ("list", {}),
            ("pause", {"torrent": "a"}),
            ("resume", {"torrent": "a"}),
            ("remove", {"torrent": "a", "data": True}),
            ("limits", {"connections": 9}),
        ):
            with pytest.raises(Unavailable, match="needs `torrents"):
                await call(program, f"torrents-{name}", arguments)
        assert await call(program, "torrents-limits", {}) == {
            "download_rate": None,
            "upload_rate": None,
            "connections": 200,
        }
        for name, arguments in (
            ("pause", {}),
            ("pause", {"torrent": 3}),
            ("add", {"magnet": "m", "trackers": "http://a.i2p/"}),
        ):
            with pytest.raises(CommandRefused):
                await call(program, f"torrents-{name}", arguments)
        for arguments in ({"upload_rate": -1}, {"connections": 1}):
            with pytest.raises(TorrentRefused, match="from 2 to 2000"):
                await call(program, "torrents-limits", arguments)
        with pytest.raises(I2PError, match="base64"):
            await call(program, "torrents-add", {"file": "?"})

    drive(run())


def test_the_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``i2ptunnel torrents …`` at the control socket of a program that has nothing else."""

    async def run() -> None:
        program: Any = Program(tmp_path)

        def command(name: str) -> Any:
            return lambda arguments: call(program, name, arguments)

        names = [
            f"torrents-{one}" for one in ("add", "list", "pause", "resume", "remove", "limits")
        ]
        control = ControlServer(tmp_path / "control.sock", {name: command(name) for name in names})

        async def shell(*words: str) -> tuple[int, str, str]:
            status = await asyncio.to_thread(
                main, ["torrents", *words, "--data-dir", str(tmp_path)]
            )
            told = capsys.readouterr()
            return status, told.out, told.err

        await control.start()
        try:
            status, _, error = await shell("list")
            assert status == 1 and "torrents: {}" in error
            await program.services.apply({"t": program.torrents.wanted(TorrentsSection())})
            assert await shell("list") == (0, "no torrents\n", "")
            file = tmp_path / "a.torrent"
            content = {"film.bin": b"x" * 99}
            made = make_torrent(tmp_path / "s", content, [TRACKER, "udp://t.example.com:1"])
            file.write_bytes(made)
            status, told, error = await shell("add", str(file), "--paused")
            assert status == 0 and told.endswith("  film.bin\n")
            assert error.endswith("not in I2P: 1 clear-net tracker\n")
            await until("it is known", program.torrents.list)
            status, told, _ = await shell("list")
            assert told.startswith(told[:8] + "  paused        0 % of 99")
            found = json.loads((await shell("list", "--json"))[1])
            assert [one["name"] for one in found] == ["film.bin"]
            assert (await shell("resume", "film.bin"))[0] == 0
            assert (await shell("pause", found[0]["id"][:6]))[0] == 0
            status, _, error = await shell("remove", "nobody")
            assert status == 1 and "no torrent has this ID or name" in error
            assert (await shell("remove", "--data", "film.bin"))[0] == 0
            status, told, _ = await shell("limits", "--upload", "20KB/s", "--connections", "30")
            assert told.startswith("download     no limit\nupload       20.0 kB/s\n")
            assert told.endswith("30\n")
            large = tmp_path / "large"
            large.write_bytes(bytes(1_400_001))
            assert "use a magnet link" in (await shell("add", str(large)))[2]
            assert (await shell("add", str(tmp_path / "none")))[0] == 1
            status, _, error = await shell("add", "magnet:?xt=urn:btih:" + "1" * 40)
            assert "no tracker in I2P" in error

            async def piped(content: bytes) -> tuple[int, str, str]:
                monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
                return await shell("add", "-")

            link = b" magnet:?xt=urn:btih:" + b"2" * 40 + b"&dn=from%20a%20pipe\n"
            assert (await piped(link))[1] == f"{'2' * 40}  from a pipe\n"
            assert (await piped(made))[1] == f"{found[0]['id']}  film.bin\n"
            assert "standard input is larger" in (await piped(bytes(1_400_001)))[2]
            assert "this is no torrent file" in (await piped(b""))[2]
        finally:
            await control.stop()
            await program.services.stop()

    drive(run())


# State


def test_the_metrics_have_no_names() -> None:
    page = metrics_page({"state": "ready", "ready": True, "router": {}, "tunnels": [], **STATUS})
    lines = [line for line in page.splitlines() if line.startswith("i2ptunnel_torrents")]
    assert lines == [
        'i2ptunnel_torrents{state="error"} 1.0',
        'i2ptunnel_torrents{state="seeding"} 2.0',
        "i2ptunnel_torrents_running 1.0",
        "i2ptunnel_torrents_download_bytes_per_second 2000.0",
        "i2ptunnel_torrents_upload_bytes_per_second 0.0",
    ]


def test_status_has_a_line() -> None:
    assert torrents_line(STATUS["torrents"]).startswith("torrents 1 error, 2 seeding; 2")
    failed = {"state": "failed", "last_error": "no namespaces"}
    assert torrents_line(failed) == "torrents no namespaces"
