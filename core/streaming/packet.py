"""Streaming packets (streaming spec: "Packet Format", "Flags and Option Data Fields").

Fixed order: ids, sequence, ack, NACKs, resend delay, flags, size of options, options in the order
delay, from, maximum size, offline signature, signature, then the payload. The signature covers the
whole packet with its own bytes zeroed. In the first SYN of an initiator the NACK field holds eight
words that are the recipient's hash, so that nobody can pass the SYN on to a third party.

The fast paths of the manager and of a stream read and write plain packets with
:data:`PLAIN_HEADER` directly; everything rarer goes through :class:`Packet`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from core.base.errors import DecodeError
from core.base.wire import Reader
from core.crypto.signing import SIGNATURE_LENGTH
from core.data.identity import Destination
from core.data.offline import OfflineSignature
from core.data.private_keys import PrivateKeys

SYNCHRONIZE = 0x0001
CLOSE = 0x0002
RESET = 0x0004
SIGNATURE_INCLUDED = 0x0008
SIGNATURE_REQUESTED = 0x0010
FROM_INCLUDED = 0x0020
DELAY_REQUESTED = 0x0040
MAX_PACKET_SIZE_INCLUDED = 0x0080
PROFILE_INTERACTIVE = 0x0100
ECHO = 0x0200
NO_ACK = 0x0400
OFFLINE_SIGNATURE = 0x0800

HEADER_BYTES = 22
NACKS_MAX = 255
#: NACK count of a SYN that carries the recipient's hash
HASH_NACKS = 8
#: i2pd: 60000 and above choke, 61000 marks a Java peer (window clamped to 64 for good), 60000 and
#: 65535 are what it sends for more losses than it can name. Java: sends 61000, 60001 and above
#: choke. This value chokes both and is neither mark; Java peers get their own.
DELAY_CHOKE_SENT = 60001
#: i2pd: sends 60000, which the spec still calls an unchoke; nobody asks for a minute of ack delay
DELAY_CHOKE_MIN = 60000
#: i2pd: sequences are signed there
SEQUENCE_MAX = 0x7FFFFF00
DELAY_CHOKE_JAVA = 61000
PING_PAYLOAD_BYTES_MAX = 32

#: send id, receive id, sequence, ack through, NACK count (0), resend delay, flags, option size
PLAIN_HEADER = struct.Struct(">IIIIBBHH")
_IDS = struct.Struct(">IIIIB")
_FLAGS = struct.Struct(">BHH")


@dataclass(slots=True, eq=False)
class Packet:
    """A parsed packet; ``raw`` is exactly what was received.

    ``nacks`` are the raw words: in a first SYN with eight of them, :attr:`nack_hash` is the meant
    recipient. ``delay_ms``, ``sender``, ``payload_max`` and ``offline`` are None if absent;
    ``signature_at`` is 0 if absent, else the offset in ``raw``.
    """

    send_id: int
    receive_id: int
    sequence: int
    ack_through: int
    nacks: tuple[int, ...]
    flags: int
    delay_ms: int | None
    sender: Destination | None
    payload_max: int | None
    offline: OfflineSignature | None
    signature_at: int
    payload: bytes
    raw: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Packet:
        """DecodeError if truncated or if options do not fit their flags."""
        reader = Reader(raw)
        if len(raw) < HEADER_BYTES:
            raise DecodeError("streaming packet too short")
        send_id, receive_id, sequence, ack_through, nack_count = _IDS.unpack(reader.take(17))
        nacks = struct.unpack(f">{nack_count}I", reader.take(4 * nack_count))
        _, flags, option_size = _FLAGS.unpack(reader.take(5))
        start = reader.position
        if option_size > reader.remaining:
            raise DecodeError("streaming options longer than the packet")
        end = start + option_size
        options = Reader(raw, start, end)
        delay_ms = options.u16() if flags & DELAY_REQUESTED else None
        sender = Destination.parse(options) if flags & FROM_INCLUDED else None
        payload_max = options.u16() if flags & MAX_PACKET_SIZE_INCLUDED else None
        offline = None
        # Without the sender the length of the signature in it is unknown; the key was in the SYN.
        if flags & OFFLINE_SIGNATURE and sender is not None:
            offline = OfflineSignature.parse(options, sender.signature_length)
        signature_at = options.position if flags & SIGNATURE_INCLUDED else 0
        return cls(
            send_id,
            receive_id,
            sequence,
            ack_through,
            nacks,
            flags,
            delay_ms,
            sender,
            payload_max,
            offline,
            signature_at,
            raw[end:],
            raw,
        )

    @property
    def asks_for_ack(self) -> bool:
        """On a SYN the mark of Java, which asks with every eighth packet; i2pd never does there."""
        return self.delay_ms is not None

    @property
    def resend_delay_s(self) -> int:
        """Java: 1 in all packets. i2pd: whole seconds of its timeout, 9 at first."""
        return self.raw[17 + 4 * len(self.nacks)]

    @property
    def is_close(self) -> bool:
        """CLOSE with a place in the order (Java: repeats it on plain acks)."""
        return bool(self.flags & CLOSE and (self.sequence or self.flags & SYNCHRONIZE))

    @property
    def nack_hash(self) -> bytes | None:
        """The recipient's hash that stands in place of NACKs in a SYN."""
        if len(self.nacks) == HASH_NACKS and self.flags & SYNCHRONIZE:
            return self.raw[17:49]
        return None

    def is_signed_by(
        self, destination: Destination, offline: OfflineSignature | None = None
    ) -> bool:
        """True if signed by ``destination``, or by the transient key of ``offline``.

        Whether ``offline`` itself is authorised and in time is the caller's to check.
        """
        at = self.signature_at
        if not at:
            return False
        signing_type = offline.signing_type if offline else destination.signing_type
        length = SIGNATURE_LENGTH.get(signing_type, 0)
        raw = self.raw
        if not length or at + length > len(raw) - len(self.payload):
            return False
        signed = raw[:at] + bytes(length) + raw[at + length :]
        verifier = offline or destination
        return verifier.verify(signed, raw[at : at + length])


