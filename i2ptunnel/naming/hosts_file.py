"""hosts.txt: lines ``name=base64destination``, as every I2P router reads and writes them.

After the destination may stand ``#!key=value#…`` (address book properties), which is skipped here.
Lines that are wrong are skipped and counted, so that one bad line does not hide the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.base.errors import DecodeError
from core.data.identity import Destination

LINE_CHARACTERS_MAX = 2048
HOSTS_MAX = 200_000
_NAME = re.compile(r"(?=.{5,67}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+i2p")


@dataclass(frozen=True, slots=True)
class HostsFile:
    """``hosts`` maps names to destination hashes; ``faults`` is the number of skipped lines."""

    hosts: dict[str, bytes]
    faults: int


def is_host_name(name: str) -> bool:
    """Whether ``name`` can stand in an address book: lower case, ``….i2p``, not ``….b32.i2p``."""
    return _NAME.fullmatch(name) is not None and not name.endswith(".b32.i2p")


def parse(text: str) -> HostsFile:
    """Read a whole file; of a name that stands there twice the first entry counts. Never raises."""
    hosts: dict[str, bytes] = {}
    faults = 0
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, rest = line.partition("=")
        name = name.strip().lower()
        value = rest.partition("#")[0].strip()
        if not equals or len(line) > LINE_CHARACTERS_MAX or not is_host_name(name):
            faults += 1
            continue
        try:
            destination_hash = Destination.from_base64(value).hash
        except DecodeError:
            faults += 1
            continue
        hosts.setdefault(name, destination_hash)
        if len(hosts) >= HOSTS_MAX:
            break
    return HostsFile(hosts, faults)
