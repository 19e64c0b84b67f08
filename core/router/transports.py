"""The transports of a router, made from its keys and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from core.crypto import mlkem
from core.data.ip_family import Family
from core.nat.mapping import PortMapping
from core.router.config import RouterConfig
from core.router.identity import RouterKeys
from core.transport.blocklist import Blocklist
from core.transport.context import TransportContext
from core.transport.ntcp2.endpoint import Ntcp2Endpoint
from core.transport.ntcp2.variants import HYBRIDS
from core.transport.own_addresses import OwnAddresses, Slot
from core.transport.ports import Endpoint
from core.transport.publishing import Address
from core.transport.reachability import Reachability
from core.transport.ssu2 import variants
from core.transport.ssu2.endpoint import Ssu2Endpoint
from core.transport.ssu2.session_traversal import SessionTraversal

EndpointFactory = Callable[[TransportContext], Sequence[Endpoint]]
E = TypeVar("E")


def reachability(config: RouterConfig, blocklist: Blocklist) -> Reachability:
    """The networks that are used; of them nobody is dialled whom the user has blocked."""
    found = config.reachability
    return replace(found, avoids=lambda host: blocklist.has_host(host) or config.avoids(host))


def configured(config: RouterConfig, keys: RouterKeys, port: int) -> EndpointFactory:
    """What the settings say; NTCP2 and SSU2 listen on the same port, published with ``host``.

    With a proxy there is NTCP2 alone: datagrams would go past it.
    """

    yggdrasil = config.hosts.get(Family.YGGDRASIL)

    def make(context: TransportContext) -> Sequence[Endpoint]:
        endpoints: list[Endpoint] = []
        if config.ntcp2:
            endpoints += ntcp2_only(config, keys, port)(context)
        if config.ssu2 and config.ntcp2_proxy is None:
            # i2pd: nobody looks for SSU2 in Yggdrasil.
            published = [one for one in _published(config, port) if one[0] != yggdrasil]
            endpoint = Ssu2Endpoint(
                context,
                keys.ssu2_static,
                keys.ssu2_intro,
                published=published,
                mtu=config.mtu,
                hybrid=variants.HYBRIDS.get(config.ssu2_pq) if mlkem.is_available() else None,
            )
            context.own.listen("ssu2", port, endpoint.publish)
            endpoint.traverse(_traversal(endpoint, keys, context))
            endpoints.append(endpoint)
        return endpoints

    return make


def ntcp2_only(config: RouterConfig, keys: RouterKeys, port: int) -> EndpointFactory:
    """NTCP2, which listens on ``port``, or only dials if that is 0."""

    def make(context: TransportContext) -> Sequence[Endpoint]:
        static_key, iv = keys.ntcp2_static, keys.ntcp2_iv
        hybrid = HYBRIDS.get(config.ntcp2_pq) if mlkem.is_available() else None
        published = _published(config, port)
        endpoint = Ntcp2Endpoint(context, static_key, iv, published=published, hybrid=hybrid)
        listening = port if config.listens_tcp else 0
        context.own.listen("ntcp2", listening, endpoint.publish)
        return [endpoint]

    return make


def _traversal(
    endpoint: Ssu2Endpoint, keys: RouterKeys, context: TransportContext
) -> SessionTraversal:
    def may_introduce() -> bool:
        return endpoint.is_reachable and context.own.may_introduce

    return SessionTraversal(
        endpoint,
        endpoint.context,
        context.reachability,
        context.own,
        keys.keys.sign,
        may_introduce,
    )


def introduces(config: RouterConfig, is_floodfill: bool) -> bool:
    """Whether routers that cannot be dialled may be introduced by us. i2pd: floodfills do not."""
    return config.transit and not is_floodfill and not config.hidden


def own_addresses(config: RouterConfig) -> OwnAddresses:
    """What the settings say of where we are reached."""
    families = {Family.IPV4: False, Family.IPV6: True}
    hosts = config.hosts
    configured = {is_ipv6: hosts[one] for one, is_ipv6 in families.items() if one in hosts}
    return OwnAddresses(config.reachability, configured, is_hidden=config.is_out_of_reach)


def _published(config: RouterConfig, port: int) -> list[Address]:
    return [(host, port) for host in config.hosts.values()] if port and not config.hidden else []


def own_hosts(config: RouterConfig, mapping: PortMapping, own: OwnAddresses) -> list[str]:
    """Under which addresses this machine is seen, for all we know; the surest first."""
    mapped = [one.address for one in mapping.external.values()]
    return [*config.hosts.values(), *sorted(own.seen), *mapped]


def mapped_slots(mapping: PortMapping) -> dict[Slot, tuple[Address, str]]:
    """What home routers forward to the transports, and the protocol that says so."""
    transports = {"tcp": "ntcp2", "udp": "ssu2"}
    return {
        (transports[protocol], version == 6): ((one.address, one.port), one.by)
        for (protocol, version), one in mapping.external.items()
    }


def find_endpoint(endpoints: Sequence[Endpoint], kind: type[E]) -> E | None:
    """The transport of this kind, if it is among these."""
    return next((endpoint for endpoint in endpoints if isinstance(endpoint, kind)), None)
