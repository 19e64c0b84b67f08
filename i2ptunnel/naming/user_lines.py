"""Lines of files that the user trusts: their own ``hosts.txt``, and what ``address import`` reads.

More than a feed may bring: besides ``name=destination`` also ``name=….b32.i2p``, and
``name,address`` as i2pd's ``addresses.csv`` has it, where the address may lack its suffix; and
names in other scripts. A feed brings whole destinations and ASCII names only: with an address alone
nobody can check a signature of its owner or pass the name on, and converting names is slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.base.errors import DecodeError
from core.data.identity import Destination
from i2ptunnel.naming.address import Address, NameFault, read_address
from i2ptunnel.naming.hosts_line import (
    LINE_CHARACTERS_MAX,
    REMOVING,
    HostsLine,
    is_comment,
    parse_line,
    read_destination,
    without_mark,
)
from i2ptunnel.naming.names import check_name, normalise

#: wrong lines that are told one by one; the others are counted
FAULTS_SHOWN_MAX = 20
_BARE_B32 = re.compile(r"[A-Za-z2-7]{52,80}")


class LineFaults:
    """The wrong lines of a file: how many, and what the first of them are."""

    __slots__ = ("count", "first")

    def __init__(self) -> None:
        self.count = 0
        #: ``line NUMBER: what is wrong``, at most :data:`FAULTS_SHOWN_MAX`
        self.first: list[str] = []

    def add(self, number: int, reason: str) -> None:
        """Note a line that was left out; ``number`` counts from 1."""
        self.count += 1
        if len(self.first) < FAULTS_SHOWN_MAX:
            self.first.append(f"line {number}: {reason}")


@dataclass(frozen=True, slots=True)
class UserLine:
    """A name and where it leads. ``line`` is the whole line if it carries a destination."""

    name: str
    address: Address
    destination: Destination | None = None
    line: HostsLine | None = None


def parse_user_line(raw: str, *, has_properties: bool = True) -> UserLine | None:
    """The line; None for comments, empty lines and removals. Raises DecodeError with the reason.

    Without ``has_properties`` what follows a ``#`` is a comment.
    """
    text = without_mark(raw.strip())
    if not text or is_comment(text) or (not has_properties and text.startswith("#")):
        return None
    if len(text) > LINE_CHARACTERS_MAX:
        raise DecodeError("the line is too long")
    body = text.partition("#")[0].strip()
    if not has_properties:
        text = body
    name, separator, value = _split(body)
    if separator == "," or normalise(value).endswith(".b32.i2p"):
        return _with_address(name, value)
    if not name.isascii():
        read_destination(value)  # converting a name is slow, so what is junk anyway ends here
    if separator and "sig=" not in text:  # what is signed stands as it was signed
        text = f"{normalise(name)}={text.partition('=')[2]}"
    line = parse_line(text)
    if line is None or line.action in REMOVING:
        return None
    return UserLine(line.name, Address(line.destination.hash), line.destination, line)


def _split(body: str) -> tuple[str, str, str]:
    """(name, the separator that comes first, what follows)."""
    name, separator, value = body.partition("=")
    first, comma, rest = body.partition(",")
    if comma and len(first) < len(name):
        name, separator, value = first, comma, rest
    return name.strip(), separator, value.strip()


def _with_address(name: str, value: str) -> UserLine:
    if _BARE_B32.fullmatch(value):
        value += ".b32.i2p"
    try:
        address = read_address(normalise(value))
    except NameFault as fault:
        raise DecodeError(str(fault)) from None
    if address is None:
        raise DecodeError("neither a destination nor a .b32.i2p address")
    name = check_name(name)  # the slow part last
    destination = None
    if not value.lower().endswith((".i2p", ".i2p.alt")):
        destination = Destination.from_base64(value)
    return UserLine(name, address, destination)
