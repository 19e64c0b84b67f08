"""A client of several time servers: whom to ask when, and what follows from their answers.

All servers are asked together, each once in a *round*. A round ends when a majority of them
agrees, or with what there is after :data:`ANSWER_S`. RFC 4330, section 10: rounds are never closer
than :data:`INTERVAL_MIN_S`, those in vain come ever more rarely, a server that says RATE is left
alone for a time that doubles, and one that says DENY or RSTR for ever.

The owner finds the addresses and sends; it asks :meth:`SntpClient.next_request` until it has all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.base.sntp import (
    NONCE_BYTES,
    KissOfDeath,
    Sample,
    agreed_epoch,
    parse_reply,
    write_request,
)

ANSWER_S = 4.0
"""A round ends after so long, the search for addresses included."""
INTERVAL_MIN_S = 16.0
INTERVAL_MAX_S = 3600.0
#: Between rounds while all is well: a quartz is off by less than a second then.
INTERVAL_S = 3 * 3600.0
_SHARED_INTERVAL_S = 64.0
"""What RATE asks for at least; it is doubled each time."""


@dataclass(slots=True)
class _Server:
    name: str
    nonce: bytes | None = None
    """Of the request that is unanswered."""
    sent_at: float = 0.0
    is_pending: bool = False
    is_refused: bool = False
    not_before: float = 0.0
    rate_s: float = _SHARED_INTERVAL_S / 2


@dataclass(frozen=True, slots=True)
class Request:
    """Send ``data`` to the server of this number and name."""

    number: int
    name: str
    data: bytes


class SntpClient:
    """See the module. ``agreed`` gets (epoch in seconds, now) when servers agree."""

    def __init__(
        self,
        servers: Sequence[str],
        entropy: Entropy,
        now: float,
        agreed: Callable[[float, float], None],
    ) -> None:
        self._servers = [_Server(name) for name in servers]
        self._entropy = entropy
        self._agreed = agreed
        self._samples: list[Sample] = []
        self._asked = 0
        self._round_at: float | None = None
        self._started_at = now - INTERVAL_MIN_S
        self._due_at = now
        self._retry_s = INTERVAL_MIN_S
        self.rounds = 0
        self.answers = 0
        self.ignored = 0
        """Answers that broke a rule."""
        self.refusals = 0
        """Kiss-o'-death packets."""
        self.agreements = 0

    @property
    def is_asking(self) -> bool:
        """Whether a round is under way."""
        return self._round_at is not None

    def is_waiting_for(self, request: Request) -> bool:
        """Whether an answer to it would still be taken."""
        nonce = self._servers[request.number].nonce
        return nonce is not None and request.data.endswith(nonce)

    def hurry(self, now: float) -> None:
        """There is a reason to ask soon: the clock jumped, or the network is back."""
        self._due_at = min(self._due_at, max(now, self._started_at + INTERVAL_MIN_S))

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` has something to do; None: nobody may be asked any more."""
        if self._round_at is not None:
            return self._round_at + ANSWER_S
        return None if all(one.is_refused for one in self._servers) else self._due_at

    def handle_timer(self, now: float) -> None:
        """Begin a round, or end one."""
        due_at = self.next_timer()
        if due_at is None or now < due_at:
            return
        if self._round_at is not None:
            self._finish(now)
        else:
            self._begin(now)

    def next_request(self) -> Request | None:
        """Whom to ask now, once for each server and round."""
        for number, server in enumerate(self._servers):
            if server.is_pending:
                server.is_pending = False
                # 1 in the last bit: zero means that there is no timestamp.
                random = self._entropy.random_bytes(NONCE_BYTES)
                server.nonce = random[:-1] + bytes([random[-1] | 1])
                return Request(number, server.name, write_request(server.nonce))
        return None

    def sent(self, number: int, now: float) -> None:
        """The request to this server left at this moment."""
        self._servers[number].sent_at = now

    def receive(self, number: int, data: bytes, now: float) -> None:
        """Something came from the address of a server; what breaks a rule is as if it had not."""
        server = self._servers[number]
        try:
            if server.nonce is None or now - server.sent_at > ANSWER_S:
                raise DecodeError("an answer to nothing")
            reply = parse_reply(data, server.nonce, server.sent_at, now)
        except DecodeError:
            self.ignored += 1
            return
        server.nonce = None
        if isinstance(reply, KissOfDeath):
            self._refused(server, reply.code, now)
            return
        self.answers += 1
        self._samples.append(reply)
        awaited = sum(one.nonce is not None or one.is_pending for one in self._servers)
        if agreed_epoch(self._samples, self._asked, awaited) is not None:
            self._finish(now)

    def _begin(self, now: float) -> None:
        self._samples = []
        self._asked = 0
        for server in self._servers:
            server.nonce = None
            server.is_pending = not server.is_refused and now >= server.not_before
            self._asked += server.is_pending
        self._started_at = self._round_at = now
        self.rounds += 1

    def _finish(self, now: float) -> None:
        self._round_at = None
        for server in self._servers:
            server.nonce, server.is_pending = None, False
        epoch_s = agreed_epoch(self._samples, self._asked)
        if epoch_s is None:
            self._due_at = now + self._retry_s
            self._retry_s = min(2 * self._retry_s, INTERVAL_MAX_S)
            return
        self._retry_s = INTERVAL_MIN_S
        # At random, so that the requests of many do not meet.
        self._due_at = now + INTERVAL_S * (0.9 + self._entropy.randbelow(200) / 1000)
        self.agreements += 1
        self._agreed(epoch_s, now)

    def _refused(self, server: _Server, code: str, now: float) -> None:
        self.refusals += 1
        if code in ("DENY", "RSTR"):
            server.is_refused = True
        elif code == "RATE":
            server.rate_s *= 2
            server.not_before = now + server.rate_s
