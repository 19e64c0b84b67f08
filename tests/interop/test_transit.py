"""i2pd's tunnels through our router: gateway, middle and end point, and whole transfers."""

from __future__ import annotations

import pytest

from tests.interop.conftest import Network
from tests.support import curl
from tests.support.origin import digest_of

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

SIZE = 5_000_000


def test_transfers_between_i2pd_routers_through_ours(network: Network) -> None:
    """Both i2pd ends take our relay as first or last hop, in both directions."""
    proxy = f"http://{network.i2pd_proxy.address}:4445"
    before = network.relay.status()
    assert before is not None
    first = curl.fetch_with_retry(f"http://{network.relayed_site}/", proxy=proxy, within_s=90)
    assert first.status == 200, first
    for _ in range(3):
        got = curl.fetch(f"http://{network.relayed_site}/bytes/{SIZE}", proxy=proxy)
        assert (got.exit_code, got.status) == (0, 200), got.error
        assert got.digest == digest_of(SIZE)
    after = network.relay.status()
    assert after is not None
    assert after["router"]["transit_tunnels"] > 0
    passed = after["router"]["bytes_received"] - before["router"]["bytes_received"]
    assert passed > 3 * SIZE, f"only {passed} bytes went through our relay"


def test_our_relay_is_used_by_others(network: Network) -> None:
    """Nobody is forced: i2pd's own choice of hops includes us after a while."""
    status = network.relay.status()
    assert status is not None
    assert status["router"]["transit_accepted"] > 0
