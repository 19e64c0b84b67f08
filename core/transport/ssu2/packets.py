"""Sealing and opening data packets (specs/ssu2, "KDF for data phase", "Header Encryption KDF").

A packet is 16 header bytes in clear, authenticated with the payload and then masked, the sealed
payload and its tag. The nonce is the packet number. Flat: one object for each direction of a
session, whose contexts live as long as it.
"""

from __future__ import annotations

from struct import Struct

from core.base.errors import LocalError
from core.base.native import accelerated
from core.crypto.aead import ChaChaPoly, InvalidTag
from core.crypto.chacha20 import ChaChaMask
from core.transport.ssu2.framing import BLOCK_HEADER_BYTES
from core.transport.ssu2.header import PACKET_BYTES_MIN, PAYLOAD_BYTES_MIN, PacketType
from core.transport.ssu2.keys import SessionKeys

#: packet numbers are never used twice: a session ends well before they do
NUMBER_MAX = (1 << 32) - (1 << 20)
_TYPE_AT = 4
_FLAGS_AT = 5
#: of a message: type, ID and expiration
_MESSAGE_HEADER_BYTES = 9
_I2NP = 3
_PADDING = 254
_SECOND_HALF = Struct(">IBBH")
_DATA = int(PacketType.DATA)

Opened = tuple[int, int, list[bytes], list[int], list[tuple[int, bytes]], bool]
"""Number and flags of a packet; its messages in short form, the key of each (:func:`message_key`),
all other blocks but padding as (type, data), and whether the last block ends where the packet does.
"""


@accelerated
class PacketSealer:
    """The sending direction; ``next_number`` is that of the next packet."""

    __slots__ = ("_destination", "_mask_1", "_mask_2", "_seal", "next_number")

    def __init__(self, keys: SessionKeys) -> None:
        self._seal = ChaChaPoly(keys.send_key).raw_seal
        self._mask_1 = ChaChaMask(keys.send_header_key_1).xor
        self._mask_2 = ChaChaMask(keys.send_header_key_2).xor
        self._destination = keys.send_connection_id.to_bytes(8, "big")
        self.next_number = 1 if keys.is_initiator else 0

    def seal(self, payload: bytes, flags: int = 0) -> bytes:
        """The datagram for a payload of 8 bytes or more, under the next number."""
        if len(payload) < PAYLOAD_BYTES_MIN:
            raise LocalError(f"packet of {len(payload)} bytes")
        number = self.next_number
        self.next_number = number + 1
        destination = self._destination
        second = _SECOND_HALF.pack(number, _DATA, flags, 0)
        sealed = self._seal((number << 32).to_bytes(12, "little"), payload, destination + second)
        return (
            self._mask_1(sealed[-24:-12], destination) + self._mask_2(sealed[-12:], second) + sealed
        )


@accelerated
class PacketOpener:
    """The receiving direction."""

    __slots__ = ("_destination", "_mask_2", "_open")

    def __init__(self, keys: SessionKeys) -> None:
        self._open = ChaChaPoly(keys.receive_key).raw_open
        self._mask_2 = ChaChaMask(keys.receive_header_key_2).xor
        self._destination = keys.receive_connection_id.to_bytes(8, "big")

    def is_data(self, datagram: bytes) -> bool:
        """Whether the header says so; not authentic."""
        return self._second_half(datagram)[_TYPE_AT] == _DATA

    def _second_half(self, datagram: bytes) -> bytes:
        if len(datagram) < PACKET_BYTES_MIN:
            raise LocalError(f"packet of {len(datagram)} bytes")
        return self._mask_2(datagram[-12:], datagram[8:16])

    def read(self, datagram: bytes) -> Opened | None:
        """What is in a data packet that begins with our connection ID; None if it is forged.

        ``datagram`` has at least ``PACKET_BYTES_MIN`` bytes.
        """
        second = self._second_half(datagram)
        number = int.from_bytes(second[:4], "big")
        nonce = (number << 32).to_bytes(12, "little")
        try:
            payload = self._open(nonce, datagram[16:], self._destination + second)
        except InvalidTag:
            return None
        if second[_TYPE_AT] != _DATA:
            return None
        messages: list[bytes] = []
        keys: list[int] = []
        others: list[tuple[int, bytes]] = []
        offset = 0
        end = len(payload)
        last = end - BLOCK_HEADER_BYTES
        while offset <= last:
            kind = payload[offset]
            start = offset + BLOCK_HEADER_BYTES
            offset = start + (payload[offset + 1] << 8 | payload[offset + 2])
            if offset > end:
                break
            if kind == _I2NP and offset - start >= _MESSAGE_HEADER_BYTES:
                messages.append(payload[start:offset])
                keys.append(message_key(messages[-1]))
            elif kind != _PADDING:
                others.append((kind, payload[start:offset]))
        return number, second[_FLAGS_AT], messages, keys, others, offset == end


def message_key(message: bytes) -> int:
    """What tells a message in short form from others: its ID, and parts of type and expiration."""
    return int.from_bytes(message[:8], "big")
