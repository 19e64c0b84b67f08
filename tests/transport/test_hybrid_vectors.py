"""Hybrid handshakes, byte for byte as real routers took them. A change here breaks the network.

The vectors are our own: all randomness is fixed, that of the encapsulation by its recorded result,
which the decapsulation on the other side really opens. SHA-256 of messages and keys.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import pytest

from core.crypto import hfs
from core.crypto.mlkem import ParameterSet
from core.transport.ntcp2.variants import HYBRID_768, HYBRID_1024
from core.transport.ssu2.variants import HYBRID_768 as SSU2_HYBRID
from tests.transport.ntcp2 import test_hybrid_handshake as ntcp2
from tests.transport.ssu2 import test_ssu2_hybrid as ssu2
from tests.transport.ssu2.parties import retry_of

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "hybrid_handshakes.json").read_text())
_NTCP2 = {"ML-KEM-768": HYBRID_768, "ML-KEM-1024": HYBRID_1024}


def digest(*parts: bytes) -> str:
    return sha256(b"".join(parts)).hexdigest()


def run_ntcp2(kem: str) -> dict[str, str]:
    keys_a, keys_b, (request, created, confirmed) = ntcp2.run(_NTCP2[kem], "vector")
    assert (keys_a.send, keys_a.receive) == (keys_b.receive, keys_b.send)
    sides = (keys_a.send, keys_a.receive)
    keys = [part for one in sides for part in (one.cipher, one.siphash, one.siphash_iv)]
    return {
        "request": digest(request),
        "created": digest(created),
        "confirmed": digest(confirmed),
        "keys": digest(*keys),
    }


def run_ssu2(kem: str) -> dict[str, str]:
    assert SSU2_HYBRID.kem is not None and SSU2_HYBRID.kem.name == kem
    alice, bob = ssu2.parties()
    initiator = alice.dial(bob, ssu2.NOW, variant=SSU2_HYBRID)
    initiator.receive(retry_of(bob, ssu2.take(initiator.output), ssu2.NOW), ssu2.NOW)
    request = ssu2.take(initiator.output)
    responder = bob.answer(request, ssu2.NOW)
    created = ssu2.take(responder.output)
    initiator.receive(created, ssu2.NOW)
    confirmed, keys = initiator.output[:], initiator.keys
    accepted = [responder.receive(packet, ssu2.NOW) for packet in confirmed][-1]
    assert accepted is not None and keys is not None
    assert (keys.send_key, keys.receive_key) == (accepted.keys.receive_key, accepted.keys.send_key)
    return {
        "request": digest(request),
        "created": digest(created),
        "confirmed": digest(*confirmed),
        "keys": digest(
            keys.send_key, keys.receive_key, keys.send_header_key_2, keys.receive_header_key_2
        ),
    }


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: f"{one['transport']} {one['kem']}")
def test_every_byte(vector: dict[str, str]) -> None:
    def encapsulate(parameters: ParameterSet, public: bytes) -> tuple[bytes, bytes]:
        assert (parameters.name, digest(public)) == (vector["kem"], vector["encapsulation_key"])
        return bytes.fromhex(vector["ciphertext"]), bytes.fromhex(vector["shared"])

    run = {"ntcp2": run_ntcp2, "ssu2": run_ssu2}[vector["transport"]]
    with patch.object(hfs, "encapsulate", encapsulate):
        found = run(vector["kem"])
    assert found == {name: vector[name] for name in found}
