"""Layer crypto against a slow twin that makes a new context for every step."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import LocalError
from core.crypto.aes import EcbDecryptor, EcbEncryptor, cbc_decrypt, cbc_encrypt
from core.tunnel.hop_cipher import HopEncryptor, LayerDecryptor
from tests.support.deterministic import SeededEntropy


def slow_encrypt(layer_key: bytes, iv_key: bytes, message: bytes) -> bytes:
    iv = EcbEncryptor(iv_key).update(message[:16])
    data = cbc_encrypt(layer_key, iv, message[16:])
    return EcbEncryptor(iv_key).update(iv) + data


def slow_decrypt(layer_key: bytes, iv_key: bytes, message: bytes) -> bytes:
    iv = EcbDecryptor(iv_key).update(message[:16])
    data = cbc_decrypt(layer_key, iv, message[16:])
    return EcbDecryptor(iv_key).update(iv) + data


def joined(layers: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [iv + data for iv, data in layers]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**32))
def test_a_hop_encrypts_as_its_slow_twin(batches: list[int], seed: int) -> None:
    entropy = SeededEntropy(seed)
    keys = entropy.random_bytes(32), entropy.random_bytes(32)
    hop = HopEncryptor(*keys)
    for count in batches:
        messages = [entropy.random_bytes(1024) for _ in range(count)]
        assert joined(hop.encrypt(messages)) == [slow_encrypt(*keys, m) for m in messages]


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 7), st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 99))
def test_a_creator_undoes_all_hops(hops: int, batches: list[int], seed: int) -> None:
    entropy = SeededEntropy(seed)
    keys = [(entropy.random_bytes(32), entropy.random_bytes(32)) for _ in range(hops)]
    path = [HopEncryptor(*pair) for pair in keys]
    creator = LayerDecryptor(list(reversed(keys)))
    for count in batches:
        plain = [entropy.random_bytes(1024) for _ in range(count)]
        messages = plain
        for hop in path:
            messages = joined(hop.encrypt(messages))
        slow = messages
        for pair in reversed(keys):
            slow = [slow_decrypt(*pair, m) for m in slow]
        assert joined(creator.decrypt(messages)) == slow == plain


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**32))
def test_a_participant_passes_on_what_its_slow_twin_does(batches: list[int], seed: int) -> None:
    entropy = SeededEntropy(seed)
    keys = entropy.random_bytes(32), entropy.random_bytes(32)
    hop = HopEncryptor(*keys)
    for count in batches:
        messages = [b"\x12" + entropy.random_bytes(1036) for _ in range(count)]
        ids = entropy.random_bytes(4 * count)
        out: list[bytes] = []
        hop.relay(messages, ids, b"next", out)
        assert out == [
            b"\x12" + ids[4 * i : 4 * i + 4] + m[5:9] + b"next" + slow_encrypt(*keys, m[13:])
            for i, m in enumerate(messages)
        ]


def test_layers_taken_off_in_advance_come_back_on() -> None:
    entropy = SeededEntropy("advance")
    keys = [(entropy.random_bytes(32), entropy.random_bytes(32)) for _ in range(3)]
    plain = [entropy.random_bytes(1024) for _ in range(5)]
    messages = joined(LayerDecryptor(list(reversed(keys))).decrypt(plain))
    for pair in keys:
        messages = joined(HopEncryptor(*pair).encrypt(messages))
    assert messages == plain


@pytest.mark.parametrize("length", [0, 16, 1008, 1023, 1025])
def test_a_wrong_length_never_reaches_a_context(length: int) -> None:
    entropy = SeededEntropy(1)
    keys = entropy.random_bytes(32), entropy.random_bytes(32)
    hop, creator = HopEncryptor(*keys), LayerDecryptor([keys])
    good = entropy.random_bytes(1024)
    with pytest.raises(LocalError):
        hop.encrypt([good, bytes(length)])
    with pytest.raises(LocalError):
        creator.decrypt([bytes(length)])
    assert joined(hop.encrypt([good])) == [slow_encrypt(*keys, good)]


def test_nothing_in_nothing_out() -> None:
    assert HopEncryptor(bytes(32), bytes(32)).encrypt([]) == []
    assert LayerDecryptor([]).decrypt([]) == []
    assert LayerDecryptor([]).decrypt([bytes(1024)]) == [(bytes(16), bytes(1008))]
