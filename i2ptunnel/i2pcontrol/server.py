"""The service: HTTPS, the password file, and a sample of the rates each second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from i2ptunnel.commands import Program
from i2ptunnel.config.interfaces_model import I2pControlSection
from i2ptunnel.http_server import HttpRequest, HttpResponse, HttpServer, refusal
from i2ptunnel.i2pcontrol.access import Access
from i2ptunnel.i2pcontrol.methods import Methods
from i2ptunnel.i2pcontrol.rates import SAMPLE_S
from i2ptunnel.i2pcontrol.rpc import serve
from i2ptunnel.passwords import sealed_password
from i2ptunnel.relay.activation import Take, take_none
from i2ptunnel.tunnels.base import end_task

BODY_BYTES_MAX = 65536
CERTIFICATE_FILE = "i2pcontrol.pem"


class I2pControlServer:
    """A service (:mod:`i2ptunnel.services`). ``stop``: ends the program."""

    def __init__(
        self,
        section: I2pControlSection,
        program: Program,
        stop: Callable[[], None],
        take: Take = take_none,
    ) -> None:
        self._section = section
        self._program = program
        self._stop = stop
        self._methods: Methods | None = None
        self._sampling: asyncio.Task[None] | None = None
        self._http = HttpServer(
            section.listen,
            self._answer,
            allow=section.allow,
            body_max=BODY_BYTES_MAX,
            certificate=program.loaded.data_dir / CERTIFICATE_FILE,
            take=take,
        )

    @property
    def port(self) -> int:
        """The port it listens at."""
        return self._http.port

    async def start(self) -> None:
        """Listen; raises Unavailable or FileFault, also without a password."""
        path = self._section.password_file
        access = Access(await asyncio.to_thread(sealed_password, path), time.monotonic)
        self._methods = Methods(
            self._program, access, path, self._stop, may_write=self._section.write
        )
        await self._http.start()
        self._sampling = asyncio.create_task(self._sample(self._methods))

    async def stop(self) -> None:
        """May be called in any state."""
        sampling, self._sampling = self._sampling, None
        await end_task(sampling)
        await self._http.stop()

    async def check(self) -> None:
        """Raise Unavailable if nobody can reach the listener any more."""
        await self._http.check()

    def status(self) -> dict[str, Any]:
        """Where it listens, and how many are connected."""
        return self._http.status()

    async def _sample(self, methods: Methods) -> None:
        while True:
            methods.sample()
            await asyncio.sleep(SAMPLE_S)

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        methods = self._methods
        assert methods is not None
        if request.method != "POST":
            allow = ("Allow", "POST")
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "JSON-RPC 2.0 by POST", allow)
        body = await serve(
            request.body, lambda name, params: methods.call(request.client, name, params)
        )
        if not body:
            return HttpResponse(b"", HTTPStatus.NO_CONTENT)
        return HttpResponse(body, content_type="application/json")
