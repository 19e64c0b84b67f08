"""Sealing and opening data packets (specs/ssu2, "KDF for data phase", "Header Encryption KDF").

A packet is 16 header bytes in clear, authenticated with the payload and then masked, the sealed
payload and its tag. The nonce is the packet number. Flat: one object for each direction of a
session, whose contexts live as long as it.
"""

from __future__ import annotations

from struct import Struct

from core.crypto.aead import ChaChaPoly, InvalidTag
from core.crypto.chacha20 import ChaChaMask
from core.transport.ssu2.header import PacketType
from core.transport.ssu2.keys import SessionKeys

#: packet numbers are never used twice: a session ends well before they do
NUMBER_MAX = (1 << 32) - (1 << 20)
#: where in the second half of a header the type and the flags are
TYPE_AT = 4
FLAGS_AT = 5
_SECOND_HALF = Struct(">IBBH")
_DATA = int(PacketType.DATA)


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
        number = self.next_number
        self.next_number = number + 1
        destination = self._destination
        second = _SECOND_HALF.pack(number, _DATA, flags, 0)
        sealed = self._seal((number << 32).to_bytes(12, "little"), payload, destination + second)
        return (
            self._mask_1(sealed[-24:-12], destination) + self._mask_2(sealed[-12:], second) + sealed
        )


class PacketOpener:
    """The receiving direction."""

    __slots__ = ("_destination", "_mask_2", "_open")

    def __init__(self, keys: SessionKeys) -> None:
        self._open = ChaChaPoly(keys.receive_key).raw_open
        self._mask_2 = ChaChaMask(keys.receive_header_key_2).xor
        self._destination = keys.receive_connection_id.to_bytes(8, "big")

    def second_half(self, datagram: bytes) -> bytes:
        """Bytes 8-15 of the header in clear: number, type, flags; not authentic yet.

        ``datagram`` has at least ``PACKET_BYTES_MIN`` bytes, and our connection ID in front.
        """
        return self._mask_2(datagram[-12:], datagram[8:16])

    def open(self, datagram: bytes, second: bytes, number: int) -> bytes | None:
        """The payload; None if the packet is forged."""
        try:
            return self._open(
                (number << 32).to_bytes(12, "little"), datagram[16:], self._destination + second
            )
        except InvalidTag:
            return None
