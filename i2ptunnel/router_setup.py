"""From the ``router:`` section to the router: one of ours, or a foreign one reached by I2CP."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace

from core.api import (
    PUBLIC_TIME_SERVERS,
    AnyRouter,
    FileFault,
    ForeignRouter,
    I2cpAddress,
    I2cpStatus,
    ListenerStore,
    Router,
    RouterConfig,
    TraceFile,
    read_limited,
)
from core.base.errors import DecodeError
from core.data.family import RouterFamily
from i2ptunnel.blocklist import read_blocklist, sort_out
from i2ptunnel.config.i2cp_model import I2cpRouterSection
from i2ptunnel.config.router_model import RouterSection
from i2ptunnel.geoip import open_asn
from i2ptunnel.health import I2cpFacts
from i2ptunnel.hiding import HiddenMode
from i2ptunnel.keyfiles import read_keys
from i2ptunnel.relay.tls import client_context
from i2ptunnel.sessions import tunnel_shape
from i2ptunnel.text_files import decode_text

PUBLIC_NETWORK_ID = 2
#: ``router.port_mapping`` -> what is tried, in this order
PORT_MAPPING_METHODS = {
    "auto": ("pcp", "nat-pmp", "upnp"),
    "pcp": ("pcp", "nat-pmp"),
    "upnp": ("upnp",),
    "off": (),
}
IPV6 = FLOODFILL = {"auto": None, "true": True, "false": False}
_PQ = {"auto": 4, "768": 4, "1024": 5, "off": 0}
"""What the network calls the hybrid variants."""
_PASSWORD_BYTES_MAX = 1024


def make_router(
    section: RouterSection,
    hidden_mode: HiddenMode,
    listeners: Callable[[], ListenerStore],
    trace: TraceFile | None,
) -> AnyRouter:
    """Not started yet. Raises FileFault, or Unavailable ``bad_certificate``."""
    config = start_config(section, hidden_mode)
    if section.i2cp is not None:
        return ForeignRouter(config, i2cp_address(section.i2cp), trace)
    return Router(config, listeners(), trace)


def i2cp_address(section: I2cpRouterSection) -> I2cpAddress:
    """The core's form; raises FileFault, or Unavailable ``bad_certificate``."""
    context: ssl.SSLContext | None = None
    if section.tls:
        context = client_context(section.certificate)
        # Java: its certificate is for the router, not for a host name.
        context.check_hostname = section.certificate is None
    password = ""
    if section.password_file is not None:
        password = _read_password(section)
    endpoint = section.address
    return I2cpAddress(endpoint.host, endpoint.port, context, section.username or "", password)


def _read_password(section: I2cpRouterSection) -> str:
    path = section.password_file
    assert path is not None
    try:
        return decode_text(read_limited(path, _PASSWORD_BYTES_MAX)).strip()
    except DecodeError as error:
        raise FileFault(path, str(error)) from None


def start_config(section: RouterSection, hidden_mode: HiddenMode) -> RouterConfig:
    """:func:`router_config` with the keys that are read once, at the start; raises FileFault."""
    return replace(router_config(section, hidden_mode), family=router_family(section))


def router_config(section: RouterSection, hidden_mode: HiddenMode | None = None) -> RouterConfig:
    """What the router is told, from its section. FileFault: one that it names is no use."""
    hidden_mode = hidden_mode or HiddenMode(section)
    listed = () if section.blocklist_file is None else read_blocklist(section.blocklist_file)
    blocked_routers, blocked_addresses = sort_out((*section.blocklist, *listed))
    is_hidden, proxy = hidden_mode.now.hidden, section.ntcp2.proxy
    assert section.data_dir is not None
    return RouterConfig(
        data_dir=section.data_dir,
        network_id=section.network_id,
        host=tuple(map(str, section.host or ())),
        port=section.port or 0,
        bind=tuple(map(str, section.bind)),
        ipv6=IPV6[section.ipv6],
        ntcp2=section.ntcp2.enabled,
        ssu2=section.ssu2.enabled,
        ntcp2_pq=_PQ[section.ntcp2.pq],
        ssu2_pq=_PQ[section.ssu2.pq],
        ntcp2_proxy=proxy,
        allow_private_addresses=section.allow_private_addresses,
        time_servers=time_servers(section),
        hidden=is_hidden,
        avoids=hidden_mode.avoids,
        asn_of=None if section.asn is None else open_asn(section.asn),
        blocked_routers=blocked_routers,
        blocked_addresses=blocked_addresses,
        port_mapping=() if proxy or is_hidden else PORT_MAPPING_METHODS[section.port_mapping],
        inbound_bytes_s=section.bandwidth.inbound,
        outbound_bytes_s=section.bandwidth.outbound,
        share=section.bandwidth.share,
        transit=section.transit.enabled,
        transit_tunnels_max=section.transit.max_tunnels,
        floodfill=FLOODFILL[section.floodfill],
        server_delay_s=section.server_delay,
        exploratory_inbound=tunnel_shape(section.exploratory.inbound),
        exploratory_outbound=tunnel_shape(section.exploratory.outbound),
    )


def router_family(section: RouterSection) -> RouterFamily | None:
    """The family that signs for this router; raises FileFault."""
    if section.family is None:
        return None
    assert section.data_dir is not None
    path = section.data_dir / section.family.keys
    keys = read_keys(path, is_used=True)
    if keys is None:
        why = "there is no such key file; copy the family's, or make it: i2ptunnel keys generate"
        raise FileFault(path, why)
    if keys.offline is not None:
        raise FileFault(path, "a transient key cannot sign for a family; take its real key")
    return RouterFamily(section.family.name, keys.signing)


def time_servers(section: RouterSection) -> tuple[tuple[str, int], ...]:
    """Whom to ask for the time; nobody with a proxy, which the questions would go past."""
    if not section.time.ntp or section.ntcp2.proxy is not None:
        return ()
    if section.time.servers:
        return tuple((server.host, server.port) for server in section.time.servers)
    return PUBLIC_TIME_SERVERS if section.network_id == PUBLIC_NETWORK_ID else ()


def reseed_section(section: RouterSection) -> RouterSection:
    """The section as reseeding sees it: a foreign router knows others by itself."""
    if section.i2cp is None:
        return section
    return replace(section, reseed=replace(section.reseed, enabled=False, files=()))


def i2cp_facts(status: I2cpStatus | None) -> I2cpFacts | None:
    """What health says of a foreign router; None if there is none."""
    if status is None:
        return None
    is_missing = status.sessions > 0 and not status.connected and status.last_error is not None
    return I2cpFacts(status.address, status.last_error if is_missing else None)
