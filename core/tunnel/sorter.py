"""Tunnel data on arrival: by tunnel, without what is malformed, late, for nobody or a duplicate."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

from core.base.filters import DuplicateFilter
from core.base.native import accelerated
from core.tunnel.constants import SHORT_DATA_BYTES

_HEAD = Struct(">IIQ8xQ")
"""From offset 5: expiration, tunnel id, first halves of the IV and of the first data block."""


@accelerated
class TunnelDataSorter:
    """Remembers messages as :class:`core.base.filters.DuplicateFilter` does, whose arguments it
    takes, by the XOR of IV and first data block (tunnel-implementation.md "participant
    processing"); 64 bits of it are enough."""

    __slots__ = ("_replays",)

    def __init__(self, period_s: float, generation_max: int) -> None:
        self._replays = DuplicateFilter(period_s, generation_max)

    def sort(
        self,
        messages: list[bytes],
        receivers: Mapping[int, object],
        oldest: int,
        newest: int,
        now: float,
    ) -> tuple[dict[int, list[bytes]], tuple[int, int, int, int]]:
        """Short-form TunnelData by receive id, and how many were dropped.

        Dropped are the malformed, the expired (``oldest`` and ``newest`` are Unix seconds), those
        for none of ``receivers``, and duplicates; counted in that order.
        """
        seen, seen_before = self._replays.generations(now)
        groups: dict[int, list[bytes]] = {}
        malformed = expired = unknown = duplicate = 0
        unpack = _HEAD.unpack_from
        for message in messages:
            if len(message) != SHORT_DATA_BYTES:
                malformed += 1
                continue
            expires, tunnel_id, iv, first = unpack(message, 5)
            name = iv ^ first
            if not oldest <= expires <= newest:
                expired += 1
            elif tunnel_id not in receivers:
                unknown += 1
            elif name in seen or name in seen_before:
                seen.add(name)
                duplicate += 1
            else:
                seen.add(name)
                group = groups.get(tunnel_id)
                if group is None:
                    groups[tunnel_id] = [message]
                else:
                    group.append(message)
        return groups, (malformed, expired, unknown, duplicate)
