"""What a :class:`~core.streaming.manager.StreamManager` hands to its owner to send."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class OutgoingPacket:
    """One packet for ``remote_hash``: wrap it with protocol 6 and the ports, and send it.

    ``ack_eliciting`` is False for plain acks: nothing will ever tell whether they arrived.
    ``compress``: holds a destination, deflating it pays.
    """

    remote_hash: bytes
    from_port: int
    to_port: int
    packet: bytes
    is_retransmit: bool
    ack_eliciting: bool
    compress: bool = False
