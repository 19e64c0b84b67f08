"""What options of the ``router:`` section say against each other."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from core.data.ip_family import Family, family_of_ip
from i2ptunnel.config.checks import add_fault, mark_of
from i2ptunnel.config.faults import Faults
from i2ptunnel.config.i2cp_checks import check_foreign_router
from i2ptunnel.config.network_kinds import IpAddress
from i2ptunnel.config.nodes import Node
from i2ptunnel.config.router_model import RouterSection

# Nobody on the internet can have a connection to one of these.
_UNREACHABLE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
        "::/127",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)
_NAMES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6", Family.YGGDRASIL: "Yggdrasil"}


def _has_ml_kem() -> bool:
    # Imported late: a router's worth of code, for those who ask for it alone.
    from core.api import has_ml_kem

    return has_ml_kem()


def check_router(router: RouterSection, root: Node, faults: Faults) -> None:
    """Record what is wrong, and warn of what others will not like."""

    def fault(keys: tuple[str | int, ...], wrong: str, right: str) -> None:
        add_fault(root, faults, ("router", *keys), wrong, right)

    if router.i2cp is not None:
        check_foreign_router(router.i2cp, root, faults)
        return
    if not router.ntcp2.enabled and not router.ssu2.enabled:
        fault(("ntcp2",), "no transport is enabled", "enable ntcp2 or ssu2")
    elif not router.ntcp2.enabled and router.ntcp2.proxy is not None:
        fault(
            ("ntcp2", "enabled"),
            "SSU2 cannot use a proxy, so no transport is left",
            "enable ntcp2, or leave the proxy out",
        )
    elif not router.ntcp2.enabled and router.floodfill == "true":
        faults.warn(
            mark_of(root, "router", "floodfill"),
            "router.floodfill",
            "Java I2P bans a floodfill that has SSU2 alone",
            "enable ntcp2, or floodfill: false",
        )
    for name, wanted in (("ntcp2", router.ntcp2.pq), ("ssu2", router.ssu2.pq)):
        if wanted not in ("auto", "off") and not _has_ml_kem():
            fault(
                (name, "pq"),
                "the library cryptography has no ML-KEM here",
                "install cryptography 48 or newer, or write pq: auto",
            )
    hosts = router.host or ()
    for name, addresses in (("host", hosts), ("bind", router.bind)):
        for index, address in _repeated(addresses):
            kind = _NAMES[family_of_ip(address)]
            fault(
                (name, index), f"{address} is a second {kind} address", f"write one {kind} address"
            )
    for index, address in enumerate(hosts):
        keys: tuple[str | int, ...] = ("host", index) if len(hosts) > 1 else ("host",)
        if not router.allow_private_addresses and any(address in one for one in _UNREACHABLE):
            fault(
                keys,
                f"other routers cannot reach {address}",
                "write the public address, or set allow_private_addresses on a test network",
            )
        family = family_of_ip(address)
        if family is Family.YGGDRASIL:
            if not router.ntcp2.enabled:
                fault(keys, "in Yggdrasil there is NTCP2 alone", "enable ntcp2, or leave it out")
        elif router.bind and family not in map(family_of_ip, router.bind):
            right = f"add an {_NAMES[family]} address to bind, or leave this one out"
            fault(keys, f"bind has no {_NAMES[family]} address", right)
    if router.ntcp2.proxy is not None and router.host:
        fault(
            ("host",),
            "other routers refuse one that calls from another address, as ntcp2.proxy does",
            "leave host out, or the proxy",
        )
    if router.ntcp2.proxy is not None and router.time.servers:
        fault(
            ("time", "servers"),
            "time servers are asked directly, past ntcp2.proxy",
            "leave servers out: other routers tell the time too",
        )
    if router.hidden == "true" and hosts:
        fault(
            ("host",),
            "a hidden router publishes no address",
            "leave host out, or set hidden: false",
        )
    if router.hidden == "true" and router.floodfill == "true":
        fault(
            ("floodfill",),
            "a hidden router cannot be a floodfill",
            "leave floodfill out, or set hidden: false",
        )
    for name, addresses in (("host", hosts), ("bind", router.bind)):
        if router.ipv6 == "false" and Family.IPV6 in map(family_of_ip, addresses):
            fault(("ipv6",), f"{name} has an IPv6 address", f"leave either out: ipv6, or {name}'s")


def _repeated(addresses: Sequence[IpAddress]) -> list[tuple[int, IpAddress]]:
    """Those of a network that an address before is of."""
    families = [family_of_ip(address) for address in addresses]
    return [
        (index, address)
        for index, address in enumerate(addresses)
        if families[index] in families[:index]
    ]
