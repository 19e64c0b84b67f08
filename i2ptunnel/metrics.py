"""Figures for monitoring programs: Prometheus' text format, over HTTP, on a listener of its own.

What is there: figures of the router, and of each tunnel under its name and type. No address, hash
or destination is among them, and nothing can be changed. A page in a browser on this machine cannot
read them either: a request that names another host than an address or ``localhost`` is refused
(DNS rebinding), and there is no CORS.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from itertools import accumulate
from typing import Any

from core.api import counter_descriptions
from i2ptunnel.config.router_model import MetricsSection
from i2ptunnel.health import State
from i2ptunnel.http_server import HttpRequest, HttpResponse, HttpServer, refusal
from i2ptunnel.relay.activation import Take, take_none

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# name of the figure, its key in the router's status, kind, help
_ROUTER = (
    ("uptime_seconds", "uptime_s", "gauge", "Time since the router started"),
    ("known_routers", "routers", "gauge", "Routers in the network database"),
    ("known_floodfills", "floodfills", "gauge", "Floodfill routers in the network database"),
    ("links_inbound", "links_inbound", "gauge", "Connections that others made, also unfinished"),
    ("links_outbound", "links_outbound", "gauge", "Connections made here, also unfinished"),
    ("links_evicted_total", "links_evicted", "counter", "Connections closed to make room"),
    ("transit_tunnels", "transit_tunnels", "gauge", "Transit tunnels of other routers"),
    ("transit_accepted_total", "transit_accepted", "counter", "Transit tunnels accepted"),
    ("tunnel_builds_total", "builds_started", "counter", "Tunnel builds started"),
    (
        "tunnel_builds_succeeded_total",
        "builds_succeeded",
        "counter",
        "Tunnel builds that succeeded",
    ),
    ("received_bytes_total", "bytes_received", "counter", "Bytes received from other routers"),
    ("sent_bytes_total", "bytes_sent", "counter", "Bytes sent to other routers"),
    ("descriptors", "descriptors", "gauge", "File descriptors in use"),
    ("descriptors_limit", "descriptors_limit", "gauge", "File descriptors this process may use"),
    ("floodfill", "floodfill", "gauge", "1: published as a floodfill"),
    ("introducers", "introducers", "gauge", "Routers that introduce others to this one"),
    ("clock_skew_seconds", "clock_skew_s", "gauge", "Clocks of other routers minus this one"),
)
_TRANSPORTS = ("ntcp2", "ssu2")
_TUNNEL = (
    ("ready", "ready", "gauge", "1: the tunnel can carry traffic"),
    ("since_seconds", "since_s", "gauge", "Time since the tunnel's state changed"),
    ("retries", "retries", "gauge", "Failed starts in a row"),
    ("connections_total", "connections", "counter", "Connections since the start"),
    ("connections_open", "connections_open", "gauge", "Open connections"),
    ("connections_refused_total", "connections_refused", "counter", "Refused connections"),
    ("connections_failed_total", "connections_failed", "counter", "Failed connections"),
    ("to_i2p_bytes_total", "bytes_to_i2p", "counter", "Bytes sent into I2P"),
    ("from_i2p_bytes_total", "bytes_from_i2p", "counter", "Bytes received from I2P"),
    ("keys_expire_seconds", "keys_expire", "gauge", "End of the tunnel's transient key, Unix time"),
    ("identities", "identities", "gauge", "I2P addresses in use with isolate"),
    *(
        (f"{name}_total", name, "counter", text)
        for name, text in (
            ("connections_too_slow", "Connections aborted below the least rate"),
            ("connections_evicted", "Connections closed to make room for others"),
            ("out_of_descriptors", "Connections that found no free file descriptor"),
            ("requests", "HTTP requests"),
            ("requests_refused", "HTTP requests answered with an error page"),
            ("http_filtered", "Connections of a SOCKS proxy that were filtered as HTTP"),
            ("outproxy_failures", "Outproxies that could not be used"),
            ("udp_associations", "UDP associations of a SOCKS proxy"),
            ("datagrams_sent", "Datagrams sent into I2P"),
            ("datagrams_received", "Datagrams received from I2P"),
            ("datagrams_refused", "Datagrams that may not be sent"),
            ("datagrams_dropped", "Datagrams that were dropped"),
            ("local_packets_dropped", "UDP packets to local programs that were dropped"),
            ("lines_dropped", "Lines of IRC that were dropped"),
            ("client_lines_dropped", "Lines of the IRC program that were dropped"),
            ("server_lines_dropped", "Lines of the IRC server that were dropped"),
            ("mails_sent", "Mails that a server took"),
            ("mails_refused", "Mails that could not be made anonymous"),
            ("mail_fields_dropped", "Header fields left out of mails"),
            ("dcc_offers", "DCC offers sent"),
            ("dcc_taken", "DCC offers taken"),
            ("dcc_refused", "DCC offers refused"),
            ("dcc_failed", "DCC connections that failed"),
        )
    ),
)
_INTERFACE = (
    ("sessions", "sessions", "gauge", "Sessions of programs"),
    ("streams", "streams", "gauge", "Open streams of programs"),
    ("sessions_created_total", "sessions_total", "counter", "Sessions created"),
    ("streams_opened_total", "streams_total", "counter", "Streams opened"),
    ("requests_refused_total", "requests_refused", "counter", "Requests answered with an error"),
    ("lookups_refused_total", "lookups_refused", "counter", "Lookups without session, too many"),
    ("datagrams_sent_total", "datagrams_sent", "counter", "Datagrams sent into I2P"),
    ("datagrams_received_total", "datagrams_received", "counter", "Datagrams received from I2P"),
    ("datagrams_dropped_total", "datagrams_dropped", "counter", "Datagrams that were dropped"),
    ("to_i2p_bytes_total", "bytes_to_i2p", "counter", "Bytes of streams sent into I2P"),
    ("from_i2p_bytes_total", "bytes_from_i2p", "counter", "Bytes of streams received from I2P"),
)
#: visitors that a server refused, by reason: a key of the tunnel's status begins so
_REFUSED = "refused_"


def render(status: Mapping[str, Any]) -> str:
    """The figures in what ``status --json`` shows, as a page."""
    lines: list[str] = []
    _figure(
        lines,
        "i2ptunnel_ready",
        "gauge",
        "1: all tunnels can carry traffic",
        [("", status["ready"])],
    )
    states = ((f'{{state="{state}"}}', state == status["state"]) for state in State)
    _figure(lines, "i2ptunnel_state", "gauge", "1 for the current state, 0 for the others", states)
    router = status["router"]
    for name, key, kind, text in _ROUTER:
        _figure(lines, f"i2ptunnel_router_{name}", kind, text, [("", router.get(key))])
    _bandwidth(lines, router.get("bandwidth", {}))
    counts = router.get("links", {})
    links = [(f'{{transport="{name}"}}', counts.get(name)) for name in _TRANSPORTS]
    _figure(lines, "i2ptunnel_router_links", "gauge", "Connected routers, by transport", links)
    reached = [
        (
            f'{{transport="{name.partition("/")[0]}",family="{name.partition("/")[2]}"}}',
            state == "ok",
        )
        for name, state in router.get("reachability", {}).get("transports", {}).items()
    ]
    name, text = "i2ptunnel_router_reachable", "1: other routers can connect to this one"
    _figure(lines, name, "gauge", text, reached)
    refused = [
        (f'{{reason="{_escaped(reason)}"}}', count)
        for reason, count in sorted(router.get("links_refused", {}).items())
    ]
    name, text = "i2ptunnel_router_clock_correction_seconds", "What the router adds to its clock"
    _figure(lines, name, "gauge", text, [("", router.get("clock", {}).get("correction_s"))])
    name, text = "i2ptunnel_router_links_refused_total", "Inbound connections closed at once"
    _figure(lines, name, "counter", text, refused)
    _counters(lines, router.get("counters", {}))
    interfaces = status.get("interfaces", {})
    _services(lines, {**status.get("services", {}), **interfaces})
    _interfaces(lines, interfaces)
    if status.get("torrents"):
        _torrents(lines, status["torrents"])
    if status.get("loop"):
        _loop(lines, status["loop"])
    labels = [
        (f'{{tunnel="{_escaped(tunnel["name"])}",type="{tunnel["type"]}"}}', tunnel)
        for tunnel in status["tunnels"]
    ]
    for name, key, kind, text in _TUNNEL:
        samples = ((label, tunnel.get(key)) for label, tunnel in labels)
        _figure(lines, f"i2ptunnel_tunnel_{name}", kind, text, samples)
    refused = [
        (f'{label[:-1]},reason="{_escaped(key.removeprefix(_REFUSED))}"}}', count)
        for label, tunnel in labels
        for key, count in sorted(tunnel.items())
        if key.startswith(_REFUSED)
    ]
    text = "Visitors refused, by reason"
    _figure(lines, "i2ptunnel_tunnel_visitors_refused_total", "counter", text, refused)
    return "\n".join((*lines, ""))


def _bandwidth(lines: list[str], bandwidth: Mapping[str, float]) -> None:
    """The limits; what is carried follows from the byte counters."""
    limits = [
        (f'{{direction="{way}"}}', bandwidth.get(f"limit_{way}_bytes_s"))
        for way in ("inbound", "outbound")
    ]
    name = "i2ptunnel_router_bandwidth_limit_bytes_per_second"
    _figure(lines, name, "gauge", "What the links may carry", limits)


def _slot_labels(name: str) -> str:
    """Of a name such as ``ntcp2/ipv4``."""
    transport, _, family = name.partition("/")
    return f'{{transport="{transport}",family="{family}"}}'


def _counters(lines: list[str], tree: Mapping[str, Mapping[str, Any]]) -> None:
    """Everything that the router counts; what it counts by reason has a label."""
    for room, name, label, text in counter_descriptions():
        value = tree.get(room, {}).get(name)
        samples: list[tuple[str, Any]] = [("", value)]
        if label:
            by_label = sorted((value or {}).items())
            samples = [(f'{{{label}="{_escaped(key)}"}}', count) for key, count in by_label]
        _figure(lines, f"i2ptunnel_router_{room}_{name}_total", "counter", text, samples)


def _services(lines: list[str], services: Mapping[str, Mapping[str, Any]]) -> None:
    labels = [(f'{{service="{_escaped(name)}"}}', one) for name, one in services.items()]
    listening = ((label, one["state"] == "listening") for label, one in labels)
    _figure(lines, "i2ptunnel_service_listening", "gauge", "1: the service listens", listening)
    connections = ((label, one.get("connections_open")) for label, one in labels)
    name = "i2ptunnel_service_connections_open"
    _figure(lines, name, "gauge", "Open connections of the service", connections)


def _interfaces(lines: list[str], interfaces: Mapping[str, Mapping[str, Any]]) -> None:
    labels = [(f'{{interface="{name}"}}', one) for name, one in interfaces.items()]
    for name, key, kind, text in _INTERFACE:
        samples = ((label, one.get(key)) for label, one in labels)
        _figure(lines, f"i2ptunnel_interface_{name}", kind, text, samples)


def _torrents(lines: list[str], torrents: Mapping[str, Any]) -> None:
    """Torrents by state and what they transfer; no names and no hashes."""
    counts = Counter(one["state"] for one in torrents.get("torrents", ()))
    samples = [(f'{{state="{state}"}}', count) for state, count in sorted(counts.items())]
    _figure(lines, "i2ptunnel_torrents", "gauge", "Torrents, by state", samples)
    is_up = torrents["state"] == "listening" and torrents.get("pid") is not None
    name, text = "i2ptunnel_torrents_running", "1: the torrent client runs"
    _figure(lines, name, "gauge", text, [("", is_up)])
    for way, word in (("download", "received"), ("upload", "sent")):
        name = f"i2ptunnel_torrents_{way}_bytes_per_second"
        rate = torrents.get(f"{way}_rate")
        _figure(lines, name, "gauge", f"Content that all torrents have {word}", [("", rate)])


def _loop(lines: list[str], loop: Mapping[str, Any]) -> None:
    """Turns of the event loop, in CPU time of its thread and on the wall."""
    for kind, words in (("cpu", "CPU time of the loop's thread"), ("wall", "Time")):
        name = f"i2ptunnel_loop_turn_{kind}_seconds"
        bounds = (*(f"{bound:g}" for bound in loop["bounds_s"]), "+Inf")
        below = accumulate(loop[f"{kind}_counts"])
        lines += [f"# HELP {name} {words} in one turn", f"# TYPE {name} histogram"]
        lines += [
            f'{name}_bucket{{le="{bound}"}} {count}'
            for bound, count in zip(bounds, below, strict=True)
        ]
        lines += [f"{name}_sum {loop[f'{kind}_sum_s']:.15g}", f"{name}_count {loop['turns']}"]
        for which, since in (("longest", "since the start"), ("recent", "of the last minute")):
            text = f"{words} in the longest turn {since}"
            figure = f"i2ptunnel_loop_{which}_turn_{kind}_seconds"
            _figure(lines, figure, "gauge", text, [("", loop[f"{which}_{kind}_s"])])


def _figure(
    lines: list[str], name: str, kind: str, text: str, samples: Iterable[tuple[str, Any]]
) -> None:
    """Append one figure with its samples; those without a value are left out."""
    known = [f"{name}{label} {float(value):.15g}" for label, value in samples if value is not None]
    if known:
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *known]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class MetricsPage:
    """Answers ``GET /metrics`` with :func:`render` of what ``status`` returns."""

    def __init__(self, status: Callable[[], Mapping[str, Any]]) -> None:
        self._status = status

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """See the class."""
        if request.method not in ("GET", "HEAD"):
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "GET only", ("Allow", "GET, HEAD"))
        if request.path != "/metrics":
            return refusal(HTTPStatus.NOT_FOUND, "see /metrics")
        return HttpResponse(render(self._status()).encode(), content_type=_CONTENT_TYPE)


def metrics_server(
    section: MetricsSection, status: Callable[[], Mapping[str, Any]], take: Take = take_none
) -> HttpServer:
    """The service of ``control.metrics``."""
    return HttpServer(section.listen, MetricsPage(status), allow=section.allow, take=take)
