"""Key files and other small files that must never be half written, and the data directory's lock.

A file is replaced by writing a temporary file (mode 0600) beside it, flushing it to the disk,
renaming it and flushing the directory: after a crash the old or the new content is there, whole.
Key files are only ever created, never replaced: losing one loses an identity.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from core.base.credentials import is_credential
from core.base.errors import I2PError

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
IMPORT_FILES_MAX = 50_000


class FileFault(I2PError):
    """A file is unreadable, damaged or in the way. The message names the file and what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class AlreadyRunning(FileFault):
    """Another process holds the data directory. ``pid`` is its process id, if it is known."""

    def __init__(self, path: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(path, f"the data directory is in use by {who}")
        self.pid = pid


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _temporary(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A flushed temporary file with ``data`` beside ``path``; removed if it is still there."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        try:
            give_to_owner(handle, path.parent)
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _problem(error: OSError) -> str:
    return error.strerror or str(error)


def check_private(path: Path) -> None:
    """Raise FileFault if others can read the key file ``path``; it must be there."""
    if not is_credential(path) and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise FileFault(path, f"others can read this key file; make it private: chmod 600 {path}")


def check_data_directory(path: Path) -> None:
    """Raise FileFault if strangers can write to a data directory, and so replace the keys.

    A group may: on many systems each user has one of his own.
    """
    if stat.S_IMODE(path.stat().st_mode) & stat.S_IWOTH:
        raise FileFault(
            path, f"others can write to this directory; make it private: chmod 700 {path}"
        )


def give_to_owner(handle: int, directory: Path | int) -> None:
    """What root writes into the directory of a service belongs to the service."""
    if os.geteuid() == 0:
        owner = os.stat(directory)
        if owner.st_uid != 0:
            os.fchown(handle, owner.st_uid, owner.st_gid)


def make_directory(path: Path) -> None:
    """Create ``path`` and its parents, private to this user. Raises FileFault."""
    try:
        missing = [one for one in (path, *path.parents) if not one.exists()]
        for made in reversed(missing):
            made.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            handle = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                give_to_owner(handle, made.parent)
            finally:
                os.close(handle)
        path.mkdir(exist_ok=True)  # raises where something else is
    except OSError as error:
        raise FileFault(path, f"cannot create the directory: {_problem(error)}") from error


def write_atomic(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Replace ``path`` by ``data``: whole or not at all, even if the power fails.

    Raises FileFault.
    """
    try:
        with _temporary(path, data, mode) as temporary:
            os.replace(temporary, path)
        _sync_directory(path.parent)
    except OSError as error:
        raise FileFault(path, f"cannot write: {_problem(error)}") from error


def replace_with(temporary: Path, path: Path) -> None:
    """Put a finished file in the place of ``path``, flushed to the disk. Raises OSError."""
    handle = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(temporary, path)
    _sync_directory(path.parent)


def create_key_file(path: Path, data: bytes) -> None:
    """Write a new key file. A file that exists is never touched. Raises FileFault."""
    try:
        with _temporary(path, data, FILE_MODE) as temporary:
            # A hard link fails when the name is taken; a rename would replace the file.
            os.link(temporary, path)
        _sync_directory(path.parent)
    except FileExistsError as error:
        raise FileFault(path, "exists already; key files are never overwritten") from error
    except OSError as error:
        raise FileFault(path, f"cannot write: {_problem(error)}") from error


def _read_regular(path: Path, bytes_max: int) -> bytes:
    """Up to ``bytes_max`` + 1 bytes of a regular file. Raises OSError and FileFault."""
    # Non-blocking, so that a named pipe in the way cannot stop the router.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise FileFault(path, "is not a regular file")
        parts: list[bytes] = []
        wanted = bytes_max + 1
        while wanted and (part := os.read(handle, wanted)):
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)
    finally:
        os.close(handle)


def read_key_file(path: Path, bytes_min: int, bytes_max: int) -> bytes | None:
    """The content of a key file, or None if there is none.

    Raises FileFault if it cannot be read, is not a regular file, or has a size no key file has:
    the caller must stop then, not make a new identity.
    """
    try:
        data = _read_regular(path, bytes_max)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileFault(path, f"cannot read the key file: {_problem(error)}") from error
    if not bytes_min <= len(data) <= bytes_max:
        what = f"truncated ({len(data)} bytes)" if len(data) < bytes_min else "too long"
        raise FileFault(
            path,
            f"the key file is {what}; restore it from a backup, "
            "or move it away to start with a new identity",
        )
    return data


def read_limited(path: Path, bytes_max: int) -> bytes:
    """The content of a regular file of at most ``bytes_max`` bytes. Raises FileFault."""
    try:
        data = _read_regular(path, bytes_max)
    except OSError as error:
        raise FileFault(path, f"cannot read: {_problem(error)}") from error
    if len(data) > bytes_max:
        raise FileFault(path, f"is larger than {bytes_max} bytes")
    return data


def read_router_files(directory: Path, bytes_max: int = 4096) -> list[tuple[str, bytes]]:
    """(name, content) of every ``routerInfo-*.dat`` under ``directory``.

    Routers of other kinds spread them over subdirectories (``r0`` .. ``r~``), so those are read
    too. Files that cannot be read or are too large are skipped; at most ``IMPORT_FILES_MAX``.
    Raises FileFault if the directory itself cannot be read.
    """
    if not directory.is_dir():
        raise FileFault(directory, "is not a directory")
    found: list[tuple[str, bytes]] = []
    for path in sorted(directory.rglob("routerInfo-*.dat")):
        with contextlib.suppress(FileFault):
            found.append((path.name, read_limited(path, bytes_max)))
        if len(found) >= IMPORT_FILES_MAX:
            break
    return found


class DataDirectoryLock:
    """One process at a time in a data directory. The kernel frees it however the process ends."""

    NAME = "router.lock"

    def __init__(self, directory: Path, opened: int | None = None) -> None:
        """``opened``: a descriptor of the directory, if its name may lead elsewhere by now."""
        self._path = directory / self.NAME
        self._directory = opened
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock, at once. Raises AlreadyRunning or FileFault."""
        if self._handle is not None:
            return
        handle = self._open()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(handle, 32)
            os.close(handle)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise FileFault(self._path, f"cannot lock: {_problem(error)}") from error
            pid = int(owner) if owner.strip().isdigit() else None
            raise AlreadyRunning(self._path, pid) from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._handle = handle

    @classmethod
    def other_holder(cls, directory: Path) -> int | None:
        """The id of another process that holds the lock of ``directory``, or None."""
        try:
            handle = os.open(directory / cls.NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(handle, 32).strip()
            pid = int(owner) if owner.isdigit() else 0
            return pid if pid != os.getpid() else None
        finally:
            os.close(handle)
        return None

    def _open(self) -> int:
        """The lock file, and nothing that a link makes of it: it is written to."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            place = self._path if self._directory is None else self.NAME
            handle = os.open(place, flags, FILE_MODE, dir_fd=self._directory)
        except OSError as error:
            problem = "it is a link" if error.errno == errno.ELOOP else _problem(error)
            text = f"cannot open the lock file: {problem}; remove it"
            raise FileFault(self._path, text) from error
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            os.close(handle)
            raise FileFault(self._path, "is another file under this name; remove it")
        give_to_owner(handle, self._path.parent if self._directory is None else self._directory)
        return handle

    def release(self) -> None:
        """Free the lock. The file stays: removing it would race with the next process."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> DataDirectoryLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
