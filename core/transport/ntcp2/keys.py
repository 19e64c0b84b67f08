"""What a handshake ends in: the keys of the data phase (specs/ntcp2, "KDF for data phase")."""

from __future__ import annotations

from dataclasses import dataclass

from core.crypto.hkdf import hkdf
from core.crypto.noise import SymmetricState
from core.transport.ntcp2.variants import Variant


@dataclass(frozen=True, slots=True)
class DirectionKeys:
    """Keys of one direction of the data phase: AEAD 32 bytes, SipHash 16, SipHash IV 8."""

    cipher: bytes
    siphash: bytes
    siphash_iv: bytes


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The end of a handshake.

    ``remote_static`` is Alice's proven static key and ``payload`` her decrypted blocks on Bob's
    side; on Alice's side Bob's published key and an empty payload. ``variant``: of the handshake.
    """

    send: DirectionKeys
    receive: DirectionKeys
    remote_static: bytes
    payload: bytes
    variant: Variant


def data_phase_keys(state: SymmetricState) -> tuple[DirectionKeys, DirectionKeys]:
    """Keys from Alice to Bob, then from Bob to Alice."""
    key_ab, key_ba = state.split()
    ask_master = hkdf(state.ck, b"", b"ask", 32)
    sip_master = hkdf(ask_master, state.h + b"siphash", b"", 32)
    sip = hkdf(sip_master, b"", b"", 64)
    return (
        DirectionKeys(key_ab, sip[:16], sip[16:24]),
        DirectionKeys(key_ba, sip[32:48], sip[48:56]),
    )
