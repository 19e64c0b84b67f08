"""Sessions that come back by themselves: what reaches the disk, and who gets them back."""

from __future__ import annotations

import asyncio
import errno
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.interfaces import wanted_interfaces
from i2ptunnel.relay.activation import take_none
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.sam import sessions as sessions_module
from i2ptunnel.sam.bridge import SamBridge
from i2ptunnel.services import Services, Wanted
from tests.i2ptunnel.sam.test_bridge import (
    accept,
    destination_of,
    drive,
    packet_to,
    session,
    udp_socket,
)
from tests.i2ptunnel.test_services import free_port
from tests.support.deterministic import SeededEntropy
from tests.support.sam_bridge import SamNetwork
from tests.support.sam_client import SamClient
from tests.support.waiting import eventually

RESUME = " i2ptunnel.resume=true"
KEYS = PrivateKeys.generate_destination(SeededEntropy("resumed")).to_base64()
CREATE = f"SESSION CREATE STYLE=STREAM ID=one DESTINATION={KEYS}{RESUME}"


def kept(root: Path) -> list[Path]:
    return sorted((root / "sam").glob("*")) if (root / "sam").exists() else []


async def result(bridge: SamBridge, line: str) -> str:
    client = await SamClient.greeted(bridge.port)
    return (await client.ask(line))[1]["RESULT"]


def test_without_resume_nothing_reaches_the_disk(tmp_path: Path) -> None:
    async def run() -> None:
        async with SamNetwork(tmp_path).bridge() as running:
            await session(running.port, "one")
            assert not kept(tmp_path)
        assert not kept(tmp_path)

    drive(run())


def test_a_session_comes_back_with_its_id_and_its_key(tmp_path: Path) -> None:
    async def run() -> None:
        network = SamNetwork(tmp_path)
        async with network.bridge() as running:
            control = await SamClient.greeted(running.port, "3.1")
            assert (await control.ask(CREATE))[1]["RESULT"] == "OK"
            await session(running.port, "other")
            (file,) = kept(tmp_path)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert await control.at_end()
        assert kept(tmp_path) == [file]
        async with network.bridge() as running:
            await eventually(lambda: running.status()["sessions"] == 1)
            assert network.opened[-1].config.lasting == network.opened[0].config.lasting
            two = await session(running.port, "two")
            # the program that was never told: its next ACCEPT and CONNECT go on as before
            waiting = await SamClient.greeted(running.port, "3.1")
            assert (await waiting.ask("STREAM ACCEPT ID=one"))[1]["RESULT"] == "OK"
            own = PrivateKeys.from_base64(KEYS).destination
            client = await SamClient.greeted(running.port)
            assert (await client.ask(f"STREAM CONNECT ID=two DESTINATION={own.b32}"))[1][
                "RESULT"
            ] == "OK"
            assert await waiting.line() == await destination_of(two)

    drive(run())


@pytest.mark.parametrize("by_quitting", [True, False])
def test_its_end_deletes_what_was_kept(tmp_path: Path, by_quitting: bool) -> None:
    async def run() -> None:
        network = SamNetwork(tmp_path)
        async with network.bridge() as running:
            control = await SamClient.greeted(running.port)
            await control.ask(CREATE)
            assert kept(tmp_path)
            if by_quitting:
                await control.ask("QUIT")
            else:
                await control.close()
            await eventually(lambda: not network.open_count)
            await eventually(lambda: not kept(tmp_path))

    drive(run())


def test_who_has_the_key_takes_it_over_and_nobody_else(tmp_path: Path) -> None:
    async def run() -> None:
        network = SamNetwork(tmp_path)
        async with network.bridge() as running:
            control = await SamClient.greeted(running.port)
            await control.ask(CREATE)
            assert await result(running, CREATE) == "DUPLICATED_ID"
            other_id = CREATE.replace("ID=one", "ID=new")
            assert await result(running, other_id) == "DUPLICATED_DEST"
        async with network.bridge() as running:
            await eventually(lambda: running.status()["sessions"] == 1)
            other = PrivateKeys.generate_destination(SeededEntropy("thief")).to_base64()
            assert await result(running, CREATE.replace(KEYS, other)) == "DUPLICATED_ID"
            assert await result(running, CREATE.replace(KEYS, "TRANSIENT")) == "DUPLICATED_ID"
            assert await result(running, CREATE.replace("STREAM", "DATAGRAM")) == "DUPLICATED_ID"
            heir = await SamClient.greeted(running.port)
            _, values = await heir.ask(CREATE)
            assert values == {"RESULT": "OK", "DESTINATION": KEYS}
            assert await result(running, CREATE) == "DUPLICATED_ID"
            assert running.status()["sessions"] == 1
            await heir.close()
            await eventually(lambda: not network.open_count)
            await eventually(lambda: not kept(tmp_path))

    drive(run())


def test_its_key_under_another_id_takes_its_place(tmp_path: Path) -> None:
    async def run() -> None:
        network = SamNetwork(tmp_path)
        async with network.bridge() as running:
            control = await SamClient.greeted(running.port)
            await control.ask(CREATE)
        async with network.bridge() as running:
            await eventually(lambda: running.status()["sessions"] == 1)
            heir = await SamClient.greeted(running.port)
            assert (await heir.ask(CREATE.replace("ID=one", "ID=new")))[1]["RESULT"] == "OK"
            assert await result(running, "STREAM ACCEPT ID=one") == "INVALID_ID"
            assert len(kept(tmp_path)) == 1

    drive(run())


