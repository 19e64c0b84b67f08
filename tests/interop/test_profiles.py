"""Each profile is run as users run it, and used: a network of six routers, each from a profile.

Three are floodfills, one is a relay, one has the servers (eepsite, ssh, streamr); the last one has
everything for people: browser, SOCKS, IRC, mail, SAM, I2CP and the console.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.cli.main import main
from i2ptunnel.config.profiles import profiles
from i2ptunnel.keyfiles import read_keys
from tests.interop.conftest import IS_PRIVATE
from tests.support import curl
from tests.support.appliance import FAST, Appliance, run_command
from tests.support.i2pd_net import wait_until
from tests.support.sam_client import SamClient

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

PAGE = "a page of the profile's eepsite\n"
PROXY = "http://127.0.0.1:4444"
#: what the profiles' servers and names stand for here: port -> what a server says first
SERVERS = {
    22: b"SSH-2.0-test\r\n",
    2525: b"220 mail.i2p ESMTP\r\n",
    1110: b"+OK ready\r\n",
    6667: b":irc.i2p NOTICE * :hello\r\n",
}
NAMES = {"smtp.postman.i2p": "smtpd", "pop.postman.i2p": "popd", "irc.postman.i2p": "ircd"}
USED = ("everything", "eepsite", "ssh", "streamr", "relay", "floodfill")


@contextlib.contextmanager
def speaking(port: int, words: bytes) -> Iterator[None]:
    """A server that says its words to each client, and keeps the connection until it ends."""
    with socket.create_server(("127.0.0.1", port)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    client.sendall(words)
                    clients.append(client)

        clients: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            for client in clients:
                client.close()


@dataclass
class Profiles:
    routers: list[Appliance]

    @property
    def servers(self) -> Appliance:
        return self.routers[4]

    @property
    def people(self) -> Appliance:
        return self.routers[5]

    def b32(self, keys: str) -> str:
        found = read_keys(self.servers.data_dir / keys)
        assert found is not None
        return found.destination.b32


def appliance(root: Path, index: int, *extended: str, **tunnels: Any) -> Appliance:
    made = Appliance(root / f"r{index}", f"127.{111 + index}.0.1", 20111 + index, tunnels, **FAST)
    made.config["extends"] = list(extended)
    del made.config["control"]
    if "relay" in extended or "floodfill" in extended:
        del made.config["tunnels"]
    return made


def server(port: int, keys: str) -> dict[str, Any]:
    return {"type": "server", "target": f"127.0.0.1:{port}", "keys": keys}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Profiles]:
    assert IS_PRIVATE, "profiles listen at fixed ports: a network of their own is needed"
    root = tmp_path_factory.mktemp("profiles")
    routers = [appliance(root, index, "floodfill") for index in range(3)]
    routers.append(appliance(root, 3, "relay"))
    own = {name: server(port, f"{name}.dat") for name, port in _own_servers()}
    routers.append(appliance(root, 4, "eepsite", "ssh", "streamr", **own))
    routers.append(appliance(root, 5, "everything"))
    made = Profiles(routers)
    # Consoles have one port, and here all are on one machine.
    for router in (*routers[:4], made.servers):
        router.config["control"] = {"console": None}
    (made.servers.root / "site").mkdir(parents=True)
    (made.servers.root / "site" / "index.html").write_text(PAGE)
    with contextlib.ExitStack() as stack:
        for port, words in SERVERS.items():
            stack.enter_context(speaking(port, words))
        try:
            _start(made)
            yield made
        finally:
            for router in routers:
                router.stop(kill=True)


def _own_servers() -> list[tuple[str, int]]:
    return list(zip(("smtpd", "popd", "ircd"), (2525, 1110, 6667), strict=True))


def _start(made: Profiles) -> None:
    infos = [router.write_router_info_once() for router in made.routers]
    for router in made.routers:
        router.import_router_infos(infos)
    for router in made.routers[:5]:
        router.start()
    made.servers.wait_ready("eepsite", "ssh", "radio", "smtpd", "popd", "ircd")
    people = made.people
    people.config["tunnels"] = {
        "box": {"type": "client", "listen": "127.0.0.1:2222", "destination": made.b32("ssh.dat")},
        "tuner": {
            "type": "streamrclient",
            "destination": made.b32("radio.dat"),
            "target": "127.0.0.1:5006",
        },
    }
    lines = []
    for name, keys in NAMES.items():
        found = read_keys(made.servers.data_dir / f"{keys}.dat")
        assert found is not None
        lines.append(f"{name}={found.destination.b64}\n")
    (people.data_dir / "hosts.txt").write_text("".join(lines))
    people.start()
    people.wait_ready("browser", "socks", "irc", "smtp", "pop3", "box", "tuner")


def first_words(port: int) -> bytes:
    """What the server behind a local port says; asked again while it is not reached yet."""
    said = b""

    def has_said() -> bool:
        nonlocal said
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 30) as client,
        ):
            client.settimeout(30)
            said = client.recv(1000)
        return bool(said)

    wait_until(f"words from port {port}", has_said, 60)
    return said


def _is_ready(config: str) -> bool:
    # In this process: no interpreter to start.
    return main(["status", "--check", "ready", "-c", config]) == 0


def test_every_profile_is_run_here(network: Profiles) -> None:
    extended = {one for router in network.routers for one in router.config["extends"]}
    everything = profiles()["everything"].read_text()
    used = extended | {name for name in profiles() if name in everything}
    assert used == set(profiles())
    for router in network.routers:
        assert main(["check", "-c", str(router.config_file)]) == 0


def test_the_browser_and_socks_show_the_eepsite(network: Profiles) -> None:
    site = f"http://{network.b32('eepsite.dat')}/"
    assert curl.fetch_with_retry(site, proxy=PROXY).body.decode() == PAGE
    assert curl.fetch_with_retry(site, proxy="socks5h://127.0.0.1:4447").body.decode() == PAGE


@pytest.mark.parametrize(("port", "server"), [(2222, 22), (7659, 2525), (7660, 1110)])
def test_ssh_and_mail_reach_their_servers(network: Profiles, port: int, server: int) -> None:
    assert first_words(port)[:3] == SERVERS[server][:3]


def test_irc_reaches_its_server(network: Profiles) -> None:
    assert b"hello" in first_words(6668)


def test_a_stream_is_heard(network: Profiles) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as player,
        socket.socket(type=socket.SOCK_DGRAM) as studio,
    ):
        player.bind(("127.0.0.1", 5006))
        player.settimeout(0.2)
        heard = b""

        def is_heard() -> bool:
            nonlocal heard
            studio.sendto(b"on the air", ("127.0.0.1", 5005))
            with contextlib.suppress(TimeoutError):
                heard = player.recv(100)
            return bool(heard)

        wait_until("the stream", is_heard, 60)
    assert heard == b"on the air"


def test_torrent_clients_find_sam_and_others_find_i2cp(network: Profiles) -> None:
    async def ask() -> None:
        client = await SamClient.greeted(7656)
        kind, words = await client.ask("SESSION CREATE STYLE=STREAM ID=t DESTINATION=TRANSIENT")
        assert (kind, words["RESULT"]) == ("SESSION STATUS", "OK")
        await client.close()

    asyncio.run(ask())
    with socket.create_connection(("127.0.0.1", 7654), 10) as i2cp:
        i2cp.sendall(b"*")  # the protocol's first byte: it is not sent away
        i2cp.settimeout(0.5)
        with pytest.raises(TimeoutError):
            i2cp.recv(1)


def test_relay_and_floodfills_work_for_others(network: Profiles) -> None:
    found = [router.status() or {} for router in network.routers[:4]]
    assert [one["router"]["floodfill"] for one in found] == [True, True, True, False]
    assert all(one["router"]["transit_accepted"] > 0 for one in found)


@pytest.mark.parametrize(
    "seconds", [25, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def test_a_program_that_stood_still_goes_on(network: Profiles, seconds: int) -> None:
    process = network.people.process
    assert process is not None
    # No condition to wait for: the others are to see it silent for so long.
    process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        place = ("-c", str(network.people.config_file))
        assert "runs but does not answer" in run_command("status", *place).stderr
        found = run_command("doctor", *place).stdout
        assert f"process {process.pid} is stopped" in found
        assert f"kill -CONT {process.pid}" in found and "not running" not in found
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    finally:
        process.send_signal(signal.SIGCONT)
    site = f"http://{network.b32('eepsite.dat')}/"
    assert curl.fetch_with_retry(site, proxy=PROXY).body.decode() == PAGE
    assert process.poll() is None


def test_there_is_one_state_of_readiness(network: Profiles) -> None:
    for router in network.routers:
        config = str(router.config_file)
        wait_until("ready", partial(_is_ready, config), 60)
        told = router.status() or {}
        assert (told["state"], told["reason"]) == ("ready", None)
        assert router.log.count("Traceback") == 0
