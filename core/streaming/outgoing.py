"""What a :class:`~core.streaming.manager.StreamManager` hands to its owner to send."""

from __future__ import annotations


class OutgoingPacket:
    """One packet for ``remote_hash``: wrap it with protocol 6 and the ports, and send it.

    ``ack_eliciting`` is False for plain acks: nothing will ever tell whether they arrived.
    ``compress``: holds a destination, deflating it pays.
    """

    __slots__ = (
        "ack_eliciting",
        "compress",
        "from_port",
        "is_retransmit",
        "packet",
        "remote_hash",
        "to_port",
    )

    # Not a dataclass: its constructor would be interpreted in the compiled form, too.
    def __init__(
        self,
        remote_hash: bytes,
        from_port: int,
        to_port: int,
        packet: bytes,
        is_retransmit: bool,
        ack_eliciting: bool,
        compress: bool = False,
    ) -> None:
        self.remote_hash = remote_hash
        self.from_port = from_port
        self.to_port = to_port
        self.packet = packet
        self.is_retransmit = is_retransmit
        self.ack_eliciting = ack_eliciting
        self.compress = compress


def answer(remote_hash: bytes, from_port: int, to_port: int, packet: bytes) -> OutgoingPacket:
    """A plain ack, or what is said on behalf of no live stream: nobody acknowledges it."""
    return OutgoingPacket(remote_hash, from_port, to_port, packet, False, False)
