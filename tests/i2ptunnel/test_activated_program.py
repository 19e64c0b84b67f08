"""The program with sockets of socket units: nobody who comes while it is away is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

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
    assert "but no tunnel does" in program.log
    # The right place, in a reload: the socket is there, and is not taken by somebody else.
    program.config["tunnels"]["browser"]["listen"] = f"127.0.0.1:{proxy.getsockname()[1]}"
    program.write_config()
    done = run_command("reload", "-c", str(program.config_file))
    assert done.returncode == 0, done.stderr
    assert answer(asked(proxy)) == b"HTTP/1.1 200 OK"
