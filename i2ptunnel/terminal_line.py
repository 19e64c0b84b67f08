"""One line at the end of a terminal that changes while something goes on."""

from __future__ import annotations

import contextlib
import os
from typing import TextIO

from i2ptunnel.printable import printable

_CLEAR = "\r\x1b[K"
_COLUMNS = 80


class TerminalLine:
    """Nothing is written to what is no terminal, or one that cannot move its cursor.

    Other output goes between hide and redraw.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        #: whether a line can stand there
        self.is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._text = ""

    def show(self, text: str) -> None:
        """Replace the line; nothing: take it away."""
        if text != self._text and self.is_terminal:
            self.hide()
            self._text = text
            self.redraw()

    def hide(self) -> None:
        """Before other output."""
        self._write(_CLEAR)

    def redraw(self) -> None:
        """After other output."""
        self._write(printable(self._text, max(10, self._columns() - 1)))

    def _write(self, text: str) -> None:
        if self.is_terminal and self._text:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        except (OSError, ValueError):
            return _COLUMNS
