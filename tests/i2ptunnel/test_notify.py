"""What systemd is told."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from i2ptunnel.notify import ListenerKeeper, ServiceNotifier
from tests.support.fake_systemd import FakeSystemd


def test_messages(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        server.settimeout(5)
        notifier = ServiceNotifier(
            {
                "NOTIFY_SOCKET": str(path),
                "WATCHDOG_USEC": "60000000",
                "WATCHDOG_PID": str(os.getpid()),
            }
        )
        assert notifier.is_active and notifier.watchdog_interval_s == 30
        notifier.ready("up")
        notifier.status("one")
        notifier.status("one")
        notifier.watchdog()
        notifier.stopping()
        notifier.status("too late")
        server.setblocking(False)
        got = [server.recv(200).decode() for _ in range(4)]
        with pytest.raises(BlockingIOError):
            server.recv(200)
    assert got == ["READY=1\nSTATUS=up", "STATUS=one", "WATCHDOG=1", "STOPPING=1\nSTATUS=stopping"]


def test_a_manager_that_does_not_read_stops_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with sender, pytest.raises(BlockingIOError):
            sender.setblocking(False)
            for _ in range(10_000):
                sender.sendto(b"x", str(tmp_path / "notify"))
        began = time.monotonic()
        notifier.watchdog()
        assert time.monotonic() - began < 2


def test_without_systemd_nothing_happens() -> None:
    notifier = ServiceNotifier({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"})
    notifier.ready("up")
    assert not notifier.is_active and notifier.watchdog_interval_s is None
    ServiceNotifier({"NOTIFY_SOCKET": "/nowhere/at/all"}).ready("up")


def listener(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    sock = socket.socket()
    sock.bind((host, port))
    sock.listen()
    return sock


def test_a_listener_is_kept_once_and_given_up_when_the_port_changes(tmp_path: Path) -> None:
    systemd = FakeSystemd(tmp_path / "notify")
    notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})

    async def body() -> None:
        asyncio.get_running_loop().add_reader(systemd.socket.fileno(), systemd.serve)
        keeper = ListenerKeeper(notifier, {})
        assert await keeper.take(["127.0.0.1"], 1) == {}
        with listener() as first:
            port = first.getsockname()[1]
            keeper.keep([first])
            await asyncio.sleep(0.01)
            assert systemd.seen == ["FDSTORE"] and len(systemd.stored) == 1
            # The next process finds it at its place, and need not tell again.
            second = ListenerKeeper(notifier, {})
            second._inherited = [("ntcp2", first.dup())]
            kept = (await second.take(["127.0.0.1"], port))["127.0.0.1"]
            assert kept.getsockname()[1] == port
            second.keep([kept])
            await asyncio.sleep(0.01)
            assert systemd.seen == ["FDSTORE"]
            kept.close()
        # Another port, address or kind: systemd's copy goes before the new socket is bound.
        for number, (hosts, wanted) in enumerate(
            ((["127.0.0.1"], port + 1), (["127.0.0.2"], port), ([], port)), start=1
        ):
            third = ListenerKeeper(notifier, {})
            third._inherited = [("ntcp2", socket.socket(fileno=os.dup(systemd.stored[0][1])))]
            assert await third.take(hosts, wanted) == {}
            assert systemd.stored == [] and systemd.seen.count("BARRIER") == number
            with listener(port=port) as again:
                third.keep([again])
                await asyncio.sleep(0.01)
        assert len(systemd.stored) == 1

    asyncio.run(body())
    systemd.close()


def test_listeners_of_both_families_are_kept_together(tmp_path: Path) -> None:
    systemd = FakeSystemd(tmp_path / "notify")
    notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})

    async def body() -> None:
        asyncio.get_running_loop().add_reader(systemd.socket.fileno(), systemd.serve)
        with socket.socket(socket.AF_INET6) as ipv6, listener() as ipv4:
            port = ipv4.getsockname()[1]
            ipv6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            ipv6.bind(("::1", port))
            ipv6.listen()
            both = ["127.0.0.1", "::1"]
            keeper = ListenerKeeper(notifier, {})
            keeper._inherited = [("ntcp2", ipv6.dup()), ("ntcp2", ipv4.dup())]
            kept = await keeper.take(both, port)
            assert {host: sock.getsockname()[0] for host, sock in kept.items()} == {
                host: host for host in both
            }
            keeper.keep(list(kept.values()))
            await asyncio.sleep(0.01)
            assert systemd.seen == []
            # IPv6 is new: the one there was goes out of the store, and both get in.
            keeper = ListenerKeeper(notifier, {})
            keeper._inherited = [("ntcp2", kept.pop("127.0.0.1"))]
            kept |= await keeper.take(both, port)
            keeper.keep(list(kept.values()))
            await asyncio.sleep(0.01)
            assert [one for one in systemd.seen if one != "BARRIER"] == [
                "FDSTOREREMOVE",
                "FDSTORE",
            ]
            assert len(systemd.stored) == 2
            for sock in kept.values():
                sock.close()

    asyncio.run(body())
    systemd.close()


def test_datagram_sockets_are_kept_beside_listeners(tmp_path: Path) -> None:
    systemd = FakeSystemd(tmp_path / "notify")
    notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    udp = socket.SOCK_DGRAM

    async def body() -> None:
        asyncio.get_running_loop().add_reader(systemd.socket.fileno(), systemd.serve)
        with listener() as tcp, socket.socket(type=udp) as bound:
            port = tcp.getsockname()[1]
            bound.bind(("127.0.0.1", port))
            keeper = ListenerKeeper(notifier, {})
            for kind in (socket.SOCK_STREAM, udp):
                assert await keeper.take(["127.0.0.1"], port, kind) == {}
            keeper.keep([tcp])
            keeper.keep([bound])
            await asyncio.sleep(0.01)
            assert [name for name, _ in systemd.stored] == ["ntcp2", "ssu2"]
            # One kind at another port: the copy of the other one stays.
            keeper = ListenerKeeper(notifier, {})
            keeper._inherited = [("ssu2", bound.dup()), ("ntcp2", tcp.dup()), ("x", tcp.dup())]
            assert await keeper.take(["127.0.0.1"], port + 1) == {}
            kept = await keeper.take(["127.0.0.1"], port, udp)
            assert kept["127.0.0.1"].getsockname()[1] == port
            keeper.keep(list(kept.values()))
            await asyncio.sleep(0.01)
            assert [name for name, _ in systemd.stored] == ["ssu2"]
            for sock in kept.values():
                sock.close()

    asyncio.run(body())
    systemd.close()


_CHILD = """
import asyncio, os, socket, sys
if sys.argv[3] != "0":
    os.dup2(int(sys.argv[3]), 3)
