"""Connected routers as they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from core.io.status import LinkedRouter, linked_routers
from core.transport.ports import Session


@dataclass
class Link:
    router_hash: bytes | None
    last_received: float
    transport: str = "ssu2"
    is_outbound: bool = True
    kem: str | None = None


def test_links_that_stand_are_told_with_their_silence() -> None:
    links = [
        Link(b"a" * 32, 90.0),
        Link(None, 95.0),
        Link(b"b" * 32, 101.0, "ntcp2", False, "ML-KEM-768"),
    ]
    assert linked_routers(cast(list[Session], links), 100.0) == [
        LinkedRouter(b"a" * 32, "ssu2", True, 10.0),
        LinkedRouter(b"b" * 32, "ntcp2", False, 0.0, "ML-KEM-768"),
    ]
