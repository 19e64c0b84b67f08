"""What is published for each transport and network: addresses, or what we only dial from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from core.crypto.x25519 import X25519Key
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.transport.context import TransportContext
from core.transport.ntcp2.endpoint import Ntcp2Endpoint
from core.transport.ports import Endpoint, SessionOwner
from core.transport.publishing import Address
from core.transport.reachability import Reachability
from core.transport.ssu2.endpoint import Ssu2Endpoint
from core.transport.ssu2.path_mtu import LocalMtu
from tests.support.deterministic import FakeWallClock, SeededEntropy

V4, V6, YGG = ("203.0.113.7", 9111), ("2001:db8::7", 9112), ("201:abcd::7", 9113)
KEYS = {"s", "i", "v"}
DUAL = Reachability(ipv6=True)


class Owner(SessionOwner):
    """Counts what it is told."""

    changes = 0

    def addresses_changed(self, now: float) -> None:
        self.changes += 1


def endpoints(
    reachability: Reachability, published: Sequence[Address], mtu: LocalMtu | None = None
) -> tuple[Endpoint, Endpoint]:
    entropy = SeededEntropy("publishing")
    router: dict[bytes, RouterInfo] = {}
    context = TransportContext(
        b"h" * 32, bytes, 77, FakeWallClock(), entropy, router.get, reachability=reachability
    )
    key = X25519Key.generate(entropy)
    return (
        Ntcp2Endpoint(context, key, b"i" * 16, published=published),
        Ssu2Endpoint(
            context, key, b"i" * 32, published=[one for one in published if one != YGG], mtu=mtu
        ),
    )


def said(addresses: list[RouterAddress]) -> list[Mapping[str, str]]:
    """What each says besides the keys."""
    found = []
    for address in addresses:
        options = {name: value for name, value in address.options.items() if name not in KEYS}
        has_host = "host" in options
        # i2pd: an NTCP2 address without a host has no IV, one of SSU2 always has its key.
        assert ("i" in address.options) == (has_host or address.style == "SSU2")
        assert address.cost == {"NTCP2": (14, 3), "SSU2": (15, 8)}[address.style][has_host]
        found.append(options)
    return found


def at(address: Address) -> dict[str, str]:
    return {"host": address[0], "port": str(address[1])}


@pytest.mark.parametrize(
    ("reachability", "published", "expected"),
    [
        (Reachability(), [], [{"caps": "4"}]),
        (Reachability(), [V4], [at(V4)]),
        (DUAL, [], [{"caps": "46"}]),
        (DUAL, [V4], [at(V4), {"caps": "6"}]),
        (DUAL, [V6], [at(V6), {"caps": "4"}]),
        (DUAL, [V6, V4], [at(V4), at(V6)]),
        (Reachability(ipv4=False, ipv6=True), [V6], [at(V6)]),
        (Reachability(ipv4=False, ipv6=True), [], [{"caps": "6"}]),
    ],
)
def test_addresses(
    reachability: Reachability, published: list[Address], expected: list[dict[str, str]]
) -> None:
    for endpoint in endpoints(reachability, published):
        assert said(endpoint.addresses()) == expected
        assert endpoint.is_reachable == bool(published)


def test_yggdrasil_is_ntcp2s_alone_and_reaches_few() -> None:
    ntcp2, ssu2 = endpoints(Reachability(yggdrasil=True), [YGG])
    assert said(ntcp2.addresses()) == [at(YGG), {"caps": "4"}]
    assert said(ssu2.addresses()) == [{"caps": "4"}]
    assert not ntcp2.is_reachable


def test_the_mtu_is_that_of_the_family() -> None:
    _, ssu2 = endpoints(DUAL, [V4, V6], LocalMtu(1500, 1280))
    assert said(ssu2.addresses()) == [at(V4), at(V6) | {"mtu": "1280"}]
    _, ssu2 = endpoints(DUAL, [], LocalMtu(1492, 1280))
    assert said(ssu2.addresses()) == [
        {"caps": "4", "mtu": "1492"},
        {"caps": "6", "mtu": "1280"},
    ]
    _, ssu2 = endpoints(DUAL, [], LocalMtu(1492, 1492))
    assert said(ssu2.addresses()) == [{"caps": "46", "mtu": "1492"}]


def test_what_others_found_out_is_published_for_one_family() -> None:
    for endpoint in endpoints(DUAL, [V4]):
        owner = Owner()
        endpoint.attach(owner)
        endpoint.publish(True, V6, 1.0)
        assert said(endpoint.addresses()) == [at(V4), at(V6)] and owner.changes == 1
        endpoint.publish(True, V6, 2.0)
        assert owner.changes == 1
        endpoint.publish(False, None, 3.0)
        assert said(endpoint.addresses()) == [at(V6), {"caps": "4"}]
        endpoint.publish(True, None, 4.0)
        assert said(endpoint.addresses()) == [{"caps": "46"}]
        assert owner.changes == 3 and not endpoint.is_reachable
