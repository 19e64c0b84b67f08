"""A backup to download: everything that cannot be had again, encrypted with a passphrase."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from typing import IO

from starlette.responses import Response, StreamingResponse

from core.base.errors import I2PError
from i2ptunnel.backup.archive import make_backup
from i2ptunnel.config.loader import Loaded
from i2ptunnel.console.view import Answer, View

PASSPHRASE_CHARACTERS_MIN = 8
_PIECE_BYTES = 65536


async def backup(view: View) -> Response:
    """Ask for a passphrase; then the file."""
    faults: list[str] = []
    if view.is_post:
        passphrase = view.form.get("passphrase", "")
        if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
            faults = [view.say("A passphrase has 8 characters or more.")]
        elif passphrase != view.form.get("again", ""):
            faults = [view.say("The two are not the same.")]
        else:
            try:
                made = await asyncio.to_thread(_write, view.program.loaded, passphrase)
            except (I2PError, OSError) as error:
                faults = [str(error)]
            else:
                return _download(made)
    return await view.page("backup.html", 422 if faults else 200, faults=faults)


def _write(loaded: Loaded, passphrase: str) -> IO[bytes]:
    """The encrypted backup in a file without a name: what fails is known before it is sent."""
    file = tempfile.TemporaryFile(dir=loaded.data_dir)  # noqa: SIM115 (closed when it is sent)
    try:
        for piece in make_backup(loaded, passphrase):
            file.write(piece)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _download(file: IO[bytes]) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        with file:
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece

    name = time.strftime("i2ptunnel-%Y-%m-%d.backup", time.gmtime())
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return StreamingResponse(pieces(), headers=headers)


PAGES: dict[str, Answer] = {"settings/backup": backup}
