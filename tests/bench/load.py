"""Load on a client tunnel: curl for bulk data, small requests at a steady rate from asyncio."""

from __future__ import annotations

import asyncio
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

_PAGE = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
Address = tuple[str, int]


class LoadFailed(RuntimeError):
    """A transfer broke off or was not complete."""


def transfer(
    address: Address,
    path: str,
    *,
    streams: int = 1,
    upload: Path | None = None,
    timeout_s: float = 180.0,
) -> tuple[int, float]:
    """Run curl ``streams`` times at once; returns payload bytes and wall seconds of all."""
    url = f"http://{address[0]}:{address[1]}{path}"
    command = ["curl", "-sS", "-g", "--max-time", str(timeout_s), "--noproxy", "*"]
    command += ["-w", "\n%{http_code} %{size_download} %{size_upload}"]
    if upload is None:
        command += ["-o", "/dev/null"]
    else:
        command += ["-T", str(upload), "-H", "Expect:"]
    began = time.perf_counter()
    running = [
        subprocess.Popen([*command, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(streams)
    ]
    total = 0
    errors: list[str] = []
    for process in running:
        out, err = process.communicate()
        status, down, up = out.decode().rsplit("\n", 1)[-1].split()
        if process.returncode or status != "200":
            errors.append(f"curl {process.returncode}, status {status}: {err.decode().strip()}")
        total += int(down if upload is None else up)
    seconds = time.perf_counter() - began
    if errors:
        raise LoadFailed("; ".join(errors))
    return total, seconds


@dataclass
class Answers:
    """What small requests met with. Times in seconds."""

    wanted: int
    first_byte_s: list[float] = field(default_factory=list)
    failed: int = 0


async def _one(address: Address, answers: Answers, timeout_s: float) -> None:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(_PAGE)
                if b" 200 " not in await reader.readline():
                    raise OSError("no answer")
                answers.first_byte_s.append(time.perf_counter() - began)
                await reader.read(-1)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        answers.failed += 1


async def _many(address: Address, count: int, rate: float, timeout_s: float) -> Answers:
    answers = Answers(count)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for index in range(count):
            delay = began + index / rate - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            group.create_task(_one(address, answers, timeout_s))
    return answers


def small_requests(
    address: Address, count: int, rate: float, *, timeout_s: float = 20.0
) -> Answers:
    """``count`` requests for a small page, each on a new stream, ``rate`` per second."""
    return asyncio.run(_many(address, count, rate, timeout_s))


def first_bytes(address: Address, count: int) -> list[float]:
    """Seconds to the first byte of small pages asked one after the other."""
    times: list[float] = []
    for _ in range(count):
        answers = small_requests(address, 1, 1.0)
        times += answers.first_byte_s
    return times


def wait_for_page(address: Address, timeout_s: float = 120.0) -> float:
    """Ask until a page comes; returns the seconds it took."""
    began = time.perf_counter()
    while time.perf_counter() - began < timeout_s:
        if small_requests(address, 1, 1.0, timeout_s=15.0).first_byte_s:
            return time.perf_counter() - began
        time.sleep(0.05)
    raise LoadFailed(f"no page through {address} within {timeout_s} s")
