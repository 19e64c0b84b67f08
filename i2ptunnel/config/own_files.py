"""The files of this program that must never reach a visitor: keys, passwords, state.

A directory that is offered to I2P must not be the data directory, lie in it or contain it, and
must not contain a file that holds a secret. Directories and files are compared as the system sees
them (device and inode), so symbolic links, hard links, ``..``, ``/proc/self/cwd`` and bind mounts
change nothing. :meth:`OwnFiles.clash` judges a directory before it is offered,
:meth:`OwnFiles.holds` each file that was opened: links may be made later.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from i2ptunnel.config.client_models import ProxySection
from i2ptunnel.config.interfaces_model import interface_sections
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.network_kinds import DestinationName
from i2ptunnel.config.server_models import ServerSection
from i2ptunnel.config.tunnel_kinds import LASTING_SUFFIX
from i2ptunnel.config.tunnel_parts import TunnelSection

#: of the file beside a key file that holds its checksum
SUM_SUFFIX = ".sum"
_Identity = tuple[int, int]
#: what the kernel shows as files: environment, memory and devices of this program
_KERNEL_DIRECTORIES = (Path("/proc"), Path("/sys"), Path("/dev"))


def _identity(path: Path | str) -> _Identity | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file and what it is for people: ``the key file of tunnel site``."""

    path: Path
    what: str


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """The data directory and single files elsewhere."""

    data_dir: Path | None = None
    secrets: tuple[SecretFile, ...] = ()

    @classmethod
    def of(
        cls, configuration: Configuration, data_dir: Path, sources: Iterable[Path] = ()
    ) -> OwnFiles:
        """Those of a configuration that was read from ``sources``."""
        secrets = [
            SecretFile(path, "the configuration, which may hold passwords") for path in sources
        ]
        i2cp = configuration.router.i2cp
        if i2cp is not None and i2cp.password_file is not None:
            secrets.append(SecretFile(i2cp.password_file, "the password file of router.i2cp"))
        family = configuration.router.family
        if family is not None:
            secrets.append(SecretFile(data_dir / family.keys, "the keys of router.family"))
        ssh = configuration.control.ssh
        if ssh is not None:
            secrets.append(SecretFile(ssh.authorized_keys, "control.ssh.authorized_keys"))
        for name, tunnel in configuration.tunnels.items():
            secrets += secret_files(name, tunnel, data_dir)
        for name, interface in interface_sections(configuration.interfaces):
            for option, path in interface.secrets:
                secrets.append(SecretFile(path, f"interfaces.{name}.{option}"))
        console = configuration.control.console
        if console is not None:
            for option, path in console.secrets:
                secrets.append(SecretFile(path, f"control.console.{option}"))
        return cls(data_dir, tuple(secrets))

    def clash(self, directory: Path) -> str | None:
        """What is wrong with offering ``directory`` to everybody, or None."""
        real = _real(directory)
        if any(real == root or root in real.parents for root in _KERNEL_DIRECTORIES):
            return f"{real} shows this program's environment and devices"
        own = _identity(real)
        if self.data_dir is not None:
            if _is_within(real, self.data_dir):
                return f"it is in the data directory {self.data_dir}, with the private keys"
            if _is_around(real, own, self.data_dir):
                return f"it contains the data directory {self.data_dir}, with the private keys"
        for secret in self.secrets:
            if _is_around(real, own, secret.path):
                return f"it contains {secret.path}, {secret.what}"
        return None

    def holds(self, handle: int) -> bool:
        """Whether an open file is one of ours, whatever name it was opened by."""
        found = os.fstat(handle)
        identity = found.st_dev, found.st_ino
        if any(_identity(secret.path) == identity for secret in self.secrets):
            return True
        if self.data_dir is None:
            return False
        name = name_of_open(handle)
        if name is not None and _is_within(Path(name), self.data_dir):
            return True
        data_dir = _identity(self.data_dir)
        if data_dir is None or data_dir[0] != found.st_dev:
            return False
        try:
            with os.scandir(self.data_dir) as entries:
                return any(entry.inode() == found.st_ino for entry in entries)
        except OSError:
            return True  # not known: nothing is served


def key_file_of(name: str, tunnel: TunnelSection) -> str | None:
    """The key file a tunnel uses, relative to data_dir; None: keys that are forgotten."""
    keys: str | None = getattr(tunnel, "keys", None)
    if keys is None and isinstance(tunnel, ServerSection):
        return f"{name}.dat"
    return keys


def secret_files(name: str, tunnel: TunnelSection, data_dir: Path) -> Iterator[SecretFile]:
    """The key and password files that a tunnel names, with what is kept beside its keys."""
    keys = key_file_of(name, tunnel)
    if keys is not None:
        path = data_dir / keys
        what = f"the key file of tunnel {name}"
        yield SecretFile(path, what)
        yield SecretFile(path.with_name(path.name + LASTING_SUFFIX), what)
        yield SecretFile(path.with_suffix(".days"), what)
    if isinstance(tunnel, ServerSection) and tunnel.meta is not None:
        yield SecretFile(data_dir / tunnel.meta.keys, f"the common key file of tunnel {name}")
    if isinstance(tunnel, ProxySection):
        for user in tunnel.auth:
            if user.password_file is not None:
                yield SecretFile(user.password_file, f"a password file of tunnel {name}")
    tls = getattr(tunnel, "tls", None)
    tls_key = getattr(tls, "key", None) or getattr(tls, "certificate", None)
    if tls_key is not None:  # without a file of its own the key is in the certificate's
        yield SecretFile(tls_key, f"the TLS key of tunnel {name}")
    if isinstance(tunnel, ServerSection) and tunnel.access.filter is not None:
        yield SecretFile(tunnel.access.filter, f"the access filter of tunnel {name}")
    destination = getattr(tunnel, "destination", ())
    for one in (destination,) if isinstance(destination, DestinationName) else destination:
        if one.client_key_file is not None:
            yield SecretFile(one.client_key_file, f"a client key of tunnel {name}")


def _is_within(real: Path, directory: Path) -> bool:
    """Whether the resolved path ``real`` is ``directory`` or below it."""
    inner = _real(directory)
    if real == inner or inner in real.parents:
        return True
    wanted = _identity(inner)
    return wanted is not None and any(_identity(one) == wanted for one in (real, *real.parents))


def _is_around(real: Path, own: _Identity | None, path: Path) -> bool:
    """Whether ``path``, by its name or resolved, is below the directory ``real``."""
    for inner in {_real(path), _real(path.parent) / path.name}:
        if real in inner.parents:
            return True
        if own is not None and any(_identity(one) == own for one in inner.parents):
            return True
    return False


def name_of_open(handle: int) -> str | None:
    """Where an open file is, with all links resolved; None where the system does not say."""
    try:
        return os.readlink(f"/proc/self/fd/{handle}")
    except OSError:
        return None
