"""Changes to the configuration file by programs: through every check, all or nothing.

A change is made to the text that the user wrote, whose every other letter stays as it is
(:mod:`i2ptunnel.config.document`), loaded as a reload would, and carried out. Where any of that
fails, the file is as it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.api import FileFault, read_limited, write_atomic
from core.base.errors import LocalError, Unavailable
from i2ptunnel.commands import CommandRefused, Program
from i2ptunnel.config.document import Document
from i2ptunnel.config.faults import ConfigError, Source
from i2ptunnel.config.layers import read_source
from i2ptunnel.config.loader import Loaded, load
from i2ptunnel.config.nodes import FILE_BYTES_MAX
from i2ptunnel.finishing import finish

Change = Callable[[str], str]
"""The text of a configuration -> what it becomes."""


def setting(*options: tuple[tuple[str, ...], Any]) -> Change:
    """A change that gives options, by their paths, other values."""

    def change(text: str) -> str:
        document = Document(text)
        for path, value in options:
            document.set(path, value)
        return str(document)

    return change


@dataclass(frozen=True, slots=True)
class Draft:
    """A change that was checked and not carried out.

    ``path``: the file it is for. ``obstacle``: why it cannot be written there, or None. ``plan``:
    what a reload would do.
    """

    path: Path | None
    before: str
    after: str
    plan: dict[str, Any]
    obstacle: str | None = None


class ConfigurationEditor:
    """Edits the one file that the running program was started with."""

    def __init__(self, program: Program) -> None:
        self._program = program
        #: the file as it was before the last change, and after it
        self._last: tuple[str, str] | None = None

    @property
    def can_undo(self) -> bool:
        """Whether a change of this program can be taken back."""
        return self._last is not None

    async def edit(self, change: Change) -> dict[str, Any]:
        """Change the text and run what it says; the plan that was carried out, as a reload tells.

        Raises CommandRefused, and then nothing has changed.
        """
        return await finish(self._edit(change))

    async def _edit(self, change: Change) -> dict[str, Any]:
        async with self._program.editing:
            path = self._path()
            try:
                old = await asyncio.to_thread(_read, path)
                new = change(old)
                await asyncio.to_thread(_write, path, new)
            except (FileFault, OSError, UnicodeError) as error:
                raise CommandRefused(f"the configuration cannot be changed: {error}") from None
            except ConfigError as error:
                raise CommandRefused(str(error)) from None
            try:
                done = await self._carry_out()
            except BaseException:
                await asyncio.to_thread(_write, path, old)
                raise
            self._last = (old, new)
            return done

    async def text(self) -> str:
        """The file as it is now; without one, a text that builds on the profiles that run."""
        if not self._program.loaded.files:
            names = [Path(origin).stem for origin in self._program.loaded.origins]
            return f"extends: [{', '.join(names)}]\n"
        try:
            return await asyncio.to_thread(_read, self._path())
        except (FileFault, OSError, UnicodeError) as error:
            raise CommandRefused(f"the configuration cannot be read: {error}") from None

    async def draft(self, change: Change) -> Draft:
        """What a change would do; raises ConfigError with all faults, or CommandRefused."""
        before = await self.text()
        try:
            after = change(before)
        except LocalError as error:
            raise CommandRefused(
                f"{error}; it comes from a profile or another file, which is not changed here"
            ) from None
        program = self._program
        path = self._path() if program.loaded.files else None
        loaded = await asyncio.to_thread(self._load, path, after)
        try:
            program.check_listeners(loaded)
        except Unavailable as error:
            raise CommandRefused(str(error)) from None
        plan = asdict(await asyncio.to_thread(program.plan, loaded))
        return Draft(path, before, after, plan, _obstacle(path))

    def _load(self, path: Path | None, text: str) -> Loaded:
        """The configuration with another text of the file, beside what the command named too."""
        loaded = self._program.loaded
        if path is None:
            source = Source("i2ptunnel.yaml", Path.cwd())
            return load([(text.encode(), source)], loaded.data_dir)
        others = (Path(one) for one in loaded.origins if os.path.realpath(one) != str(path))
        beside = [read_source(one, base=Path.cwd()) for one in others]
        own = (text.encode(), Source(str(path), path.parent, path))
        return load([own], loaded.data_dir, beside=beside)

    async def apply(self, draft: Draft) -> dict[str, Any]:
        """Carry a draft out; raises CommandRefused, also if the file was changed meanwhile."""
        if draft.path is None or draft.obstacle is not None:
            raise CommandRefused(draft.obstacle or "there is no file to write to")
        return await self._swap(draft.before, draft.after)

    async def undo(self) -> dict[str, Any]:
        """Take the last change back; raises CommandRefused."""
        if self._last is None:
            raise CommandRefused("nothing was changed here since the program has started")
        before, after = self._last
        done = await self._swap(after, before)
        self._last = None
        return done

    async def _swap(self, before: str, after: str) -> dict[str, Any]:
        def change(text: str) -> str:
            if text != before:
                raise CommandRefused("the file was changed meanwhile; look at it again")
            return after

        return await self.edit(change)

    def _path(self) -> Path:
        files = self._program.loaded.files
        if not files:
            raise CommandRefused(
                "the program runs without a configuration file of its own: start it with -c FILE"
            )
        return Path(os.path.realpath(files[0]))

    async def _carry_out(self) -> dict[str, Any]:
        program = self._program
        try:
            loaded = await asyncio.to_thread(program.reread)
            program.check_listeners(loaded)
            planned = await asyncio.to_thread(program.plan, loaded)
            return {**asdict(planned), "failed": await program.apply(loaded)}
        except (ConfigError, Unavailable) as error:
            raise CommandRefused(str(error)) from None


def _obstacle(path: Path | None) -> str | None:
    """Why a file cannot be replaced, or None."""
    if path is None:
        return "the program runs a profile, and no file of its own"
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return f"the program may not write {path}"
    return None


def _read(path: Path) -> str:
    return read_limited(path, FILE_BYTES_MAX).decode("utf-8")


def _write(path: Path, text: str) -> None:
    write_atomic(path, text.encode(), path.stat().st_mode & 0o777)
