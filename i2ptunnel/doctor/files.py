"""The data directory: modes, space, keys that end, and how many routers are known."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from core.api import FileFault
from core.data.daily_keys import covered_until_s
from i2ptunnel.config.file_checks import why_not_ours
from i2ptunnel.config.loader import Loaded
from i2ptunnel.config.own_files import key_file_of
from i2ptunnel.doctor.findings import Finding, note, ok, problem, unknown, warning
from i2ptunnel.keyfiles import daily_path, read_daily_keys, read_keys
from i2ptunnel.printable import counted, moment_text, size_text

_SPACE_NEEDED = 50_000_000
_SPACE_WANTED = 500_000_000
_WARN_BEFORE_S = 30 * 86400.0
_FEW_ROUTERS = 50


def check_data_directory(directory: Path) -> Iterator[Finding]:
    """Who may read what is in it."""
    subject = "file modes"
    try:
        mode = directory.stat().st_mode
    except FileNotFoundError:
        yield note("data directory", f"{directory} is not there yet; it is made at the first start")
        return
    except OSError as error:
        yield problem(
            "data directory",
            f"{directory} cannot be read: {error.strerror}",
            "Run this as the user whose it is, or with sudo.",
        )
        return
    if (found := why_not_ours(directory)) is not None:
        what, helps = found
        yield problem("data directory", what, f"{helps[0].upper()}{helps[1:]}.")
        return
    bad = [directory] if stat.S_IMODE(mode) & 0o022 else []
    for path in [*sorted(directory.rglob("*.dat")), directory / "router.keys"]:
        with contextlib.suppress(OSError):
            if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
                bad.append(path)
    for path in bad:
        right = "700" if path == directory else "600"
        yield problem(
            subject, f"others can read or change {path}", f"Make it private: chmod {right} {path}"
        )
    if not bad:
        yield ok(subject, f"only the owner can read the keys in {directory}")


def check_space(directory: Path) -> Finding:
    """Free space where keys and state are written."""
    place = next(one for one in (directory, *directory.parents) if one.exists())
    try:
        free, entries = shutil.disk_usage(place).free, os.statvfs(place)
    except OSError as error:
        return unknown("disk", f"the free space at {place} cannot be read: {error.strerror}")
    remedy = f"Free some space on the disk of {place}."
    if entries.f_files and entries.f_favail < 100:
        return problem("disk", f"no more files can be made at {place}", remedy)
    if free < _SPACE_NEEDED:
        return problem("disk", f"{size_text(free)} free at {place}: state cannot be kept", remedy)
    if free < _SPACE_WANTED:
        return warning("disk", f"{size_text(free)} free at {place}", remedy)
    return ok("disk", f"{size_text(free)} free at {place}")


def check_keys(loaded: Loaded, now: float) -> Iterator[Finding]:
    """Key files that are damaged, or whose transient signing key ends."""
    count = 0
    for name, tunnel in loaded.configuration.tunnels.items():
        file = key_file_of(name, tunnel)
        if file is None:
            continue
        try:
            keys = read_keys(loaded.data_dir / file)
        except FileFault as fault:
            yield problem("keys", f"tunnel {name}: {fault}", "Restore it: i2ptunnel restore FILE.")
            continue
        if keys is None:
            continue
        count += 1
        end = None if keys.offline is None else keys.offline.expires_s
        yield from _check_end(name, end, now, "transient key")
        encrypted = getattr(tunnel, "encrypted", None)
        if keys.offline is not None and encrypted is not None and encrypted.enabled:
            yield from _check_daily(name, loaded.data_dir / file, now)
    yield ok("keys", f"{counted(count, 'key file')} looked at")


def _check_end(name: str, end: float | None, now: float, what: str) -> Iterator[Finding]:
    if end is None or end - now > _WARN_BEFORE_S:
        return
    remedy = "Make a new one with the offline key: i2ptunnel keys transient MASTER FILE."
    if end <= now:
        yield problem("keys", f"tunnel {name}: the {what} ended {moment_text(end)}", remedy)
    else:
        yield warning("keys", f"tunnel {name}: the {what} ends {moment_text(end)}", remedy)


def _check_daily(name: str, path: Path, now: float) -> Iterator[Finding]:
    """The keys of an encrypted lease set whose signing key is offline: one for each day."""
    try:
        daily = read_daily_keys(daily_path(path))
    except FileFault as fault:
        yield problem("keys", f"tunnel {name}: {fault}", "Restore it: i2ptunnel restore FILE.")
        return
    end = covered_until_s(daily, now) if daily else now
    yield from _check_end(name, end, now, "last of the daily keys")


def check_known_routers(directory: Path) -> Finding:
    """How many routers a program that does not run will know when it starts."""
    path = directory / "state.sqlite"
    if not path.exists():
        return note("known routers", "none yet; the first start fetches some from reseed servers")
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2)
        ) as database:
            (count,) = database.execute("SELECT count(*) FROM routers").fetchone()
    except (sqlite3.Error, ValueError) as error:
        return unknown("known routers", f"{path} cannot be read: {error}")
    if count < _FEW_ROUTERS:
        return note(
            "known routers",
            f"{count}; the next start fetches some from reseed servers",
            "Or import some: i2ptunnel netdb import FILE.",
        )
    return ok("known routers", f"{count}")
