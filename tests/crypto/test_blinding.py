"""Blinded keys: both sides agree on them, and nothing else gives the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.crypto import reddsa
from core.crypto.blinding import Blinding, store_key
from core.crypto.signing import SigningKey, verify
from tests.support.deterministic import SeededEntropy

DAY = 19_675


@pytest.mark.parametrize("signing_type", [7, 11])
@given(seed=st.integers(0, 10**6), day=st.integers(0, 49_000), secret=st.text(max_size=9))
@settings(max_examples=6, deadline=None)
def test_owner_and_client_agree(signing_type: int, seed: int, day: int, secret: str) -> None:
    key = SigningKey.generate(SeededEntropy(seed), signing_type)
    owner = Blinding(signing_type, key.public, secret)
    client = Blinding(signing_type, key.public, secret)
    blinded = owner.signing_key(key, day)
    assert blinded.signing_type == 11
    assert blinded.public == client.public_key(day)
    assert verify(11, blinded.public, b"message", blinded.sign(b"message"))
    assert owner.subcredential(blinded.public) == client.subcredential(blinded.public)


def test_day_secret_type_and_key_all_matter() -> None:
    key = SigningKey.generate(SeededEntropy(1)).public
    other = SigningKey.generate(SeededEntropy(2)).public
    seen = {
        Blinding(7, key).public_key(DAY),
        Blinding(7, key).public_key(DAY + 1),
        Blinding(7, key, "secret").public_key(DAY),
        Blinding(7, key, "secreT").public_key(DAY),
        Blinding(11, key).public_key(DAY),
        Blinding(7, other).public_key(DAY),
    }
    assert len(seen) == 6
    assert len({store_key(one) for one in seen}) == 6
    blinded = seen.pop()
    assert Blinding(7, key).subcredential(blinded) != Blinding(7, other).subcredential(blinded)
    # The secret protects the address of the lease set, not its contents.
    assert Blinding(7, key).subcredential(blinded) == Blinding(7, key, "s").subcredential(blinded)


def test_alpha_is_a_reduced_scalar() -> None:
    alpha = Blinding(7, SigningKey.generate(SeededEntropy(1)).public).alpha(DAY)
    assert reddsa.reduce_scalar(alpha + bytes(32)) == alpha


@pytest.mark.parametrize(("signing_type", "length"), [(0, 128), (1, 64), (7, 31), (8, 32)])
def test_other_types_cannot_be_blinded(signing_type: int, length: int) -> None:
    with pytest.raises(LocalError):
        Blinding(signing_type, bytes(length))


def test_a_foreign_private_key_is_refused() -> None:
    key = SigningKey.generate(SeededEntropy(1))
    with pytest.raises(LocalError):
        Blinding(7, key.public).signing_key(SigningKey.generate(SeededEntropy(2)), DAY)


def test_what_is_no_point_is_a_decode_error() -> None:
    # Half of all values are no points.
    refused = 0
    for first in range(2, 12):
        try:
            Blinding(7, bytes((first,)) + bytes(31)).public_key(DAY)
        except DecodeError:
            refused += 1
    assert refused >= 2


def test_nothing_secret_in_the_repr() -> None:
    assert "hidden" not in repr(Blinding(7, bytes(32), "hidden"))
