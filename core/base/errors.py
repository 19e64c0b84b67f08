"""Errors by fault: who did it decides what the receiver of the error can do.

* :class:`LocalError` - our own bug or a misuse of an API.
* :class:`PeerError` - the peer violated a protocol; carries the wire reason code if there is one.
* :class:`Unavailable` - nobody's fault; says whether and when a retry makes sense.
* :class:`DecodeError` - bytes that are not what they should be; the only error a ``parse`` raises.
"""

from __future__ import annotations

import os
from enum import Enum


class I2PError(Exception):
    """Base of every error this project raises on purpose."""


class LocalError(I2PError):
    """Our own bug, or an API called in a way its docstring forbids."""


class DecodeError(I2PError):
    """Bytes from a peer, a file or a program that do not follow their format."""


class PeerError(I2PError):
    """A peer violated a protocol. ``reason`` is the code to put on the wire, if any."""

    def __init__(self, message: str, reason: int = 0) -> None:
        super().__init__(message)
        self.reason = reason


class Retry(Enum):
    """When the same call may succeed."""

    NEVER = "never"
    NOW = "now"
    AFTER = "after"


class Unavailable(I2PError):
    """What was asked for cannot be had now. ``code`` is a stable word for programs."""

    def __init__(self, message: str, code: str = "unavailable", retry: Retry = Retry.AFTER) -> None:
        super().__init__(message)
        self.code = code
        self.retry = retry


def system_reason(error: OSError, otherwise: str = "") -> str:
    """Why the system refused, in its words and small letters; ``otherwise`` if it does not say.

    Without the address that asyncio puts into ``strerror``.
    """
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error) or otherwise or type(error).__name__).lower()
