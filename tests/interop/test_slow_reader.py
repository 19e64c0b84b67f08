"""A browser that reads slowly: the receive buffer fills, the peer is choked, and goes on again."""

from __future__ import annotations

import pytest

from tests.interop.conftest import Network
from tests.support import curl
from tests.support.origin import digest_of

pytestmark = [pytest.mark.interop, pytest.mark.timeout(200)]


@pytest.mark.parametrize("case", ["i2pd's server", "our server"])
def test_a_slow_reader_gets_everything(network: Network, case: str) -> None:
    """i2pd 2.56 serves here: a choke that acknowledges all it sent would silence it for good."""
    site = network.i2pd_site if case == "i2pd's server" else network.other_site
    proxy = f"http://{network.ours.address}:4444"
    assert curl.fetch_with_retry(f"http://{site}/", proxy=proxy).status == 200
    size = 24_000_000
    got = curl.fetch(
        f"http://{site}/bytes/{size}",
        proxy=proxy,
        timeout_s=150,
        extra=("--limit-rate", "800000"),
    )
    assert (got.exit_code, got.status, len(got.body)) == (0, 200, size), got.error
    assert got.digest == digest_of(size)
