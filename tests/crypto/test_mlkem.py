"""ML-KEM against FIPS 203's vectors, its own other side, and what a peer may send wrongly."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from core.base.errors import DecodeError, LocalError
from core.crypto import mlkem
from core.crypto.mlkem import ML_KEM_768, ML_KEM_1024, DecapsulationKey, ParameterSet, encapsulate
from tests.support.deterministic import SeededEntropy

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "mlkem.json").read_text())
SETS = {parameters.name: parameters for parameters in (ML_KEM_768, ML_KEM_1024)}
each_set = pytest.mark.parametrize("parameters", SETS.values(), ids=SETS)


@pytest.mark.parametrize("vector", VECTORS["key_generation"], ids=lambda v: v["source"])
def test_keys_from_seeds(vector: dict[str, str]) -> None:
    key = DecapsulationKey(SETS[vector["set"]], bytes.fromhex(vector["seed"]))
    assert key.public.hex().startswith(vector["ek_start"])
    assert sha256(key.public).hexdigest() == vector["ek_sha256"]


@pytest.mark.parametrize("vector", VECTORS["decapsulation"], ids=lambda v: v["source"])
def test_decapsulation(vector: dict[str, str]) -> None:
    key = DecapsulationKey(SETS[vector["set"]], bytes.fromhex(vector["seed"]))
    assert key.decapsulate(bytes.fromhex(vector["c"])).hex() == vector["k"]


@each_set
def test_both_sides_share_a_secret(parameters: ParameterSet) -> None:
    key = DecapsulationKey.generate(parameters, SeededEntropy(1))
    assert len(key.public) == parameters.key_length
    ciphertext, shared = encapsulate(parameters, key.public)
    assert len(ciphertext) == parameters.ciphertext_length
    assert len(shared) == mlkem.SHARED_LENGTH
    assert key.decapsulate(ciphertext) == shared
    again, another = encapsulate(parameters, key.public)
    assert again != ciphertext
    assert another != shared


@each_set
def test_keys_come_from_the_entropy_given(parameters: ParameterSet) -> None:
    one, same, other = (
        DecapsulationKey.generate(parameters, SeededEntropy(seed)) for seed in (7, 7, 8)
    )
    assert one.public == same.public != other.public


@each_set
def test_what_a_peer_sends_wrongly(parameters: ParameterSet) -> None:
    key = DecapsulationKey.generate(parameters, SeededEntropy(2))
    ciphertext, shared = encapsulate(parameters, key.public)
    for wrong in (b"", ciphertext[:-1], ciphertext + b"\0"):
        with pytest.raises(DecodeError, match="ciphertext"):
            key.decapsulate(wrong)
    assert key.decapsulate(bytes(len(ciphertext))) != shared
    for wrong in (b"", key.public[:-1], key.public + b"\0"):
        with pytest.raises(DecodeError, match="encapsulation key"):
            encapsulate(parameters, wrong)
    # FIPS 203 section 7.2: a coefficient of 4095 is no integer modulo 3329
    with pytest.raises(DecodeError, match="encapsulation key"):
        encapsulate(parameters, b"\xff\xff\xff" + key.public[3:])


def test_seeds_have_64_bytes() -> None:
    with pytest.raises(LocalError, match="63 bytes"):
        DecapsulationKey(ML_KEM_768, bytes(63))


def test_no_secret_in_repr() -> None:
    assert repr(DecapsulationKey(ML_KEM_768, bytes(64))) == "DecapsulationKey(ML-KEM-768)"


@pytest.fixture
def asked_anew() -> Iterator[None]:
    mlkem.is_available.cache_clear()
    yield
    mlkem.is_available.cache_clear()


@pytest.mark.usefixtures("asked_anew")
def test_available_here() -> None:
    assert mlkem.is_available()


@pytest.mark.usefixtures("asked_anew")
def test_a_library_without_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    # cryptography 45 and 46
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mlkem", None)
    monkeypatch.delattr("cryptography.hazmat.primitives.asymmetric.mlkem", raising=False)
    assert not mlkem.is_available()


@pytest.mark.usefixtures("asked_anew")
def test_a_library_with_the_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # cryptography 47
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

    def refuse(seed: bytes) -> None:
        raise UnsupportedAlgorithm("ML-KEM-768 is not supported by this backend")

    monkeypatch.setattr(MLKEM768PrivateKey, "from_seed_bytes", refuse)
    assert not mlkem.is_available()
