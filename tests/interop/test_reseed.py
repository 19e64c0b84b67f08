"""A router that knows nobody, and one reseed server: it joins the network and gets a page.

And bundles that other projects' own code signs, made anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from core.api import open_bundle
from core.crypto.signer_certificate import SignerCertificate
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from i2ptunnel.config.router_model import ShapeSection
from i2ptunnel.config.server_models import HttpServerSection
from tests.support import curl, fetch_go, fetch_java
from tests.support.appliance import FAST, Appliance
from tests.support.bundles import Signer, zip_of
from tests.support.deterministic import SeededEntropy
from tests.support.machine import slowdown
from tests.support.netdb_network import build_router_info
from tests.support.own_network import NETWORK_ID, b32_of, own_network
from tests.support.reseed_server import ReseedServer, response, write_certificates

pytestmark = pytest.mark.interop

FIRST_PAGE_S = 15.0
SHAPE = {"length": 2, "quantity": 2}


def newcomer(root: Path, url: str, signer: Signer) -> Appliance:
    """A router with an empty data directory whose only way in is a reseed server."""
    web = {"type": "httpclient", "listen": "127.0.0.1:24444", "inbound": SHAPE, "outbound": SHAPE}
    certificates = write_certificates(root / "certificates", signer)
    return Appliance(
        root / "new",
        "127.90.0.1",
        20990,
        {"web": web},
        reseed={"urls": [url], "certificates": str(certificates)},
        **FAST,
    )


async def first_page(root: Path) -> tuple[float, Appliance]:
    """Seconds from the start of the program to the page of a site."""
    docroot = root / "site"
    docroot.mkdir()
    (docroot / "index.html").write_text("hello")
    signer = Signer()
    async with own_network(root / "routers") as network:
        shape = ShapeSection(length=2, quantity=2)
        site = HttpServerSection(docroot=docroot, inbound=shape, outbound=shape)
        manager = await network.run(network.routers[-1], {"site": site})
        await network.until_ready(manager)
        bundle = signer.bundle(router.router_info for router in network.routers)
        with ReseedServer(root, response(bundle)) as server:
            made = newcomer(root, server.url, signer)
            began = time.monotonic()
            made.start()
            try:
                url = f"http://{b32_of(manager, 'site')}/"
                page = await asyncio.to_thread(
                    curl.fetch_with_retry, url, proxy="http://127.0.0.1:24444", within_s=90
                )
                took_s = time.monotonic() - began
                assert page.status == 200 and page.body == b"hello"
                assert len(server.requests) == 1
            finally:
                made.stop(kill=True)
    return took_s, made


def test_first_page_after_a_reseed(tmp_path: Path) -> None:
    took_s, made = asyncio.run(first_page(tmp_path))
    print(f"first page after {took_s:.1f} s")
    assert "reseeding: 7 routers taken from 1 reseed server" in made.log
    assert took_s < FIRST_PAGE_S * slowdown(), made.log[-4000:]


def routers() -> list[RouterInfo]:
    stamp = int(time.time() * 1000) - 3600_000
    keys = (PrivateKeys.generate_router(SeededEntropy(f"signed {n}")) for n in range(3))
    return [build_router_info(one, stamp) for one in keys]


def check(infos: Iterable[RouterInfo], bundle: bytes, certificate: bytes) -> None:
    signer = SignerCertificate.parse(certificate)
    found = open_bundle(bundle, {signer.name: signer}, time.time() + 1, NETWORK_ID)
    assert found.routers == tuple(infos) and found.rejected == 0


@pytest.mark.slow
def test_bundles_of_go_i2p(tmp_path: Path) -> None:
    infos = routers()
    check(infos, *fetch_go.sign_bundle(tmp_path, zip_of(infos), "go@mail.i2p"))


@pytest.mark.slow
def test_bundles_of_java(tmp_path: Path) -> None:
    infos = routers()
    check(infos, *fetch_java.sign_bundle(tmp_path, zip_of(infos), "java@mail.i2p"))