from i2ptunnel.notify import ListenerKeeper, ServiceNotifier
from tests.support.fake_systemd import FakeSystemd
os.environ["LISTEN_PID"] = str(os.getpid() + int(sys.argv[1]))
async def main():
    keeper = ListenerKeeper(ServiceNotifier({}), os.environ)
    sock = (await keeper.take(["127.0.0.1"], int(sys.argv[2]))).get("127.0.0.1")
    left = [name for name in os.environ if name.startswith("LISTEN_")]
    print(sock is not None and not sock.get_inheritable(), left)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("offset", "names", "kind", "is_taken"),
    [
        (0, "ntcp2", "listener", True),
        (1, "ntcp2", "listener", False),
        (0, "other", "listener", False),
        (0, "", "listener", False),
        (0, "ntcp2", "connected", False),
        (0, "ntcp2", "file", False),
        (0, "ntcp2", "nothing", False),
    ],
)
def test_what_systemd_hands_over_is_checked(
    offset: int, names: str, kind: str, is_taken: bool
) -> None:
    with (
        listener() as sock,
        socket.create_connection(sock.getsockname()) as connected,
        open("/dev/null", "rb") as null,
    ):
        port = (connected if kind == "connected" else sock).getsockname()[1]
        handed = {
            "listener": sock.fileno(),
            "connected": connected.fileno(),
            "file": null.fileno(),
            "nothing": 0,
        }[kind]
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(offset), str(port), str(handed)],
            pass_fds=(sock.fileno(), connected.fileno(), null.fileno()),
            env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": names},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    assert done.stdout.split("\n")[0] == f"{is_taken} []", done.stderr
