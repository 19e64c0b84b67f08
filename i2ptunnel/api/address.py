"""Who is at the other end: destinations as programs name them."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.data.identity import Destination
from i2ptunnel.api.errors import UsageError
from i2ptunnel.naming.address import Address as Found
from i2ptunnel.naming.address import read_address
from i2ptunnel.naming.names import is_host_name, normalise


@dataclass(frozen=True, slots=True)
class Address:
    """A destination. ``host``: its ``….b32.i2p`` form. ``base64``: all of it, "" if unknown.

    ``port``: the I2P port that is meant, 0 if none.
    """

    host: str
    base64: str = field(default="", compare=False, repr=False)
    port: int = 0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


def address_of(destination: Destination, port: int = 0) -> Address:
    """The address of a whole destination."""
    return Address(destination.b32, destination.b64, port)


def split_port(target: str, port: int | None) -> tuple[str, int]:
    """``site.i2p:80`` as name and port. ``port`` counts before the one in the text.

    Raises UsageError if the port is none.
    """
    name, mark, text = target.strip().rpartition(":")
    if not mark:
        return _checked(target.strip(), port or 0)
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise UsageError("after the colon belongs a port, like site.i2p:80", "bad_address")
    return _checked(name, int(text) if port is None else port)


def _checked(name: str, port: int) -> tuple[str, int]:
    if not 0 <= port <= 65535:
        raise UsageError("a port is a number from 0 to 65535", "bad_address")
    return name, port


def read_target(name: str) -> Found | str:
    """The address in a name that carries one, else the normalised host name.

    Raises UsageError for what is neither, such as a name outside I2P; NameFault for a damaged one.
    """
    normal = normalise(name)
    found = read_address(normal)
    if found is not None:
        return found
    if not is_host_name(normal):
        raise UsageError(
            "not an I2P name; write site.i2p, a .b32.i2p address or a destination in base 64",
            "bad_address",
        )
    return normal


def whole_destination(name: str) -> str:
    """``name`` if it is a destination in base 64, else "": there the b32 form is all we know."""
    return "" if name.lower().endswith(".i2p") else name
