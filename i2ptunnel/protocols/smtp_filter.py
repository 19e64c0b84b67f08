"""SMTP commands of a mail program, without what tells of its user. Pure (RFC 5321).

Only what mail needs passes. The greeting names no host; parameters that name messages or
recipients a second time are left out (RFC 3461); STARTTLS and BDAT do not exist, since what they
carry could not be cleaned, and the way through I2P is encrypted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OUR_NAME = b"localhost"
_EXTENSIONS = frozenset((b"SIZE", b"8BITMIME", b"SMTPUTF8", b"AUTH", b"ENHANCEDSTATUSCODES"))
_PASSED = frozenset((b"RSET", b"NOOP", b"QUIT", b"AUTH", b"HELP"))
_MAIL_PARAMETERS = frozenset((b"SIZE", b"BODY", b"SMTPUTF8"))
_PATH = re.compile(rb"(FROM|TO):[ ]*(<[^<>\r\n]*>)(.*)", re.IGNORECASE)
_RESPONSE = re.compile(rb"([2-5][0-9]{2})([ -])?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command:
    """``verb``: upper case. ``line``: what goes to the server; None: ``answer`` to the program."""

    verb: bytes
    line: bytes | None = None
    answer: bytes = b""


def read_command(line: bytes) -> Command:
    """What becomes of a line of the mail program, given and returned without its end."""
    verb, _, rest = line.partition(b" ")
    verb = verb.upper()
    if verb in (b"EHLO", b"HELO"):
        return Command(verb, verb + b" " + OUR_NAME)
    if verb == b"MAIL" or verb == b"RCPT":
        return _with_path(verb, rest)
    if verb == b"DATA":
        return Command(verb, b"DATA") if not rest.strip() else _refused(verb, b"501 5.5.4")
    if verb in (b"NOOP", b"RSET", b"QUIT", b"HELP"):
        return Command(verb, verb)
    if verb in _PASSED:
        return Command(verb, verb + b" " + rest)
    return _refused(verb, b"502 5.5.1")


def _refused(verb: bytes, code: bytes) -> Command:
    return Command(verb, None, code + b" this is not carried through I2P")


def _with_path(verb: bytes, rest: bytes) -> Command:
    match = _PATH.fullmatch(rest)
    if match is None or (match[1].upper() == b"FROM") != (verb == b"MAIL"):
        return _refused(verb, b"501 5.5.4")
    kept = [
        parameter
        for parameter in match[3].split()
        if verb == b"MAIL" and parameter.partition(b"=")[0].upper() in _MAIL_PARAMETERS
    ]
    return Command(verb, b" ".join((verb, match[1].upper() + b":" + match[2], *kept)))


def read_response(line: bytes) -> tuple[int, bool] | None:
    """Code of a line of the server, and whether it is the last one; None: it is no response."""
    match = _RESPONSE.fullmatch(line)
    return None if match is None else (int(match[1]), match[2] != b"-")


def offered(lines: list[bytes]) -> list[bytes]:
    """The response to EHLO with the extensions that can be used through us."""
    first, *others = lines
    kept = [line for line in others if line[4:].split(b" ")[0].upper() in _EXTENSIONS]
    result = [first, *kept]
    return [line[:3] + (b"-" if line is not result[-1] else b" ") + line[4:] for line in result]
