"""Router families: what is published, and which claims are believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.crypto import signing
from core.crypto.signing import SigningKey, SigningType
from core.data.encoding import b64decode, b64encode
from core.data.family import RouterFamily, is_genuine
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from tests.support.deterministic import SeededEntropy

ENTROPY = SeededEntropy("family")
ROUTER = PrivateKeys.generate_router(ENTROPY)
KEYS = {kind: SigningKey.generate(ENTROPY, kind) for kind in (1, 7)}


@pytest.mark.parametrize("kind", [SigningType.ECDSA_P256, SigningType.ED25519])
def test_the_options_of_a_family(kind: int) -> None:
    """As i2pd checks them: the signature is over the name in small letters and the router hash."""
    key = KEYS[kind]
    options = RouterFamily("example", key).options(ROUTER.hash)
    assert set(options) == {"family", "family.key", "family.sig"}
    assert options["family"] == "example"
    assert options["family.key"] == f"{kind}:{b64encode(key.public)}"
    message = b"example" + ROUTER.hash
    assert signing.verify(kind, key.public, message, b64decode(options["family.sig"]))
    assert is_genuine(options, ROUTER.hash)
    assert not is_genuine(options, bytes(32))


def info(**options: str) -> RouterInfo:
    return RouterInfo.build(ROUTER, 1_700_000_000_000, [], {"netId": "2", **options})


def test_a_claim_that_is_not_signed_for_is_found_out() -> None:
    genuine = RouterFamily("example", KEYS[7]).options(ROUTER.hash)
    assert info(**genuine).family == "example"
    assert info(**genuine).is_family_genuine
    assert info().family is None and info().is_family_genuine
    others = RouterFamily("example", KEYS[1]).options(ROUTER.hash)
    for wrong in (
        {"family": "other"},
        {"family.key": others["family.key"]},
        {"family.sig": others["family.sig"]},
        {"family.sig": "%"},
        {"family.sig": ""},
        {"family.key": "7"},
        {"family.key": ":" + genuine["family.key"][2:]},
        {"family.key": "7:AAAA"},
        {"family.key": "1:" + genuine["family.key"][2:]},
    ):
        assert not info(**(genuine | wrong)).is_family_genuine, wrong


def test_a_claim_without_proof_counts_against_who_makes_it() -> None:
    genuine = RouterFamily("example", KEYS[7]).options(ROUTER.hash)
    assert info(family="Example").family == "example"
    assert info(family="Example").is_family_genuine
    assert info(**(genuine | {"family.key": "99:AAAA"})).is_family_genuine


def test_the_key_is_not_shown() -> None:
    family = RouterFamily("example", KEYS[7])
    assert repr(family) == "RouterFamily(name='example')"
    assert replace(family, name="other").key is family.key
