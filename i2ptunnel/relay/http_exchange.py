"""One HTTP exchange between a front (who asks) and a back (who answers), filtered on the way.

Request body and response flow at the same time, so a 100-continue, an early refusal and a body of
any size work. Whoever breaks off breaks off the other side too: a response that was cut short is
never made to look whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from core.base.errors import Unavailable
from i2ptunnel.protocols.http1 import (
    END,
    NEED_DATA,
    BodyWriter,
    Headers,
    HttpFault,
    RequestHead,
    RequestReader,
    ResponseHead,
    ResponseReader,
    Signal,
)
from i2ptunnel.relay.channel import READ_BYTES, Channel, LocalChannel
from i2ptunnel.relay.pump import pump
from i2ptunnel.relay.rewound import Rewound

ResponseFilter = Callable[[ResponseHead, bool], ResponseHead]


@dataclass(slots=True)
class Front:
    """The side that asks: its channel and what was read from it so far."""

    channel: Channel
    reader: RequestReader

    async def next_event(self) -> RequestHead | bytes | Signal:
        """The next event of the request; waits for data. Raises HttpFault, Unavailable."""
        while (event := self.reader.next_event()) is NEED_DATA:
            self.reader.receive_data(await self.channel.read())
        return event


class ResponseNotStarted(Unavailable):
    """The back side failed before any of its response was passed on: an error page can be sent."""


class Exchange:
    """Runs one exchange; ``request`` is already filtered for the back side."""

    def __init__(
        self,
        front: Front,
        asked: RequestHead,
        request: RequestHead,
        back: Channel,
        response_filter: ResponseFilter,
    ) -> None:
        self._front = front
        self._asked = asked
        self._request = request
        self._back = back
        self._filter = response_filter
        self._responses = ResponseReader(asked.method)
        self._is_request_done = False
        self._is_response_started = False
        self._is_switched = False
        self._keep_alive = False

    async def run(self, idle_timeout_s: float = 0.0) -> bool:
        """True if the front's connection can take another request.

        Raises ResponseNotStarted when the front can still be told of a failure, HttpFault for a
        broken request body before a response, Unavailable when the front has to be reset. The back
        is closed or reset in any case.
        """
        try:
            await self._carry()
        except BaseExceptionGroup as group:
            self._back.reset()
            raise self._first_error(group) from None
        except BaseException:
            self._back.reset()
            raise
        if self._is_switched:
            front = Rewound(self._front.reader.take_rest(), self._front.channel)
            back = Rewound(self._responses.take_rest(), self._back)
            await pump(front, back, idle_timeout_s=idle_timeout_s)
            return False
        if not self._is_request_done:
            self._back.reset()
            return False
        await self._back.close()
        return self._keep_alive

    def _first_error(self, group: BaseExceptionGroup[BaseException]) -> BaseException:
        unexpected = group.split((Unavailable, HttpFault))[1]
        if unexpected is not None:
            return unexpected
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, HttpFault):
            if not self._is_response_started:
                return error
            return Unavailable(str(error), code="stream_reset")
        return error

    async def _carry(self) -> None:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send_request())
            watching = None
            if isinstance(self._front.channel, LocalChannel):
                watching = group.create_task(self._watch_front(self._front.channel))
            await self._receive_response()
            sending.cancel()
            if watching is not None:
                watching.cancel()

    async def _watch_front(self, channel: LocalChannel) -> None:
        await channel.wait_lost()
        raise Unavailable("the asking side is gone", code="stream_reset")

    async def _send_request(self) -> None:
        writer = BodyWriter(self._request.headers)
        pending = self._request.write()
        reader = self._front.reader
        while (event := reader.next_event()) is not END:
            if isinstance(event, bytes):
                pending += writer.data(event)
                if len(pending) < READ_BYTES:
                    continue
            if pending and not await self._send(pending):
                return
            pending = b""
            if event is NEED_DATA:
                reader.receive_data(await self._front.channel.read())
        pending += writer.end()
        self._is_request_done = not pending or await self._send(pending)

    async def _send(self, data: bytes) -> bool:
        """False if the back takes no more: it may still say why, and the other task hears it."""
        try:
            await self._back.write(data)
        except Unavailable:
            return False
        return True

    async def _next_response_event(self) -> ResponseHead | bytes | Signal:
        while (event := self._responses.next_event()) is NEED_DATA:
            try:
                self._responses.receive_data(await self._back.read())
            except Unavailable as error:
                if self._is_response_started:
                    raise
                raise ResponseNotStarted(str(error), code=error.code) from None
        return event

    async def _receive_response(self) -> None:
        head = await self._next_response_event()
        while isinstance(head, ResponseHead) and head.is_interim:
            if self._asked.version_minor >= 1:
                await self._front.channel.write(self._filter(head, True).write())
            head = await self._next_response_event()
        assert isinstance(head, ResponseHead)
        if head.status == 101:
            if not self._request.is_upgrade:
                raise HttpFault(502, "a switch of protocols nobody asked for")
            self._is_switched = True
            self._is_response_started = True
            await self._front.channel.write(self._filter(head, False).write())
            return
        await self._pass_body(head)

    async def _pass_body(self, head: ResponseHead) -> None:
        response = self._prepare(head)
        self._is_response_started = True
        writer = BodyWriter(Headers() if self._is_bodyless(head) else response.headers)
        channel = self._front.channel
        pending = response.write()
        while (event := self._responses.next_event()) is not END:
            if isinstance(event, bytes):
                pending += writer.data(event)
                if len(pending) < READ_BYTES:
                    continue
            if pending:
                await channel.write(pending)
                pending = b""
            if event is NEED_DATA:
                self._responses.receive_data(await self._back.read())
        pending += writer.end()
        if pending:
            await channel.write(pending)

    def _prepare(self, head: ResponseHead) -> ResponseHead:
        """The filtered head in a framing that the front understands."""
        is_chunked = "transfer-encoding" in head.headers
        is_framed = is_chunked or "content-length" in head.headers or self._is_bodyless(head)
        is_old = self._asked.version_minor == 0
        wants_close = "close" in (
            self._asked.headers.words("connection") | self._asked.headers.words("proxy-connection")
        )
        self._keep_alive = not is_old and not wants_close
        response = self._filter(head, self._keep_alive)
        if is_old:
            response.headers.remove("transfer-encoding")
        elif not is_framed:
            # Where the close of the connection is the end, a broken one looks like a whole one.
            response.headers.add("Transfer-Encoding", "chunked")
        return response

    def _is_bodyless(self, head: ResponseHead) -> bool:
        return self._asked.method == "HEAD" or head.status in (204, 304)
