"""I2CP sessions in virtual time over a router that only passes payloads on."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.client.config import SessionConfig
from core.client.events import Event, LeaseSetFound
from core.client.i2cp_session import I2cpEngine
from core.data.lease_set import Lease
from core.data.lease_set_variants import AnyLeaseSet
from core.data.private_keys import PrivateKeys
from core.i2cp.data_messages import MessagePayload, SendMessageExpires
from core.i2cp.frames import PROTOCOL_BYTE, FrameReader
from core.i2cp.lease_messages import CreateLeaseSet2, RequestVariableLeaseSet
from core.i2cp.lookup_messages import BlindingInfo, HostLookup, HostReply, LookupResult
from core.i2cp.messages import Message, parse_message, write_message
from core.i2cp.session_messages import (
    CreateSession,
    GetDate,
    SessionState,
    SessionStatus,
    SetDate,
)
from tests.support.deterministic import FakeWallClock, SeededEntropy

STEP_S = 0.01
TUNNEL_LIFE_S = 600.0


@dataclass(eq=False)
class Party:
    """A session with its connection; ``received``: what the router got from it, by message."""

    engine: I2cpEngine
    wall: FakeWallClock
    frames: FrameReader = field(default_factory=FrameReader)
    received: list[Message] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    is_greeted: bool = False

    @property
    def lease_sets(self) -> list[AnyLeaseSet]:
        return [one.lease_set for one in self.received if isinstance(one, CreateLeaseSet2)]

    @property
    def found(self) -> list[LeaseSetFound]:
        return [one for one in self.events if isinstance(one, LeaseSetFound)]


class World:
    """``version`` and ``clock_ahead_s``: of the router. ``state``: its answer to CreateSession."""

    def __init__(self) -> None:
        self.now = 100.0
        self.version = "0.9.66"
        self.clock_ahead_s = 0.0
        self.state = SessionState.CREATED
        self.result = LookupResult.FAILURE
        self.parties: list[Party] = []

    def add(self, name: str, config: SessionConfig | None = None, **more: str) -> Party:
        keys = PrivateKeys.generate_destination(
            SeededEntropy(name), 7 if config is None or config.encrypted is None else 11
        )
        wall = FakeWallClock()
        wall.time += self.now
        config = config or SessionConfig(name)
        engine = I2cpEngine(
            config, config.keys or keys, wall, SeededEntropy(f"{name} engine"), **more
        )
        engine.streams.is_listening = True
        party = Party(engine, wall)
        self.parties.append(party)
        return party

    def connect(self, *parties: Party) -> None:
        for party in parties:
            party.frames, party.is_greeted = FrameReader(), False
            party.engine.connected(self.now)
        self.run(0.1)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += STEP_S
            for party in self.parties:
                party.wall.advance(STEP_S)
            for party in self.parties:
                self._turn(party)

    def say(self, party: Party, message: Message) -> None:
        party.engine.receive(write_message(message), self.now)

    def offer(self, party: Party, number: int = 1) -> None:
        ends_ms = int((party.wall.now() + TUNNEL_LIFE_S) * 1000)
        self.say(party, RequestVariableLeaseSet(1, (Lease(b"g" * 32, number, ends_ms),)))

    def _turn(self, party: Party) -> None:
        party.engine.run(self.now)
        while (event := party.engine.next_event()) is not None:
            party.events.append(event)
        data = party.engine.take_output()
        if data and not party.is_greeted:
            assert data[0] == PROTOCOL_BYTE
            party.is_greeted, data = True, data[1:]
        party.frames.feed(data)
        while (frame := party.frames.next()) is not None:
            message = parse_message(*frame)
            assert message is not None
            party.received.append(message)
            self._answer(party, message)

    def _answer(self, party: Party, message: Message) -> None:
        match message:
            case GetDate():
                date_ms = int((party.wall.time + self.clock_ahead_s) * 1000)
                self.say(party, SetDate(date_ms, self.version))
            case CreateSession(config):
                assert config.verify()
                self.say(party, SessionStatus(1, self.state))
                if self.state == SessionState.CREATED:
                    self.offer(party)
            case SendMessageExpires(_, destination, payload):
                for other in self.parties:
                    if other.engine.destination == destination and other.lease_sets:
                        self.say(other, MessagePayload(1, 0, payload))
            case HostLookup(session_id, request_id, _, _, target):
                found = [
                    one.engine.destination
                    for one in self.parties
                    if target == one.engine.destination.hash and one.lease_sets
                ]
                result = LookupResult.SUCCESS if found else self.result
                destination = found[0] if found else None
                self.say(party, HostReply(session_id, request_id, result, destination))
            case _:
                pass


def blinding_of(party: Party) -> BlindingInfo:
    """What it told the router of an encrypted address."""
    return next(one for one in party.received if isinstance(one, BlindingInfo))
