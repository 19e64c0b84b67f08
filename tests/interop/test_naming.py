"""Address books between routers: ours publishes and subscribes, and so does a real i2pd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest

from core.api import Router
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.client_models import HttpClientSection
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.naming_model import NamingSection, PublishSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.demo import free_port
from i2ptunnel.manager import Manager
from i2ptunnel.naming.hosts_line import Action, make_line
from i2ptunnel.naming.store import Book
from i2ptunnel.naming_service import NamingService
from i2ptunnel.sessions import SessionPool
from i2ptunnel.tunnels.table import TUNNEL_CLASSES
from tests.support import curl
from tests.support.appliance import Appliance, run_command
from tests.support.deterministic import SeededEntropy
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet, wait_until
from tests.support.own_network import TWO_HOPS, OwnNetwork, b32_of, own_network
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]

OTHER = PrivateKeys.generate_destination(SeededEntropy("other"))
PAGE = "the site behind a published name"


@dataclass
class Running:
    """Tunnels and address books on one of our routers."""

    naming: NamingService
    manager: Manager


@asynccontextmanager
async def running(router: Router, configuration: Configuration) -> AsyncIterator[Running]:
    data_dir = router.config.data_dir
    pool = SessionPool(router.open_session, data_dir)
    naming = NamingService(configuration, data_dir, pool.open, pool.release)
    async with Manager(TUNNEL_CLASSES, pool, naming.resolver, data_dir) as manager:
        await manager.apply(configuration.tunnels)
        naming.start()
        yield Running(naming, manager)
        await naming.stop()
    naming.close()


async def fetch_now(where: Running) -> dict[str, Any]:
    (result,) = await where.naming.fetch(None)
    return cast("dict[str, Any]", result)


def test_publish_subscribe_and_browse_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("i2ptunnel.naming.feeds.POLL_S", 0.05)
    docroot = tmp_path / "site"
    docroot.mkdir()
    (docroot / "index.html").write_text(PAGE)
    published = docroot / "hosts.txt"
    site = Configuration(
        naming=NamingSection(publish=PublishSection(file=published)),
        tunnels={"site": HttpServerSection(docroot=docroot, hostname="site.i2p", **TWO_HOPS)},
    )

    async def main(network: OwnNetwork) -> None:
        async with running(network.routers[-2], site) as publisher:
            await network.until_ready(publisher.manager)
            await until(
                "the site is published",
                lambda: published.exists() and "site.i2p=" in published.read_text(),
                60,
            )
            proxy = Endpoint("127.0.0.1", free_port("127.0.0.1", 0))
            feed = f"http://{b32_of(publisher.manager, 'site')}/hosts.txt"
            reader = Configuration(
                naming=NamingSection(subscriptions=(feed,)),
                tunnels={"web": HttpClientSection(listen=proxy, **TWO_HOPS)},
            )
            async with running(network.routers[-1], reader) as subscriber:
                await use(network, publisher, subscriber, proxy)

    async def use(
        network: OwnNetwork, publisher: Running, subscriber: Running, proxy: Endpoint
    ) -> None:
        await network.until_ready(subscriber.manager)
        books = subscriber.naming.books
        # fetched without being told
        await until("the first name", lambda: books.lookup("site.i2p"), 120)
        (entry,) = books.lookup("site.i2p")
        assert entry.line and entry.book is Book.ROUTER
        got = await asyncio.to_thread(
            curl.fetch, "http://www.site.i2p.alt/", proxy=f"http://{proxy}"
        )
        assert got.body.decode() == PAGE
        assert (await fetch_now(subscriber))["outcome"] == "not changed"
        publisher.naming.books.add(Book.LOCAL, "friend.i2p", OTHER.destination.b64)
        await until("another name", lambda: "friend.i2p" in published.read_text(), 60)
        assert (await fetch_now(subscriber))["added"] == 1
        assert books.lookup("friend.i2p")[0].hash == OTHER.hash
        published.unlink()
        assert "404" in (await fetch_now(subscriber))["outcome"]
        assert books.lookup("friend.i2p")

    async def start() -> None:
        async with own_network(tmp_path, 6, ends=2) as network:
            await main(network)

    asyncio.run(start())


class _FeedHandler(BaseHTTPRequestHandler):
    """A web server with a hosts.txt that honours its own ETag."""

    protocol_version = "HTTP/1.1"
    text = ""
    statuses: list[int]

    def do_GET(self) -> None:
        is_known = self.headers.get("If-None-Match") == '"one"'
        body = b"" if is_known else self.text.encode()
        self.statuses.append(304 if is_known else 200)
        self.send_response(self.statuses[-1])
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def feed_server() -> Iterator[ThreadingHTTPServer]:
    _FeedHandler.statuses = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _FeedHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.slow
def test_i2pd_as_feed_and_as_subscriber(tmp_path: Path, feed_server: ThreadingHTTPServer) -> None:
    """i2pd waits three minutes before it fetches its first list."""
    old, new = (installed(release) for release in list(RELEASES))
    net = I2pdNet(tmp_path, [new, old, new, new], first_octet=31)
    server, subscriber = net.routers[2], net.routers[3]
    two_hops = {"inbound": {"length": 2}, "outbound": {"length": 2}}
    docroot = tmp_path / "site"
    docroot.mkdir()
    (docroot / "index.html").write_text(PAGE)
    ours = Appliance(
        tmp_path / "ours",
        "127.41.0.1",
        20041,
        {
            "web": {"type": "httpclient", "listen": "127.41.0.1:4444", **two_hops}
            | {"allow": ["127.0.0.0/8"]},
            "site": {"type": "httpserver", "docroot": str(docroot), "hostname": "site.i2p"}
            | {"keys": "site.dat", **two_hops},
        },
        transit={"enabled": False},
    )
    ours.config["naming"] = {"publish": {"file": str(docroot / "hosts.txt")}}
    _FeedHandler.text = (
        f"other.i2p={OTHER.destination.b64}\n"
        + make_line(Action.ADD, "signed.i2p", OTHER, date=1_700_000_000).text
        + "\n"
    )
    port = feed_server.server_address[1]
    server.tunnels = (
        f"[feed]\ntype = http\nhost = 127.0.0.1\nport = {port}\nkeys = feed.dat\n"
        "inbound.length = 2\noutbound.length = 2\n"
    )
    subscriber.http_proxy = True
    where = ["-c", str(ours.config_file)]
    run_command("keys", "generate", str(tmp_path / "site.dat"))
    ours.data_dir.mkdir(parents=True)
    (tmp_path / "site.dat").rename(ours.data_dir / "site.dat")
    shown = run_command("keys", "show", str(ours.data_dir / "site.dat")).stdout
    subscriber.options["addressbook.defaulturl"] = f"http://{shown.split()[1]}/hosts.txt"
    try:
        net.prepare(foreign=[ours.write_router_info_once()])
        ours.import_router_infos(net.router_infos())
        net.start()
        ours.start()
        ours.wait_ready("web", "site", timeout_s=120)
        url = f"http://{server.local_b32('feed')}/hosts.txt"
        assert run_command("address", "subscribe", url, *where).returncode == 0
        wait_until("the feed of i2pd's site", lambda: 200 in _FeedHandler.statuses, 90)
        done = run_command("address", "fetch", *where, timeout_s=90)
        assert "not changed" in done.stdout and _FeedHandler.statuses == [200, 304]
        assert "signed" in run_command("address", "lookup", "signed.i2p", *where).stdout
        wait_until("our hosts.txt", lambda: "signed.i2p" in (docroot / "hosts.txt").read_text(), 30)

        def i2pd_knows_the_name() -> bool:
            got = curl.fetch("http://site.i2p/", proxy=f"http://{subscriber.address}:4444")
            return got.status == 200 and got.body.decode() == PAGE

        wait_until("i2pd's address book", i2pd_knows_the_name, 300, 5)
        # Its own file is one that we can import.
        index = subscriber.data_dir / "addressbook" / "addresses.csv"
        wait_until("i2pd's index", lambda: index.exists() and "site.i2p," in index.read_text(), 30)
        other = ["--data-dir", str(tmp_path / "other")]
        done = run_command("address", "import", str(index), *other)
        assert done.returncode == 0 and "0 lines wrong" in done.stdout, done
        assert shown.split()[1] in run_command("address", "lookup", "site.i2p", *other).stdout
    finally:
        ours.stop(kill=True)
        net.stop()
