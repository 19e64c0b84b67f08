"""A running appliance with an SSH console, and clients of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from i2ptunnel.app import App
from i2ptunnel.config.loader import load_text
from i2ptunnel.demo import free_port
from tests.support import fetch_ssh
from tests.support.running_app import running_app

CONFIGURATION = """
router:
  data_dir: "{0}"
  network_id: 99
  bind: 127.0.0.1
  time: {{ntp: false}}
  reseed: {{enabled: false}}
control: {{ssh: {{listen: [{1}], authorized_keys: "{2}"}}}}
tunnels:
  web: {{type: httpclient, listen: "unix:{0}/web"}}
"""


@dataclass
class Console:
    """``key``: an authorised one, also in the file ``key_file``."""

    app: App
    ports: list[int]
    key: asyncssh.SSHKey
    key_file: Path
    authorized: Path
    #: what a reload reads
    text: str

    @property
    def port(self) -> int:
        """Of the first listener."""
        return self.ports[0]

    @property
    def status(self) -> dict[str, Any]:
        return self.app.services.status()["ssh"]

    async def connect(self, **options: Any) -> asyncssh.SSHClientConnection:
        given = {"client_keys": [self.key], "known_hosts": None, "username": "x", **options}
        return await asyncssh.connect("127.0.0.1", self.port, config=None, agent_path=None, **given)

    async def openssh(
        self, *arguments: str, options: tuple[str, ...] = (), stdin: bytes = b"", key: str = ""
    ) -> tuple[int, str, str]:
        """Exit status, output and errors of the real client."""
        asked = ["-p", str(self.port), *options, "admin@127.0.0.1", *arguments]
        return await self.program("ssh", *asked, stdin=stdin, key=key)

    async def program(
        self, name: str, *arguments: str, stdin: bytes = b"", key: str = ""
    ) -> tuple[int, str, str]:
        """The same of any of OpenSSH's clients."""
        command = [
            *fetch_ssh.command(name),
            *("-F", "none", "-i", key or str(self.key_file)),
            *("-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "IdentityAgent=none"),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "LogLevel=ERROR", *arguments),
        ]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            out, err = await process.communicate(stdin)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def console(root: Path, *hosts: str) -> AsyncIterator[Console]:
    """It listens at a free port of each of ``hosts``; at loopback by default."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    key_file, authorized, data_dir = root / "id", root / "authorized", root / "data"
    key_file.write_bytes(key.export_private_key())
    key_file.chmod(0o600)
    authorized.write_bytes(b"# those who may\n" + key.export_public_key())
    authorized.chmod(0o600)
    hosts = hosts or ("127.0.0.1",)
    ports = [free_port(host, 0) for host in hosts]
    listen = ", ".join(f'"{host}:{port}"' for host, port in zip(hosts, ports, strict=True))
    text = CONFIGURATION.format(data_dir, listen, authorized)

    app = App(load_text(text), lambda: load_text(running.text))
    running = Console(app, ports, key, key_file, authorized, text)
    async with running_app(app, lambda: app.manager.counts[1]):
        yield running
