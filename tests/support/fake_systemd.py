"""The part of a service manager that keeps descriptors (sd_notify(3), FDSTORE)."""

from __future__ import annotations

import array
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class FakeSystemd:
    """The descriptor store of a service manager: keeps, gives, forgets."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.stored: list[tuple[str, int]] = []
        self.seen: list[str] = []

    def serve(self) -> None:
        """Obey every message that waits."""
        while True:
            try:
                data, rights, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
            except BlockingIOError:
                return
            fields = dict(line.partition("=")[::2] for line in data.decode().split("\n"))
            descriptors = array.array("i")
            for _, _, payload in rights:
                descriptors.frombytes(payload)
            self.seen.append(next(iter(fields)))
            if fields.get("FDSTORE") == "1":
                self.stored += [(fields["FDNAME"], number) for number in descriptors]
            else:
                for number in descriptors:
                    os.close(number)
            if fields.get("FDSTOREREMOVE") == "1":
                for name, number in list(self.stored):
                    if name == fields["FDNAME"]:
                        os.close(number)
                        self.stored.remove((name, number))

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Obey messages in a thread of its own."""
        is_over = threading.Event()

        def serve() -> None:
            while not is_over.wait(0.02):
                self.serve()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def close(self) -> None:
        for _, number in self.stored:
            os.close(number)
        self.socket.close()
