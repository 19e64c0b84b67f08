"""What an examination finds: one thing, how bad it is, in plain words, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """``unknown``: could not be looked at, which is no fault by itself."""

    OK = "ok"
    UNKNOWN = "unknown"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """``subject``: what was looked at, in one or two words; ``remedy``: what to do, or None."""

    subject: str
    level: Level
    text: str
    remedy: str | None = None


def ok(subject: str, text: str) -> Finding:
    """All is well."""
    return Finding(subject, Level.OK, text)


def unknown(subject: str, text: str) -> Finding:
    """It could not be looked at."""
    return Finding(subject, Level.UNKNOWN, text)


def note(subject: str, text: str, remedy: str | None = None) -> Finding:
    """It could be better."""
    return Finding(subject, Level.NOTE, text, remedy)


def warning(subject: str, text: str, remedy: str) -> Finding:
    """It will be a problem, or is one for some."""
    return Finding(subject, Level.WARNING, text, remedy)


def problem(subject: str, text: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(subject, Level.PROBLEM, text, remedy)
