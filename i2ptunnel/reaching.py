"""Why a site in I2P can be reached or not: each step with its time, through the client tunnels.

The steps are those of a visit: the name, our tunnels, the lease set, the stream, and the server's
first words. What goes wrong is said as the proxy's pages say it.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from core.api import Stages, noting_stages
from core.base.errors import I2PError, Unavailable
from core.data.blinded_address import BlindedTarget
from i2ptunnel.naming.address import Address, NameFault
from i2ptunnel.pinging import Names
from i2ptunnel.printable import printable
from i2ptunnel.protocols import error_pages as pages
from i2ptunnel.protocols.hosts import HostKind, kind_of, normalise_host

WAIT_MAX_S = 120.0
STEPS = ("name", "tunnels", "lease_set", "stream", "server")
_PORTS = {"http": 80, "https": 443, "irc": 6667, "ircs": 6697, "ssh": 22, "smtp": 25, "pop3": 110}
_LINE_BYTES_MAX = 1024
_USER_AGENT = "MYOB/6.66 (AN/ON)"


class WhyFault(I2PError):
    """What was asked for is no address in I2P; the message goes to the user."""


class _Session(Protocol):
    """What of ``core.api.ClientSession`` is used here."""

    async def connect(
        self, target: bytes | BlindedTarget, *, port: int, timeout_s: float, initial: bytes
    ) -> _Stream: ...


class _Stream(Protocol):
    async def read(self, limit: int = ..., /) -> bytes: ...

    def reset(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go. ``path``: None where nobody speaks HTTP in the clear."""

    host: str
    port: int
    path: str | None


def read_place(text: str) -> Place:
    """A URL, or a host with or without a port; raises WhyFault."""
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WhyFault("this is no URL; write http://name.i2p/ or name.i2p:PORT") from None
    # urlsplit makes a host lower case, which a destination in base64 does not survive.
    whole = parts.netloc.rpartition("@")[2]
    host = normalise_host(whole if port is None else whole.rpartition(":")[0])
    kind = kind_of(host)
    if kind is not HostKind.I2P:
        what = "is outside I2P, and reached through an outproxy or not at all"
        if kind is HostKind.LOCAL:
            what = "is on this machine or its network, which the proxies never connect to"
        elif kind is HostKind.INVALID:
            what = "is no host name"
        raise WhyFault(f"{printable(host or text, 80)} {what}")
    if parts.scheme not in _PORTS and port is None:
        raise WhyFault(f"which port does {printable(parts.scheme, 20)}:// mean? Write host:PORT")
    chosen = port if port is not None else _PORTS[parts.scheme]
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") if parts.scheme == "http" else None
    if path is not None and parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    if "://" not in text and chosen != 80:
        path = None  # host:PORT: any service
    return Place(host, chosen, path)


async def why(names: Names, url: str, wait_s: float) -> dict[str, Any]:
    """How far a visit gets; raises WhyFault. ``wait_s``: for each of the slow steps."""
    place = read_place(url)
    wait_s = min(max(1.0, wait_s), WAIT_MAX_S)
    texts: dict[str, str] = {}
    failure, address = "", None
    with noting_stages() as stages:
        try:
            stages.begin("name")
            address = await names.resolver.resolve(place.host)
            texts["name"] = "is the address itself" if address.host == place.host else "is known"
            await _visit(names, address, place, wait_s, stages, texts)
        except NameFault as fault:
            more = names.why_unknown(place.host) if fault.code == "unknown_name" else ""
            failure = f"{fault}; {more}" if more else str(fault)
        except TimeoutError:
            failure = f"nothing came within {wait_s:.0f} s"
        except (Unavailable, OSError) as error:
            failure = _explained(error)
        rows = stages.rows()
    return {
        "url": url,
        "ok": not failure,
        "address": None if address is None else address.host,
        "port": place.port,
        "stages": [*_told(rows, texts, failure), *_skipped(rows, place)],
        "failure": failure or None,
    }


async def _visit(
    names: Names,
    address: Address,
    place: Place,
    wait_s: float,
    stages: Stages,
    texts: dict[str, str],
) -> None:
    stages.begin("tunnels")
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(wait_s):
            session: _Session = await stack.enter_async_context(names.session())
        stream = await session.connect(
            address.target(), port=place.port, timeout_s=wait_s, initial=_request(place, address)
        )
        texts |= {"tunnels": "are there", "lease_set": "was found", "stream": "was answered"}
        try:
            if place.path is None:
                return
            stages.begin("server")
            async with asyncio.timeout(wait_s):
                line = await _first_line(stream)
            if not line:
                raise Unavailable("the server closed the connection", "server_silent")
            texts["server"] = f"said {printable(line, 60)}"
            stages.end()
        finally:
            stream.reset()


def _request(place: Place, address: Address) -> bytes:
    """A request that looks like every other one of a proxy, and asks for no body."""
    if place.path is None:
        return b""
    host = address.host + (f":{place.port}" if place.port != 80 else "")
    return (
        f"HEAD {place.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {_USER_AGENT}\r\n"
        "Connection: close\r\n\r\n"
    ).encode("ascii")


async def _first_line(stream: _Stream) -> str:
    line = bytearray()
    while b"\n" not in line and len(line) < _LINE_BYTES_MAX:
        part = await stream.read(_LINE_BYTES_MAX)
        if not part:
            break
        line += part
    return line.partition(b"\n")[0].decode("ascii", "replace").strip()


def _explained(error: Exception) -> str:
    """As the proxy's pages say it, where they have words for it."""
    page = pages.PAGE_OF_CODE.get(getattr(error, "code", ""))
    if page is None or not page.text:
        return str(error)
    return f"{page.title}. {page.text}"


def _told(
    rows: list[tuple[str, float, bool]], texts: dict[str, str], failure: str
) -> list[dict[str, Any]]:
    return [
        {
            "stage": name,
            "ok": is_done,
            "seconds": round(seconds, 3),
            "text": texts.get(name, "") if is_done else failure,
        }
        for name, seconds, is_done in rows
    ]


def _skipped(rows: list[tuple[str, float, bool]], place: Place) -> list[dict[str, Any]]:
    """What was not come to, or is not asked of a service that does not speak HTTP."""
    came = {name for name, _, _ in rows}
    left = [one for one in STEPS if one not in came and (one != "server" or place.path is not None)]
    return [{"stage": one, "ok": None, "seconds": None, "text": ""} for one in left]
