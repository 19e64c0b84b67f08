"""The creator's side of a tunnel build: one request out, one reply in (tunnel-creation-ecies.md).

A build is one message that passes all hops. Records are shuffled, so no hop knows its place; 4
records up to 4 hops, else 8. An inbound build carries a record with our own hash prefix and a real
X25519 key, without which the last hop would know that we are the creator; it must come back as it
was made, or the tunnel is discarded (tagging attack).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.crypto.x25519 import X25519Key
from core.tunnel.bandwidth_options import request_options
from core.tunnel.records import (
    RECORDS_MAX,
    RECORDS_STANDARD,
    BuildRequest,
    HopKeys,
    RecordFormat,
    parse_records,
    write_records,
)

HOPS_MAX = RECORDS_MAX - 1
"""One record stays free for the creator of an inbound tunnel."""


@dataclass(frozen=True, slots=True)
class BuildHop:
    """A router to ask: hash and X25519 key, 32 bytes each. ``reads_bandwidth``: whether it is new
    enough for :mod:`core.tunnel.bandwidth_options`."""

    router_hash: bytes
    public_key: bytes
    reads_bandwidth: bool = False


@dataclass(frozen=True, slots=True)
class PlannedHop:
    """A hop with what was drawn for it."""

    router_hash: bytes
    receive_tunnel_id: int
    record_index: int
    keys: HopKeys


@dataclass(frozen=True, slots=True)
class BuildReply:
    """What the hops answered, in path order; the tunnel exists if all codes are 0."""

    codes: tuple[int, ...]

    @property
    def is_accepted(self) -> bool:
        """True if every hop agreed."""
        return not any(self.codes)


class TunnelBuild:
    """One build: :attr:`body` is the request, :meth:`open_reply` reads the answer.

    ``hops`` in the direction of the data: for an inbound tunnel the gateway first, for an outbound
    tunnel the hop next to us first; 1 to 7 of them. ``end_hash`` and ``end_tunnel_id``: inbound -
    ourselves and our receive id; outbound - gateway and id of the tunnel that brings the reply.
    ``bytes_s``: what the pool's tunnels carry each, for which hops are asked.
    """

    __slots__ = ("_fmt", "_phony", "body", "hops", "is_inbound", "reply_message_id")

    def __init__(
        self,
        hops: Sequence[BuildHop],
        *,
        is_inbound: bool,
        end_hash: bytes,
        end_tunnel_id: int,
        fmt: RecordFormat,
        reply_message_id: int,
        wall_now_s: float,
        entropy: Entropy,
        own_hash: bytes,
        bytes_s: float = 0.0,
    ) -> None:
        if not 1 <= len(hops) <= HOPS_MAX:
            raise LocalError(f"tunnel of {len(hops)} hops")
        self._fmt = fmt
        self.is_inbound = is_inbound
        self.reply_message_id = reply_message_id
        used = len(hops) + is_inbound
        count = RECORDS_STANDARD if used <= RECORDS_STANDARD else RECORDS_MAX
        places = _shuffled(count, entropy)
        records = [b""] * count
        ids = _distinct_ids(len(hops), entropy)
        planned: list[PlannedHop] = []
        last = len(hops) - 1
        for number, hop in enumerate(hops):
            request = BuildRequest(
                receive_tunnel_id=ids[number],
                next_tunnel_id=end_tunnel_id if number == last else ids[number + 1],
                next_hash=end_hash if number == last else hops[number + 1].router_hash,
                is_gateway=is_inbound and number == 0,
                is_endpoint=not is_inbound and number == last,
                request_minutes=int(wall_now_s) // 60,
                send_message_id=reply_message_id if number == last else random_id(entropy),
                options=request_options(bytes_s, entropy) if hop.reads_bandwidth else {},
            )
            record, keys = fmt.seal_request(hop.router_hash, hop.public_key, request, entropy)
            records[places[number]] = record
            planned.append(PlannedHop(hop.router_hash, ids[number], places[number], keys))
        for place in places[len(hops) :]:
            records[place] = entropy.random_bytes(fmt.record_bytes)
        self._phony: tuple[int, bytes] | None = None
        if is_inbound:
            place = places[len(hops)]
            ephemeral = X25519Key.generate(entropy).public
            phony = own_hash[:16] + ephemeral + records[place][48:]
            self._phony = (place, phony)
            records[place] = phony
        # What each hop will add is taken off in advance from the records of the hops after it.
        for number in range(last, -1, -1):
            later = [hop.record_index for hop in planned[number + 1 :]]
            if self._phony is not None:
                later.append(self._phony[0])
            for place in later:
                records[place] = fmt.unmask(planned[number].keys, place, records[place])
        self.hops = tuple(planned)
        self.body = write_records(records)

    @property
    def message_type(self) -> int:
        """The I2NP type of the request."""
        return self._fmt.request_type

    @property
    def is_short(self) -> bool:
        """True for short records (218 bytes), False for variable ones (528)."""
        return self._fmt.record_bytes == 218

    def open_reply(self, body: bytes) -> BuildReply:
        """The hops' answers; DecodeError if a record was tampered with or the message is not it."""
        records = parse_records(body, self._fmt)
        if len(records) != self.body[0]:
            raise DecodeError("build reply with another number of records")
        if self._phony is not None and records[self._phony[0]] != self._phony[1]:
            raise DecodeError("our own build record came back changed")
        codes: list[int] = []
        for number in range(len(self.hops) - 1, -1, -1):
            hop = self.hops[number]
            code, _ = self._fmt.open_reply(hop.keys, hop.record_index, records[hop.record_index])
            codes.append(code)
            for earlier in self.hops[:number]:
                place = earlier.record_index
                records[place] = self._fmt.unmask(hop.keys, place, records[place])
        return BuildReply(tuple(reversed(codes)))

    def layer_keys(self) -> list[tuple[bytes, bytes]]:
        """(layer key, IV key) in the order in which the creator takes layers off."""
        return [(hop.keys.layer_key, hop.keys.iv_key) for hop in reversed(self.hops)]


def random_id(entropy: Entropy) -> int:
    """A random 32-bit number, never 0: tunnel ids and message ids."""
    return 1 + entropy.randbelow(0xFFFFFFFF)


def _distinct_ids(count: int, entropy: Entropy) -> list[int]:
    ids: dict[int, None] = {}
    while len(ids) < count:
        ids[random_id(entropy)] = None
    return list(ids)


def _shuffled(count: int, entropy: Entropy) -> list[int]:
    places = list(range(count))
    for i in range(count - 1, 0, -1):
        j = entropy.randbelow(i + 1)
        places[i], places[j] = places[j], places[i]
    return places
