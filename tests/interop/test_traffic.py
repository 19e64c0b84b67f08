"""Real traffic over 2-hop tunnels of real i2pd routers: every byte must arrive, both ways."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.interop.conftest import Network
from tests.support import curl
from tests.support.origin import body_of, digest_of

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

LARGE = 20_000_000


def path_of(network: Network, case: str) -> tuple[str, str]:
    """(proxy, site) of the three ways an eepsite is reached."""
    i2pd_proxy = f"http://{network.i2pd_proxy.address}:4444"
    our_proxy = f"http://{network.ours.address}:4444"
    return {
        "our client, i2pd's server": (our_proxy, network.i2pd_site),
        "i2pd's client, our server": (i2pd_proxy, network.our_site),
        "our client, our server": (our_proxy, network.other_site),
    }[case]


CASES = ["our client, i2pd's server", "i2pd's client, our server", "our client, our server"]


@pytest.mark.parametrize("case", CASES)
def test_download_of_20_mb(network: Network, case: str) -> None:
    proxy, site = path_of(network, case)
    first = curl.fetch_with_retry(f"http://{site}/", proxy=proxy)
    assert first.status == 200, first
    got = curl.fetch(f"http://{site}/bytes/{LARGE}", proxy=proxy, timeout_s=200)
    assert (got.exit_code, got.status, len(got.body)) == (0, 200, LARGE), got.error
    assert got.digest == digest_of(LARGE)


@pytest.mark.parametrize("case", CASES)
def test_upload_of_20_mb(network: Network, case: str, tmp_path: Path) -> None:
    proxy, site = path_of(network, case)
    assert curl.fetch_with_retry(f"http://{site}/", proxy=proxy).status == 200
    body = body_of(LARGE)
    upload = tmp_path / "upload"
    upload.write_bytes(body)
    got = curl.fetch(f"http://{site}/", proxy=proxy, upload=upload, timeout_s=200)
    assert (got.exit_code, got.status) == (0, 200), got.error
    assert got.body.decode() == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("case", CASES)
def test_50_concurrent_fetches(network: Network, case: str) -> None:
    proxy, site = path_of(network, case)
    assert curl.fetch_with_retry(f"http://{site}/", proxy=proxy).status == 200
    sizes = [1_000 + index * 499_000 // 49 for index in range(50)]
    running = [
        curl.start(f"http://{site}/bytes/{size}", proxy=proxy, timeout_s=200) for size in sizes
    ]
    got = [curl.finish(process) for process in running]
    failed = [
        (size, one.exit_code, one.status, one.error)
        for size, one in zip(sizes, got, strict=True)
        if (one.exit_code, one.status) != (0, 200)
    ]
    assert not failed
    assert [one.digest for one in got] == [digest_of(size) for size in sizes]


@pytest.mark.parametrize("scheme", ["socks4a", "socks5h"])
def test_socks(network: Network, scheme: str) -> None:
    proxy = f"{scheme}://{network.ours.address}:4447"
    got = curl.fetch_with_retry(f"http://{network.i2pd_site}/bytes/100000", proxy=proxy)
    assert got.status == 200, got
    assert got.digest == digest_of(100_000)
