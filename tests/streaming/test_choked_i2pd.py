"""A slow reader here, and i2pd that sends: how each of its releases stops, and goes on again."""

from __future__ import annotations

import random
from bisect import insort
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeVar

import pytest

from core.streaming.connection import Stream
from core.streaming.options import StreamingOptions
from core.streaming.packet import (
    CLOSE,
    DELAY_CHOKE_MIN,
    DELAY_CHOKE_SENT,
    Packet,
    build_packet,
)
from tests.support.stream_script import Script

_PAYLOAD = bytes(1812)
_STEP_S = 0.001
_NEVER = float("inf")
_T = TypeVar("_T")


@dataclass
class Sent:
    at: float
    is_repeated: bool = False


class SendingI2pd:
    """i2pd 2.56 with endless data, from the moment at which a choke may reach it.

    Its send timer runs every 10 to 12 ms; once the pacing time has passed since it last sent, a few
    packets may go. Choked, the timer only repeats what is older than the timeout, and new packets
    go when an ack makes progress, if the pacing time has passed; if not, it begins anew.
    """

    #: what its own timers may add to a wait for new data
    waits_s = 1.0

    def __init__(self, chance: random.Random, round_trip_s: float) -> None:
        self.out: list[int] = []
        self.next = 1
        self._chance = chance
        self._sent: dict[int, Sent] = {}
        self._round_trip = self._sample_before = round_trip_s
        self._deviation = round_trip_s / 10 + 0.015
        self._ack_interval = 0.020
        self._acked_at = 0.0
        self._window = 32
        self._is_choked = False
        self._choked_at = 0
        self._timer_at = 0.0
        self._last_sent_at = 0.0
        self._may_send = 1

    @property
    def _timeout(self) -> float:
        return self._round_trip * 1.3 + self._deviation + self._ack_interval

    @property
    def _pacing(self) -> float:
        return self._round_trip / (3 if self._is_choked else self._window)

    def run_timers(self, now: float) -> None:
        if not self._is_choked:
            oldest = min((sent.at for sent in self._sent.values()), default=_NEVER)
            if now >= oldest + self._timeout:
                self._repeat(now, 1)
        if now < self._timer_at:
            return
        self._timer_at = now + self._chance.uniform(0.010, 0.012)
        if now <= self._last_sent_at + self._pacing:
            return
        self._may_send = max(1, int((now - self._last_sent_at) / self._pacing))
        if self._is_choked:
            self._repeat(now, self._may_send)
        else:
            self._send(now)

    def _repeat(self, now: float, limit: int) -> None:
        due = [one for one, sent in self._sent.items() if now >= sent.at + self._timeout]
        for sequence in due[:limit]:
            self._sent[sequence] = Sent(now, is_repeated=True)
            self.out.append(sequence)
        if due:
            self._last_sent_at = now
            self._may_send = 0

    def _send(self, now: float) -> None:
        room = self._window - len(self._sent)
        if room <= 0 or not self._may_send:
            self._last_sent_at = now
            return
        for _ in range(min(room, self._may_send)):
            self._sent[self.next] = Sent(now)
            self.out.append(self.next)
            self.next += 1
        self._last_sent_at = now
        self._may_send = 0

    def take_ack(self, packet: Packet, now: float) -> None:
        if packet.delay_ms == 0:
            self.out.append(0)
        if (packet.delay_ms or 0) >= DELAY_CHOKE_MIN and not self._is_choked:
            self._is_choked = True
            self._choked_at = self.next
        acked = [one for one in self._sent if one <= packet.ack_through]
        samples = []
        for sequence in set(acked).difference(packet.nacks):
            sent = self._sent.pop(sequence)
            if not sent.is_repeated:
                samples.append(now - sent.at)
        if samples:
            self._measure(min(samples), now)
        if self._is_choked:
            self._window = max(3, min(self._window, len(self._sent)))
            self._is_choked = not self._ends_choke(packet.ack_through)
        if set(acked).difference(packet.nacks):
            self._send(now)

    def _ends_choke(self, ack_through: int) -> bool:
        return ack_through > self._choked_at

    def _measure(self, sample: float, now: float) -> None:
        self._round_trip = (self._sample_before + sample) / 2
        self._deviation += 0.05 * (abs(sample - self._sample_before) + 0.015 - self._deviation)
        self._ack_interval = (self._ack_interval + now - (self._acked_at or now)) / 2
        self._sample_before, self._acked_at = sample, now


class NewerI2pd(SendingI2pd):
    """i2pd 2.59: ends a choke when all is acknowledged; after some repetitions it waits for 9 s."""

    waits_s = 20.0
    _repetitions = 0

    @property
    def _timeout(self) -> float:
        return super()._timeout if self._repetitions < 6 else 9.0

    def _repeat(self, now: float, limit: int) -> None:
        before = len(self.out)
        super()._repeat(now, limit)
        if self._is_choked:
            self._repetitions += len(self.out) - before

    def _ends_choke(self, ack_through: int) -> bool:
        if not self._sent:
            self._repetitions = 0
        return not self._sent


