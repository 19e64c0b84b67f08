"""The control socket: private, patient with junk, clear when nobody is there."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.control import CONNECTIONS_MAX, ControlFault, ControlServer, NotRunning, ask
from tests.support.turns import run_in_short_turns


async def echo(request: dict[str, Any]) -> Any:
    return request["text"]


async def refuse(_: dict[str, Any]) -> Any:
    raise ControlFault("no, because")


async def fail(_: dict[str, Any]) -> Any:
    raise KeyError("a bug")


async def with_server(path: Path, call: Any) -> Any:
    server = ControlServer(path, {"echo": echo, "refuse": refuse, "fail": fail})
    await server.start()
    try:
        return await asyncio.to_thread(call)
    finally:
        await server.stop()


def test_round_trip_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    def call() -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert ask(path, "echo", text="hé" * 100_000) == "hé" * 100_000
        with pytest.raises(ControlFault, match="no, because"):
            ask(path, "refuse")
        with pytest.raises(ControlFault, match="unknown command"):
            ask(path, "x")

    asyncio.run(with_server(path, call))
    assert not path.exists()
    with pytest.raises(NotRunning):
        ask(path, "echo", text="")


def test_a_socket_left_behind_and_a_deep_directory(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)
    path = directory / "control.sock"
    path.touch()
    assert len(os.fsencode(path)) > 108
    assert asyncio.run(with_server(path, lambda: ask(path, "echo", text=1))) == 1


def test_junk_gets_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    def call() -> None:
        for line in (b"\n", b"[]\n", b'{"command": []}\n', b"\xff\xfe\n", b"[" * 5000 + b"\n"):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(5)
                sock.connect(str(path))
                sock.sendall(line)
                assert sock.recv(1000).startswith(b'{"ok": false')
        assert ask(path, "echo", text="still here") == "still here"

    asyncio.run(with_server(path, call))


def test_a_bug_fails_its_request_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "control.sock"

    def call() -> None:
        with pytest.raises(ControlFault, match="internal error"):
            ask(path, "fail")
        assert ask(path, "echo", text="still here") == "still here"

    asyncio.run(with_server(path, call))
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "internal error in a control command: KeyError"
    ]


def test_silent_connections_make_room_for_one_that_asks(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    def call() -> None:
        held = []
        for _ in range(CONNECTIONS_MAX * 3):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(path))
            held.append(sock)
        assert ask(path, "echo", text="heard") == "heard"
        for sock in held:
            sock.close()

    asyncio.run(with_server(path, call))


@pytest.mark.parametrize("count", [0, 1, 50, 51, 30_000])
def test_a_long_list_is_written_in_parts(tmp_path: Path, count: int) -> None:
    path = tmp_path / "control.sock"

    async def many(_: dict[str, Any]) -> Any:
        return ({"number": number, "text": "x" * 100} for number in range(count))

    async def main() -> Any:
        server = ControlServer(path, {"many": many})
        await server.start()
        try:
            return await asyncio.to_thread(ask, path, "many")
        finally:
            await server.stop()

    got, _ = run_in_short_turns(main())
    assert [item["number"] for item in got] == list(range(count))
