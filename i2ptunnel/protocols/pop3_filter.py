"""POP3 commands of a mail program that say nothing of its user. Pure (RFC 1939, 2449, 5034)."""

from __future__ import annotations

_PASSED = frozenset(
    b"USER PASS APOP AUTH CAPA STAT LIST RETR DELE NOOP RSET TOP UIDL QUIT UTF8".split()
)
_ALWAYS_MULTILINE = frozenset(b"CAPA RETR TOP".split())
_MULTILINE_WITHOUT_ARGUMENT = frozenset(b"LIST UIDL AUTH".split())
#: what is not offered: TLS could not be followed, the others name the user's language or program
_HIDDEN = frozenset(b"STLS LANG IMPLEMENTATION".split())


def read_command(line: bytes) -> bytes | None:
    """Its verb in upper case; None: it is not carried."""
    verb = line.partition(b" ")[0].upper()
    return verb if verb in _PASSED else None


def has_many_lines(line: bytes) -> bool:
    """Whether a good answer to a command goes on until a line with a dot."""
    verb, _, rest = line.partition(b" ")
    verb = verb.upper()
    return verb in _ALWAYS_MULTILINE or (verb in _MULTILINE_WITHOUT_ARGUMENT and not rest.strip())


def is_offered(line: bytes) -> bool:
    """Whether a line of the answer to CAPA is passed on."""
    return line.partition(b" ")[0].upper() not in _HIDDEN
