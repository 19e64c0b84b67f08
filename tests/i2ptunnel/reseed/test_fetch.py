"""One bundle from one server: what is asked, and all that can be wrong with a server or the way."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2ptunnel.reseed import fetch as fetching
from i2ptunnel.reseed.faults import ReseedFault, Trouble, worst
from i2ptunnel.reseed.fetch import Way, fetch_bundle
from i2ptunnel.reseed.servers import Server
from i2ptunnel.reseed.trust import Trust, load_trust
from tests.support.forward_proxy import ForwardProxy
from tests.support.reseed_server import (
    Answer,
    ReseedServer,
    authority,
    response,
    self_signed,
    write_certificates,
)

BODY = b"I2Psu3 and more"
GOOD = response(BODY)


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return load_trust(write_certificates(tmp_path / "certificates"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReseedServer]:
    with ReseedServer(tmp_path, GOOD) as made:
        yield made


def fetch(url: str, way: Way, *, timeout_s: float = 10) -> tuple[bytes, int]:
    """The bundle, and how often the server was about to be asked."""
    asked = 0

    async def on_request() -> None:
        nonlocal asked
        asked += 1

    async def main() -> bytes:
        return await fetch_bundle(
            Server.of(url), way, on_request=on_request, total_timeout_s=timeout_s
        )

    return asyncio.run(main()), asked


def fault_of(url: str, way: Way, *, timeout_s: float = 10) -> ReseedFault:
    with pytest.raises(ReseedFault) as caught:
        fetch(url, way, timeout_s=timeout_s)
    return caught.value


def test_what_is_asked(server: ReseedServer, trust: Trust) -> None:
    assert fetch(server.url, Way(trust)) == (BODY, 1)
    assert server.requests == [
        b"GET /i2pseeds.su3 HTTP/1.1\r\n"
        b"Host: " + server.name.encode() + b"\r\n"
        b"User-Agent: Wget/1.11.4\r\n"
        b"Connection: close\r\n\r\n"
    ]


def test_our_own_address(server: ReseedServer, trust: Trust) -> None:
    assert fetch(server.url, Way(trust, source="127.0.0.77"))[0] == BODY


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (response(b"no", "403 Forbidden"), "refuses (403)"),
        (response(b"no", "429 Too Many Requests"), "too many bundles"),
        (response(b"no", "500 Oops"), "answers with status 500"),
        (
            response(b"", "302 Found", "Location: https://127.0.0.1:1/i2pseeds.su3"),
            "sends us elsewhere (302), which is not followed",
        ),
        (response(BODY)[:-3], "ends early"),
        (b"junk\r\n\r\n", "not proper HTTP"),
        (b"", "ends early"),
        (response(bytes(fetching.BUNDLE_BYTES_MAX + 1)), "the bundle is larger than 1 MiB"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
            + bytes(fetching.BUNDLE_BYTES_MAX + 1),
            "larger than 1 MiB",
        ),
    ],
)
def test_answers_that_are_no_bundle(
    server: ReseedServer, trust: Trust, answer: Answer, said: str
) -> None:
    server.answer = answer
    fault = fault_of(server.url, Way(trust))
    assert said in str(fault) and fault.trouble is Trouble.SERVER
    assert len(server.requests) == 1


def test_a_slow_server_has_bounded_time(server: ReseedServer, trust: Trust) -> None:
    """A byte now and then keeps the connection alive, but not for ever."""

    def drip(connection: ssl.SSLSocket) -> None:
        connection.sendall(response(bytes(1000))[:-900])
        while not server.ending.wait(0.05):
            connection.sendall(b"x")

    server.answer = drip
    began = time.monotonic()
    fault = fault_of(server.url, Way(trust), timeout_s=0.4)
    assert str(fault) == "it took too long" and time.monotonic() - began < 8


def test_a_silent_server(
    server: ReseedServer, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "READ_TIMEOUT_S", 0.2)
    server.answer = lambda _: server.ending.wait(10) and None
    assert str(fault_of(server.url, Way(trust))) == "it took too long"


def test_a_server_that_nobody_vouches_for(
    server: ReseedServer, trust: Trust, tmp_path: Path
) -> None:
    fault = fault_of(server.url, Way(Trust()))
    assert "its TLS certificate is not trusted" in str(fault)
    assert fault.trouble is Trouble.TRUST
    other = authority().issue("other.test")
    with ReseedServer(tmp_path, GOOD, pem=other) as named:
        fault = fault_of(named.url, Way(trust))
        assert "not trusted" in str(fault) and fault.trouble is Trouble.TRUST
        assert not named.requests
    assert not server.requests


def test_certificates_and_the_clock(trust: Trust, tmp_path: Path) -> None:
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    for pem, said in (
        (authority().issue("127.0.0.1", valid_from=now + day), "is not yet valid"),
        (authority().issue("127.0.0.1", valid_until=now - day), "has expired"),
    ):
        with ReseedServer(tmp_path, GOOD, pem=pem) as server:
            fault = fault_of(server.url, Way(trust))
            assert f"{said} by this machine's clock" in str(fault)
            assert fault.trouble is Trouble.CLOCK and not server.requests


def test_a_server_s_own_certificate(tmp_path: Path) -> None:
    """As ``i2pseed.creativecowpat.net`` has one: it is good for that server, and no other."""
    pem, certificate = self_signed("127.0.0.1")
    certificates = write_certificates(tmp_path / "c", **{"127.0.0.1": certificate})
    trust = load_trust(certificates)
    with ReseedServer(tmp_path, GOOD, pem=pem) as server:
        assert fetch(server.url, Way(trust))[0] == BODY
        elsewhere = Trust(roots={"127.0.0.2": certificate.decode()})
        assert fault_of(server.url, Way(elsewhere)).trouble is Trouble.TRUST


def test_nobody_there(trust: Trust, tmp_path: Path) -> None:
    with ReseedServer(tmp_path, GOOD) as server:
        url = server.url
    fault = fault_of(url, Way(trust))
    assert "no connection" in str(fault) and fault.trouble is Trouble.SERVER
    fault = fault_of("https://nobody.invalid/", Way(trust))
    assert str(fault) == "its name cannot be resolved" and fault.trouble is Trouble.OFFLINE


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_through_a_proxy(scheme: str, server: ReseedServer, trust: Trust) -> None:
    """The server's name goes to the proxy: nothing is asked of DNS here."""
    proxy = ForwardProxy(scheme, "me", "secret", names={"seed.test": "127.0.0.1"})

    async def main() -> tuple[bytes, list[str]]:
        url = await proxy.start()

        async def on_request() -> None:
            assert proxy.targets == [f"seed.test:{server.port}"]

        def get(way: Way) -> asyncio.Future[bytes]:
            seed = Server("seed.test", server.port, "/i2pseeds.su3")
            return asyncio.ensure_future(fetch_bundle(seed, way, on_request=on_request))

        body = await get(Way(trust, url))
        faults = []
        for wrong in (url.replace("secret", "wrong"), f"{scheme}://127.0.0.1:1"):
            with pytest.raises(ReseedFault) as caught:
                await get(Way(trust, wrong))
            assert caught.value.trouble is Trouble.PROXY
            faults.append(str(caught.value))
        proxy.refusal = 5 if scheme == "socks5" else 503
        with pytest.raises(ReseedFault) as caught:
            proxy.targets.clear()
            await get(Way(trust, url))
        assert caught.value.trouble is Trouble.PROXY
        proxy.stop()
        return body, [*faults, str(caught.value)]

    body, faults = asyncio.run(main())
    assert body == BODY
    assert "does not connect to it" in faults[0] and "does not connect to it" in faults[2]
    assert "the proxy cannot be reached" in faults[1]


def test_what_is_advised_first() -> None:
    assert worst([]) is None
    assert worst([Trouble.OFFLINE]) is Trouble.OFFLINE
    assert worst([Trouble.SERVER, Trouble.OFFLINE]) is Trouble.SERVER
    assert worst([Trouble.SERVER, Trouble.CLOCK, Trouble.TRUST]) is Trouble.CLOCK
    assert all(str(trouble.remedy).endswith((".", "true", ".su3")) for trouble in Trouble)
