"""Whether this machine is off at times, as far as its boots tell.

Whoever watches the network sees when routers come and go. A service that comes and goes at the
same times as one router is that router's: its address is found out within months (network attacks:
live-behaviour alignment).
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

from core.api import FileFault, read_limited
from i2ptunnel.doctor.findings import Finding, note, ok, warning

POWER = Path("/sys/class/power_supply")
_DAYS = 14
_OFF_S = 3600.0
#: days of a fortnight on which it was off for an hour: not an update, a habit
_OFTEN = 4
_DAY_S = 86400.0
_TIMEOUT_S = 10.0
#: logins and boots, in records of utmp(5)
WTMP = Path("/var/log/wtmp")
_WTMP_BYTES_MAX = 16 * 1024 * 1024
_RECORD_BYTES, _RECORD_TIME, _BOOT = 384, 340, 2
_SUBJECT = "daily rhythm"
_REMEDY = (
    "Run services on a machine that stays on, or let them run over another router (router.i2cp). "
    "router.hidden: true publishes no router here. A second router with the same key file "
    "(multihomed: true) keeps the service up, and an encrypted lease set with client keys lets no "
    "stranger look whether it is."
)


def check_rhythm(servers: list[str], now: float) -> Finding | None:
    """What to say of server tunnels on this machine; None without any."""
    if not servers:
        return None
    which = ", ".join(servers[:5]) + (", …" if len(servers) > 5 else "")
    days = off_days(boots(), now)
    if len(days) >= _OFTEN:
        return warning(
            _SUBJECT,
            f"this machine was off on {len(days)} of the last {_DAYS} days. Whoever watches the "
            f"network can see that its router and {which} come and go together, and so whose "
            "they are",
            _REMEDY,
        )
    if has_battery():
        return note(
            _SUBJECT,
            f"this machine has a battery and serves {which}. If it sleeps or is off daily, who "
            "watches the network can see that its router and the service come and go together",
            _REMEDY,
        )
    return ok(_SUBJECT, "it is not off daily, as far as its boots tell")


def off_days(spans: list[tuple[float, float]], now: float) -> set[int]:
    """The days on which the machine was off for an hour. ``spans``: (first, last) of each boot."""
    days: set[int] = set()
    for (_, ended), (began, _) in pairwise(spans):
        if began - ended >= _OFF_S and began >= now - _DAYS * _DAY_S:
            days.add(int(began // _DAY_S))
    return days


def boots() -> list[tuple[float, float]]:
    """(first, last) sign of each boot, oldest first, Unix seconds: of the journal, or of wtmp."""
    return _boots_of_journal() or _boots_of_wtmp()


def _boots_of_wtmp() -> list[tuple[float, float]]:
    try:
        return read_wtmp(read_limited(WTMP, _WTMP_BYTES_MAX))
    except FileFault:
        return []


def read_wtmp(data: bytes) -> list[tuple[float, float]]:
    """The boots of a wtmp file: each begins with a record of its own and ends with its last one."""
    spans: list[tuple[float, float]] = []
    for at in range(0, len(data) - _RECORD_BYTES + 1, _RECORD_BYTES):
        (kind,) = struct.unpack_from("=h", data, at)
        (when,) = struct.unpack_from("=I", data, at + _RECORD_TIME)
        if kind == _BOOT:
            spans.append((float(when), float(when)))
        elif kind != 0 and spans:
            spans[-1] = (spans[-1][0], max(spans[-1][1], float(when)))
    return spans


def _boots_of_journal() -> list[tuple[float, float]]:
    program = shutil.which("journalctl")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, "--list-boots", "--output=json", "--quiet"],
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        return read_boots(done.stdout)
    except (OSError, subprocess.TimeoutExpired):
        return []


def read_boots(data: bytes) -> list[tuple[float, float]]:
    """What ``journalctl --list-boots --output=json`` prints; [] if it is something else."""
    try:
        rows = json.loads(data or b"[]")
        return sorted((row["first_entry"] / 1e6, row["last_entry"] / 1e6) for row in rows)
    except (ValueError, TypeError, KeyError):
        return []


def has_battery() -> bool:
    """Whether it is a machine that people carry about; a mouse has a battery, too."""
    try:
        return any(
            _word(supply / "type") == "Battery" and _word(supply / "scope") != "Device"
            for supply in POWER.iterdir()
        )
    except OSError:
        return False


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
