"""Tokens that we give: to whom, for how long, and over a restart."""

from __future__ import annotations

from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.tokens import NEW_TOKEN_S, RETRY_PERIOD_S, TokenMint
from tests.support.deterministic import FakeWallClock, SeededEntropy

HERE = SocketAddress("192.0.2.1", 1234)
OTHERS = (SocketAddress("192.0.2.1", 1235), SocketAddress("192.0.2.2", 1234))
SECRET = b"lasting" * 5


def mint(seed: str, wall: FakeWallClock, secret: bytes = SECRET) -> TokenMint:
    return TokenMint(SeededEntropy(seed), wall, secret)


def test_a_new_token_holds_over_a_restart_and_for_its_time() -> None:
    wall = FakeWallClock()
    token = mint("first", wall).new_token(HERE)
    restarted = mint("second", wall)
    assert restarted.redeem(HERE, token, 1.0)
    assert not any(restarted.redeem(other, token, 1.0) for other in OTHERS)
    assert not mint("third", wall, b"another" * 5).redeem(HERE, token, 1.0)
    wall.advance(-60)
    assert restarted.redeem(HERE, token, 1.0), "a clock that was set back"
    wall.advance(60 + NEW_TOKEN_S - 1)
    assert restarted.redeem(HERE, token, 1.0)
    wall.advance(NEW_TOKEN_S + 1)
    assert not restarted.redeem(HERE, token, 1.0)


def test_a_retry_token_holds_for_seconds_and_not_over_a_restart() -> None:
    wall = FakeWallClock()
    first = mint("first", wall)
    token = first.retry_token(HERE, 100.0)
    assert first.redeem(HERE, token, 100.0 + RETRY_PERIOD_S)
    assert not any(first.redeem(other, token, 100.0) for other in OTHERS)
    assert not first.redeem(HERE, token, 100.0 + 2 * RETRY_PERIOD_S)
    assert not mint("second", wall).redeem(HERE, token, 100.0)
