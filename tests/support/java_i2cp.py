"""Java I2P's client library without its router: destinations on another one, by I2CP."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from core.data.private_keys import PrivateKeys
from tests.support import fetch_java
from tests.support.i2pd_net import wait_until


@dataclass
class JavaClient:
    """``address``: HOST:PORT of I2CP; ``destinations`` as ``java/Peer.java`` takes them."""

    data_dir: Path
    address: str
    destinations: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """What it has printed."""
        path = self.data_dir / "peer.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def use_keys(self, name: str, keys: PrivateKeys) -> None:
        """Keys for a destination; otherwise it makes some itself."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / f"{name}.dat").write_bytes(keys.write())

    def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "peer.log").open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *fetch_java.command(),
                    str(self.data_dir),
                    f"i2cp:{self.address}",
                    *self.destinations,
                ],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self.data_dir,
                env={key: value for key, value in os.environ.items() if key != "JAVA_TOOL_OPTIONS"},
            )

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait(10)
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def b32_of(self, name: str, timeout_s: float = 90) -> str:
        """The b32 name of a destination, once its lease set is signed."""
        return self.wait_line(f"ready {name} ", timeout_s)

    def look_up(self, name: str) -> str | None:
        """The destination behind a name, asked for without a session; None if nobody has it."""
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write(f"lookup {name}\n".encode())
        self.process.stdin.flush()

        def answer() -> str | None:
            lines = self.output.splitlines()
            ends = (f"found {name} ", f"missed {name}")
            return next((one for one in lines if one.startswith(ends)), None)

        line = str(wait_until(f"Java looks {name} up", answer, 60, 0.2))
        return line.split()[-1] if line.startswith("found ") else None

    def wait_line(self, start: str, timeout_s: float = 60) -> str:
        """The rest of the first line that begins so."""

        def find() -> str | None:
            lines = self.output.splitlines()
            return next(
                (f"+{one.removeprefix(start)}" for one in lines if one.startswith(start)), None
            )

        try:
            return str(wait_until(f"Java's line {start!r}", find, timeout_s, 0.3)).removeprefix("+")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.output[-3000:]}") from None
