"""Passwords and tokens of I2PControl."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.base.errors import Unavailable
from i2ptunnel.i2pcontrol.access import TOKEN_LIFE_S, Access
from i2ptunnel.i2pcontrol.rpc import RpcError
from i2ptunnel.passwords import ATTEMPTS_OF_CLIENT_MAX, is_sealed, seal, sealed_password

PASSWORD = "correct horse"
SEALED = seal(PASSWORD, bytes(16))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def code_of(access: Access, client: str = "127.0.0.1", **params: object) -> int:
    """Of the error that authentication ends with; 0: there is none."""
    try:
        asyncio.run(access.authenticate(params, client))
    except RpcError as error:
        return error.code
    return 0


def test_the_password_gives_a_token_that_ends() -> None:
    clock = Clock()
    access = Access(SEALED, clock)
    params = {"API": 1, "Password": PASSWORD}
    said = asyncio.run(access.authenticate(params, "127.0.0.1"))
    assert said["API"] == 1
    access.check(said)
    clock.now += TOKEN_LIFE_S
    for code in (-32004, -32003):
        with pytest.raises(RpcError) as caught:
            access.check(said)
        assert caught.value.code == code
    with pytest.raises(RpcError) as caught:
        access.check({})
    assert caught.value.code == -32002


def test_api_and_password_are_both_needed() -> None:
    access = Access(SEALED, Clock())
    assert code_of(access, Password=PASSWORD) == -32005
    assert code_of(access, API=2, Password=PASSWORD) == -32006
    assert code_of(access, API=1) == -32001
    assert code_of(access, API=1, Password="correct") == -32001
    assert code_of(access, API=1, Password="\ud800") == -32001
    assert code_of(access, API="1", Password=PASSWORD) == 0


def test_guesses_are_limited_for_each_client_until_the_minute_is_over() -> None:
    clock = Clock()
    access = Access(SEALED, clock)

    async def guess() -> list[object]:
        wrong = {"API": 1, "Password": "guess"}
        return await asyncio.gather(
            *(access.authenticate(wrong, "192.0.2.1") for _ in range(ATTEMPTS_OF_CLIENT_MAX)),
            return_exceptions=True,
        )

    asyncio.run(guess())
    assert code_of(access, "192.0.2.1", API=1, Password=PASSWORD) == -32001
    assert code_of(access, "192.0.2.2", API=1, Password=PASSWORD) == 0
    clock.now += 61
    assert code_of(access, "192.0.2.1", API=1, Password=PASSWORD) == 0


def test_another_password_ends_all_tokens() -> None:
    access = Access(SEALED, Clock())
    said = asyncio.run(access.authenticate({"API": 1, "Password": PASSWORD}, ""))
    access.replace(seal("battery staple", bytes(16)))
    with pytest.raises(RpcError):
        access.check(said)
    assert code_of(access, API=1, Password=PASSWORD) == -32001
    assert code_of(access, API=1, Password="battery staple") == 0


def test_a_plain_password_does_not_stay_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\na second line\n")
    sealed = sealed_password(path)
    assert path.read_text() == f"{sealed}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert is_sealed(sealed)
    assert code_of(Access(sealed, Clock()), API=1, Password=PASSWORD) == 0
    assert sealed_password(path) == sealed


@pytest.mark.parametrize("text", ["", "\n", "short\n", "scrypt:1:8:1:AA==:AA\n"])
def test_a_file_without_a_good_password_starts_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "password"
    path.write_text(text)
    if text.startswith("scrypt"):
        assert not is_sealed(text.strip())
        return
    with pytest.raises(Unavailable, match="password"):
        sealed_password(path)
    assert path.read_text() == text
