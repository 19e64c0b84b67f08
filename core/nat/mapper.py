"""Keeping a port mapped at one gateway: by PCP, else by NAT-PMP, else by UPnP.

TCP and UDP of one port are mapped, as one external port if the gateway agrees. Leases are renewed
at their half. The gateway's epoch tells when it has lost its state; then everything is mapped again
at once. Whoever owns a :class:`Mapper` sends :meth:`~Mapper.take_output` to the gateway's port
5351, feeds what comes from there, and carries out :class:`UpnpWanted`, for which there is no
sans-I/O library: the result comes back by :meth:`~Mapper.upnp_done`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.nat.dialects import LEASE_MAX_S, STATUS, Dialect, NatPmp, Pcp, Reading
from core.nat.epoch import Epoch
from core.nat.mapping import External, PortMapping, Way
from core.nat.pcp import PORT, IpAddress

PCP, NAT_PMP, UPNP = "pcp", "nat-pmp", "upnp"
PROTOCOLS = ("tcp", "udp")
#: RFC 6886, section 3.3, recommends two hours.
LEASE_S = 7200
#: A lease that must be renewed more often than this is none.
LEASE_MIN_S = 8
RENEW_MIN_S = 4.0
#: How often the gateway's epoch is asked for: a restart that nobody announced.
POLL_S = 300.0
#: UPnP has no epoch: the mapping is made again, which does nothing if it is there.
UPNP_RENEW_S = 1200.0
RETRY_MIN_S, RETRY_MAX_S = 60.0, 3600.0
#: A gateway that announces a restart is believed this often.
RECHECK_MIN_S = 10.0
ASKED = "the gateway is being asked"
_NAMES = {PCP: "PCP", NAT_PMP: "NAT-PMP", UPNP: "UPnP"}


@dataclass(frozen=True, slots=True)
class UpnpWanted:
    """Map ``port`` of ``client`` by UPnP; ``lifetime_s`` 0: delete ``external`` ports."""

    gateway: str
    client: str
    port: int
    lifetime_s: int
    external: dict[str, int]


@dataclass(frozen=True, slots=True)
class UpnpOutcome:
    """What came of it. ``ports``: external ones by protocol. ``lifetime_s`` 0: without an end."""

    address: str = ""
    ports: dict[str, int] | None = None
    lifetime_s: int = 0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class MappingChanged:
    """Something is mapped otherwise than before."""

    mapping: PortMapping


Event = UpnpWanted | MappingChanged


@dataclass(slots=True)
class _Exchange:
    """A request that is sent until it is answered."""

    due_at: float
    tries: int = 0


class Mapper:
    """See the module. ``methods``: which ones may be tried, in this order.

    ``secret``: makes the nonces of PCP. With the same one after a crash, what was mapped before is
    still ours; a gateway refuses others (RFC 6887, section 11.3).
    """

    def __init__(
        self,
        gateway: IpAddress,
        client: IpAddress,
        port: int,
        methods: Sequence[str],
        secret: bytes,
        entropy: Entropy,
        now: float,
    ) -> None:
        self.gateway = gateway
        self.client = client
        self._port = port
        # NAT-PMP and a plain IGD know IPv4 only.
        self._methods = [one for one in methods if gateway.version == 4 or one == PCP]
        self._secret = secret
        self._entropy = entropy
        self._epoch = Epoch()
        self._dialect: Dialect | None = None
        self._method = 0
        self._exchanges: dict[str, _Exchange] = {}
        self._leases: dict[str, External] = {}
        self._renew_at: dict[str, float] = {}
        self._address = ""
        """The external one by NAT-PMP, which tells it apart from the mappings."""
        self._lost: set[str] = set()
        """Protocols whose lease the gateway has forgotten."""
        self._refusals: dict[str, str] = {}
        self._failures: list[str] = []
        self._retry_at = inf
        self._retry_s = RETRY_MIN_S
        self._poll_at = inf
        self._rechecked_at = -inf
        self.is_answered = False
        """Whether the gateway has ever spoken one of the protocols."""
        self._output: list[bytes] = []
        self._events: deque[Event] = deque()
        self._start(0, now)
        self._told = self.mapping

    # What the owner asks

    @property
    def mapping(self) -> PortMapping:
        """What is mapped now."""
        family = self.gateway.version
        external: dict[Way, External] = {
            (protocol, family): lease
            for protocol, lease in self._leases.items()
            if lease.address and protocol not in self._lost
        }
        missing = [name for name in PROTOCOLS if (name, family) not in external]
        return PortMapping(external, self._reason(missing))

    def take_output(self) -> list[bytes]:
        """Packets for the gateway's port 5351."""
        output, self._output = self._output, []
        return output

    def next_event(self) -> Event | None:
        """The next thing for the owner to do, or None."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float:
        """When :meth:`handle_timer` has something to do; infinite: never."""
        return min(
            self._retry_at,
            self._poll_at,
            *(exchange.due_at for exchange in self._exchanges.values()),
            *self._renew_at.values(),
            *(lease.ends_at for lease in self._leases.values()),
            inf,
        )

    def handle_timer(self, now: float) -> None:
        """Send again what is unanswered, renew, and give up."""
        for protocol, lease in list(self._leases.items()):
            if now >= lease.ends_at:
                self._drop(protocol)
        if now >= self._retry_at:
            self._start(0, now)
        for protocol in list(self._renew_at):
            if now >= self._renew_at.get(protocol, inf):
                self._renew(protocol, now)
        if now >= self._poll_at:
            self._poll_at = now + POLL_S
            self._ask(STATUS, now)
        for subject, exchange in list(self._exchanges.items()):
            if now >= exchange.due_at and self._exchanges.get(subject) is exchange:
                self._transmit(subject, exchange, now)
        self._tell()

    def receive(self, data: bytes, source: tuple[str, int], now: float) -> None:
        """A datagram came; what is not from the gateway, or makes no sense, is ignored."""
        if self._dialect is None or source != (str(self.gateway), PORT):
            return
        try:
            reading = self._dialect.read(data)
        except DecodeError:
            return
        if reading.is_other_version:
            if not self._leases:
                self._give_up("the gateway does not know it", now)
        else:
            self.is_answered = True
            is_pcp = self._dialect.name == PCP
            if reading.epoch_s is not None and self._epoch.note(
                reading.epoch_s, now, is_pcp=is_pcp
            ):
                is_new = reading.subject == STATUS or reading.subject in self._exchanges
                self._remap(now, reading.subject if is_new else "")
            if reading.subject == STATUS:
                self._on_status(reading, now)
            elif reading.subject in self._exchanges:
                self._on_mapped(reading, now)
        self._tell()

    def upnp_done(self, outcome: UpnpOutcome, now: float) -> None:
        """The result of an :class:`UpnpWanted`."""
        if self._methods[self._method : self._method + 1] != [UPNP]:
            return
        if outcome.failure or not outcome.ports:
            self._leases.clear()
            self._renew_at.clear()
            self._give_up(outcome.failure or "nothing was mapped", now)
        else:
            lifetime_s = min(outcome.lifetime_s or LEASE_MAX_S, LEASE_MAX_S)
            for protocol, port in outcome.ports.items():
                self._keep(protocol, External(outcome.address, port, UPNP, now + lifetime_s), now)
                self._renew_at[protocol] = now + min(lifetime_s / 2, UPNP_RENEW_S)
            self._settle(now)
        self._tell()

    def recheck(self, now: float) -> None:
        """The network was away: look whether the gateway still knows us."""
        if now < self._rechecked_at + RECHECK_MIN_S:
            return
        self._rechecked_at = now
        if not self._leases and not self._exchanges:
            self._start(0, now)
        elif self._dialect is not None:
            # An epoch may hide that the gateway was restarted twice in a few seconds.
            for subject in (*((STATUS,) if self._dialect.needs_status else ()), *self._leases):
                self._ask(subject, now)
        elif self._leases:
            self._want_upnp(LEASE_S)

    def close(self) -> None:
        """Delete all mappings: take output and events a last time, nobody waits for answers."""
        ports = {protocol: lease.port for protocol, lease in self._leases.items()}
        if self._dialect is not None:
            self._output += [self._dialect.map_request(protocol, 0, None) for protocol in ports]
        elif ports:
            self._want_upnp(0)
        self._exchanges.clear()
        self._leases.clear()
        self._renew_at.clear()
        self._retry_at = self._poll_at = inf
        self._method = len(self._methods)
        self._failures = ["the router stops"]
        self._tell()

    # Methods

    def _start(self, method: int, now: float) -> None:
        if method == 0:
            self._failures = []
        self._method = method
        self._retry_at = self._poll_at = inf
        self._exchanges.clear()
        self._renew_at.clear()
        self._refusals = {}
        self._lost.clear()
        self._address = ""
        self._epoch = Epoch()
        self._dialect = None
        if method >= len(self._methods):
            self._retry_at = now + self._retry_s
            self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
            return
        name = self._methods[method]
        if name == UPNP:
            self._want_upnp(LEASE_S)
            return
        is_pcp = name == PCP
        self._dialect = Pcp(self.client, self._port, self._secret) if is_pcp else NatPmp(self._port)
        for subject in (*((STATUS,) if self._dialect.needs_status else ()), *PROTOCOLS):
            self._ask(subject, now)

    def _give_up(self, why: str, now: float) -> None:
        """This method is of no use here."""
        if self._method < len(self._methods):
            self._failures.append(f"{_NAMES[self._methods[self._method]]}: {why}")
        self._leases.clear()
        self._start(self._method + 1, now)

    def _settle(self, now: float) -> None:
        """When all is answered or given up: something is mapped, or the method has failed."""
        if self._exchanges:
            return
        if not self._leases:
            self._give_up(next(iter(self._refusals.values()), "no answer"), now)
        elif not all(lease.address for lease in self._leases.values()):
            self._give_up("the gateway tells no external address", now)
        else:
            self._failures = []
            self._retry_s = RETRY_MIN_S
            if self._dialect is not None:
                self._poll_at = min(self._poll_at, now + POLL_S)

    # Requests and answers

    def _ask(self, subject: str, now: float) -> None:
        if subject not in self._exchanges:
            self._exchanges[subject] = _Exchange(now)

    def _transmit(self, subject: str, exchange: _Exchange, now: float) -> None:
        dialect = self._dialect
        assert dialect is not None
        if exchange.tries == len(dialect.waits_s):
            del self._exchanges[subject]
            if subject != STATUS:
                self._failed(subject, "no answer", now)
            self._settle(now)
            return
        jitter = 0.9 + self._entropy.randbelow(201) / 1000
        exchange.due_at = now + dialect.waits_s[exchange.tries] * jitter
        exchange.tries += 1
        if subject == STATUS:
            self._output.append(dialect.status_request())
            return
        lease = self._leases.get(subject)
        suggested = (str(self._unspecified()), self._port)
        if lease is not None and lease.address:
            suggested = lease.address, lease.port
        self._output.append(dialect.map_request(subject, LEASE_S, suggested))

    def _unspecified(self) -> str:
        return "0.0.0.0" if self.gateway.version == 4 else "::"

    def _on_status(self, reading: Reading, now: float) -> None:
        self._exchanges.pop(STATUS, None)
        if reading.address is not None:
            for protocol, lease in list(self._leases.items()):
                self._leases[protocol] = replace(lease, address=reading.address)
            self._address = reading.address
        elif reading.refusal and self._dialect is not None and self._dialect.needs_status:
            self._refusals[STATUS] = reading.refusal
        self._settle(now)

    def _on_mapped(self, reading: Reading, now: float) -> None:
        del self._exchanges[reading.subject]
        if not reading.refusal and not reading.port:
            reading = replace(reading, refusal="it tells no port")
        if not reading.refusal and reading.lifetime_s < LEASE_MIN_S:
            reading = replace(reading, refusal="its lease is too short")
        if reading.refusal:
            self._failed(reading.subject, reading.refusal, now)
        else:
            assert self._dialect is not None
            address = self._address if reading.address is None else reading.address
            ends_at = now + reading.lifetime_s
            lease = External(address, reading.port, self._dialect.name, ends_at)
            self._keep(reading.subject, lease, now)
            self._renew_at[reading.subject] = now + max(reading.lifetime_s / 2, RENEW_MIN_S)
        self._settle(now)

    def _keep(self, protocol: str, lease: External, now: float) -> None:
        self._leases[protocol] = lease
        self._lost.discard(protocol)
        self._refusals.pop(protocol, None)

    def _failed(self, protocol: str, why: str, now: float) -> None:
        """One is not mapped or not renewed; a lease that lasts is tried again at half of the rest.

        RFC 6887, section 11.2.1.
        """
        self._refusals[protocol] = why
        lease = self._leases.get(protocol)
        if protocol in self._lost:
            self._drop(protocol)
            lease = None
        rest_s = RETRY_MAX_S if lease is None else lease.ends_at - now
        self._renew_at[protocol] = now + max(rest_s / 2, RENEW_MIN_S)

    def _renew(self, protocol: str, now: float) -> None:
        self._renew_at.pop(protocol)
        if self._dialect is not None:
            self._ask(protocol, now)
        elif self._leases:
            self._renew_at.clear()
            self._want_upnp(LEASE_S)

    def _remap(self, now: float, subject: str) -> None:
        """The gateway was restarted; what it has just told of ``subject`` is new already."""
        for protocol in self._leases:
            self._lost.add(protocol)
            if protocol != subject:
                self._ask(protocol, now)
        if self._dialect is not None and self._dialect.needs_status and subject != STATUS:
            self._ask(STATUS, now)

    def _drop(self, protocol: str) -> None:
        self._leases.pop(protocol, None)
        self._lost.discard(protocol)
        if not self._leases and not self._exchanges:
            self._renew_at.clear()
            self._retry_at = -inf

    def _want_upnp(self, lifetime_s: int) -> None:
        external = {protocol: lease.port for protocol, lease in self._leases.items()}
        gateway, client = str(self.gateway), str(self.client)
        self._events.append(UpnpWanted(gateway, client, self._port, lifetime_s, external))

    # What is told

    def _reason(self, missing: Sequence[str]) -> str:
        if not missing:
            return ""
        if len(missing) < len(PROTOCOLS):
            why = self._refusals.get(missing[0], "it is not mapped")
            return f"{missing[0].upper()}: {why}"
        if self._failures:
            return "; ".join(self._failures)
        return ASKED

    def _tell(self) -> None:
        mapping = self.mapping
        if not mapping.is_same(self._told):
            self._told = mapping
            self._events.append(MappingChanged(mapping))
