"""A user's own ``hosts.txt``: lines ``name=destination``, as every I2P router has them.

Addresses may stand for destinations (:mod:`i2ptunnel.naming.user_lines`). After them may stand
``#!key=value#…`` (address book properties), which is skipped here. Lines that are wrong are left
out and told, so that one bad line does not hide the others.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from core.base.errors import DecodeError
from i2ptunnel.naming.address import Address
from i2ptunnel.naming.user_lines import LineFaults, parse_user_line

HOSTS_MAX = 200_000
LINES_MAX = 400_000


@dataclass(frozen=True, slots=True)
class HostsFile:
    """``hosts`` maps names to addresses; ``faults`` is the number of lines that were left out."""

    hosts: dict[str, Address]
    faults: int
    first_faults: tuple[str, ...] = ()


def parse(text: str) -> HostsFile:
    """Read a whole file; of a name that stands there twice the first entry counts. Never raises."""
    hosts: dict[str, Address] = {}
    faults = LineFaults()
    for number, raw in enumerate(io.StringIO(text, newline=None), 1):  # not all lines at once
        if number > LINES_MAX:
            faults.add(number, f"more than {LINES_MAX} lines")
            break
        try:
            line = parse_user_line(raw, has_properties=False)
        except DecodeError as error:
            faults.add(number, str(error))
            continue
        if line is None:
            continue
        if len(hosts) >= HOSTS_MAX and line.name not in hosts:
            faults.add(number, f"more than {HOSTS_MAX} names")
            break
        hosts.setdefault(line.name, line.address)
    return HostsFile(hosts, faults.count, tuple(faults.first))
