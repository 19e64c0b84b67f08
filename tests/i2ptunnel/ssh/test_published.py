"""The SSH console as a hidden service: a ``server`` tunnel leads there, and no other tunnel."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from i2ptunnel.config.authorized_keys import fault_of
from i2ptunnel.config.client_models import ClientTunnelSection
from i2ptunnel.config.faults import ConfigError, Source
from i2ptunnel.config.loader import load, load_text
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.config.own_files import OwnFiles
from i2ptunnel.config.server_models import ServerTunnelSection
from i2ptunnel.demo import free_port
from tests.support.own_network import TWO_HOPS, b32_of, own_network
from tests.support.ssh_console import console

SSH = "control: {ssh: {authorized_keys: /k, listen: [127.0.0.1:7622, 127.0.0.1:7623]}}\n"


def check(text: str) -> None:
    load_text(f"router: {{}}\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        SSH + "tunnels: {ssh: {type: server, target: 127.0.0.1:7622}}",
        SSH + "tunnels: {a: {type: server, target: 127.0.0.1:7622}, "
        "b: {type: server, target: 127.0.0.1:7623}}",
        "control: {ssh: {authorized_keys: /k}}",
        "control: {ssh: {authorized_keys: /k, listen: 192.168.1.2:7622}}",
    ],
)
def test_what_may_be(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SSH + "tunnels: {x: {type: httpserver, target: 127.0.0.1:7622}}", "to everybody"),
        (SSH + "tunnels: {x: {type: ircserver, target: 127.0.0.1:7623}}", "to everybody"),
        (
            SSH + "tunnels: {a: {type: server, target: 127.0.0.1:7622}, "
            "b: {type: server, target: localhost:7622}}",
            "offered by tunnel a, too",
        ),
        (
            "control: {ssh: {authorized_keys: /k, listen: 0.0.0.0:7622}}\n"
            "tunnels: {a: {type: server, target: 127.0.0.1:7622}}",
            "can be reached at 0.0.0.0:7622, too",
        ),
        ("control: {ssh: {}}", "authorized_keys"),
        (SSH + "tunnels: {w: {type: httpclient, listen: 127.0.0.1:7623}}", "is taken by"),
    ],
)
def test_what_may_not_be(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(text)
    assert told in str(caught.value)


def test_through_i2p(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "ssh").mkdir()
        async with (
            own_network(tmp_path / "net", 5, ends=2) as network,
            console(tmp_path / "ssh") as running,
        ):
            target = Endpoint("127.0.0.1", running.port)
            host, visitor = network.routers[-2:]
            tunnel = ServerTunnelSection(target=(target,), **TWO_HOPS)
            serving = await network.run(host, {"ssh": tunnel})
            doors = OwnDoors.of(running.app.loaded.configuration, tmp_path)
            serving.protect(OwnFiles(), doors)
            await network.until_ready(serving)
            port = free_port("127.0.0.1", 0)
            client = ClientTunnelSection(
                listen=Endpoint("127.0.0.1", port),
                destination=(DestinationName(b32_of(serving, "ssh")),),
                **TWO_HOPS,
            )
            await network.until_ready(await network.run(visitor, {"way": client}))
            status, out, err = await replace(running, ports=[port]).openssh("tunnels")
            assert (status, err) == (0, "") and "web  httpclient" in out
            # Other kinds of tunnels, and programs that use SAM, are still kept away.
            with socket.create_connection(("127.0.0.1", running.port)) as sock:
                assert doors.is_own(sock) and not doors.is_own(sock, may_offer=True)
            control = tmp_path / "ssh" / "data" / "control.sock"
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(control))
                own = OwnDoors.of(running.app.loaded.configuration, control.parent)
                assert own.is_own(sock, may_offer=True)

    asyncio.run(asyncio.wait_for(main(), 100))


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
def test_files_of_keys(kind: str) -> None:
    line = asyncssh.generate_private_key(kind).export_public_key().decode()
    assert fault_of(line) is None
    options = 'from="127.0.0.0/8",command="status" ' + line.strip() + " me@home\n# more\n\n"
    assert fault_of(options) is None
    assert fault_of("\n# none") == "there is no key in it"
    assert fault_of(line + "junk\n") == "line 2 is no public key"
    assert fault_of(line.replace("AAAA", "AAAB", 1)) == "line 1 is no public key"


def test_check_looks_into_the_file(tmp_path: Path) -> None:
    text = f"router: {{}}\ncontrol: {{ssh: {{authorized_keys: {tmp_path}/keys}}}}".encode()
    sources = [(text, Source("x.yaml", tmp_path))]
    for content, told in ((None, "no such file"), ("junk", "line 1 is no public key")):
        if content is not None:
            (tmp_path / "keys").write_text(content)
        with pytest.raises(ConfigError, match=told):
            load(sources, tmp_path / "data", files=True)
