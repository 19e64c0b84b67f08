"""Users of the bridge: a map, a file, AUTH, and what a stranger gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.api import FileFault
from i2ptunnel.config.interfaces_model import SamSection, Users
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.sam import users as users_module
from i2ptunnel.sam.bridge import SamBridge
from tests.i2ptunnel.sam.test_bridge import drive, session
from tests.support.sam_bridge import SamNetwork
from tests.support.sam_client import SamClient

MAP = Users(None, (("alice", 'se"cret'), ("bob", "word")))


def users_file(root: Path, text: str = "# ours\nalice:secret\nbob:word\n") -> Users:
    path = root / "users"
    path.write_text(text)
    path.chmod(0o600)
    return Users(path)


async def hello(bridge: SamBridge, words: str) -> str:
    client = await SamClient.connect(bridge.port)
    reply = await client.ask(f"HELLO VERSION {words}")
    return reply[1]["RESULT"]


async def as_user(bridge: SamBridge, name: str, password: str) -> SamClient:
    return await SamClient.greeted(bridge.port, options=f' USER={name} PASSWORD="{password}"')


@pytest.mark.parametrize("is_file", [False, True])
def test_only_users_come_in(tmp_path: Path, is_file: bool) -> None:
    async def run() -> None:
        users = users_file(tmp_path, 'alice:se"cret\n') if is_file else MAP
        async with SamNetwork(tmp_path).bridge(users) as running:
            assert await hello(running, r'USER="alice" PASSWORD="se\"cret"') == "OK"
            for words in ("", "USER=alice", "USER=alice PASSWORD=x", "USER=eve PASSWORD=word"):
                client = await SamClient.connect(running.port)
                reply = await client.ask(f"HELLO VERSION {words}")
                assert reply[1]["RESULT"] == "I2P_ERROR"
                assert await client.at_end()

    drive(run())


def test_one_user_does_not_reach_anothers_session(tmp_path: Path) -> None:
    async def run() -> None:
        async with SamNetwork(tmp_path).bridge(MAP) as running:
            alice = await as_user(running, "alice", r"se\"cret")
            line = "SESSION CREATE STYLE=STREAM ID=one DESTINATION=TRANSIENT"
            assert (await alice.ask(line))[1]["RESULT"] == "OK"
            bob = await as_user(running, "bob", "word")
            assert (await bob.ask("STREAM ACCEPT ID=one"))[1]["RESULT"] == "INVALID_ID"

    drive(run())


def test_guessing_ends_after_a_few_tries(tmp_path: Path) -> None:
    async def run() -> None:
        async with SamNetwork(tmp_path).bridge(MAP) as running:
            for _ in range(users_module.FAILURES_MAX):
                assert await hello(running, "USER=bob PASSWORD=x") == "I2P_ERROR"
            assert await hello(running, "USER=bob PASSWORD=word") == "I2P_ERROR"

    drive(run())


def test_auth_changes_the_file_and_nothing_else(tmp_path: Path) -> None:
    async def run() -> None:
        users = users_file(tmp_path)
        async with SamNetwork(tmp_path).bridge(users) as running:
            alice = await as_user(running, "alice", "secret")
            add = 'AUTH ADD USER="carol c" PASSWORD="a \\"b"'
            assert await alice.ask(add) == ("AUTH STATUS", {"RESULT": "OK"})
            assert users.file is not None
            text = users.file.read_text()
            assert "carol c:$scrypt$" in text
            assert 'a "b' not in text
            assert (users.file.stat().st_mode & 0o777) == 0o600
            for _ in range(2):  # the second time without scrypt
                assert await hello(running, 'USER="carol c" PASSWORD="a \\"b"') == "OK"
            assert await hello(running, 'USER="carol c" PASSWORD="a b"') == "I2P_ERROR"
            assert (await alice.ask("AUTH REMOVE USER=bob"))[1]["RESULT"] == "OK"
            assert await hello(running, "USER=bob PASSWORD=word") == "I2P_ERROR"
            for wrong in (
                "AUTH REMOVE USER=bob",
                "AUTH ADD USER=x:y PASSWORD=z",
                "AUTH ADD USER=x",
                "AUTH ADD PASSWORD=x",
                "AUTH NONSENSE",
                "AUTH",
            ):
                assert (await alice.ask(wrong))[1]["RESULT"] == "I2P_ERROR", wrong
            assert users.file.read_text().startswith("# ours\n")

    drive(run())


def test_auth_off_and_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with SamNetwork(tmp_path).bridge(users_file(tmp_path)) as running:
            alice = await as_user(running, "alice", "secret")
            assert (await alice.ask("AUTH DISABLE"))[1]["RESULT"] == "OK"
            anybody = await SamClient.greeted(running.port)
            assert (await anybody.ask("AUTH ENABLE"))[1]["RESULT"] == "I2P_ERROR"
            assert (await alice.ask("AUTH ENABLE"))[1]["RESULT"] == "OK"
            assert await hello(running, "") == "I2P_ERROR"
            assert (await alice.ask("AUTH REMOVE USER=bob"))[1]["RESULT"] == "OK"
            assert (await alice.ask("AUTH REMOVE USER=alice"))[1]["RESULT"] == "I2P_ERROR"

    drive(run())


def test_auth_is_never_off_where_others_reach_it(tmp_path: Path) -> None:
    async def run() -> None:
        section = SamSection(listen=Endpoint("0.0.0.0", 0), udp=None, users=users_file(tmp_path))
        async with SamNetwork(tmp_path).bridge(section=section) as running:
            alice = await as_user(running, "alice", "secret")
            assert (await alice.ask("AUTH DISABLE"))[1]["RESULT"] == "I2P_ERROR"

    drive(run())


def test_auth_needs_users_and_a_file(tmp_path: Path) -> None:
    async def run() -> None:
        async with SamNetwork(tmp_path).bridge(MAP) as running:
            bob = await as_user(running, "bob", "word")
            assert (await bob.ask("AUTH ADD USER=x PASSWORD=y"))[1]["RESULT"] == "I2P_ERROR"
        async with SamNetwork(tmp_path).bridge() as running:
            anybody = await session(running.port, "one")
            assert (await anybody.ask("AUTH ADD USER=x PASSWORD=y"))[1]["RESULT"] == "I2P_ERROR"

    drive(run())


def test_a_file_that_others_can_read_lets_nobody_in(tmp_path: Path) -> None:
    async def run() -> None:
        users = users_file(tmp_path)
        assert users.file is not None
        async with SamNetwork(tmp_path).bridge(users) as running:
            users.file.write_text("bob:other\n")
            os.utime(users.file, ns=(1, 1))
            assert await hello(running, "USER=bob PASSWORD=other") == "OK"
            users.file.chmod(0o644)
            os.utime(users.file, ns=(2, 2))
            assert await hello(running, "USER=bob PASSWORD=other") == "I2P_ERROR"
            users.file.unlink()
            assert await hello(running, "USER=bob PASSWORD=other") == "I2P_ERROR"
        users = users_file(tmp_path)
        assert users.file is not None
        users.file.chmod(0o644)
        with pytest.raises(FileFault):
            async with SamNetwork(tmp_path).bridge(users):
                pass

    drive(run())
