"""All checks in their order: for a running program, for one that does not run, or for neither."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from i2ptunnel.config.loader import Loaded
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.config.server_models import ServerSection
from i2ptunnel.doctor import files, machine, rhythm, running
from i2ptunnel.doctor.findings import Finding, note, ok, problem

#: this program is not older; a clock before it is wrong
_BUILT = 1_764_000_000
_SYNCHRONIZED = Path("run/systemd/timesync/synchronized")


def examine(
    loaded: Loaded | None,
    status: dict[str, Any] | None = None,
    plan: dict[str, Any] | str | None = None,
    silent: int | None = None,
) -> Iterator[Finding]:
    """Everything that can be looked at. Blocking: for a thread, in a running program.

    ``loaded``: None where the configuration is invalid; ``status``: what a running program says;
    ``plan``: what its reload would do, or why the file cannot be loaded; ``silent``: the process of
    a program that runs and says nothing, 0 if that is not known.
    """
    now = time.time()
    pid = silent if status is None else int(status["pid"])
    if silent is not None:
        yield machine.check_silent(silent)
    elif status is None:
        yield note("state", "not running", "Start it: i2ptunnel run, or systemctl start i2ptunnel.")
        yield _clock_alone(now)
    else:
        yield from _of_running(status)
    if plan is not None:
        yield running.check_drift(plan)
    if loaded is not None:
        yield from _of_configuration(loaded, status, pid, now)
    yield machine.check_descriptors(pid)
    conntrack = machine.check_conntrack()
    if conntrack is not None:
        yield conntrack
    yield from machine.check_python()


def _of_running(status: dict[str, Any]) -> Iterator[Finding]:
    yield from running.check_state(status)
    yield running.check_clock(status)
    if status["router"].get("i2cp") is None:
        yield running.check_reachability(status)
        yield from running.check_network(status)


def _of_configuration(
    loaded: Loaded, status: dict[str, Any] | None, pid: int | None, now: float
) -> Iterator[Finding]:
    for warned in loaded.warnings:
        yield note("configuration", warned.as_warning())
    port = _router_port(status)
    doors = OwnDoors.of(loaded.configuration, loaded.data_dir, port).doors
    yield from machine.check_ports(doors, pid)
    yield from files.check_data_directory(loaded.data_dir)
    yield files.check_space(loaded.data_dir)
    yield from files.check_keys(loaded, now)
    if pid is None and loaded.configuration.router.i2cp is None:
        yield files.check_known_routers(loaded.data_dir)
    servers = [
        name
        for name, tunnel in loaded.configuration.tunnels.items()
        if isinstance(tunnel, ServerSection) and tunnel.enabled
    ]
    found = rhythm.check_rhythm(servers, now)
    if found is not None:
        yield found


def _router_port(status: dict[str, Any] | None) -> int:
    """The port that was drawn, as far as it is published."""
    if status is None:
        return 0
    with contextlib.suppress(KeyError, TypeError, ValueError, IndexError):
        return int(str(status["router"]["published"][0]).rpartition(":")[2])
    return 0


def _clock_alone(now: float) -> Finding:
    if now < _BUILT:
        return problem(
            "clock", "this machine's clock is years behind", "Set it: timedatectl set-ntp true."
        )
    if (machine.ROOT / _SYNCHRONIZED).exists():
        return ok("clock", "the system keeps it with time servers")
    return note("clock", "whether it is right shows when the program runs")
