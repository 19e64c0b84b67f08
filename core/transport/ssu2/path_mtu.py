"""How large packets may be on a path: probed from the least upwards (RFC 8899, RFC 9000).

Packets begin at the least MTU that all paths must carry, 1280. One packet padded to the MTU that
both routers publish shows whether the path takes it; its loss says nothing of congestion. Later
losses of large packets alone mean that the path does not take them any more: a black hole.
"""

from __future__ import annotations

from typing import NamedTuple

from core.base.errors import LocalError

MTU_MIN = 1280
MTU_MAX = 1500
#: IP and UDP headers, the SSU2 header and the authentication tag
IPV4_OVERHEAD = 20 + 8 + 16 + 16
IPV6_OVERHEAD = 40 + 8 + 16 + 16
PROBES_MAX = 3
#: RFC 8899: PMTU_RAISE_TIMER
PROBE_AGAIN_S = 600.0
#: for how long a path that stopped taking large packets is not asked again; it may only have been
#: down for a while
FALLBACK_S = 60.0
#: large packets lost in a row, while none arrives
LOSSES_MAX = 6
#: timeouts in a row with large packets in flight
TIMEOUTS_MAX = 2


class LocalMtu(NamedTuple):
    """What our interfaces carry: bytes of IP packets, 1280 to 1500."""

    ipv4: int = MTU_MAX
    ipv6: int = MTU_MAX

    def of(self, is_ipv6: bool) -> int:
        """That of one family."""
        return self.ipv6 if is_ipv6 else self.ipv4


class PathMtu:
    """``payload_max``: bytes of blocks in one packet. ``black_holes`` counts falls back."""

    __slots__ = (
        "_base",
        "_is_probing",
        "_losses",
        "_probe_at",
        "_probes",
        "_target",
        "black_holes",
        "payload_max",
    )

    def __init__(self, mtu: int, is_ipv6: bool, now: float) -> None:
        """``mtu``: the smaller one of what both ends publish; LocalError if below 1280."""
        if mtu < MTU_MIN:
            raise LocalError(f"MTU of {mtu}")
        overhead = IPV6_OVERHEAD if is_ipv6 else IPV4_OVERHEAD
        self._base = self.payload_max = MTU_MIN - overhead
        self._target = min(mtu, MTU_MAX) - overhead
        self._is_probing = False
        self._probes = 0
        self._probe_at = now
        self._losses = 0
        self.black_holes = 0

    @property
    def is_searching(self) -> bool:
        """Whether larger packets may be possible."""
        return self.payload_max < self._target

    def probe_size(self, now: float) -> int:
        """To how many bytes the next payload is to be padded, or 0. A probe is then under way."""
        if self._is_probing or self.payload_max >= self._target or now < self._probe_at:
            return 0
        self._is_probing = True
        return self._target

    def on_acked(self, size: int) -> None:
        """A payload of ``size`` bytes arrived."""
        if size <= self._base:
            return
        self._losses = 0
        if size > self.payload_max:
            self.payload_max = size
            self._is_probing = False
            self._probes = 0

    def on_lost(self, size: int, now: float) -> bool:
        """A payload of ``size`` bytes was lost; True if it was a probe, no sign of congestion."""
        if size <= self._base:
            return False
        if size > self.payload_max:
            if self._is_probing:
                self._is_probing = False
                self._probes += 1
                if self._probes >= PROBES_MAX:
                    self._probes = 0
                    self._probe_at = now + PROBE_AGAIN_S
            return True
        self._losses += 1
        if self._losses >= LOSSES_MAX:
            self._fall_back(now)
        return False

    def on_timeout(self, timeouts: int, now: float) -> None:
        """Nothing is acknowledged any more, for the ``timeouts``-th time."""
        if timeouts >= TIMEOUTS_MAX and self.payload_max > self._base:
            self._fall_back(now)

    def _fall_back(self, now: float) -> None:
        self.black_holes += 1
        self.payload_max = self._base
        self._losses = 0
        self._is_probing = False
        self._probes = 0
        self._probe_at = now + FALLBACK_S

    def restart(self, now: float) -> None:
        """The path is another one: nothing is known of it."""
        self.payload_max = self._base
        self._losses = 0
        self._is_probing = False
        self._probes = 0
        self._probe_at = now
