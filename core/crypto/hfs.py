"""Noise with hybrid forward secrecy: the tokens ``e1`` and ``ekem1`` with ML-KEM as the KEM.

Noise HFS, section 4; I2P uses them in XKhfs (specs ntcp2-hybrid and ssu2-hybrid) and in IKhfs
(PQ Hybrid ECIES-X25519-AEAD-Ratchet). ``e1`` stands behind ``es`` in message 1, ``ekem1`` behind
``ee`` in message 2. Both are sealed, so each is longer by a tag than what it carries. Every
function changes the handshake's state; DecodeError (AuthenticationError included) if what the peer
sent is not genuine.
"""

from __future__ import annotations

from core.crypto.aead import TAG_LENGTH
from core.crypto.mlkem import DecapsulationKey, ParameterSet, encapsulate
from core.crypto.noise import SymmetricState


def e1_length(parameters: ParameterSet) -> int:
    """Bytes of ``e1`` on the wire."""
    return parameters.key_length + TAG_LENGTH


def ekem1_length(parameters: ParameterSet) -> int:
    """Bytes of ``ekem1`` on the wire."""
    return parameters.ciphertext_length + TAG_LENGTH


def write_e1(state: SymmetricState, key: DecapsulationKey) -> bytes:
    """The initiator's encapsulation key, sealed."""
    return state.encrypt_and_hash(key.public)


def read_e1(state: SymmetricState, section: bytes) -> bytes:
    """The initiator's encapsulation key, not yet checked: :func:`write_ekem1` does that."""
    return state.decrypt_and_hash(section)


def write_ekem1(state: SymmetricState, parameters: ParameterSet, public: bytes) -> bytes:
    """The ciphertext for the encapsulation key ``public``, sealed; its secret is mixed in."""
    ciphertext, shared = encapsulate(parameters, public)
    section = state.encrypt_and_hash(ciphertext)
    state.mix_key(shared)
    return section


def read_ekem1(state: SymmetricState, key: DecapsulationKey, section: bytes) -> None:
    """Open the ciphertext and mix in the secret that it has for ``key``."""
    state.mix_key(key.decapsulate(state.decrypt_and_hash(section)))
