"""Routers behind real address translators (nftables), of the four kinds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.home_network import is_possible
from tests.support.nat_box import NatBox, PublicNetwork, probe, public_network
from tests.support.world.nat import NatKind

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not is_possible(), reason="network namespaces need root"),
]


@pytest.fixture
def public() -> Iterator[PublicNetwork]:
    with public_network() as network:
        yield network


@pytest.mark.parametrize("kind", NatKind)
def test_a_box_is_of_its_kind(public: PublicNetwork, kind: NatKind) -> None:
    friend, stranger = map(public.add_address, ("11.1.0.1", "11.2.0.1"))
    box = NatBox(public, kind, "11.101.0.1")
    try:
        assert probe(public, box, friend, stranger) is kind
        box.move(address="11.102.0.1", outside_port=31040)
        assert probe(public, box, friend, stranger) is kind
        box.unplug()
        with pytest.raises(OSError, match="assign"):
            probe(public, box, friend, stranger)
        box.plug_in()
        assert probe(public, box, friend, stranger) is kind
    finally:
        box.close()
