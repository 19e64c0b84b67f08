"""What goes on right now, as one changing line on a terminal: nothing where there is none."""

from __future__ import annotations

import sys

from i2ptunnel.terminal_line import TerminalLine


class Progress:
    """A context; the line is gone when it ends, however it ends."""

    def __init__(self) -> None:
        self._line = TerminalLine(sys.stderr)

    def show(self, text: str) -> None:
        """Replace the line."""
        self._line.show(text)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.show("")
