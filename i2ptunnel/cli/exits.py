"""Exit statuses, and the one place where errors become a line on standard error."""

from __future__ import annotations

import sys
from enum import IntEnum

from i2ptunnel.printable import printable


class Exit(IntEnum):
    """What a command ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INVALID = 3
    NOT_RUNNING = 4
    NOT_READY = 5


class CommandFault(Exception):
    """A command ends with a message and a status."""

    def __init__(self, message: str, status: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.status = status


def complain(message: str) -> None:
    """A line for the user on standard error, without control characters."""
    print("\n".join(printable(line) for line in message.splitlines()), file=sys.stderr)
