"""A SOCKS 5 and HTTP CONNECT proxy that notes what it is asked for."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress


class ForwardProxy:
    """``scheme`` is what it speaks; with ``user`` it wants this user and password."""

    def __init__(
        self,
        scheme: str,
        user: str = "",
        password: str = "",
        names: dict[str, str] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """``names``: the addresses of hosts that it is asked for by name; ``host``: its own."""
        self.scheme = scheme
        self._host = host
        self._names = names or {}
        self._user, self._password = user.encode(), password.encode()
        #: ``address:port`` of every connection that was asked for
        self.targets: list[str] = []
        #: answered instead of connecting: a SOCKS reply code or an HTTP status
        self.refusal: int | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Its URL, with user and password."""
        self._server = await asyncio.start_server(self._serve, self._host, 0)
        port = self._server.sockets[0].getsockname()[1]
        login = f"{self._user.decode()}:{self._password.decode()}@" if self._user else ""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self.scheme}://{login}{host}:{port}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ask = self._ask_socks if self.scheme == "socks5" else self._ask_http
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            target = await ask(reader, writer)
            if target is not None:
                host, port = target
                host = self._names.get(host, host)
                far_reader, far_writer = await asyncio.open_connection(host, port)
                writer.write(self._good())
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        writer.close()

    def _good(self) -> bytes:
        if self.scheme == "socks5":
            return b"\x05\x00\x00\x01" + bytes(6)
        return b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n"

    async def _ask_socks(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        methods = await reader.readexactly((await reader.readexactly(2))[1])
        writer.write(b"\x05\x02" if self._user else b"\x05\x00")
        if self._user:
            assert 2 in methods
            size = (await reader.readexactly(2))[1]
            user = await reader.readexactly(size)
            word = await reader.readexactly((await reader.readexactly(1))[0])
            is_known = (user, word) == (self._user, self._password)
            writer.write(b"\x01\x00" if is_known else b"\x01\x01")
            if not is_known:
                return None
        kind = (await reader.readexactly(4))[3]
        address: object
        if kind == 3:
            address = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            address = ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.targets.append(f"{address}:{port}")
        if self.refusal is not None:
            writer.write(bytes((5, self.refusal, 0, 1)) + bytes(6))
            return None
        return str(address), port

    async def _ask_http(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split("\r\n")[0].split(" ")
        assert method == "CONNECT" and f"Host: {target}\r\n" in head
        login = base64.b64encode(self._user + b":" + self._password).decode()
        if self._user and f"Proxy-Authorization: Basic {login}\r\n" not in head:
            writer.write(b"HTTP/1.1 407 Who are you\r\n\r\n")
            return None
        self.targets.append(target)
        if self.refusal is not None:
            writer.write(b"HTTP/1.1 %d No\r\n\r\n" % self.refusal)
            return None
        host, _, port = target.rpartition(":")
        return host.strip("[]"), int(port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
