"""hosts.txt: lines ``name=base64destination``, as every I2P router reads and writes them.

After the destination may stand ``#!key=value#…`` (address book properties), which is skipped here.
Lines that are wrong are skipped and counted, so that one bad line does not hide the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.base.errors import DecodeError
from core.data.identity import Destination
from i2ptunnel.naming.hosts_line import LINE_CHARACTERS_MAX
from i2ptunnel.naming.names import is_host_name

HOSTS_MAX = 200_000


@dataclass(frozen=True, slots=True)
class HostsFile:
    """``hosts`` maps names to destination hashes; ``faults`` is the number of skipped lines."""

    hosts: dict[str, bytes]
    faults: int


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
