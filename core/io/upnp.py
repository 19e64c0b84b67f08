"""Orders to a home router by UPnP, each carried out by a child process that a thread waits for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.io import upnp_child
from core.nat.mapper import PROTOCOLS, UpnpOutcome, UpnpWanted

CHILD_S_MAX = upnp_child.TIME_S_MAX + 5.0
_ANSWER_BYTES_MAX = 4096
_TEXT_MAX = 200


def carry_out(
    wanted: UpnpWanted,
    loop: asyncio.AbstractEventLoop,
    done: Callable[[UpnpOutcome], None],
    *,
    location: str | None = None,
    time_s: int = upnp_child.TIME_S_MAX,
) -> threading.Thread:
    """Begin; ``done`` is called in the loop, after ``time_s`` at the latest.

    ``location``: a description, which then need not be searched for.
    """
    order = {
        "time_s": time_s,
        "gateway": wanted.gateway,
        "client": wanted.client,
        "port": wanted.port,
        "lifetime_s": wanted.lifetime_s,
        "external": wanted.external,
        "location": location,
    }

    def run() -> None:
        outcome = parse_outcome(_run_child(order))
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(done, outcome)

    # Nobody waits for it at the end of the program.
    thread = threading.Thread(target=run, name="upnp", daemon=True)
    thread.start()
    return thread


def _run_child(order: dict[str, Any]) -> bytes:
    command = [sys.executable, "-I", str(Path(upnp_child.__file__))]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    try:
        child = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=nothing, start_new_session=True
        )
    except OSError:
        return b""
    with child:
        assert child.stdin is not None and child.stdout is not None
        killer = threading.Timer(CHILD_S_MAX, child.kill)
        killer.daemon = True
        killer.start()
        try:
            child.stdin.write(json.dumps(order).encode())
            child.stdin.close()
            return child.stdout.read(_ANSWER_BYTES_MAX)
        except OSError:
            return b""
        finally:
            killer.cancel()
            child.kill()


def parse_outcome(answer: bytes) -> UpnpOutcome:
    """What the child said; it may have been taken over by what it read, so nothing is believed."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return UpnpOutcome(failure="the gateway's answers made no sense or took too long")
    if not isinstance(said, dict):
        return UpnpOutcome(failure="the gateway's answers made no sense")
    failure = said.get("failure")
    if isinstance(failure, str) and failure:
        return UpnpOutcome(failure="".join(filter(str.isprintable, failure[:_TEXT_MAX])))
    address, lifetime_s, ports = said.get("address"), said.get("lifetime_s"), said.get("ports")
    if isinstance(address, str) and type(lifetime_s) is int and isinstance(ports, dict):
        is_right = all(name in PROTOCOLS and _is_port(port) for name, port in ports.items())
        if is_right and len(address) < _TEXT_MAX and lifetime_s >= 0:
            return UpnpOutcome(address, ports, lifetime_s)
    return UpnpOutcome(failure="nothing was mapped")


def _is_port(value: object) -> bool:
    return type(value) is int and 0 < value < 65536
