"""Bandwidth in build records (tunnel-creation-ecies.md "Tunnel Bandwidth Parameters").

A creator may say of a tunnel what it needs at least (``m``), what it would like (``r``), and to an
inbound gateway what that is to let through at most (``l``); a hop answers what it can give (``b``).
All are kilobytes per second: tunnel messages per second, as hops see them.

Exact figures would tell our tunnels apart from others', so both sides speak in powers of two: a
creator draws one of two for each hop, and a hop rounds down what it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.base.ports import Entropy

VERSION_MIN = (0, 9, 65)
"""The first release that knows of them; older ones are not asked."""
BYTES_PER_KB = 1028
"""One tunnel message with its tunnel id, as :class:`core.tunnel.meter.TransitMeter` counts."""
_BUCKETS = (16, 32, 64, 128, 256, 512, 1024)
_ASKED_MIN = 8
"""A tunnel that carries less needs no promise."""
_MINIMUM_PART = 8


@dataclass(frozen=True, slots=True)
class BandwidthRequest:
    """What a creator asks of a hop, in bytes per second; 0: nothing said."""

    minimum: int = 0
    wanted: int = 0
    limit: int = 0

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> BandwidthRequest:
        """From the options of a request record; what is no number counts as absent.

        Where m <= r <= l is broken the lower one counts.
        """
        minimum, wanted, limit = (_kilobytes(options, key) * BYTES_PER_KB for key in "mrl")
        return cls(minimum, max(minimum, wanted), max(minimum, limit) if limit else 0)

    def reply(self, free: float | None) -> dict[str, str]:
        """Options of the accepting answer. ``free``: bytes per second that are left; None: many.

        ``b`` is at least the minimum, for which there is room, and no more than what is wanted.
        """
        if not self.wanted:
            return {}
        given = self.wanted // BYTES_PER_KB
        if free is not None:
            given = min(given, _rounded_down(int(free / BYTES_PER_KB)))
        return {"b": str(max(1, self.minimum // BYTES_PER_KB, given))}


def request_options(bytes_s: float, entropy: Entropy) -> dict[str, str]:
    """What to ask of one hop for a tunnel of a pool whose tunnels carry ``bytes_s`` each."""
    carried = bytes_s / BYTES_PER_KB
    if carried < _ASKED_MIN:
        return {}
    place = sum(bucket < carried for bucket in _BUCKETS[:-2]) + entropy.randbelow(2)
    wanted = _BUCKETS[place]
    return {"m": str(wanted // _MINIMUM_PART), "r": str(wanted)}


def _rounded_down(number: int) -> int:
    """The largest power of two that is not more; 0 for less than 1."""
    return 1 << (number.bit_length() - 1) if number > 0 else 0


def _kilobytes(options: Mapping[str, str], key: str) -> int:
    """The value of an option, 0 unless it is a sensible number."""
    text = options.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 7 else 0
