"""How many packets a session may have in flight: BBR, or CUBIC (RFC 9438).

BBR is the default. Paths of UDP lose packets without being full, and on such a path CUBIC starves:
of 5 % lost at random and a round trip of 200 ms it makes 80 KB/s, BBR 970 KB/s. Both begin with the
window of RFC 6928 and are paced.
"""

from __future__ import annotations

from core.base.bbr import Bbr
from core.base.congestion import CongestionController, Cubic

#: RFC 6928
WINDOW_INITIAL = 10
#: i2pd. Where turns of the event loop and delayed acks take longer than the packets, the smallest
#: round trip says that less than this fills the path.
WINDOW_MIN = 16
#: i2pd: 256, Java: 1 MiB; their acks tell of the 512 highest numbers at most
WINDOW_MAX = 512


def bbr(rtt_s: float) -> CongestionController:
    """For a path whose round trip is known, or 0.0."""
    return Bbr(WINDOW_INITIAL, WINDOW_MAX, rtt_s, WINDOW_MIN)


def cubic(rtt_s: float) -> CongestionController:
    """For a path whose round trip is known, or 0.0."""
    return Cubic(WINDOW_INITIAL, WINDOW_MAX, rtt_s)
