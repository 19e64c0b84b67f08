"""One order to a home router by UPnP IGD, in a process of its own: ``python -I upnp_child.py``.

What answers on a LAN may be hostile, and miniupnpc is C: it reads descriptions of any size with a
parser of its own. So it runs here, with little memory, little time and no state, and what it says
goes back as one short line. Only the default gateway is asked: a reply to the search counts if it
comes from there, and so does a description if it lies there.

Reads a JSON object from standard input: ``gateway``, ``client`` (addresses), ``port``,
``lifetime_s`` (0: delete), ``external`` (ports by protocol), and optionally ``location`` and
``time_s``. Writes one: ``address``, ``ports``, ``lifetime_s``, ``failure``. Imports nothing of this
project.
"""

from __future__ import annotations

import json
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

MEMORY_BYTES_MAX = 192 << 20
CPU_S_MAX = 5
TIME_S_MAX = 20
_SEARCH_S = 3.0
_REPLIES_MAX = 20
_SSDP = ("239.255.255.250", 1900)
_TARGETS = (
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
)
#: UPnP IGD, WANIPConnection: errors 725 and 718 of AddPortMapping, in the words of miniupnpc
_ONLY_PERMANENT, _CONFLICT = "OnlyPermanentLeasesSupported", "ConflictInMappingEntry"
_PORTS_TRIED = 4


class Failure(Exception):
    """Said to the user."""


def _search(gateway: str, client: str) -> Iterator[str]:
    """Descriptions of IGDs that the gateway itself offers (UPnP Device Architecture, 1.3.2)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind((client, 0))
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(client))
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
        for target in _TARGETS:
            text = (
                f"M-SEARCH * HTTP/1.1\r\nHOST: {_SSDP[0]}:{_SSDP[1]}\r\n"
                f'MAN: "ssdp:discover"\r\nMX: 2\r\nST: {target}\r\n\r\n'
            )
            asking.sendto(text.encode(), _SSDP)
        end = time.monotonic() + _SEARCH_S
        for _ in range(_REPLIES_MAX):
            asking.settimeout(max(0.01, end - time.monotonic()))
            try:
                data, source = asking.recvfrom(4096)
            except TimeoutError:
                return
            location = _location(data)
            if source[0] == gateway and _host(location) == gateway:
                yield location


def _location(reply: bytes) -> str:
    for line in reply.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "location":
            return value.strip()
    return ""


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""


def _open(order: dict[str, Any]) -> Any:
    try:
        import miniupnpc  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise Failure("miniupnpc is not installed (the extra upnp)") from None
    device = miniupnpc.UPnP()
    given = order.get("location")
    for location in [given] if given else _search(order["gateway"], order["client"]):
        try:
            device.selectigd(location)
        except Exception as error:
            raise Failure(f"the gateway's description is of no use ({error})") from None
        return device
    raise Failure("the gateway does not answer")


def _map(device: Any, order: dict[str, Any]) -> dict[str, Any]:
    wanted, client, lifetime_s = order["port"], order["client"], order["lifetime_s"]
    ports: dict[str, int] = {}
    why = ""
    for protocol in ("tcp", "udp"):
        port = order["external"].get(protocol) or next(iter(ports.values()), wanted)
        for _ in range(_PORTS_TRIED):
            arguments = port, protocol.upper(), client, wanted, "i2p", ""
            try:
                try:
                    device.addportmapping(*arguments, lifetime_s)
                except Exception as error:
                    if _ONLY_PERMANENT not in str(error):
                        raise
                    lifetime_s = 0
                    device.addportmapping(*arguments, 0)
                ports[protocol] = port
                break
            except Exception as error:
                why = str(error)
                if _CONFLICT not in why:
                    break
                port = port % 65535 + 1
    if not ports:
        raise Failure(f"the gateway refuses ({why})")
    return {"address": device.externalipaddress(), "ports": ports, "lifetime_s": lifetime_s}


def _delete(device: Any, order: dict[str, Any]) -> dict[str, Any]:
    for protocol, port in order["external"].items():
        try:
            device.deleteportmapping(port, protocol.upper())
        except Exception as error:
            raise Failure(str(error)) from None
    return {}


def main() -> None:
    """See the module."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    order = json.loads(sys.stdin.read(4096))
    signal.alarm(min(order.get("time_s", TIME_S_MAX), TIME_S_MAX))
    try:
        device = _open(order)
        done = _map(device, order) if order["lifetime_s"] else _delete(device, order)
    except Failure as failure:
        done = {"failure": str(failure)[:200]}
    except OSError as error:
        done = {"failure": f"the gateway cannot be asked ({error.strerror})"}
    except MemoryError:
        done = {"failure": "the gateway answers too much"}
    print(json.dumps(done))


if __name__ == "__main__":
    main()