def test_a_program_whose_machine_is_gone_finds_its_session_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        network = SamNetwork(tmp_path)
        async with network.bridge() as running:
            channels: list[LocalChannel] = []
            made = LocalChannel.connection_made

            def note(channel: LocalChannel, transport: asyncio.BaseTransport) -> None:
                channels.append(channel)
                made(channel, transport)

            monkeypatch.setattr(LocalChannel, "connection_made", note)
            control = await SamClient.greeted(running.port)
            await control.ask(CREATE)
            # what the system says when keepalives are not answered
            transport: Any = channels[0]._transport
            transport._force_close(TimeoutError(errno.ETIMEDOUT, "timed out"))
            one = running._parts.sessions.get("one", "")
            await eventually(lambda: one.is_orphan)
            assert network.open_count == 1
            assert kept(tmp_path)
            heir = await SamClient.greeted(running.port)
            assert (await heir.ask(CREATE))[1]["RESULT"] == "OK"
            assert running._parts.sessions.get("one", "") is one

    drive(run())


def test_nobody_comes_back_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        monkeypatch.setattr(sessions_module, "ORPHAN_S", 0.05)
        monkeypatch.setattr(sessions_module, "_LOOK_S", 0.05)
        network = SamNetwork(tmp_path)
        async with network.bridge() as running:
            control = await SamClient.greeted(running.port)
            await control.ask(CREATE)
        async with network.bridge() as running:
            await eventually(lambda: running.status()["sessions"] == 1)
            await eventually(lambda: running.status()["sessions"] == 0)
            await eventually(lambda: not kept(tmp_path))

    drive(run())


def test_subsessions_and_forwarding_come_back_too(tmp_path: Path) -> None:
    async def run() -> None:
        network = SamNetwork(tmp_path)
        with udp_socket() as mine:
            number = mine.getsockname()[1]
            async with network.bridge() as running:
                control = await session(running.port, "main", "PRIMARY", extra=RESUME)
                target = await destination_of(control)
                for line in (
                    "SESSION ADD STYLE=STREAM ID=web FROM_PORT=80",
                    f"SESSION ADD STYLE=RAW ID=raw PORT={number} HEADER=true",
                    "SESSION ADD STYLE=STREAM ID=gone FROM_PORT=81",
                    "SESSION REMOVE ID=gone",
                ):
                    assert (await control.ask(line))[1]["RESULT"] == "OK"
            async with network.bridge() as running:
                await eventually(lambda: running._parts.sessions.find("raw") is not None)
                await accept(running.port, "web")
                assert await result(running, "STREAM ACCEPT ID=gone") == "INVALID_ID"
                assert Destination.from_base64(target).hash in network.sessions
                mine.sendto(f"3.3 raw {target}\nback".encode(), ("127.0.0.1", running.udp_port))
                assert await packet_to(mine) == b"FROM_PORT=0 TO_PORT=0 PROTOCOL=18\nback"

    drive(run())


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"title": "x"}', b"\xff"])
def test_files_that_are_none_are_left_alone(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        (tmp_path / "sam").mkdir()
        file = tmp_path / "sam/x.session"
        file.write_bytes(content)
        file.chmod(0o600)
        async with SamNetwork(tmp_path).bridge() as running:
            await session(running.port, "one")
        assert file.read_bytes() == content
        assert "can come back" in caplog.text

    drive(run())


def test_a_disk_that_cannot_be_written_refuses_the_session(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        (tmp_path / "sam").write_text("no directory")
        network = SamNetwork(tmp_path)
        async with network.bridge() as running:
            assert await result(running, CREATE) == "I2P_ERROR"
            assert network.open_count == 0

    drive(run())


@pytest.mark.parametrize("change", ["settings", "listener"])
def test_a_reload_that_changes_the_bridge_brings_its_sessions_back(
    tmp_path: Path, change: str
) -> None:
    network = SamNetwork(tmp_path)
    first, second = free_port(), free_port()

    def wanted(port: int, sessions: int, log_level: str) -> dict[str, Wanted]:
        """What a reload makes of the file's text."""
        sam = f"{{listen: 127.0.0.1:{port}, udp: null, max_sessions: {sessions}}}"
        text = f"control: {{log: {log_level}}}\ninterfaces: {{sam: {sam}}}\n"
        loaded = replace(load_text(text), data_dir=tmp_path)
        router: Any = network
        naming: Any = network.naming
        budget = ConnectionBudget(1000)
        return wanted_interfaces(loaded, router, naming, OwnDoors, budget, lambda *_: take_none)

    async def run() -> None:
        services = Services(retry_first_s=0.01)
        try:
            await services.apply(wanted(first, 10, "info"))
            control = await SamClient.greeted(first)
            assert (await control.ask(CREATE))[1]["RESULT"] == "OK"
            plain = await session(first, "plain")
            await services.apply(wanted(first, 10, "debug"))
            # Nothing of the bridge changed: its programs notice nothing.
            assert (await control.ask("PING"))[0] == (await plain.ask("PING"))[0] == "PONG"
            assert len(network.opened) == 2

            port, sessions = (first, 11) if change == "settings" else (second, 10)
            await services.apply(wanted(port, sessions, "debug"))
            assert await control.at_end() and await plain.at_end()
            await eventually(lambda: services.status()["sam"]["sessions"] == 1)
            assert network.open_count == 1
            assert network.opened[-1].config.lasting == network.opened[0].config.lasting
            if change == "listener":
                with pytest.raises(ConnectionRefusedError):
                    await SamClient.connect(first)
            await accept(port, "one")  # the program that only opens its next connection
            heir = await SamClient.greeted(port)
            assert (await heir.ask(CREATE))[1] == {"RESULT": "OK", "DESTINATION": KEYS}
            assert len(network.opened) == 3
            await heir.ask("QUIT")
            await eventually(lambda: not kept(tmp_path))
        finally:
            await services.stop()

    drive(run())
