"""A disk that takes nothing more: the program says so, goes on, and loses nothing."""

from __future__ import annotations

import contextlib
import resource
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.data.encoding import b32encode
from core.data.router_info import RouterInfo
from i2ptunnel.control import ask
from i2ptunnel.demo import free_port
from tests.support.appliance import Appliance, run_command
from tests.support.i2pd_net import wait_until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

PLACES = ("127.78.7.7", "127.78.7.8")


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[list[Appliance]]:
    made = [Appliance(tmp_path / place, place, free_port(place, 0)) for place in PLACES]
    yield made
    for one in made:
        one.stop(kill=True)


@contextlib.contextmanager
def full_disk(program: Appliance) -> Iterator[None]:
    """No file of the program can grow: the system's limit stands for the disk's."""
    assert program.process is not None
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
    try:
        yield
    finally:
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, unlimited)


def told(program: Appliance) -> dict[str, Any]:
    return program.status() or {"router": {"storage": None}, "state": "", "reason": None}


def test_it_is_told_survived_and_made_up_for(programs: list[Appliance]) -> None:
    program, other = programs
    info = RouterInfo.parse(other.write_router_info_once())
    program.start()
    program.wait_up()
    with full_disk(program):
        text = b64encode(info.raw).decode()
        assert ask(program.data_dir / "control.sock", "netdb-import", routers=[text]) == 1
        wait_until("the state", lambda: told(program)["router"]["storage"] is not None, 20)
        found = told(program)
        # A router without any other is degraded anyway; it has one now, and cannot keep it.
        assert found["state"] == "degraded" and "cannot be saved" in found["reason"]
        assert "Make room" in found["remedy"]
        for command in ("status", "doctor"):
            shown = run_command(command, "-c", str(program.config_file)).stdout
            assert "cannot be saved" in shown and "Make room" in shown, command
    wait_until("written", lambda: told(program)["router"]["storage"] is None, 20)
    # What came while there was no room is there after the end that nobody prepares for.
    program.stop(kill=True)
    program.start()
    program.wait_up()
    known = ask(program.data_dir / "control.sock", "netdb-list")
    assert b32encode(info.hash) in {one["hash"] for one in known}
