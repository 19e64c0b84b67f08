"""Directories that are held open while files are put into them, for commands of root's.

Whoever owns a directory can put a link there, or another directory in its place, at any moment.
Names in an open directory (openat(2)) lead nowhere else, whatever becomes of the names above it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO

from core.api import FileFault, give_to_owner
from core.base.errors import system_reason

_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS_MAX = 40
_FILE_MODE, _DIRECTORY_MODE = 0o600, 0o700
_COPY_BYTES = 1 << 20


class NotThere(FileFault):
    """There is no such directory."""


class Directory:
    """An open directory; a context manager. Everything in it raises FileFault.

    ``path`` is what messages call it, ``handle`` its descriptor. Names are single ones, and never
    followed as links. What root makes belongs to the owner of the directory that it is made in.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.handle = handle

    @classmethod
    def open(cls, path: Path, *, make: bool = False) -> Directory:
        """Open a directory by its path, and make what is missing of it if ``make``.

        Root follows links only where nobody else can have made them.
        """
        path = path.absolute()
        handle = os.open("/", _FLAGS)
        rest, links = list(path.parts[1:]), 0
        try:
            while rest:
                name = rest.pop(0)
                target = _link(handle, name)
                if target is None:
                    handle = _replaced(handle, _entered(handle, name, make))
                    continue
                links += 1
                if links > _LINKS_MAX or not _is_trusted(handle, name):
                    raise FileFault(path, "another user's link is in the way; name where it leads")
                if target.startswith("/"):
                    handle = _replaced(handle, os.open("/", _FLAGS))
                rest[:0] = [part for part in Path(target).parts if part != "/"]
            return cls(path, handle)
        except BaseException as error:
            os.close(handle)
            if isinstance(error, OSError):
                raise _fault(path, error) from None
            raise

    def inside(self, names: Iterable[str], *, make: bool = False) -> Directory:
        """A directory below this one; links are not followed."""
        handle, path = os.open(".", _FLAGS, dir_fd=self.handle), self.path
        try:
            for name in names:
                path /= name
                if _link(handle, name) is not None:
                    raise FileFault(path, "a link leads elsewhere there; remove it")
                handle = _replaced(handle, _entered(handle, name, make))
            return Directory(path, handle)
        except BaseException as error:
            os.close(handle)
            if isinstance(error, OSError):
                raise _fault(path, error) from None
            raise

    def __enter__(self) -> Directory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.handle)

    def has(self, name: str) -> bool:
        """Whether there is anything of this name, be it a link to nowhere."""
        try:
            os.lstat(name, dir_fd=self.handle)
        except OSError:
            return False
        return True

    def read(self, name: str) -> IO[bytes] | None:
        """A regular file, open; None if there is none."""
        # Non-blocking: a named pipe must not stop us.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(name, flags, dir_fd=self.handle)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            return None
        return open(handle, "rb")

    def rename(self, name: str, other: str) -> Path:
        """Give something another name; its path then."""
        try:
            os.rename(name, other, src_dir_fd=self.handle, dst_dir_fd=self.handle)
        except OSError as error:
            raise FileFault(
                self.path / name, f"cannot be replaced: {system_reason(error)}"
            ) from None
        return self.path / other

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.handle)
        except OSError as error:
            raise FileFault(
                self.path / name, f"cannot be removed: {system_reason(error)}"
            ) from None

    def write(self, name: str, content: IO[bytes], *, replace: bool = True) -> None:
        """Write a file (0600), whole or not at all; without ``replace`` over nothing else."""
        temporary = f".{name}.{secrets.token_hex(6)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        here = {"src_dir_fd": self.handle, "dst_dir_fd": self.handle}
        try:
            handle = os.open(temporary, flags, _FILE_MODE, dir_fd=self.handle)
            try:
                with open(handle, "wb") as file:
                    give_to_owner(handle, self.handle)
                    shutil.copyfileobj(content, file, _COPY_BYTES)
                    file.flush()
                    os.fsync(handle)
                if replace:
                    os.replace(temporary, name, **here)
                else:
                    os.link(temporary, name, **here, follow_symlinks=False)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=self.handle)
            self._sync()
        except FileExistsError:
            raise FileFault(self.path / name, "is there already") from None
        except OSError as error:
            raise FileFault(
                self.path / name, f"cannot be written: {system_reason(error)}"
            ) from None

    def _sync(self) -> None:
        handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.handle)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def room_beside(path: Path) -> Path:
    """A directory for temporary files, on the same disk if it may be there.

    Root takes none of another user, who could exchange what is in it.
    """
    real = path.resolve()
    for one in (real, *real.parents):
        with contextlib.suppress(OSError):
            way = (one, *one.parents) if os.geteuid() == 0 else ()
            is_ours = all(os.stat(step).st_uid == 0 for step in way)
            if is_ours and one.is_dir() and os.access(one, os.W_OK):
                return one
    return Path(tempfile.gettempdir())


def _link(handle: int, name: str) -> str | None:
    """Where a link leads, None for anything else and for nothing."""
    try:
        return os.readlink(name, dir_fd=handle)
    except OSError:
        return None


def _is_trusted(handle: int, name: str) -> bool:
    """Whether a link can be followed: for root, only root's own in a directory of root's."""
    if os.geteuid() != 0:
        return True
    return os.fstat(handle).st_uid == os.lstat(name, dir_fd=handle).st_uid == 0


def _entered(handle: int, name: str, make: bool) -> int:
    try:
        return os.open(name, _FLAGS, dir_fd=handle)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, _DIRECTORY_MODE, dir_fd=handle)
    made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
    try:
        give_to_owner(made, handle)
        return os.open(".", _FLAGS, dir_fd=made)
    finally:
        os.close(made)


def _replaced(old: int, new: int) -> int:
    os.close(old)
    return new


def _fault(path: Path, error: OSError) -> FileFault:
    kind = NotThere if isinstance(error, FileNotFoundError) else FileFault
    return kind(path, f"cannot be opened: {system_reason(error)}")
