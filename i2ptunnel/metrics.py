"""Figures for monitoring programs: Prometheus' text format, over HTTP, on a listener of its own.

What is there: figures of the router, and of each tunnel under its name and type. No address, hash
or destination is among them, and nothing can be changed. A page in a browser on this machine cannot
read them either: a request that names another host than an address or ``localhost`` is refused
(DNS rebinding), and there is no CORS.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/, by prometheus_client. It takes
20 to 40 ms for 200 tunnels, so that is done family by family.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import accumulate
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

from core.api import counter_descriptions, share_turn
from i2ptunnel.config.router_model import MetricsSection
from i2ptunnel.health import State
from i2ptunnel.http_server import HttpRequest, HttpResponse, HttpServer, refusal
from i2ptunnel.relay.activation import Take, take_none

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
_NOTHING = CollectorRegistry()
_FAMILIES: dict[str, type[GaugeMetricFamily | CounterMetricFamily]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
}
#: the values of a sample's labels, and its figure
_Samples = Iterable[tuple[Sequence[str], Any]]


class _Single(Collector):
    """A family of metrics for an encoder. No registry has it."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        """See :class:`Collector`."""
        return (self._family,)


async def write_metrics(status: Mapping[str, Any], accept: str = "") -> tuple[bytes, str]:
    """The figures in what ``status --json`` shows, and their type; ``accept``: an HTTP header."""
    try:
        encode, content_type = choose_encoder(accept)
    except TypeError:  # a version that is no number
        encode, content_type = choose_encoder("")
    parts, end = [], encode(_NOTHING)
    for family in _families(status):
        await share_turn()
        if family.samples:
            parts.append(encode(_Single(family)).removesuffix(end))
    return b"".join((*parts, end)), content_type


def _families(status: Mapping[str, Any]) -> Iterator[Metric]:
    yield _single("i2ptunnel_ready", "gauge", "1: all tunnels can carry traffic", status["ready"])
    states = (((state,), state == status["state"]) for state in State)
    text = "1 for the current state, 0 for the others"
    yield _family("i2ptunnel_state", "gauge", text, ("state",), states)
    yield from _router(status["router"])
    interfaces = status.get("interfaces", {})
    yield from _services({**status.get("services", {}), **interfaces})
    yield from _interfaces(interfaces)
    if status.get("torrents"):
        yield from _torrents(status["torrents"])
    if status.get("loop"):
        yield from _loop(status["loop"])
    yield from _tunnels(status["tunnels"])


def _router(router: Mapping[str, Any]) -> Iterator[Metric]:
    for name, key, kind, text in _ROUTER:
        yield _single(f"i2ptunnel_router_{name}", kind, text, router.get(key))
    # What is carried follows from the byte counters.
    bandwidth = router.get("bandwidth", {})
    limits = (((way,), bandwidth.get(f"limit_{way}_bytes_s")) for way in ("inbound", "outbound"))
    name = "i2ptunnel_router_bandwidth_limit_bytes_per_second"
    yield _family(name, "gauge", "What the links may carry", ("direction",), limits)
    counts = router.get("links", {})
    links = (((name,), counts.get(name)) for name in _TRANSPORTS)
    text = "Connected routers, by transport"
    yield _family("i2ptunnel_router_links", "gauge", text, ("transport",), links)
    slots = router.get("reachability", {}).get("transports", {})
    reached = ((slot.split("/"), state == "ok") for slot, state in slots.items())
    name, text = "i2ptunnel_router_reachable", "1: other routers can connect to this one"
    yield _family(name, "gauge", text, ("transport", "family"), reached)
    name, text = "i2ptunnel_router_clock_correction_seconds", "What the router adds to its clock"
    yield _single(name, "gauge", text, router.get("clock", {}).get("correction_s"))
    name, text = "i2ptunnel_router_links_refused_total", "Inbound connections closed at once"
    yield _by_label(name, text, "reason", router.get("links_refused", {}))
    counters = router.get("counters", {})
    for room, key, label, text in counter_descriptions():
        value, name = counters.get(room, {}).get(key), f"i2ptunnel_router_{room}_{key}_total"
        if label:
            yield _by_label(name, text, label, value or {})
        else:
            yield _single(name, "counter", text, value)


def _services(services: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    listening = (((name,), one["state"] == "listening") for name, one in services.items())
    text = "1: the service listens"
    yield _family("i2ptunnel_service_listening", "gauge", text, ("service",), listening)
    connections = (((name,), one.get("connections_open")) for name, one in services.items())
    name, text = "i2ptunnel_service_connections_open", "Open connections of the service"
    yield _family(name, "gauge", text, ("service",), connections)


def _interfaces(interfaces: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    for name, key, kind, text in _INTERFACE:
        samples = (((interface,), one.get(key)) for interface, one in interfaces.items())
        yield _family(f"i2ptunnel_interface_{name}", kind, text, ("interface",), samples)


def _torrents(torrents: Mapping[str, Any]) -> Iterator[Metric]:
    """Torrents by state and what they transfer; no names and no hashes."""
    counts = Counter(one["state"] for one in torrents.get("torrents", ()))
    samples = (((state,), count) for state, count in sorted(counts.items()))
    yield _family("i2ptunnel_torrents", "gauge", "Torrents, by state", ("state",), samples)
    is_up = torrents["state"] == "listening" and torrents.get("pid") is not None
    yield _single("i2ptunnel_torrents_running", "gauge", "1: the torrent client runs", is_up)
    for way, word in (("download", "received"), ("upload", "sent")):
        name = f"i2ptunnel_torrents_{way}_bytes_per_second"
        text = f"Content that all torrents have {word}"
        yield _single(name, "gauge", text, torrents.get(f"{way}_rate"))


def _loop(loop: Mapping[str, Any]) -> Iterator[Metric]:
    """Turns of the event loop, in CPU time of its thread and on the wall."""
    for kind, words in (("cpu", "CPU time of the loop's thread"), ("wall", "Time")):
        bounds = (*map(floatToGoString, loop["bounds_s"]), "+Inf")
        buckets = list(zip(bounds, accumulate(loop[f"{kind}_counts"]), strict=True))
        name, total = f"i2ptunnel_loop_turn_{kind}_seconds", loop[f"{kind}_sum_s"]
        yield HistogramMetricFamily(name, f"{words} in one turn", buckets, total)
        for which, since in (("longest", "since the start"), ("recent", "of the last minute")):
            name = f"i2ptunnel_loop_{which}_turn_{kind}_seconds"
            text = f"{words} in the longest turn {since}"
            yield _single(name, "gauge", text, loop[f"{which}_{kind}_s"])


def _tunnels(tunnels: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    labels = ("tunnel", "type")
    for name, key, kind, text in _TUNNEL:
        samples = (((one["name"], one["type"]), one.get(key)) for one in tunnels)
        yield _family(f"i2ptunnel_tunnel_{name}", kind, text, labels, samples)
    refused = (
        ((one["name"], one["type"], key.removeprefix(_REFUSED)), count)
        for one in tunnels
        for key, count in sorted(one.items())
        if key.startswith(_REFUSED)
    )
    name, text = "i2ptunnel_tunnel_visitors_refused_total", "Visitors refused, by reason"
    yield _family(name, "counter", text, (*labels, "reason"), refused)


def _family(name: str, kind: str, text: str, labels: Sequence[str], samples: _Samples) -> Metric:
    """A family of metrics; samples without a figure are left out."""
    family = _FAMILIES[kind](name, text, labels=labels)
    for values, figure in samples:
        if figure is not None:
            family.add_metric(values, figure)
    return family


def _single(name: str, kind: str, text: str, figure: float | None) -> Metric:
    return _family(name, kind, text, (), [((), figure)])


def _by_label(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    samples = (((key,), count) for key, count in sorted(counts.items()))
    return _family(name, "counter", text, (label,), samples)


class MetricsPage:
    """Answers ``GET /metrics`` with the figures of ``status``, in the format that is asked for."""

    def __init__(self, status: Callable[[], Mapping[str, Any]]) -> None:
        self._status = status

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """See the class."""
        if request.method not in ("GET", "HEAD"):
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "GET only", ("Allow", "GET, HEAD"))
        if request.path != "/metrics":
            return refusal(HTTPStatus.NOT_FOUND, "see /metrics")
        body, content_type = await write_metrics(self._status(), request.accept)
        return HttpResponse(body, content_type=content_type)


def metrics_server(
    section: MetricsSection, status: Callable[[], Mapping[str, Any]], take: Take = take_none
) -> HttpServer:
    """The service of ``control.metrics``."""
    return HttpServer(section.listen, MetricsPage(status), allow=section.allow, take=take)