class SlowReader:
    """The path between one of them and our stream, and an application that reads or does not."""

    def __init__(
        self, peer: SendingI2pd, chance: random.Random, delay_s: float, room: int = 150_000
    ) -> None:
        self.peer = peer
        self.is_reading = True
        self._script = Script(StreamingOptions(receive_bytes_max=room))
        self._stream = self._script.accept(round_trip_s=2 * delay_s)
        self._chance = chance
        self._delay_s = delay_s
        self._data: list[tuple[float, int]] = []
        self._acks: list[tuple[float, Packet]] = []

    def run(self, seconds: float, until: int | None = None) -> float:
        """Seconds until the peer has sent packet ``until``, or the time that it was given."""
        script = self._script
        began = script.now
        while script.now < began + seconds and (until is None or self.peer.next <= until):
            self.peer.run_timers(script.now)
            for sequence in self.peer.out:
                self._send(sequence, self._data)
            self.peer.out.clear()
            if arrived := self._take(self._data):
                script.give(*[self._packet(sequence) for sequence in arrived])
            if self.is_reading:
                while self._stream.read():
                    pass
            for ack in script.wait(_STEP_S):
                self._send(ack, self._acks)
            for packet in self._take(self._acks):
                self.peer.take_ack(packet, script.now)
        return script.now - began

    def _packet(self, sequence: int) -> bytes:
        payload = _PAYLOAD if sequence else b""
        return build_packet(
            self._stream.local_id, self._script.peer_id, sequence, 0, payload=payload
        )

    def _send(self, one: _T, on_the_way: list[tuple[float, _T]]) -> None:
        """Lose it, or put it among the others in the order of arrival."""
        if self._chance.random() >= 0.02:
            at = self._script.now + self._delay_s * self._chance.uniform(1.0, 1.1)
            insort(on_the_way, (at, one), key=itemgetter(0))

    def _take(self, on_the_way: list[tuple[float, _T]]) -> list[_T]:
        arrived = []
        while on_the_way and on_the_way[0][0] <= self._script.now:
            arrived.append(on_the_way.pop(0)[1])
        return arrived


def wait_after_a_pause(
    peer_class: type[SendingI2pd], round_trip_s: float, seed: int, room: int = 150_000
) -> float:
    """Seconds from the moment at which the reader goes on until the peer has sent new data."""
    chance = random.Random(seed)
    peer = peer_class(chance, round_trip_s)
    reader = SlowReader(peer, chance, round_trip_s / 2, room)
    reader.run(3 * round_trip_s)
    reader.is_reading = False
    reader.run(chance.uniform(2, 12) * round_trip_s + chance.uniform(0, 4))
    reader.is_reading = True
    return reader.run(60, until=peer.next + 5)


@pytest.mark.parametrize("peer_class", [SendingI2pd, NewerI2pd])
@pytest.mark.parametrize("round_trip_s", [0.03, 0.3, 1.0])
def test_i2pd_goes_on_when_the_reader_does(
    peer_class: type[SendingI2pd], round_trip_s: float
) -> None:
    waits = [wait_after_a_pause(peer_class, round_trip_s, seed) for seed in range(8)]
    assert max(waits) < 20 * round_trip_s + peer_class.waits_s, waits


@pytest.mark.parametrize("round_trip_s", [0.3, 1.0])
def test_what_found_no_room_is_no_news(round_trip_s: float) -> None:
    waits = [wait_after_a_pause(SendingI2pd, round_trip_s, seed, room=40_000) for seed in range(8)]
    assert max(waits) < 60, waits


def test_i2pd_goes_on_after_a_long_pause() -> None:
    chance = random.Random(1)
    peer = SendingI2pd(chance, 0.1)
    reader = SlowReader(peer, chance, 0.05)
    reader.is_reading = False
    reader.run(10)
    before = peer.next
    reader.run(150)
    assert before < peer.next < before + 40, "a little progress"
    reader.is_reading = True
    assert reader.run(60, until=peer.next + 20) < 10


def data_packets(script: Script, stream: Stream) -> list[bytes]:
    """The first eleven of a peer, more than 20 kB."""
    return [
        build_packet(stream.local_id, script.peer_id, number, 0, payload=_PAYLOAD)
        for number in range(1, 12)
    ]


def test_a_peer_that_has_closed_hears_of_everything_while_choked() -> None:
    script = Script(StreamingOptions(receive_bytes_max=20_000))
    stream = script.accept()
    data = data_packets(script, stream)
    script.give(*data[:7])
    choked = script.wait(0.1)[-1]
    assert (choked.ack_through, choked.delay_ms) == (4, DELAY_CHOKE_SENT)
    script.give(build_packet(stream.local_id, script.peer_id, 8, 0, flags=CLOSE))
    assert script.wait(0.1)[-1].ack_through == 8


def test_a_peer_that_repeats_nothing_hears_of_everything_soon() -> None:
    script = Script(StreamingOptions(receive_bytes_max=20_000))
    stream = script.accept()
    data = data_packets(script, stream)
    script.give(*data[:7])
    while stream.read():
        pass
    script.give(*data[7:9])
    assert script.wait(2)[-1].ack_through == 9


def test_what_arrives_between_a_read_and_the_ack_that_tells_of_it_hides_nothing() -> None:
    script = Script(StreamingOptions(receive_bytes_max=20_000))
    stream = script.accept()
    data = data_packets(script, stream)
    script.give(*data[:8])
    assert script.wait(0.1)[-1].delay_ms == DELAY_CHOKE_SENT
    while stream.read():
        pass
    script.give(data[8])
    told = script.wait(2)
    assert told[0].delay_ms == 0
    assert told[-1].ack_through == 9
