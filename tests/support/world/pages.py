"""Sites and visitors: streams with real bytes, from one client session to another."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from core.base.errors import LocalError, Unavailable
from core.client.config import SessionConfig
from core.client.events import LeaseSetFound
from core.client.session import ClientEngine
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.private_keys import PrivateKeys
from core.streaming.connection import Stream
from core.streaming.events import Connected, Readable, RemoteClosed, Reset, StreamOpened, Writable
from core.tunnel.shape import TunnelShape
from tests.support.world.machine import Machine, Opening

Target = bytes | BlindedTarget
REQUEST_BYTES_MAX = 100
#: who waits longer presses the button again
PATIENCE_S = 60.0
PAUSE_S = 1.0


def page(name: str, size: int) -> bytes:
    """What a site answers to that request."""
    return Random(name).randbytes(size)


class Party:
    """Who owns one destination of a machine; it is opened again whenever the router starts."""

    def __init__(
        self,
        machine: Machine,
        name: str,
        *,
        shape: TunnelShape | None = None,
        keys: PrivateKeys | None = None,
        **options: Any,
    ) -> None:
        shape = shape or TunnelShape(3, 2)
        # ML-KEM encapsulates with randomness of the library's own, which no seed repeats.
        options.setdefault("encryption_types", (4,))
        config = SessionConfig(name, inbound=shape, outbound=shape, **options)
        self.machine = machine
        self.name = name
        self.opening: Opening = machine.open(config, self, keys)

    @property
    def session(self) -> ClientEngine:
        """The session of the router as it runs now."""
        assert self.opening.engine is not None, f"{self.name}: the router is not running"
        return self.opening.engine

    @property
    def is_ready(self) -> bool:
        """Whether the router runs and the session can carry traffic."""
        return self.opening.engine is not None and self.opening.engine.is_ready

    @property
    def target(self) -> Target:
        """What visitors look up."""
        if self.opening.config.encrypted is not None:
            return BlindedTarget(BlindedAddress.of(self.opening.keys.destination))
        return self.opening.keys.hash

    def touch(self) -> None:
        """The session was asked something from outside of a turn."""
        self.machine.engine.touch(self.session)
        self.machine.touch()

    def on_event(self, event: object, now: float) -> None:
        """See :class:`tests.support.world.machine.Application`."""


class Site(Party):
    """Answers ``GET name size`` with :func:`page`, and closes."""

    def __init__(self, machine: Machine, name: str, **options: Any) -> None:
        self._requests: dict[Stream, bytes] = {}
        self._answers: dict[Stream, bytes] = {}
        self.served = 0
        options.setdefault("publish", True)
        options.setdefault("lasting", machine.lasting_keys())
        super().__init__(machine, name, **options)

    def on_event(self, event: object, now: float) -> None:
        match event:
            case StreamOpened(stream):
                self._requests[stream] = b""
                self._read(stream, now)
            case Readable(stream) | RemoteClosed(stream) if stream in self._requests:
                self._read(stream, now)
            case Writable(stream) if stream in self._answers:
                self._write(stream, now)
            case Reset(stream):
                self._requests.pop(stream, None)
                self._answers.pop(stream, None)

    def _read(self, stream: Stream, now: float) -> None:
        request = self._requests[stream] + stream.read(REQUEST_BYTES_MAX)
        self._requests[stream] = request
        if request.endswith(b"\n"):
            del self._requests[stream]
            _, name, size = request.split()
            self.served += 1
            self._answers[stream] = page(name.decode(), int(size))
            self._write(stream, now)

    def _write(self, stream: Stream, now: float) -> None:
        answer = self._answers[stream]
        self._answers[stream] = answer = answer[stream.write(answer) :]
        if not answer:
            del self._answers[stream]
            stream.close(now)
        self.machine.engine.touch(self.session)


class Fetch:
    """One page, as a user gets it: looked up, fetched, and asked for again if it does not come."""

    def __init__(self, visitor: Visitor, site: Site, name: str, size: int) -> None:
        self.site = site
        self.visitor = visitor
        self.began = visitor.machine.world.now
        self.took_s: float | None = None
        """None: the page is not there yet."""
        self.attempts = 0
        self.failures: list[str] = []
        self._name = name
        self._size = size
        self._target = site.target
        self._stream: Stream | None = None
        self._answer = b""
        self._is_waiting = False
        self._ask()

    def __repr__(self) -> str:
        took = "-" if self.took_s is None else f"{self.took_s:.1f} s"
        return f"{self.visitor.name} {self.site.name} at {self.began:.1f}: {took} {self.failures}"

    @property
    def is_done(self) -> bool:
        """Whether the whole page is there."""
        return self.took_s is not None

    def _ask(self) -> None:
        """Begin anew."""
        self.attempts += 1
        self._answer = b""
        self._stream = None
        attempt = self.attempts
        visitor = self.visitor
        visitor.machine.world.schedule.after(PATIENCE_S, lambda: self._lose_patience(attempt))
        if visitor.opening.engine is None:
            self._fail("router is down")
            return
        visitor.session.lookup(self._target, visitor.machine.now)
        self._is_waiting = True
        visitor.touch()

    def _lose_patience(self, attempt: int) -> None:
        if attempt == self.attempts and not self.is_done:
            stream = self._stream
            self._stream = None
            if stream is not None and self.visitor.opening.engine is not None:
                stream.reset(self.visitor.machine.now)
                self.visitor.touch()
            self.failures.append("too late")
            self._ask()

    def _fail(self, why: str) -> None:
        """This attempt came to nothing; the next one comes soon."""
        self.failures.append(why)
        self.attempts += 1
        attempt = self.attempts

        def again() -> None:
            if attempt == self.attempts and not self.is_done:
                self._ask()

        self.visitor.machine.world.schedule.after(PAUSE_S, again)

    def on_event(self, event: object, now: float) -> None:
        """What the visitor's session says; it may be about another fetch."""
        if self.is_done:
            return
        match event:
            case LeaseSetFound(target, lease_set, why) if self._is_waiting:
                if target == self._target:
                    self._is_waiting = False
                    self._connect(lease_set, why, now)
            case Connected(stream) | Readable(stream) | RemoteClosed(stream):
                if stream is self._stream and stream is not None:
                    self._read(stream, now)
            case Reset(stream, why) if stream is self._stream:
                self._stream = None
                self._fail(f"reset: {why}")

    def _connect(self, lease_set: Any, why: str, now: float) -> None:
        if lease_set is None:
            self._fail(why)
            return
        request = f"GET {self._name} {self._size}\n".encode()
        try:
            self._stream = self.visitor.session.streams.connect(
                lease_set.destination, now=now, initial=request
            )
        except (LocalError, Unavailable) as error:
            self._fail(str(error))
        self.visitor.machine.engine.touch(self.visitor.session)

    def _read(self, stream: Stream, now: float) -> None:
        while data := stream.read():
            self._answer += data
        self.visitor.machine.engine.touch(self.visitor.session)
        if not stream.at_eof:
            return
        stream.close(now)
        self._stream = None
        if self._answer != page(self._name, self._size):
            self._fail(f"{len(self._answer)} of {self._size} bytes")
            return
        world = self.visitor.machine.world
        self.took_s = world.now - self.began
        world.note("page", self.site.name, self._name, self._size)


class Visitor(Party):
    """A client session that fetches pages."""

    def __init__(self, machine: Machine, name: str, **options: Any) -> None:
        self.fetches: list[Fetch] = []
        self._events: list[Callable[[object, float], None]] = []
        super().__init__(machine, name, **options)

    def fetch(self, site: Site, size: int = 10_000) -> Fetch:
        """Begin to fetch a page of ``size`` bytes."""
        fetch = Fetch(self, site, f"{self.name}-{len(self.fetches)}", size)
        self.fetches.append(fetch)
        return fetch

    def page_s(self, site: Site, limit_s: float = 120.0, size: int = 100) -> float:
        """Seconds until a page is there; time passes meanwhile."""
        fetch = self.fetch(site, size)
        return self.machine.world.run_until(lambda: fetch.is_done, limit_s)

    def on_event(self, event: object, now: float) -> None:
        for fetch in self.fetches:
            fetch.on_event(event, now)
