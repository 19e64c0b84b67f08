"""What the handshake hands to the data phase (specs/ssu2, "KDF for data phase")."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Keys and names of one session. All keys have 32 bytes.

    ``send_key`` and ``receive_key`` are AEAD keys. A header key 1 is the introduction key of
    whoever receives the packet; a header key 2 belongs to the direction. ``send_connection_id``:
    the destination of packets we send; ``receive_connection_id``: of those we get. The first data
    packet has number 1 if ``is_initiator``, because SessionConfirmed was number 0; otherwise 0.
    """

    send_key: bytes
    receive_key: bytes
    send_header_key_1: bytes
    send_header_key_2: bytes
    receive_header_key_1: bytes
    receive_header_key_2: bytes
    send_connection_id: int
    receive_connection_id: int
    is_initiator: bool
