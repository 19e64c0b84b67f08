"""The packet that opens a stream, and the reply to it: how peers learn who is on the other side."""

from __future__ import annotations

from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.streaming.packet import CLOSE, NO_ACK, SYNCHRONIZE, build_packet
from core.streaming.recovery import RoundTrip

#: what Java, and what i2pd before it has measured, say of their timeout in a SYN
RESEND_DELAY_JAVA_S = 1
RESEND_DELAY_FIRST_S = 9


def resend_delay_s(round_trip: RoundTrip) -> int:
    """What our SYN says of our timeout, in seconds.

    i2pd: its timeout, which is 9 s before it has measured. Never what Java says.
    """
    timeout_s = int(round_trip.timeout) if round_trip.smoothed else RESEND_DELAY_FIRST_S
    return timeout_s + (timeout_s == RESEND_DELAY_JAVA_S)


def build_syn(
    keys: PrivateKeys,
    remote: Destination,
    ids: tuple[int, int],
    *,
    ack_through: int | None,
    delay_s: int,
    payload_max: int,
    payload: bytes,
    is_close: bool,
    is_repeated: bool = False,
) -> bytes:
    """A signed SYN. ``ids``: the remote stream id, 0 before it is known, and the local one.

    ``ack_through`` is None in the first SYN and a sequence in the reply; ``delay_s`` as
    :func:`resend_delay_s` says; ``payload_max`` is the most that we take in one packet;
    ``is_close``: our direction ends with this packet; ``is_repeated``: it was sent before.
    """
    remote_id, local_id = ids
    is_reply = ack_through is not None
    return build_packet(
        remote_id,
        local_id,
        0,
        ack_through or 0,
        recipient_hash=b"" if is_reply else remote.hash,
        resend_delay_s=delay_s,
        flags=SYNCHRONIZE | (CLOSE if is_close else 0) | (0 if is_reply else NO_ACK),
        # i2pd: acknowledges a repeated reply only if it asks for that, and never asks there itself.
        delay_ms=0 if is_reply and is_repeated else None,
        sender=keys.destination,
        payload_max=payload_max,
        signer=keys,
        payload=payload,
    )
