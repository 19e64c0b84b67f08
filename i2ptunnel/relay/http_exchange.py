"""One HTTP exchange between a front (who asks) and a back (who answers), filtered on the way.

Request body and response flow at the same time, so a 100-continue, an early refusal and a body of
any size work. Whoever breaks off breaks off the other side too: a response that was cut short is
never made to look whole.

With a pool, the back's channel is kept for the next exchange. Only requests that may be repeated
and are here as a whole go out on a kept channel. If it turns out that the other side does not know
the channel any more, and so never had the request, it goes out again; a request that has arrived is
never repeated, however long its answer takes.

A front that has ended its direction (FIN) may be waiting for the answer like any other, or it may
be a closed tab: it is served for a while, and makes room first. One that resets is gone at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from core.base.errors import Unavailable
from i2ptunnel.protocols import compression
from i2ptunnel.protocols.http1 import (
    END,
    NEED_DATA,
    BodyWriter,
    Headers,
    HttpFault,
    RequestHead,
    ResponseHead,
    ResponseReader,
)
from i2ptunnel.relay.channel import READ_BYTES, Channel, finish_politely
from i2ptunnel.relay.channel_pool import PooledPlace
from i2ptunnel.relay.http_front import Front, in_turn
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.relay.prefixed_channel import PrefixedChannel
from i2ptunnel.relay.pump import pump

#: a back that says nothing for so long is asked whether it is there, first and from then on
PROBE_FIRST_S = 10.0
PROBE_EVERY_S = 30.0
#: so many questions in a row without an answer, and the back is gone
PROBES_MAX = 3
#: how long the reset may take that tells an end in order from one that refuses what was sent
REFUSAL_S = 0.05
#: how long the back may take to end in order when the front is gone, and how much it may still say
LEAVE_S = 2.0
#: interim (1xx) responses that are passed on before the one that counts, and their bytes
INTERIM_MAX = 16
INTERIM_BYTES_MAX = 65536
#: pieces of a body that are looked for before the request goes out
_FIRST_PIECES_MAX = 4

#: what may be sent twice without doing anything twice (RFC 9110 9.2.1)
_REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS"))

ResponseFilter = Callable[[ResponseHead, bool], ResponseHead]
OpenBack = Callable[[bytes], Awaitable[Channel]]


class BodyCoder(Protocol):
    """Changes a response's body on the way to the front."""

    def data(self, piece: bytes) -> bytes:
        """``piece`` changed; may be empty."""

    def end(self) -> bytes:
        """What is still to come at the end."""


StartCoder = Callable[[ResponseHead], BodyCoder | None]


class ResponseNotStarted(Unavailable):
    """The back side failed before any of its response was passed on: an error page can be sent."""


class _Silent(Unavailable):
    """The back gives no sign of life."""


