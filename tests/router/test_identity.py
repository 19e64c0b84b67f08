"""What our RouterInfo says of us, and what messages of ours show: nothing that others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.crypto.signing import SigningKey
from core.data.family import RouterFamily
from core.data.payload import PROTOCOL_RAW
from core.data.transport_address import RouterAddress
from core.i2np.message import Message
from core.netdb.events import LookupFinished, SendDirect
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys, build_router_info, conceal
from core.router.transports import configured
from core.transport.ports import Endpoint
from tests.client.parties import World
from tests.support.deterministic import FakeWallClock, SeededEntropy

KEYS = RouterKeys.generate(SeededEntropy("router"))
NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize("floodfill", [True, False])
def test_floodfills_publish_how_much_they_know(floodfill: bool) -> None:
    config = RouterConfig(data_dir=Path(), host="127.0.0.1", floodfill=floodfill)
    engine = RouterEngine(config, KEYS, 4567, FakeWallClock(), SeededEntropy(1), 1.0)
    options = build_router_info(KEYS, config, engine.endpoints, NOW_MS, (1234, 56)).options
    wanted = ("1234", "56") if floodfill else (None, None)
    assert (options.get("netdb.knownRouters"), options.get("netdb.knownLeaseSets")) == wanted


def test_the_release_that_a_router_says_it_is() -> None:
    """Peers choose hops and floodfills by it, and what they may send to us."""
    config = RouterConfig(data_dir=Path(), host="127.0.0.1")
    engine = RouterEngine(config, KEYS, 4567, FakeWallClock(), SeededEntropy(1), 1.0)
    assert engine.router_info.options["router.version"] == "0.9.69"
    assert engine.router_info.version == (0, 9, 69)


@pytest.mark.doubles
def test_messages_of_a_client_expire_as_those_of_i2pd() -> None:
    """Behind our tunnel every router sees when: another time than others take would mark them."""
    world = World(NOW_MS / 1000)
    site = world.add("site", publish=True)
    world.run_until(lambda: site.engine.is_ready)
    client = world.add("client")
    client.find(site.keys.hash)
    lives = []
    for _ in range(40):
        client.engine.datagrams.send(
            site.keys.hash, b"!", protocol=PROTOCOL_RAW, from_port=1, to_port=2
        )
        client.engine.run(world.network.now)
        now_ms = int(client.wall.now() * 1000)
        lives += [Message.parse_standard(m).expiration_ms - now_ms for _, _, m in world.under_way]
        world.run(0.3)
    assert min(lives) > 7_000 and max(lives) == 8_000


@pytest.mark.parametrize("hidden", [False, True])
def test_a_family_signs_for_its_routers(hidden: bool) -> None:
    """A hidden router does not say whose it is."""
    family = RouterFamily("example", SigningKey.generate(SeededEntropy("family"), 7))
    config = RouterConfig(data_dir=Path(), host="127.0.0.1", family=family, hidden=hidden)
    engine = RouterEngine(config, KEYS, 4567, FakeWallClock(), SeededEntropy(1), 1.0)
    info = engine.router_info
    assert info.is_family_genuine
    assert info.family == (None if hidden else "example")
    assert ("family.sig" in info.options) is not hidden


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7"])
def test_a_hidden_router_tells_of_no_address(tmp_path: Path, host: str) -> None:
    """What calls need is left: the keys of each transport, and which families it dials from."""
    public = RouterConfig(data_dir=tmp_path, host=host)
    config = replace(public, hidden=True, transit=False, floodfill=True, inbound_bytes_s=9)
    factory = configured(public, KEYS, 4567)
    engine = RouterEngine(
        public, KEYS, 4567, FakeWallClock(), SeededEntropy(1), 1.0, make_endpoints=factory
    )
    assert host.encode() in engine.router_info.raw
    for endpoints in (engine.endpoints, configured_endpoints(config)):
        info = build_router_info(KEYS, config, endpoints, NOW_MS, (1234, 56))
        assert info.caps == "LHU" and info.verify()
        assert host.encode() not in info.raw and b"4567" not in info.raw
        assert b"netdb.known" not in info.raw
        told = {one.style: dict(one.options) for one in info.addresses}
        assert told["NTCP2"].keys() == {"s", "v", "caps"}
        assert told["SSU2"].keys() == {"s", "i", "v", "caps"}
        assert not info.ntcp2_addresses()[0].is_published
        assert not info.ssu2_addresses()[0].is_published


def test_a_router_that_hides_takes_everything_back(tmp_path: Path) -> None:
    config = RouterConfig(data_dir=tmp_path, host="203.0.113.7")
    engine = RouterEngine(config, KEYS, 4567, FakeWallClock(), SeededEntropy(1), 1.0)
    engine.start(1.0)
    assert engine.transit.limits.accepts
    engine.reconfigure(replace(config, hidden=True), 2.0)
    assert engine.router_info.is_hidden and not engine.transit.limits.accepts
    assert engine.own.status(2.0).ipv4 == "hidden"
    assert engine.netdb.lookup_router(KEYS.hash, 3.0)
    found = [e for e in iter(engine.netdb.next_event, None) if isinstance(e, LookupFinished)]
    assert [event.result for event in found] == [None]
    assert not any(isinstance(event, SendDirect) for event in iter(engine.netdb.next_event, None))
    engine.reconfigure(config, 4.0)
    assert engine.router_info.caps.endswith("R") and engine.transit.limits.accepts
    assert engine.own.status(4.0).ipv4 != "hidden"


def test_concealed_addresses_keep_nothing_of_introducers() -> None:
    options = {"s": "key", "i": "intro", "v": "2", "mtu": "1400", "pq": "4", "caps": "BC46"}
    introducers = {"ih0": "hash", "itag0": "7", "iexp0": "1", "host": "2001:db8::1", "port": "9"}
    addresses = [
        RouterAddress(8, 0, "SSU2", options | introducers),
        RouterAddress(15, 0, "SSU2", {"s": "key", "i": "intro", "v": "2", "caps": "4"}),
        RouterAddress(3, 0, "NTCP2", {"s": "key", "i": "iv", "v": "2", "host": "203.0.113.7"}),
    ]
    told = {one.style: one for one in conceal(addresses)}
    assert told["NTCP2"].options == {"s": "key", "v": "2", "caps": "4"}
    assert told["SSU2"].options["caps"] == "46"
    assert told["SSU2"].options.keys() <= {"s", "i", "v", "mtu", "pq", "caps"}


def configured_endpoints(config: RouterConfig) -> Sequence[Endpoint]:
    factory = configured(config, KEYS, 4567)
    return RouterEngine(
        config, KEYS, 4567, FakeWallClock(), SeededEntropy(1), 1.0, make_endpoints=factory
    ).endpoints
