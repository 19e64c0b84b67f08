"""Encrypted lease sets that i2pd made on a closed throwaway network, with all their keys."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest

from core.base.calendar import day_number
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.lease_set import FLAG_BLINDED, LeaseSet2
from core.data.lease_set_layers import ClientKeyRefused, ClientKeyRequired, open_lease_set
from core.data.lease_set_variants import EncryptedLeaseSet
from core.data.private_keys import PrivateKeys

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "encrypted_lease_sets.json").read_text()
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_opens_with_the_right_key_only(vector: dict[str, str]) -> None:
    keys = PrivateKeys.parse(b64decode(vector["keys"]))
    outer = EncryptedLeaseSet.parse(b64decode(vector["outer"]))
    assert outer.verify()
    address = BlindedAddress.parse(vector["b33"])
    assert address == BlindedAddress.of(keys.destination)
    client_key = b64decode(vector["client_key"]) if vector["client_key"] else None
    target = BlindedTarget(address, "", client_key)
    assert outer.hash == target.store_key(day_number(outer.published_ms // 1000))
    inner = open_lease_set(outer, target)
    assert isinstance(inner, LeaseSet2)
    assert inner.destination == keys.destination
    assert inner.leases
    assert [kind for kind, _ in inner.ratchet_keys] == [4]
    assert inner.header.flags == FLAG_BLINDED
    if client_key is not None:
        with pytest.raises(ClientKeyRequired):
            open_lease_set(outer, BlindedTarget(address))
        with pytest.raises(ClientKeyRefused):
            open_lease_set(outer, BlindedTarget(address, "", b"w" * 32))
