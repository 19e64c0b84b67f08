"""The symmetric state, proven by running whole published handshakes of the patterns I2P uses.

The vectors (Noise_N, Noise_XK and Noise_IK with 25519, ChaChaPoly and SHA256, no prologue) are
public facts of the Noise community; I2P's own variants differ in the protocol name and in what
they mix in, which the rooms that run them test against real peers.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from core.base.errors import LocalError
from core.crypto.aead import AuthenticationError, ChaChaPoly
from core.crypto.hkdf import hkdf
from core.crypto.noise import SymmetricState
from core.crypto.x25519 import X25519Key

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "noise.json").read_text())
PATTERNS = {
    "N": ["e es"],
    "XK": ["e es", "e ee", "s se"],
    "IK": ["e es s ss", "e ee se"],
}


class Party:
    """One side of a handshake, as the Noise specification writes it."""

    def __init__(self, name: str, initiator: bool, s: X25519Key | None, rs: bytes | None) -> None:
        self.state = SymmetricState(name.encode())
        self.initiator = initiator
        self.s, self.rs, self.re = s, rs, b""
        self.e: X25519Key | None = None
        known = rs if initiator else s.public if s else None
        assert known is not None
        self.state.mix_hash(known)

    def _dh(self, token: str) -> None:
        mine, theirs = token if self.initiator else reversed(token)
        key = self.e if mine == "e" else self.s
        peer = self.re if theirs == "e" else self.rs
        assert key is not None
        assert peer
        self.state.mix_key(key.exchange(peer))

    def write(self, tokens: str, ephemeral: X25519Key, payload: bytes) -> bytes:
        message = b""
        for token in tokens.split():
            if token == "e":
                self.e = ephemeral
                self.state.mix_hash(ephemeral.public)
                message += ephemeral.public
            elif token == "s":
                assert self.s is not None
                message += self.state.encrypt_and_hash(self.s.public)
            else:
                self._dh(token)
        return message + self.state.encrypt_and_hash(payload)

    def read(self, tokens: str, message: bytes) -> bytes:
        for token in tokens.split():
            if token == "e":
                self.re, message = message[:32], message[32:]
                self.state.mix_hash(self.re)
            elif token == "s":
                self.rs, message = self.state.decrypt_and_hash(message[:48]), message[48:]
            else:
                self._dh(token)
        return self.state.decrypt_and_hash(message)


def key_of(vector: dict[str, str], name: str) -> X25519Key | None:
    return X25519Key(bytes.fromhex(vector[name])) if vector.get(name) else None


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["handshake"])
def test_published_handshakes(vector: dict[str, str]) -> None:
    name = vector["handshake"]
    pattern = PATTERNS[name.split("_")[1]]
    static, remote = key_of(vector, "init_static"), key_of(vector, "resp_static")
    assert remote is not None
    parties = [Party(name, True, static, remote.public), Party(name, False, remote, None)]
    ephemerals = [key_of(vector, "gen_init_ephemeral"), key_of(vector, "gen_resp_ephemeral")]
    for turn, tokens in enumerate(pattern):
        payload = bytes.fromhex(vector[f"msg_{turn}_payload"])
        ephemeral = ephemerals[turn % 2]
        assert ephemeral is not None
        message = parties[turn % 2].write(tokens, ephemeral, payload)
        assert message.hex() == vector[f"msg_{turn}_ciphertext"]
        assert parties[1 - turn % 2].read(tokens, message) == payload
    assert parties[0].state.h == parties[1].state.h
    keys = parties[0].state.split()
    assert keys == parties[1].state.split()
    nonces = [0, 0]
    for turn in range(len(pattern), len(pattern) + 2):
        sender = (turn - len(pattern)) % 2
        payload = bytes.fromhex(vector[f"msg_{turn}_payload"])
        sealed = ChaChaPoly(keys[sender]).seal(nonces[sender], payload)
        nonces[sender] += 1
        assert sealed.hex() == vector[f"msg_{turn}_ciphertext"]


@pytest.mark.parametrize(
    ("name", "h"),
    [
        (b"Noise_N_25519_ChaChaPoly_SHA256", "694d52445a27d9adfad29c7632395dc1"),
        (b"Noise_XKaesobfse+hs2+hs3_25519_ChaChaPoly_SHA256", "49ff483fc404b9b26b11943672ff05b5"),
        (
            b"Noise_XKchaobfse+hs1+hs2+hs3_25519_ChaChaPoly_SHA256",
            "dc85e6af7b02650cf1f90d71fbc6d453",
        ),
        (b"Noise_IKelg2+hs2_25519_ChaChaPoly_SHA256", "9ccf852cc93bb9504441e950e01d5232"),
    ],
)
def test_beginnings_of_the_handshakes_of_i2p(name: bytes, h: str) -> None:
    # i2pd: the first 16 bytes of its precomputed hashes after the empty prologue.
    state = SymmetricState(name)
    assert state.h[:16].hex() == h
    assert state.h == hashlib.sha256(state.ck).digest()


def test_a_forgery_leaves_the_state_as_it_was() -> None:
    sender, receiver = SymmetricState(b"x"), SymmetricState(b"x")
    for state in (sender, receiver):
        state.mix_key(bytes(32))
    with pytest.raises(AuthenticationError):
        receiver.decrypt_and_hash(bytes(40))
    with pytest.raises(AuthenticationError):
        receiver.decrypt_and_hash(b"")
    for text in (b"first", b"second"):
        assert receiver.decrypt_and_hash(sender.encrypt_and_hash(text)) == text
    assert sender.h == receiver.h


def test_mix_key_starts_the_nonce_again() -> None:
    state = SymmetricState(b"x")
    state.mix_key(b"a" * 32)
    state.encrypt_and_hash(b"")
    state.mix_key(b"b" * 32)
    h = state.h
    assert state.encrypt_and_hash(b"text") == ChaChaPoly(state.k).seal(0, b"text", h)


def test_copies_go_their_own_ways() -> None:
    origin = SymmetricState(b"x")
    origin.mix_key(b"a" * 32)
    twin = origin.copy()
    assert (twin.ck, twin.h, twin.k) == (origin.ck, origin.h, origin.k)
    sealed = origin.encrypt_and_hash(b"text")
    assert twin.decrypt_and_hash(sealed) == b"text"
    origin.mix_key(b"b" * 32)
    assert twin.ck != origin.ck


def test_split_takes_an_info() -> None:
    state = SymmetricState(b"x")
    assert b"".join(state.split(b"label")) == hkdf(state.ck, b"", b"label", 64)


def test_no_payload_goes_out_in_clear() -> None:
    state = SymmetricState(b"x")
    with pytest.raises(LocalError):
        state.encrypt_and_hash(b"text")
    with pytest.raises(LocalError):
        _ = state.k


def test_repr_shows_no_secret() -> None:
    state = SymmetricState(b"x")
    state.mix_key(b"a" * 32)
    assert state.ck.hex() not in repr(state)
    assert repr(state.ck) not in repr(state)
