"""Two routers that shake hands over NTCP2, without a socket."""

from __future__ import annotations

import hashlib

from core.crypto.x25519 import X25519Key
from core.transport.ntcp2.local import LocalRouter
from tests.support.deterministic import SeededEntropy

NETWORK_ID = 77
#: what they send for their RouterInfo; nobody parses it
ROUTER_INFO = bytes(range(256)) * 2


def _router(name: str) -> LocalRouter:
    entropy = SeededEntropy(name)
    return LocalRouter(
        hashlib.sha256(name.encode()).digest(),
        X25519Key.generate(entropy),
        entropy.random_bytes(16),
        lambda: ROUTER_INFO,
    )


ALICE, BOB = _router("alice"), _router("bob")
