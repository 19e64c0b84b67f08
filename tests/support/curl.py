"""curl as users run it: through an HTTP or SOCKS proxy."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support import fetch_curl
from tests.support.machine import slowdown


@dataclass(frozen=True)
class Fetched:
    """What one curl call brought back."""

    exit_code: int
    status: int
    body: bytes
    seconds: float
    first_byte_s: float
    error: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class Running:
    """A curl at work: its output is the body followed by one line of figures."""

    process: subprocess.Popen[bytes]
    out: IO[bytes]
    err: IO[bytes]

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.process.poll()


def start(
    url: str,
    *,
    proxy: str,
    upload: Path | None = None,
    timeout_s: float = 120,
    extra: tuple[str, ...] = (),
) -> Running:
    """Start curl; what it fetches goes to a file, so that nobody has to read along."""
    command = [*fetch_curl.command(), "-sS", "--max-time", str(timeout_s), "-x", proxy, *extra]
    command += ["-w", "\n%{http_code} %{time_total} %{time_starttransfer}"]
    if upload is not None:
        command += ["--data-binary", f"@{upload}", "-H", "Expect:"]
    # closed by finish()
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
    return Running(subprocess.Popen([*command, url], stdout=out, stderr=err), out, err)


def finish(running: Running) -> Fetched:
    """Wait for it, and what it brought."""
    with running.out as out, running.err as errors:
        process = running.process
        process.wait()
        out.seek(0)
        errors.seek(0)
        body, _, figures = out.read().rpartition(b"\n")
        err = errors.read()
    status, total, first = [*figures.decode().split(), "0", "0", "0"][:3]
    return Fetched(
        process.returncode,
        int(status),
        body,
        float(total),
        float(first),
        err.decode(errors="replace"),
    )


def fetch(
    url: str,
    *,
    proxy: str,
    upload: Path | None = None,
    timeout_s: float = 120,
    extra: tuple[str, ...] = (),
) -> Fetched:
    return finish(start(url, proxy=proxy, upload=upload, timeout_s=timeout_s, extra=extra))


def fetch_with_retry(
    url: str, *, proxy: str, within_s: float = 60, extra: tuple[str, ...] = ()
) -> Fetched:
    """Fetch until it succeeds or the time is over (a fresh lease set needs time to spread).

    ``within_s``: on a machine that does nothing else; a busy one gets more.
    """
    began = time.monotonic()
    while True:
        left_s = within_s - (time.monotonic() - began)
        got = fetch(url, proxy=proxy, timeout_s=max(30.0, left_s), extra=extra)
        taken_s = time.monotonic() - began
        if got.status == 200 or (taken_s >= within_s and taken_s >= within_s * slowdown()):
            return got
        time.sleep(0.5)
