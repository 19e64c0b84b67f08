"""The frame codec against a slow twin that is easy to read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import PeerError
from core.crypto.aead import ChaChaPoly
from core.crypto.siphash import siphash24
from core.transport.ntcp2.frames import PAYLOAD_BYTES_MAX, FrameOpener, FrameSealer
from core.transport.ntcp2.keys import DirectionKeys
from core.transport.reasons import TerminationReason
from tests.support.deterministic import SeededEntropy

KEYS = DirectionKeys(
    SeededEntropy(1).random_bytes(32),
    SeededEntropy(2).random_bytes(16),
    SeededEntropy(3).random_bytes(8),
)


class Twin:
    """One direction as the spec describes it: everything anew for each frame."""

    def __init__(self) -> None:
        self.iv = KEYS.siphash_iv
        self.nonce = 0

    def mask(self) -> int:
        self.iv = siphash24(KEYS.siphash, self.iv).to_bytes(8, "little")
        return int.from_bytes(self.iv[:2], "little")

    def seal(self, payload: bytes) -> bytes:
        sealed = ChaChaPoly(KEYS.cipher).seal(self.nonce, payload)
        self.nonce += 1
        return (len(sealed) ^ self.mask()).to_bytes(2, "big") + sealed

    def open(self, stream: bytes) -> list[bytes]:
        payloads = []
        while stream:
            length = int.from_bytes(stream[:2], "big") ^ self.mask()
            frame, stream = stream[2 : 2 + length], stream[2 + length :]
            payloads.append(ChaChaPoly(KEYS.cipher).open(self.nonce, frame))
            self.nonce += 1
        return payloads


def test_sealing_is_what_the_twin_does() -> None:
    sealer, twin, entropy = FrameSealer(KEYS), Twin(), SeededEntropy("payloads")
    for size in [0, 1, 15, 16, 17, 1031, 16384, 50000, PAYLOAD_BYTES_MAX] * 3:
        payload = entropy.random_bytes(size)
        assert sealer.seal(payload) == twin.seal(payload)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3000), max_size=12),
    st.lists(st.integers(1, 4000), min_size=1, max_size=8),
)
def test_any_cutting_of_the_stream_gives_the_same_payloads(
    sizes: list[int], cuts: list[int]
) -> None:
    entropy, twin = SeededEntropy(str(sizes)), Twin()
    wanted = [entropy.random_bytes(size) for size in sizes]
    stream = b"".join(twin.seal(payload) for payload in wanted)
    assert Twin().open(stream) == wanted
    opener = FrameOpener(KEYS)
    payloads: list[bytes] = []
    position = index = 0
    while position < len(stream):
        cut = cuts[index % len(cuts)]
        opener.open(memoryview(stream)[position : position + cut], payloads)
        position += cut
        index += 1
    assert payloads == wanted
    assert opener.frames == len(wanted)
    assert not opener.is_inside_frame


def test_single_bytes_do_not_pile_up_objects() -> None:
    stream = Twin().seal(bytes(5000))
    opener = FrameOpener(KEYS)
    payloads: list[bytes] = []
    for index in range(len(stream) - 1):
        opener.open(stream[index : index + 1], payloads)
        assert len(opener._carry) <= 64
    assert opener.is_inside_frame and not payloads
    opener.open(stream[-1:], payloads)
    assert payloads == [bytes(5000)]


def test_a_view_may_be_reused_after_the_call() -> None:
    stream = Twin().seal(b"hello")
    buffer = bytearray(stream[:10])
    opener = FrameOpener(KEYS)
    payloads: list[bytes] = []
    opener.open(memoryview(buffer), payloads)
    buffer[:] = bytes(10)
    opener.open(stream[10:], payloads)
    assert payloads == [b"hello"]


def test_frames_before_a_forged_one_are_kept() -> None:
    twin = Twin()
    good, bad = twin.seal(b"good"), bytearray(twin.seal(b"evil"))
    bad[-1] ^= 1
    payloads: list[bytes] = []
    with pytest.raises(PeerError) as caught:
        FrameOpener(KEYS).open(good + bytes(bad), payloads)
    assert payloads == [b"good"]
    assert caught.value.reason == TerminationReason.AEAD_FAILURE


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_junk_raises_peer_errors_only(junk: bytes) -> None:
    payloads: list[bytes] = []
    try:
        FrameOpener(KEYS).open(junk, payloads)
    except PeerError as error:
        assert error.reason in (TerminationReason.AEAD_FAILURE, TerminationReason.FRAMING_ERROR)
    assert not payloads


def test_a_length_below_the_tag_is_a_framing_error() -> None:
    mask = Twin().mask()
    with pytest.raises(PeerError) as caught:
        FrameOpener(KEYS).open((15 ^ mask).to_bytes(2, "big"), [])
    assert caught.value.reason == TerminationReason.FRAMING_ERROR
