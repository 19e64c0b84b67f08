"""A browser that stops reading for a while: buffers fill, the peer is choked, and goes on again."""

from __future__ import annotations

import hashlib
import socket
import time

import pytest

from tests.interop.conftest import Network
from tests.support import curl
from tests.support.origin import digest_of

pytestmark = [pytest.mark.interop, pytest.mark.timeout(200)]

_SIZE = 30_000_000
_PAUSES_AFTER = (100_000, 10_000_000, 20_000_000)
_PAUSE_S = 4.0
_SILENCE_S = 60.0


@pytest.mark.parametrize("case", ["i2pd 2.56", "i2pd 2.59", "ours"])
def test_a_reader_that_pauses_gets_everything(network: Network, case: str) -> None:
    site = {
        "i2pd 2.56": network.i2pd_site,
        "i2pd 2.59": network.relayed_site,
        "ours": network.other_site,
    }[case]
    proxy = network.ours.address, 4444
    assert curl.fetch_with_retry(f"http://{site}/", proxy=f"http://{proxy[0]}:4444").status == 200
    pauses = list(_PAUSES_AFTER)
    body = bytearray()
    with socket.socket() as browser:
        # What the kernel keeps for a browser would hide the pauses from us.
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        browser.settimeout(_SILENCE_S)
        browser.connect(proxy)
        request = f"GET http://{site}/bytes/{_SIZE} HTTP/1.1\r\nHost: {site}\r\n"
        browser.sendall(f"{request}Connection: close\r\n\r\n".encode())
        while part := browser.recv(1 << 16):
            body += part
            if pauses and len(body) >= pauses[0]:
                pauses.pop(0)
                time.sleep(_PAUSE_S)
    _, _, content = bytes(body).partition(b"\r\n\r\n")
    assert len(content) == _SIZE
    assert hashlib.sha256(content).hexdigest() == digest_of(_SIZE)
