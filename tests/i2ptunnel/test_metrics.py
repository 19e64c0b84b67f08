"""Figures for Prometheus: what is in them, and who may read them."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

import i2ptunnel.metrics
from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.router_model import MetricsSection
from i2ptunnel.health import State
from i2ptunnel.http_server import HttpServer
from i2ptunnel.metrics import metrics_server, write_metrics
from tests.support.metrics import metrics_page
from tests.support.turns import run_in_short_turns

LOCAL = MetricsSection(listen=Endpoint("127.0.0.1", 0))
SECRET = "s3cretdestination.b32.i2p"
STATUS: dict[str, Any] = {
    "state": "ready",
    "ready": True,
    "router": {
        "router_hash": SECRET,
        "uptime_s": 12.5,
        "routers": 7,
        "bytes_sent": 1 << 40,
        "links": {"ntcp2": 21, "ssu2": 0, "inbound": 8, "outbound": 13},
        "links_refused": {"address": 936, "rate": 2},
        "descriptors": 40,
        "descriptors_limit": 1024,
        "counters": {
            "transport": {"messages_sent": 77, "handshakes": {"inbound": 5, "outbound": 6}},
            "tunnel": {"transit_bytes": 1 << 50},
        },
    },
    "tunnels": [
        {
            "name": 'a "quoted" name',
            "type": "httpserver",
            "ready": False,
            "b32": SECRET,
            "local": SECRET,
            "last_error": SECRET,
            "connections": 3,
            "bytes_to_i2p": 12345678901234,
            "keys_expire": None,
            "refused_access": 4,
            "requests": 9,
        },
        {"name": "irc", "type": "ircclient", "ready": True, "connections": 0},
    ],
    "paths": [SECRET],
    "services": {
        "metrics": {"state": "listening", "connections_open": 1, "listen": SECRET},
        "console": {"state": "failed", "last_error": SECRET},
    },
    "interfaces": {
        "sam": {
            "state": "listening",
            "listen": SECRET,
            "connections_open": 9,
            "sessions": 2,
            "streams": 5,
            "streams_total": 77,
            "bytes_to_i2p": 1234,
        }
    },
    "loop": {
        "bounds_s": (0.005, 0.05, 1.0),
        "turns": 1000,
        "longest_cpu_s": 0.031,
        "longest_wall_s": 0.25,
        "recent_cpu_s": 0.004,
        "recent_wall_s": 0.006,
        "cpu_counts": (990, 10, 0, 0),
        "wall_counts": (980, 17, 2, 1),
        "cpu_sum_s": 1.5,
        "wall_sum_s": 2.5,
    },
}
WORDS = "transport|state|reason|result|direction|answer|service|interface"
LABELS = (
    r'(reason="[a-z]+",)?tunnel="(\\.|[^"\\])*",type="[a-z]+"|le="[0-9.+Inf]+"|('
    + WORDS
    + r')="[a-z0-9_ ]+"'
)
SAMPLE = re.compile(r"[a-z0-9_]+(\{(" + LABELS + r")\})? -?[0-9.e+-]+")


def samples(text: str) -> set[tuple[str, frozenset[tuple[str, str]], float]]:
    """Name, labels and figure of each."""
    return {
        (sample.name, frozenset(sample.labels.items()), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_format_and_that_nothing_else_is_told() -> None:
    lines = metrics_page(STATUS).split("\n")
    assert lines.pop() == ""
    assert not [line for line in lines if line[0] != "#" and not SAMPLE.fullmatch(line)]
    assert len({line.split()[2] for line in lines if line.startswith("# TYPE")}) == sum(
        line.startswith("# HELP") for line in lines
    )
    assert SECRET not in "\n".join(lines)
    expected = (
        "i2ptunnel_ready 1",
        'i2ptunnel_state{state="ready"} 1',
        'i2ptunnel_state{state="degraded"} 0',
        "i2ptunnel_router_uptime_seconds 12.5",
        "i2ptunnel_router_sent_bytes_total 1099511627776",
        'i2ptunnel_router_links{transport="ntcp2"} 21',
        'i2ptunnel_router_links{transport="ssu2"} 0',
        'i2ptunnel_router_links_refused_total{reason="address"} 936',
        "i2ptunnel_router_descriptors 40",
        "i2ptunnel_router_transport_messages_sent_total 77",
        'i2ptunnel_router_transport_handshakes_total{direction="outbound"} 6',
        "i2ptunnel_router_tunnel_transit_bytes_total 1125899906842624",
        'i2ptunnel_service_listening{service="console"} 0',
        'i2ptunnel_service_connections_open{service="metrics"} 1',
        'i2ptunnel_service_listening{service="sam"} 1',
        'i2ptunnel_interface_sessions{interface="sam"} 2',
        'i2ptunnel_interface_streams{interface="sam"} 5',
        'i2ptunnel_interface_streams_opened_total{interface="sam"} 77',
        'i2ptunnel_interface_to_i2p_bytes_total{interface="sam"} 1234',
        "i2ptunnel_router_descriptors_limit 1024",
        'i2ptunnel_tunnel_ready{tunnel="a \\"quoted\\" name",type="httpserver"} 0',
        'i2ptunnel_tunnel_to_i2p_bytes_total{tunnel="a \\"quoted\\" name",type="httpserver"} '
        "12345678901234",
        'i2ptunnel_loop_turn_wall_seconds_bucket{le="0.05"} 997',
        'i2ptunnel_loop_turn_wall_seconds_bucket{le="1.0"} 999',
        'i2ptunnel_loop_turn_wall_seconds_bucket{le="+Inf"} 1000',
        "i2ptunnel_loop_turn_cpu_seconds_count 1000",
        "i2ptunnel_loop_longest_turn_cpu_seconds 0.031",
        "i2ptunnel_loop_recent_turn_wall_seconds 0.006",
        'i2ptunnel_tunnel_visitors_refused_total{tunnel="a \\"quoted\\" name",type="httpserver",'
        'reason="access"} 4',
        'i2ptunnel_tunnel_requests_total{tunnel="a \\"quoted\\" name",type="httpserver"} 9',
        'i2ptunnel_tunnel_connections_total{tunnel="irc",type="ircclient"} 0',
    )
    assert samples("\n".join(expected) + "\n") <= samples(metrics_page(STATUS))
    assert "keys_expire" not in "".join(lines), "figures without value are left out"


async def _ask(
    port: int, target: str = "/metrics", host: str | None = None, method: str = "GET"
) -> tuple[int, str]:
    return (await _ask_with({} if host is None else {"Host": host}, port, target, method))[:2]


async def _ask_with(
    headers: dict[str, str], port: int, target: str = "/metrics", method: str = "GET"
) -> tuple[int, str, str]:
    """Status, body and type of the answer."""

    def ask() -> tuple[int, str, str]:
        url = f"http://127.0.0.1:{port}{target}"
        request = urllib.request.Request(url, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                kind = response.headers["Content-Type"]
                return response.status, response.read().decode(), kind
        except urllib.error.HTTPError as error:
            with error:
                return error.code, "", ""

    return await asyncio.to_thread(ask)


@asynccontextmanager
async def serving(section: MetricsSection = LOCAL) -> AsyncIterator[HttpServer]:
    server = metrics_server(section, lambda: STATUS)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def test_over_http() -> None:
    page = (200, metrics_page(STATUS))

    async def main() -> None:
        async with serving() as server:
            assert await _ask(server.port) == page
            assert await _ask(server.port, "/metrics?a=b", "[::1]:9464") == page
            assert await _ask(server.port, method="HEAD") == (200, "")
            assert (await _ask(server.port, host="rebound.example:9464"))[0] == 403
            assert (await _ask(server.port, "/"))[0] == 404
            assert (await _ask(server.port, method="DELETE"))[0] == 405
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"\x16\x03\x01 junk\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
            await server.check()
            port = server.port
            await server.stop()
            with pytest.raises(Unavailable):
                await server.check()
            with pytest.raises(OSError):
                await _ask(port)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4"),
        ("text/html, */*;q=0.1", "text/plain; version=0.0.4"),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        ("application/openmetrics-text; version=x", "text/plain; version=0.0.4"),
        ('application/openmetrics-text; version=1.x; escaping="\xff', "text/plain; version=0.0.4"),
    ],
)
def test_the_format_that_is_asked_for(accept: str, kind: str) -> None:
    page = metrics_page(STATUS)

    async def main() -> None:
        async with serving() as server:
            status, text, told = await _ask_with({"Accept": accept}, server.port)
            assert status == 200 and told.startswith(kind)
            if "openmetrics" in kind:
                # This parser refuses whatever the specification does not allow.
                families = list(openmetrics.text_string_to_metric_families(text))
                assert len(families) == page.count("# TYPE")
            else:
                assert samples(text) == samples(page)

    asyncio.run(main())


def test_many_tunnels_do_not_stop_the_loop() -> None:
    keys = [key for _, key, _, _ in i2ptunnel.metrics._TUNNEL]
    kinds = dict.fromkeys(keys, 12345.5) | {"type": "httpserver", "ready": True}
    tunnels = [{"name": f"t{number}", **kinds} for number in range(600)]

    async def main() -> None:
        accept = "application/openmetrics-text; version=1.0.0"
        page, _ = await write_metrics(STATUS | {"tunnels": tunnels}, accept)
        assert page.count(b'tunnel="t599"') == len(keys) and page.count(b"# EOF") == 1

    run_in_short_turns(main())


def test_nothing_of_the_process_or_the_platform_is_told() -> None:
    lines = metrics_page(STATUS).splitlines()
    assert all(re.match(r"(# (HELP|TYPE) )?i2ptunnel_", line) for line in lines)


def test_networks_that_may_not_read_get_nothing() -> None:
    async def main() -> None:
        listen = Endpoint("127.0.0.1", 0)
        section = MetricsSection(listen=listen, allow=(ip_network("192.0.2.0/24"),))
        async with serving(section) as server:
            with pytest.raises(OSError):
                await _ask(server.port)

    asyncio.run(main())


def test_a_taken_port_is_refused() -> None:
    async def main() -> None:
        async with serving() as server:
            taken = MetricsSection(listen=Endpoint("127.0.0.1", server.port))
            with pytest.raises(Unavailable, match="cannot listen"):
                async with serving(taken):
                    pass

    asyncio.run(main())


def test_whatever_a_tunnel_counts_is_a_metric() -> None:
    package = Path(i2ptunnel.metrics.__file__).parent
    sources = [*package.glob("tunnels/*.py"), package / "relay" / "dcc.py"]
    text = "\n".join(path.read_text() for path in sources)
    counted = set(re.findall(r"counts\[\s*\"([a-z_]+)\"", text))
    counted |= set(re.findall(r"counts\.update\(([a-z_]+)=0, ([a-z_]+)=0\)", text)[0])
    assert len(counted) > 15
    tunnel = {"name": "t", "type": "server", **dict.fromkeys(counted, 7)}
    page = metrics_page({"state": "ready", "ready": True, "router": {}, "tunnels": [tunnel]})
    values = [line for line in page.splitlines() if line.endswith(" 7.0")]
    assert len(values) == len(counted), sorted(counted)


def test_the_page_on_operations_names_metrics_and_states_that_exist() -> None:
    page = (Path(__file__).parents[2] / "docs" / "OPERATIONS.md").read_text()
    router: dict[str, Any] = {key: 1 for _, key, _, _ in i2ptunnel.metrics._ROUTER}
    router |= STATUS["router"] | {"clock": {"correction_s": 0.5}}
    router["reachability"] = {"transports": {"ssu2/ipv4": "ok"}}
    tunnel: dict[str, Any] = {key: 1 for _, key, _, _ in i2ptunnel.metrics._TUNNEL}
    tunnel |= {"name": "irc", "type": "ircclient"}
    lines = metrics_page(STATUS | {"router": router, "tunnels": [tunnel]}).splitlines()
    there = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    named = set(re.findall(r"`(i2ptunnel_[a-z_]+)`", page))
    assert len(named) > 12 and named <= there
    section = page.split("## States")[1].split("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == {str(state) for state in State}
