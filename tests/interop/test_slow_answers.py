"""Sites that take their time, fronts that end their direction, and routers that restart.

The web server counts: no request that arrived is ever sent again.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop.conftest import Network
from tests.support import curl
from tests.support.machine import slowdown

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

SLOW_S = 45
#: what half-closed fronts wait
LATE_S = {"GET": 22, "POST": 60}
#: what a kept stream to a router that restarted may cost besides the answer itself
NOTICED_S = 20


def sites_of(network: Network) -> dict[str, str]:
    return {
        "i2pd 2.56": network.i2pd_site,
        "i2pd 2.59": network.relayed_site,
        "ours": network.other_site,
    }


def half_closed(address: str, site: str, method: str, path: str) -> bytes:
    """What ``printf ... | nc -N`` gets."""
    with socket.create_connection((address, 4444), timeout=120) as front:
        front.sendall(
            f"{method} http://{site}{path} HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode()
        )
        front.shutdown(socket.SHUT_WR)
        answer = b""
        while part := front.recv(65536):
            answer += part
    return answer


def test_slow_answers_arrive_and_are_asked_for_once(network: Network) -> None:
    address = network.ours.address
    proxy = f"http://{address}:4444"
    with ThreadPoolExecutor(16) as pool:
        jobs = {}
        for name, site in sites_of(network).items():
            assert curl.fetch_with_retry(f"http://{site}/", proxy=proxy).status == 200
            key = name.replace(" ", "-")
            url = f"http://{site}/wait/{SLOW_S}/{key}-kept"
            jobs[f"{key}-kept"] = pool.submit(curl.fetch, url, proxy=proxy, timeout_s=150)
            for method, late_s in LATE_S.items():
                path = f"/wait/{late_s}/{key}-{method}"
                jobs[f"{key}-{method}"] = pool.submit(half_closed, address, site, method, path)
        for token, job in jobs.items():
            got = job.result()
            if isinstance(got, bytes):
                assert b" 200 " in got.split(b"\r\n")[0], (token, got[:200])
                assert got.endswith(b"at last"), (token, got[:200])
            else:
                assert (got.status, got.body) == (200, b"at last"), (token, got)
    assert {token: network.origin.asked[token] for token in jobs} == dict.fromkeys(jobs, 1)


def test_a_kept_stream_to_a_router_that_restarted_is_noticed_soon(network: Network) -> None:
    proxy = f"http://{network.ours.address}:4444"
    site = network.other_site
    assert curl.fetch_with_retry(f"http://{site}/", proxy=proxy).status == 200
    network.other.stop(kill=True)
    network.other.start()
    network.other.wait_ready("web", "socks", "site")
    began = time.monotonic()
    got = curl.fetch(f"http://{site}/wait/0/restarted", proxy=proxy, timeout_s=100)
    seconds = time.monotonic() - began
    assert (got.status, got.body) == (200, b"at last"), got
    assert network.origin.asked["restarted"] == 1
    print(f"answered {seconds:.1f} s after the router was ready again")
    assert seconds < NOTICED_S * slowdown()
