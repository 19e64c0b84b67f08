"""Tells systemd how we are: READY, STATUS, RELOADING, STOPPING and the watchdog (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time


class ServiceNotifier:
    """Does nothing when not run by systemd."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        self.watchdog_interval_s = _watchdog_interval_s(environment)
        self._last_status = ""
        self._is_stopping = False

    @property
    def is_active(self) -> bool:
        return bool(self._address)

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``; sent only when it changed."""
        if status != self._last_status and not self._is_stopping:
            self._last_status = status
            self._send(f"STATUS={status}")

    def reloading(self) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._is_stopping = True
        self._send("STOPPING=1\nSTATUS=stopping")

    def watchdog(self) -> None:
        """Say that the event loop still turns."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.sendto(message.encode(), self._address)
        except OSError:
            pass  # systemd is gone or busy; the service goes on


def _watchdog_interval_s(environment: dict[str, str]) -> float | None:
    """Half of the time systemd allows between two signs of life, or None."""
    usec = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", "")
    if not usec.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 2_000_000
