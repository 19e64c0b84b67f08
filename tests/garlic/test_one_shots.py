"""Messages to routers (Noise N) and replies under a tag and key."""

from __future__ import annotations

import hashlib

import pytest

from core.base.errors import DecodeError, LocalError
from core.crypto.aead import ChaChaPoly
from core.crypto.hkdf import hkdf
from core.crypto.x25519 import X25519Key
from core.garlic import one_shot
from core.garlic.cloves import Clove, Delivery, parse_payload
from core.garlic.one_shot import OneShotKeys, seal_one_shot
from core.garlic.router import RouterGarlic, seal_to_router
from tests.support.deterministic import FakeWallClock, SeededEntropy

CLOVES = [Clove(Delivery.LOCAL, None, None, 25, 7, 1_700_000_008, b"build" * 30)]
TAG = bytes(range(8))
KEY = bytes(range(32))


def router() -> tuple[SeededEntropy, FakeWallClock, X25519Key, RouterGarlic]:
    entropy, wall = SeededEntropy("router"), FakeWallClock()
    static = X25519Key.generate(entropy)
    return entropy, wall, static, RouterGarlic(static, wall)


def test_router_message_follows_the_specification() -> None:
    entropy, wall, static, garlic = router()
    message = seal_to_router(static.public, CLOVES, entropy, wall)
    ck = b"Noise_N_25519_ChaChaPoly_SHA256\x00"
    h = hashlib.sha256(ck).digest()
    assert h.hex().startswith("694d52445a27d9ad")
    h = hashlib.sha256(h + static.public).digest()
    h = hashlib.sha256(h + message[:32]).digest()
    k = hkdf(ck, static.exchange(message[:32]), b"", 64)[32:]
    payload = ChaChaPoly(k).open(0, message[32:], h)
    assert payload[:3] == bytes((0, 0, 4))  # the date comes first
    assert payload[-3:] == bytes(3) or payload[-3] == 254
    assert parse_payload(payload).cloves == CLOVES
    assert garlic.open(message, 0.0) == CLOVES


def test_router_message_is_taken_once_and_fresh() -> None:
    entropy, wall, static, garlic = router()
    message = seal_to_router(static.public, CLOVES, entropy, wall)
    late = seal_to_router(static.public, CLOVES, entropy, wall)
    assert garlic.open(message, 0.0) == CLOVES
    assert garlic.open(message, 1.0) is None
    wall.advance(301)
    assert garlic.open(late, 301.0) is None
    assert garlic.dropped == 2
    wall.advance(-422)
    assert garlic.open(late, 302.0) is None
    for size in (0, 47, 48, 100):
        assert garlic.open(bytes(size), 0.0) is None
    with pytest.raises(DecodeError):
        seal_to_router(bytes(32), CLOVES, entropy, wall)


def test_router_message_for_another_router() -> None:
    entropy, wall, static, _ = router()
    other = RouterGarlic(X25519Key.generate(entropy), wall)
    assert other.open(seal_to_router(static.public, CLOVES, entropy, wall), 0.0) is None


def test_one_shot_once() -> None:
    entropy = SeededEntropy("one shot")
    keys = OneShotKeys()
    keys.register(TAG, KEY, 0.0)
    message = seal_one_shot(TAG, KEY, CLOVES, entropy)
    assert message[:8] == TAG
    assert ChaChaPoly(KEY).open(0, message[8:], TAG)[0] == 11  # i2pd: a clove must come first
    forged = message[:-1] + bytes((message[-1] ^ 1,))
    assert keys.open(forged, 1.0) is None
    assert keys.dropped == 1
    assert keys.open(message, 1.0) == CLOVES
    assert keys.open(message, 1.0) is None
    assert keys.open(b"", 1.0) is None
    assert len(keys) == 0


def test_one_shot_expires_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_shot, "KEYS_MAX", 3)
    entropy = SeededEntropy("bounds")
    keys = OneShotKeys()
    tags = [bytes((n,)) * 8 for n in range(5)]
    for n, tag in enumerate(tags[:4]):
        keys.register(tag, KEY, float(n))
    assert len(keys) == 3
    assert keys.evicted == 1
    assert keys.open(seal_one_shot(tags[0], KEY, CLOVES, entropy), 4.0) is None
    assert keys.open(seal_one_shot(tags[1], KEY, CLOVES, entropy), 181.0) is None  # too late
    assert keys.open(seal_one_shot(tags[2], KEY, CLOVES, entropy), 181.0) == CLOVES
    keys.forget(tags[3])
    assert len(keys) == 0
    keys.register(tags[0], KEY, 200.0)
    keys.register(tags[1], KEY, 381.0)  # the first expires on the way
    assert len(keys) == 1


def test_one_shot_misuse() -> None:
    entropy = SeededEntropy("misuse")
    with pytest.raises(LocalError):
        seal_one_shot(b"short", KEY, CLOVES, entropy)
    with pytest.raises(LocalError):
        OneShotKeys().register(TAG, b"short", 0.0)


def test_padding_keeps_a_reply_in_one_tunnel_message() -> None:
    entropy = SeededEntropy("fit")
    for size in range(900, 960):
        body = [Clove(Delivery.LOCAL, None, None, 1, 7, 8, bytes(size))]
        bare = 24 + 13 + size
        length = len(seal_one_shot(TAG, KEY, body, entropy))
        assert bare <= length <= bare + 19
        if bare <= 980:
            assert length <= 980
