"""The program with sockets of socket units: nobody who comes while it is away is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncssh
import pytest

from i2ptunnel.demo import free_port
from tests.support.appliance import Appliance, run_command
from tests.support.i2pd_net import wait_until

_OWN_PAGE = b"GET http://proxy.i2p/ HTTP/1.1\r\nHost: proxy.i2p\r\nConnection: close\r\n\r\n"


@pytest.fixture
def proxy() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def program(tmp_path: Path, proxy: socket.socket) -> Iterator[Appliance]:
    listen = f"127.0.0.1:{proxy.getsockname()[1]}"
    port = free_port("127.78.7.5", 0)
    tunnels = {"browser": {"type": "httpclient", "listen": listen}}
    appliance = Appliance(tmp_path, "127.78.7.5", port, tunnels)
    appliance.handed_over = [("browser", proxy.fileno())]
    yield appliance
    appliance.stop(kill=True)


def asked(proxy: socket.socket) -> socket.socket:
    client = socket.create_connection(proxy.getsockname(), timeout=30)
    client.sendall(_OWN_PAGE)
    return client


def answer(client: socket.socket) -> bytes:
    with client:
        return client.recv(100).partition(b"\r\n")[0]


def test_who_comes_early_waits_for_the_program(program: Appliance, proxy: socket.socket) -> None:
    early = asked(proxy)
    program.start()
    assert answer(early) == b"HTTP/1.1 200 OK"
    program.wait_up()
    # The tunnel starts anew, and so does the program.
    assert (
        run_command("tunnels", "restart", "browser", "-c", str(program.config_file)).returncode == 0
    )
    assert answer(asked(proxy)) == b"HTTP/1.1 200 OK"
    program.stop(kill=True)
    meanwhile = asked(proxy)
    program.start()
    assert answer(meanwhile) == b"HTTP/1.1 200 OK"


def bound() -> socket.socket:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def test_whatever_listens_takes_its_socket(tmp_path: Path) -> None:
    """Nobody who asks a service, or sends a datagram, before the program is there is lost."""
    (tmp_path / "password").write_text("a long password\n")
    asyncssh.generate_private_key("ssh-ed25519").write_public_key(str(tmp_path / "keys"))
    with ExitStack() as stack:

        def place(name: str, sock: socket.socket) -> str:
            made.append((name, stack.enter_context(sock)))
            return f"127.0.0.1:{sock.getsockname()[1]}"

        def tcp(name: str) -> str:
            return place(name, socket.create_server(("127.0.0.1", 0)))

        made: list[tuple[str, socket.socket]] = []
        places = [tcp("control.ssh"), tcp("control.ssh")]
        program = Appliance(tmp_path / "program", "127.78.7.6", free_port("127.78.7.6", 0))
        stack.callback(program.stop, kill=True)
        program.config["control"] = {
            "ssh": {"listen": places, "authorized_keys": str(tmp_path / "keys")},
            "console": {"listen": tcp("control.console")},
            "metrics": {"listen": tcp("control.metrics")},
        }
        program.config["interfaces"] = {
            "sam": {
                "listen": tcp("interfaces.sam"),
                "udp": place("interfaces.sam", bound()),
            },
            "i2cp": {"listen": tcp("interfaces.i2cp")},
            "i2pcontrol": {
                "listen": tcp("interfaces.i2pcontrol"),
                "password_file": str(tmp_path / "password"),
            },
        }
        program.config["tunnels"] = {
            "radio": {"type": "streamrserver", "listen": place("radio", bound())},
            "game": {
                "type": "udpclient",
                "listen": place("game", bound()),
                "destination": "a.i2p",
            },
        }
        program.handed_over = [(name, sock.fileno()) for name, sock in made]
        sockets = dict(made)
        with (
            socket.create_connection(sockets["control.metrics"].getsockname(), 30) as metrics,
            socket.create_connection(places[0].split(":"), 30) as ssh,
            socket.socket(type=socket.SOCK_DGRAM) as sender,
        ):
            metrics.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for name in ("interfaces.sam", "game"):
                sender.sendto(b"of no session", sockets[name].getsockname())
            program.start()
            program.wait_up()
            assert metrics.recv(100).startswith(b"HTTP/1.1 200 OK")
            assert ssh.recv(100).startswith(b"SSH-2.0-")

        def dropped() -> tuple[int, int]:
            status = program.status() or {}
            counts = {one["name"]: one.get("datagrams_dropped", 0) for one in status["tunnels"]}
            return status["interfaces"]["sam"]["datagrams_dropped"], counts.get("game", 0)

        wait_until("the datagrams", lambda: dropped() == (1, 1), 20)
        status = program.status() or {}
        services = {**status["services"], **status["interfaces"]}
        # Each port is taken: who had not got its socket could not listen.
        assert {name: one["state"] for name, one in services.items()} == dict.fromkeys(
            ("control", "console", "ssh", "metrics", "sam", "i2cp", "i2pcontrol"), "listening"
        )
        assert not any("listen" in str(one["last_error"]) for one in status["tunnels"])
        assert "the service manager listens" not in program.log


def test_a_socket_elsewhere_is_told(program: Appliance, proxy: socket.socket) -> None:
    other = free_port("127.0.0.1", 0)
    program.config["tunnels"]["browser"]["listen"] = f"127.0.0.1:{other}"
    program.config["tunnels"]["irc"] = {
        "type": "ircclient",
        "listen": f"127.0.0.2:{free_port('127.0.0.2', 0)}",
        "destination": "a.i2p",
    }
    program.start()
    program.wait_up()

    def failure() -> str:
        tunnels = {one["name"]: one for one in (program.status() or {})["tunnels"]}
        return str(tunnels["browser"]["last_error"])

    wait_until("the tunnel has failed", lambda: "socket browser is at" in failure(), 10)
    assert f"not at 127.0.0.1:{other}" in failure()
    assert "but nothing here does" in program.log
    # The right place, in a reload: the socket is there, and is not taken by somebody else.
    program.config["tunnels"]["browser"]["listen"] = f"127.0.0.1:{proxy.getsockname()[1]}"
    program.write_config()
    done = run_command("reload", "-c", str(program.config_file))
    assert done.returncode == 0, done.stderr
    assert answer(asked(proxy)) == b"HTTP/1.1 200 OK"
