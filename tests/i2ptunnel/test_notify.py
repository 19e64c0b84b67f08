"""What systemd is told."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from i2ptunnel.notify import ServiceNotifier


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


def test_without_systemd_nothing_happens() -> None:
    notifier = ServiceNotifier({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"})
    notifier.ready("up")
    assert not notifier.is_active and notifier.watchdog_interval_s is None
    ServiceNotifier({"NOTIFY_SOCKET": "/nowhere/at/all"}).ready("up")
