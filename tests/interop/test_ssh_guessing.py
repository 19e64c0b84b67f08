"""Guessing keys at the SSH console from another address of the network, with real connections."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import asyncssh
import pytest

from i2ptunnel.ssh.server import FAILURES_MAX
from tests.support.ssh_console import Console, console

pytestmark = [pytest.mark.interop, pytest.mark.timeout(60)]

#: of a documentation network (RFC 5737): another machine, as far as the console can tell
ELSEWHERE, SERVER = "192.0.2.7", "192.0.2.1"


@pytest.fixture
def addresses() -> None:
    for address in (ELSEWHERE, SERVER):
        add = ["ip", "address", "replace", f"{address}/32", "dev", "lo"]
        subprocess.run(add, check=True, timeout=10)


@pytest.mark.usefixtures("addresses")
def test_who_guesses_is_shut_out_and_the_user_of_the_machine_is_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(50), console(tmp_path, SERVER, "127.0.0.1") as running:
            await guess(running)
            # Now a right key does not help any more, from there.
            with pytest.raises((asyncssh.Error, OSError)):
                await connect(running, SERVER, running.key, ELSEWHERE)
            # Others, and this machine, which guesses as much, are not concerned.
            assert await works(running, SERVER, SERVER)
            await guess(running, "127.0.0.1", "127.0.0.1")
            assert await works(running, "127.0.0.1", "127.0.0.1")

    asyncio.run(main())


async def connect(
    running: Console, host: str, key: asyncssh.SSHKey, source: str
) -> asyncssh.SSHClientConnection:
    port = running.port if host == SERVER else running.ports[1]
    return await asyncssh.connect(
        host,
        port,
        local_addr=(source, 0),
        client_keys=[key],
        known_hosts=None,
        username="x",
        config=None,
        agent_path=None,
    )


async def works(running: Console, host: str, source: str) -> bool:
    async with await connect(running, host, running.key, source) as client:
        return (await client.run("tunnels")).exit_status == 0


async def guess(running: Console, host: str = SERVER, source: str = ELSEWHERE) -> None:
    wrong = asyncssh.generate_private_key("ssh-ed25519")
    for _ in range(FAILURES_MAX):
        with pytest.raises(asyncssh.PermissionDenied):
            await connect(running, host, wrong, source)
