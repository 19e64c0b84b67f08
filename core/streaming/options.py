"""What an application may choose about its streams. Sizes in bytes, windows in packets."""

from __future__ import annotations

from dataclasses import dataclass

#: payload of a packet that fills two tunnel messages through a ratchet session, and through ElGamal
MTU_RATCHET = 1812
MTU_ELGAMAL = 1730
#: Java: MIN_MESSAGE_SIZE; a peer that announces less is given this much
MTU_MIN = 512


@dataclass(frozen=True, slots=True)
class StreamingOptions:
    """Defaults suit web and bulk transfers through two or three hops.

    ``max_streams`` counts both directions. ``keepalive_s``: when nothing came or went for so long,
    the peer is asked whether it is still there, or with ``ends_inactive`` the stream is reset; 0:
    neither. ``resend_max``: timeouts in a row without any answer until an open stream is given up.
    ``peer_streams_per_minute`` of 0 means unlimited. ``congestion`` is ``"bbr"`` (tolerates the
    random loss of tunnels) or ``"cubic"``.

    Without ``accepts_streams`` and ``answer_pings`` nothing that others begin is answered at all:
    whom we have visited cannot find out whether we are still here.
    """

    accepts_streams: bool = True
    answer_pings: bool = True
    max_streams: int = 2048
    connect_timeout_s: float = 60.0
    mtu: int = MTU_RATCHET
    #: i2pd: 10. Java: 3
    window_initial: int = 10
    window_max: int = 1024
    #: packets in flight until the peer has answered a SYN: each may open a ratchet session
    window_unanswered: int = 3
    congestion: str = "bbr"
    send_bytes_max: int = 512 * 1024
    receive_bytes_max: int = 4 * 1024 * 1024
    receive_total_bytes_max: int = 64 * 1024 * 1024
    ack_every: int = 10
    ack_delay_s: float = 0.010
    ack_delay_max_s: float = 0.100
    keepalive_s: float = 90.0
    ends_inactive: bool = False
    resend_max: int = 12
    new_streams_per_second: float = 1000.0
    new_streams_burst: int = 2000
    peer_streams_per_minute: int = 0
