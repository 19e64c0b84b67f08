"""What a DatabaseStore holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.base.errors import DecodeError
from core.data.lease_set import Lease, LeaseSet2
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseStore
from tests.data.i2pd_files import ROUTER_INFO
from tests.support.deterministic import SeededEntropy

NOW_MS = 1_700_000_000_000
K = b"k" * 32


def test_router_info() -> None:
    info = RouterInfo.parse(ROUTER_INFO)
    store = DatabaseStore.parse(DatabaseStore.of_router_info(info, 5, 0, K).write())
    assert store.is_router_info
    assert store.key == info.hash
    assert (store.reply_token, store.reply_tunnel_id, store.reply_gateway) == (5, 0, K)
    assert store.router_info() == info
    for wrong in (replace(store, key=K), replace(store, data=b""), replace(store, data=K)):
        with pytest.raises(DecodeError):
            wrong.router_info()
    with pytest.raises(DecodeError):
        store.lease_set()


def test_lease_set() -> None:
    keys = PrivateKeys.generate_destination(SeededEntropy(0))
    lease_set = LeaseSet2.build(keys, [(4, K)], [Lease(K, 1, NOW_MS)], NOW_MS, NOW_MS + 1000)
    store = DatabaseStore.parse(DatabaseStore.of_lease_set(lease_set, 1, 2, K).write())
    assert store.store_type == 3
    assert store.lease_set() == lease_set
    with pytest.raises(DecodeError):
        replace(store, key=K).lease_set()
    with pytest.raises(DecodeError):
        store.router_info()
