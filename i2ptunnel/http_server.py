"""A small HTTP/1.1 server for services of ours: one request a connection, bounded, on h11.

A page in a browser must not reach it by a name that its own DNS server points here (DNS rebinding):
without TLS it is asked by address, or as localhost.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import h11

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint, IpNetwork
from i2ptunnel.relay.activation import Take, take_none
from i2ptunnel.relay.channel import Channel, finish_politely
from i2ptunnel.relay.last_answer import answer_out
from i2ptunnel.relay.listener import Accepted, Listener, ListenerLimits
from i2ptunnel.relay.tls import own_server_context

REQUEST_TIMEOUT_S = 10.0
_HEAD_BYTES_MAX = 8192
_LIMITS = ListenerLimits(connections=32, connections_per_client=16)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """``path``: without the query; ``client``: the address it came from; ``accept``: the header."""

    method: str
    path: str
    body: bytes
    client: str
    accept: str = ""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """``body``: as it is sent."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = field(default=())


def refusal(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> HttpResponse:
    """A response that says in one line why not."""
    return HttpResponse(f"{text}\n".encode(), status, headers=headers)


Answer = Callable[[HttpRequest], Awaitable[HttpResponse]]


class HttpServer:
    """A service (:mod:`i2ptunnel.services`) that gives ``answer`` to each request.

    ``body_max``: bytes of a request's body. ``certificate``: a PEM file with key for TLS, made when
    missing.
    """

    def __init__(
        self,
        listen: Endpoint,
        answer: Answer,
        *,
        allow: Sequence[IpNetwork] = (),
        body_max: int = 0,
        certificate: Path | None = None,
        take: Take = take_none,
    ) -> None:
        self._listen = listen
        self._answer = answer
        self._body_max = body_max
        self._certificate = certificate
        self._listener = Listener(listen, self._serve, _LIMITS, allow, take=take)

    @property
    def port(self) -> int:
        """The port it listens at."""
        return self._listener.port

    async def start(self) -> None:
        """Listen; raises Unavailable, or FileFault for the certificate."""
        if self._certificate is not None:
            self._listener.tls = await own_server_context(self._certificate, self._listen.host)
        self._listener.start()

    async def stop(self) -> None:
        """May be called in any state."""
        await self._listener.stop()

    async def check(self) -> None:
        """Raise Unavailable if nobody can reach the listener any more."""
        self._listener.check()

    def status(self) -> dict[str, Any]:
        """Where it listens, and how many are connected."""
        return {"listen": str(self._listen), "connections_open": self._listener.open_connections}

    async def _serve(self, accepted: Accepted) -> None:
        channel = accepted.channel
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                request = await self._read(accepted)
        except _Refused as refused:
            await _send(channel, refused.response)
        except (h11.RemoteProtocolError, TimeoutError):
            await _send(channel, refusal(HTTPStatus.BAD_REQUEST, "not a request"))
        except Unavailable:
            return
        else:
            accepted.establish()
            await answer_out(accepted, self._respond(channel, request))

    async def _respond(self, channel: Channel, request: HttpRequest) -> None:
        response = await self._answer(request)
        await _send(channel, response, is_head=request.method == "HEAD")

    async def _read(self, accepted: Accepted) -> HttpRequest:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES_MAX)
        head, headers, body = None, dict[bytes, bytes](), b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    await accepted.channel.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    connection.send(h11.InformationalResponse(status_code=100, headers=[]))
                connection.receive_data(await accepted.channel.read())
            elif isinstance(event, h11.Request):
                head, headers = event, dict(event.headers)
                self._check_host(headers.get(b"host", b""))
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
                if len(body) > self._body_max:
                    wrong = f"at most {self._body_max} bytes are read"
                    raise _Refused(refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, wrong))
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                path = head.target.partition(b"?")[0].decode("latin-1")
                method = head.method.decode("latin-1")
                accept = headers.get(b"accept", b"").decode("latin-1")
                return HttpRequest(method, path, body, accepted.client, accept)
            else:
                raise _Refused(refusal(HTTPStatus.BAD_REQUEST, "not a request"))

    def _check_host(self, host: bytes) -> None:
        if self._certificate is None and not is_local_name(host):
            raise _Refused(refusal(HTTPStatus.FORBIDDEN, "ask by address"))


class _Refused(Exception):
    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status)
        self.response = response


async def _send(channel: Channel, response: HttpResponse, *, is_head: bool = False) -> None:
    """A whole response, and the end of the connection."""
    head = [
        f"HTTP/1.1 {response.status} {response.status.phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        *(f"{name}: {value}" for name, value in response.headers),
        "Connection: close",
        *("", ""),
    ]
    await channel.write("\r\n".join(head).encode() + (b"" if is_head else response.body))
    await finish_politely(channel)


def is_local_name(host: bytes) -> bool:
    """Whether a Host header names this machine in a way that no DNS server can give to others."""
    name = host.decode("latin-1").strip()
    if name.startswith("["):
        name, _, rest = name[1:].partition("]")
        if rest and not rest.startswith(":"):
            return False
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    if name in ("", "localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