class Exchange:
    """Runs one exchange; ``request`` is already filtered for the back side.

    ``open_back`` gets the first bytes to send (head and the part of the body that is here already)
    and returns the back's channel after handing them over; it raises Unavailable. ``pool``: where
    the back's channels are kept; then ``request`` must ask for a connection that stays open.
    ``unpacks``: a response in x-i2p-gzip is passed on plain.
    ``start_compression`` is asked for each response with a body whether and how to compress it.
    ``answer_timeout_s`` is for a back on this machine, whose end is always noticed: how long it may
    take to begin its answer once it has the whole request, 0: no limit. ResponseNotStarted has the
    code ``answer_timeout`` then.
    """

    def __init__(
        self,
        front: Front,
        asked: RequestHead,
        request: RequestHead,
        open_back: OpenBack,
        response_filter: ResponseFilter,
        pool: PooledPlace | None = None,
        start_compression: StartCoder | None = None,
        *,
        unpacks: bool = False,
        answer_timeout_s: float | None = None,
    ) -> None:
        self._front = front
        self._asked = asked
        self._request = request
        self._open_back = open_back
        self._filter = response_filter
        self._pool = pool
        self._start_compression = start_compression
        self._coder: BodyCoder | None = None
        self._unpacks = unpacks
        self._answer_timeout_s = answer_timeout_s
        self._answer_timer: asyncio.Timeout | None = None
        self._responses = ResponseReader(asked.method, unpacks=unpacks)
        self._writer = BodyWriter(request.headers)
        self._is_request_done = False
        self._is_response_started = False
        self._is_switched = False
        self._keep_alive = False
        self._keep_back = False
        self._is_kept = False
        self._has_arrived = False
        self._heard_at = 0.0
        self._passed_at = 0.0

    async def run(self, idle_timeout_s: float = 0.0) -> bool:
        """True if the front's connection can take another request.

        Raises ResponseNotStarted when the front can still be told of a failure, HttpFault for a
        broken request body before a response, Unavailable when the front has to be reset. The back
        is closed or reset in any case.
        """
        local = self._front.local
        if local is None:
            return await self._run(idle_timeout_s)
        local.may_yield = True
        try:
            return await self._run(idle_timeout_s)
        finally:
            local.may_yield = False

    async def _run(self, idle_timeout_s: float) -> bool:
        first = self._take_first()
        back = await self._take_kept(first)
        if back is not None:
            self._is_kept = True
            try:
                return await self._run_on(back, idle_timeout_s)
            except ResponseNotStarted:
                if self._has_arrived:
                    raise
                self._is_kept = False
                self._responses = ResponseReader(self._asked.method, unpacks=self._unpacks)
        return await self._run_on(await self._open(first), idle_timeout_s)

    async def _run_on(self, back: Channel, idle_timeout_s: float) -> bool:
        try:
            await self._carry(back)
        except BaseExceptionGroup as group:
            await self._break_off(back)
            raise self._first_error(group) from None
        except BaseException:
            if isinstance(back, LocalChannel):
                back.end()
            else:
                back.reset()
            raise
        if self._is_switched:
            self._front.release()
            front = PrefixedChannel(self._front.reader.take_rest(), self._front.channel)
            await pump(
                front,
                PrefixedChannel(self._responses.take_rest(), back),
                idle_timeout_s=idle_timeout_s,
            )
            return False
        if not self._is_request_done:
            await self._break_off(back)
            return False
        is_clean = self._responses.is_idle and not self._responses.is_doubtful
        if self._pool is not None and self._keep_back and is_clean:
            self._pool.give(back)
        else:
            await back.close()
        return self._keep_alive

    async def _break_off(self, back: Channel) -> None:
        """End the back before its time: with a reset, unless it is a web server of ours.

        That one sees a reset only if its visitor made one: half a message is seen as such anyway.
        """
        stream = self._front.stream
        if stream is None or stream.is_reset_by_peer:
            back.reset()
            return
        try:
            await finish_politely(back, LEAVE_S)
        except BaseException:
            back.reset()
            raise

    async def _take_kept(self, first: bytes) -> Channel | None:
        """A kept channel with the whole request sent, if there is one that takes it."""
        if self._pool is None or not self._is_request_done:
            return None
        if self._request.method not in _REPEATABLE or self._request.is_upgrade:
            return None
        while (back := await self._pool.take()) is not None:
            try:
                await back.write(first)
            except Unavailable:
                back.reset()
            except BaseException:
                back.reset()
                raise
            else:
                return back
        return None

    async def _open(self, first: bytes) -> Channel:
        try:
            return await self._front.unless_gone(_as_coroutine(self._open_back(first)))
        except Unavailable as error:
            raise ResponseNotStarted(str(error), error.code) from None

    def _take_first(self) -> bytes:
        """The head and as much of the body as is here; what is broken is found later."""
        first = self._request.write()
        for _ in range(_FIRST_PIECES_MAX):
            if len(first) >= READ_BYTES:
                break
            event = self._front.reader.next_event()
            if isinstance(event, bytes):
                first += self._writer.data(event)
            elif event is END:
                self._is_request_done = True
                return first + self._writer.end()
            else:
                break
        return first

    def _first_error(self, group: BaseExceptionGroup[BaseException]) -> BaseException:
        unexpected = group.split((Unavailable, HttpFault))[1]
        if unexpected is not None:
            return unexpected
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, HttpFault) and self._is_response_started:
            return Unavailable(str(error), "stream_reset")
        return error

    async def _carry(self, back: Channel) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = []
            if not self._is_request_done:
                helpers.append(group.create_task(self._send_body(back)))
            if self._front.local is not None or self._front.stream is not None:
                helpers.append(group.create_task(self._front.watch(lambda: self._passed_at)))
            if self._answer_timeout_s is None:
                helpers.append(group.create_task(self._watch_back(back)))
            await self._receive_response(back)
            for helper in helpers:
                helper.cancel()

    async def _watch_back(self, back: Channel) -> None:
        """See that the request arrives, and that a silent back is there."""
        try:
            await self._watch_living(back)
        except Unavailable as error:
            if not isinstance(error, _Silent):
                return  # broken off: who reads from it hears why
            if self._is_response_started:
                raise
            raise self._not_started(back, str(error), error.code) from None

    async def _watch_living(self, back: Channel) -> None:
        """Raises _Silent, and what asking the back raises."""
        while self._is_kept and self._responses.is_idle:
            is_there = await back.probe()
            if back.has_arrived:
                break
            if not is_there:
                raise _Silent("a kept connection is dead", "stream_reset")
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()
        every_s, unanswered = PROBE_FIRST_S, 0
        while unanswered < PROBES_MAX:
            asked_at = loop.time()
            wait_s = self._heard_at + every_s - asked_at
            if wait_s > 0 and not unanswered:
                await asyncio.sleep(wait_s)
                continue
            if await back.probe() or self._heard_at > asked_at:
                self._heard_at, unanswered = loop.time(), 0
                every_s = PROBE_EVERY_S
            else:
                unanswered += 1
        raise _Silent("the other side no longer answers", "stream_reset")

    def _not_started(self, back: Channel, why: str, code: str = "stream_reset") -> Unavailable:
        """The failure of a back that has not begun to answer; notes whether it has the request."""
        self._has_arrived = back.has_arrived
        return ResponseNotStarted(why, code)

    async def _send_body(self, back: Channel) -> None:
        reader = self._front.reader
        while (event := await in_turn(reader.next_event)) is not END:
            if isinstance(event, bytes):
                if event and not await self._send(back, self._writer.data(event)):
                    return
            else:
                try:
                    reader.receive_data(await self._front.read_body())
                except TimeoutError:
                    raise HttpFault(408, "the request does not go on") from None
        last = self._writer.end()
        self._is_request_done = not last or await self._send(back, last)
        if self._is_request_done and self._answer_timer is not None:
            self._answer_timer.reschedule(self._answer_deadline())

    async def _send(self, back: Channel, data: bytes) -> bool:
        """False if the back takes no more: it may still say why, and the other task hears it."""
        try:
            await back.write(data)
        except Unavailable:
            return False
        return True

    def _answer_deadline(self) -> float | None:
        """When the back has been waited for long enough, on the loop's clock."""
        if not self._answer_timeout_s or not self._is_request_done:
            return None
        return asyncio.get_running_loop().time() + self._answer_timeout_s

    async def _next_head(self, back: Channel) -> ResponseHead:
        """The next response head; raises ResponseNotStarted."""
        try:
            async with asyncio.timeout_at(self._answer_deadline()) as self._answer_timer:
                return await self._read_head(back)
        except TimeoutError:
            self._has_arrived = True
            raise ResponseNotStarted("the target does not answer", "answer_timeout") from None
        finally:
            self._answer_timer = None

    async def _read_head(self, back: Channel) -> ResponseHead:
        while (event := await in_turn(self._responses.next_event)) is NEED_DATA:
            try:
                data = await self._read_back(back)
            except Unavailable as error:
                raise self._not_started(back, str(error), error.code) from None
            if not data and self._is_kept and self._responses.is_idle:
                if isinstance(back, LocalChannel):
                    await asyncio.sleep(REFUSAL_S)
                raise self._not_started(back, "a kept connection has ended")
            self._responses.receive_data(data)
        assert isinstance(event, ResponseHead)
        return event

    async def _read_back(self, back: Channel) -> bytes:
        data = await back.read()
        self._heard_at = asyncio.get_running_loop().time()
        return data

    async def _pass(self, data: bytes) -> None:
        """Write some of the response that counts to the front."""
        self._is_response_started = True
        await self._front.channel.write(data)
        self._passed_at = asyncio.get_running_loop().time()

    async def _receive_response(self, back: Channel) -> None:
        head = await self._next_head(back)
        interim = interim_bytes = 0
        while head.is_interim:
            interim += 1
            interim_bytes += len(head.write())
            if interim > INTERIM_MAX or interim_bytes > INTERIM_BYTES_MAX:
                raise HttpFault(502, "too many interim responses")
            if self._asked.version_minor >= 1:
                await self._front.channel.write(self._filter(head, True).write())
            head = await self._next_head(back)
        if head.status == 101:
            if not self._request.is_upgrade:
                raise HttpFault(502, "a switch of protocols nobody asked for")
            self._is_switched = True
            await self._pass(self._filter(head, False).write())
            return
        await self._pass_body(head, back)

    async def _pass_body(self, head: ResponseHead, back: Channel) -> None:
        response = self._prepare(head)
        framing = Headers() if self._is_bodyless(head) else response.headers
        writer: BodyCoder = self._coder or BodyWriter(framing)
        pending = response.write()
        while (event := await in_turn(self._responses.next_event)) is not END:
            if isinstance(event, bytes):
                if not event:
                    continue
                data = writer.data(event)
                await self._pass(pending + data if pending else data)
                pending = b""
            else:
                if pending:
                    await self._pass(pending)
                    pending = b""
                self._responses.receive_data(await self._read_back(back))
        pending += writer.end()
        if pending:
            await self._pass(pending)

    def _prepare(self, head: ResponseHead) -> ResponseHead:
        """The filtered head in a framing that the front understands."""
        is_chunked = "transfer-encoding" in head.headers
        is_framed = is_chunked or "content-length" in head.headers or self._is_bodyless(head)
        is_old = self._asked.version_minor == 0
        wants_close = "close" in (
            self._asked.headers.words("connection") | self._asked.headers.words("proxy-connection")
        )
        if self._start_compression is not None and not self._is_bodyless(head):
            self._coder = self._start_compression(head)
        self._keep_alive = not is_old and not wants_close and self._coder is None
        self._keep_back = (
            is_framed
            and head.version_minor >= 1
            and "close" not in head.headers.words("connection")
        )
        response = self._filter(head, self._keep_alive)
        if self._coder is not None:
            compression.announce(response.headers)
        elif is_old:
            response.headers.remove("transfer-encoding")
        elif not is_framed:
            # Where the close of the connection is the end, a broken one looks like a whole one.
            response.headers.add("Transfer-Encoding", "chunked")
        return response

    def _is_bodyless(self, head: ResponseHead) -> bool:
        return self._asked.method == "HEAD" or head.status in (204, 304)


async def _as_coroutine(work: Awaitable[Channel]) -> Channel:
    return await work
