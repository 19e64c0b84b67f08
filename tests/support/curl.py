"""curl as users run it: through an HTTP or SOCKS proxy."""

from __future__ import annotations

import hashlib
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


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


def start(
    url: str,
    *,
    proxy: str,
    upload: Path | None = None,
    timeout_s: float = 120,
    extra: tuple[str, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start curl; its standard output is the body followed by one line of figures."""
    command = ["curl", "-sS", "--max-time", str(timeout_s), "-x", proxy, *extra]
    command += ["-w", "\n%{http_code} %{time_total} %{time_starttransfer}"]
    if upload is not None:
        command += ["--data-binary", f"@{upload}", "-H", "Expect:"]
    return subprocess.Popen([*command, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> Fetched:
    out, err = process.communicate()
    body, _, figures = out.rpartition(b"\n")
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


def fetch_with_retry(url: str, *, proxy: str, within_s: float = 60) -> Fetched:
    """Fetch until it succeeds or the time is over (a fresh lease set needs time to spread)."""
    deadline = time.monotonic() + within_s
    while True:
        got = fetch(url, proxy=proxy, timeout_s=max(5.0, deadline - time.monotonic()))
        if got.status == 200 or time.monotonic() >= deadline:
            return got
        time.sleep(0.5)
