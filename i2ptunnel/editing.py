"""Changes to the configuration file by programs: through every check, all or nothing.

A change is made to the text that the user wrote (:mod:`i2ptunnel.config.writer` keeps comments and
order), loaded as a reload would, and carried out. Where any of that fails, the file is as it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.api import FileFault, read_limited, write_atomic
from core.base.errors import Unavailable
from i2ptunnel.commands import CommandRefused, Program
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.nodes import FILE_BYTES_MAX


class ConfigurationEditor:
    """Edits the one file that the running program was started with."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._editing = asyncio.Lock()

    async def edit(self, change: Callable[[str], str]) -> dict[str, Any]:
        """Change the text and run what it says; the plan that was carried out, as a reload tells.

        Raises CommandRefused, and then nothing has changed.
        """
        async with self._editing:
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
                return await self._carry_out()
            except BaseException:
                await asyncio.to_thread(_write, path, old)
                raise

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
            loaded = program.reread()
            program.check_listeners(loaded)
            planned = await asyncio.to_thread(program.plan, loaded)
            return {**asdict(planned), "failed": await program.apply(loaded)}
        except (ConfigError, Unavailable) as error:
            raise CommandRefused(str(error)) from None


def _read(path: Path) -> str:
    return read_limited(path, FILE_BYTES_MAX).decode("utf-8")


def _write(path: Path, text: str) -> None:
    write_atomic(path, text.encode(), path.stat().st_mode & 0o777)
