"""Which data directory, and with it which running program, a command means.

``--data-dir`` and ``router.data_dir`` say it. Without them a program that a user starts has its
state in his home, and a service in its own directory, which the service's environment tells and
the command line's does not. So the services of this machine are asked: by the configuration file
they run with, from their unit files, and by what a running one writes into ``/run/i2ptunnel``.

A command never writes beside a running service: where it is not clear what is meant, it says so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.base.errors import I2PError
from i2ptunnel.cli.exits import CommandFault, complain
from i2ptunnel.cli.sources import load_sources
from i2ptunnel.config.loader import Loaded
from i2ptunnel.control import RUNNING_FILE, ask, lock_owner

CONTROL_SOCKET = "control.sock"
#: where the parts of the system are; tests have another root
ROOT = Path("/")
_UNITS = (
    *("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system"),
    *("usr/lib/systemd/system", "lib/systemd/system"),
)
_USUAL_CONFIGURATION = "etc/i2ptunnel/i2ptunnel.yaml"
_USUAL_DIRECTORIES = ("var/lib/i2ptunnel", "var/lib/private/i2ptunnel")
_FILE_BYTES_MAX = 65536


@dataclass(frozen=True, slots=True)
class Service:
    """A service's data directory, and the configuration files it runs with as far as known."""

    data_dir: Path
    files: tuple[Path, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether a program holds the lock of its data directory now."""
        return is_running(self.data_dir)


def control_socket(arguments: argparse.Namespace) -> Path:
    """The socket of the program that the options mean."""
    return data_dir_of(arguments) / CONTROL_SOCKET


def data_dir_of(arguments: argparse.Namespace, *, writes: bool = False) -> Path:
    """The data directory that the options mean; raises ConfigError and CommandFault.

    ``writes``: the command changes files in it.
    """
    if arguments.data_dir is not None and arguments.config is None:
        return Path(arguments.data_dir)
    loaded = load_sources(arguments)
    if not loaded.is_default_dir or os.environ.get("STATE_DIRECTORY", "").startswith("/"):
        return loaded.data_dir
    own = loaded.data_dir
    services = [one for one in find_services() if not _is_same(one.data_dir, own)]
    named = [one for one in services if _runs_with(one, loaded.files)]
    if named:
        return _use(arguments, next((one for one in named if one.is_running), named[0]))
    running = [one for one in services if one.is_running]
    if not running or is_running(own):
        return own
    if len(running) == 1 and not loaded.files and not (writes and own.exists()):
        return _use(arguments, running[0])
    if writes or len(running) > 1:
        which = " or ".join(f"--data-dir {path}" for path in (running[0].data_dir, own))
        raise CommandFault(
            f"a service runs with the data directory {running[0].data_dir}, and this would go to "
            f"{own}; say which you mean: {which}"
        )
    return own


def configuration_of(arguments: argparse.Namespace) -> Loaded:
    """What the options mean, with the data directory of who uses it.

    Without ``-c`` and ``--profile`` it is the file of the program whose directory that is, if it
    can be found out. Raises ConfigError and CommandFault.
    """
    data_dir = data_dir_of(arguments)
    named = argparse.Namespace(**vars(arguments))
    if arguments.config is None and not getattr(arguments, "profile", []):
        named.config = next(_files_used_with(data_dir), None)
    return replace(load_sources(named), data_dir=data_dir)


def _files_used_with(data_dir: Path) -> Iterator[Path]:
    """What a running program, or a service, was started with; the file that was named first."""
    if is_running(data_dir):
        with contextlib.suppress(I2PError):
            for name in ask(data_dir / CONTROL_SOCKET, "status")["configuration"]:
                if os.access(name, os.R_OK):
                    yield Path(name)
    for service in find_services():
        if _is_same(service.data_dir, data_dir):
            yield from (path for path in service.files if os.access(path, os.R_OK))


def _runs_with(service: Service, files: tuple[Path, ...]) -> bool:
    return any(_is_same(one, other) for one in service.files for other in files)


def refuse_beside_service(loaded: Loaded) -> None:
    """Raise CommandFault for a second program with the file of a running service.

    It would make an identity of its own in the user's directory.
    """
    if not loaded.is_default_dir or os.environ.get("STATE_DIRECTORY", "").startswith("/"):
        return
    for one in find_services():
        is_other = not _is_same(one.data_dir, loaded.data_dir)
        if is_other and _runs_with(one, loaded.files) and one.is_running:
            raise CommandFault(
                f"a service runs with this file and the data directory {one.data_dir}; stop it "
                "first, or say where this one keeps its data: --data-dir DIRECTORY"
            )


def _use(arguments: argparse.Namespace, service: Service) -> Path:
    """Use a service's directory, if this user may; asked again, nothing is said again."""
    path = service.data_dir
    if path.exists() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise CommandFault(f"{path} is the service's and belongs to another user; use sudo")
    complain(f"(data directory: {path})")
    arguments.data_dir = path
    return path


def is_running(data_dir: Path) -> bool:
    """Whether a program holds the lock of a data directory."""
    return lock_owner(data_dir) is not None


def find_services() -> list[Service]:
    """The services of this machine, running or not, each directory once."""
    found: dict[Path, Service] = {}
    for service in (*_told_by_running(), *_told_by_units(), *_usual()):
        path = Path(os.path.realpath(service.data_dir))
        known = found.get(path, Service(path))
        found[path] = Service(path, tuple(dict.fromkeys((*known.files, *service.files))))
    return list(found.values())


def _told_by_running() -> Iterator[Service]:
    """What running programs have written; only about a directory of the same owner."""
    for file in sorted(ROOT.glob(f"run/i2ptunnel*/{RUNNING_FILE}")):
        lines = _read(file).splitlines()
        try:
            is_own = file.stat().st_uid == os.stat(lines[0]).st_uid
        except (OSError, ValueError, IndexError):
            continue
        if is_own:
            yield Service(Path(lines[0]), tuple(map(Path, lines[1:])))


def _told_by_units() -> Iterator[Service]:
    for directory in _UNITS:
        for unit in sorted((ROOT / directory).glob("i2ptunnel*.service")):
            if "@." in unit.name:
                continue  # instances of it tell where they are when they run
            parts = sorted(unit.with_name(f"{unit.name}.d").glob("*.conf"))
            text = "\n".join(_read(path) for path in (unit, *parts))
            states = re.findall(r"^StateDirectory=\s*([^\s:]+)", text, re.M)
            given = re.findall(r"^ExecStart=.*?\s--data-dir[= ](\S+)", text, re.M)
            files = re.findall(r"^ExecStart=.*?\s(?:--config|-c)[= ](\S+)", text, re.M)
            paths = tuple(ROOT / path.lstrip("/") for path in files[-1:])
            if given:
                yield Service(Path(given[-1]), paths)
            elif states:
                yield Service(_state_directory(states[-1]), paths)


def _state_directory(name: str) -> Path:
    """With DynamicUser= it is in ``private``, where a link of the plain name leads."""
    plain, private = ROOT / "var/lib" / name, ROOT / "var/lib/private" / name
    return private if private.is_dir() and not plain.exists() else plain


def _usual() -> Iterator[Service]:
    for name in _USUAL_DIRECTORIES:
        if (ROOT / name).is_dir():
            yield Service(ROOT / name, (ROOT / _USUAL_CONFIGURATION,))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_FILE_BYTES_MAX).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
