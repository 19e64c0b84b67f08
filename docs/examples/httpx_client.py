"""Eepsites with httpx: a transport that connects through I2P and nowhere else.

    python docs/examples/httpx_client.py http://stats.i2p/

Names are looked up by the router, never by the system. Give each site a session of its own if
sites must not know that one user visits them.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx
from starting import add_router, open_router

from i2ptunnel import api

#: what all of I2P's HTTP proxies say, so that users look alike
HEADERS = {"User-Agent": "MYOB/6.66 (AN/ON)", "Accept-Language": "en", "Accept": "*/*"}


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: api.Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return await self._stream.read(max_bytes, timeout=timeout)
        except api.TimedOut as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except api.Error as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            await self._stream.write(buffer, timeout=timeout)
        except api.TimedOut as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except api.Error as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        await self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return None


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, session: api.Session) -> None:
        self._session = session

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _Stream(await self._session.connect(host, port, timeout=timeout))
        except api.TimedOut as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except api.Error as error:
            raise httpcore.ConnectError(str(error)) from error


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """httpx's errors have the names of httpcore's."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        kind = getattr(httpx, type(error).__name__)
        raise kind(str(error), request=request) from error


class _Body(httpx.AsyncByteStream):
    def __init__(self, request: httpx.Request, response: httpcore.Response) -> None:
        self._request = request
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


class I2pTransport(httpx.AsyncBaseTransport):
    """For ``httpx.AsyncClient(transport=…)``. Plain HTTP: I2P encrypts from end to end itself."""

    def __init__(self, session: api.Session) -> None:
        self._pool = httpcore.AsyncConnectionPool(network_backend=_Backend(session))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, over a connection that is kept for the next one."""
        if request.url.scheme != "http":
            raise httpx.UnsupportedProtocol("eepsites are http://", request=request)
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port or 80,
            target=request.url.raw_path,
        )
        with _as_httpx(request):
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(request, response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close what is kept."""
        await self._pool.aclose()


def client(session: api.Session) -> httpx.AsyncClient:
    """An httpx client that knows no way but I2P, and says of us what others say."""
    return httpx.AsyncClient(
        transport=I2pTransport(session), headers=HEADERS, timeout=60, trust_env=False
    )


async def main(router: api.Router, url: str, hops: int = 3) -> tuple[int, bytes]:
    """Status and body of a page."""
    async with router.open_session(hops=hops) as session, client(session) as web:
        response = await web.get(url)
        return response.status_code, response.content


async def run(found: argparse.Namespace) -> None:
    """With the router that the arguments name."""
    async with open_router(found) as router:
        print(*await main(router, found.url))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    add_router(parser)
    asyncio.run(run(parser.parse_args()))