def build_packet(
    send_id: int,
    receive_id: int,
    sequence: int,
    ack_through: int,
    *,
    nacks: Sequence[int] = (),
    recipient_hash: bytes = b"",
    resend_delay_s: int = 0,
    flags: int = 0,
    delay_ms: int | None = None,
    sender: Destination | None = None,
    payload_max: int | None = None,
    signer: PrivateKeys | None = None,
    payload: bytes = b"",
) -> bytes:
    """Write a packet; the flags that belong to given options are set here.

    With ``signer`` it is signed; its offline section is added if the sender is included too.
    ``recipient_hash`` fills the NACK field of a first SYN.
    """
    options: list[bytes] = []
    if delay_ms is not None:
        flags |= DELAY_REQUESTED
        options.append(delay_ms.to_bytes(2, "big"))
    if sender is not None:
        flags |= FROM_INCLUDED
        options.append(sender.raw)
    if payload_max is not None:
        flags |= MAX_PACKET_SIZE_INCLUDED
        options.append(payload_max.to_bytes(2, "big"))
    signature_length = 0
    if signer is not None:
        flags |= SIGNATURE_INCLUDED
        signature_length = SIGNATURE_LENGTH[signer.signing.signing_type]
        if signer.offline is not None and sender is not None:
            flags |= OFFLINE_SIGNATURE
            options.append(signer.offline.write())
    option_data = b"".join(options)
    if recipient_hash:
        nack_data, nack_count = recipient_hash, HASH_NACKS
    else:
        nack_count = len(nacks)
        nack_data = struct.pack(f">{nack_count}I", *nacks)
    head = b"".join(
        (
            _IDS.pack(send_id, receive_id, sequence, ack_through, nack_count),
            nack_data,
            _FLAGS.pack(min(resend_delay_s, 255), flags, len(option_data) + signature_length),
            option_data,
        )
    )
    if signer is None:
        return head + payload
    signature = signer.sign(head + bytes(signature_length) + payload)
    return head + signature + payload
