"""What is wrong, or of no use, where another router is used over I2CP."""

from __future__ import annotations

import ipaddress

from i2ptunnel.config.faults import Faults, join
from i2ptunnel.config.i2cp_model import I2cpRouterSection
from i2ptunnel.config.nodes import Mapping, Node

_MATTERS = ("i2cp", "data_dir")


def check_foreign_router(section: I2cpRouterSection, root: Node, faults: Faults) -> None:
    """Record faults and warnings about ``router.i2cp`` and its neighbours."""
    router = root.entries["router"].value if isinstance(root, Mapping) else None
    if not isinstance(router, Mapping):
        return
    for key, entry in router.entries.items():
        if key not in _MATTERS:
            faults.warn(
                entry.key_mark,
                join("router", key),
                "has no effect with router.i2cp",
                "leave it out; the other router has its own options",
            )
    _warn_of_interface(root, faults)
    mark = router.entries["i2cp"].value.mark
    if (section.username is None) != (section.password_file is None):
        faults.add(mark, "router.i2cp", "a user name and a password belong together", "write both")
    if section.certificate is not None and not section.tls:
        faults.add(
            mark, "router.i2cp.certificate", "there is no TLS", "add tls: true, or leave it out"
        )
    if not section.tls and not _is_loopback(section.address.host):
        faults.warn(
            mark,
            "router.i2cp",
            "everybody on the way to that router can read what is sent, and the keys with it",
            "use tls: true, or a router on this machine",
        )


def _warn_of_interface(root: Node, faults: Faults) -> None:
    interfaces = root.entries.get("interfaces") if isinstance(root, Mapping) else None
    if interfaces is None or not isinstance(interfaces.value, Mapping):
        return
    i2cp = interfaces.value.entries.get("i2cp")
    if i2cp is not None:
        faults.warn(
            i2cp.key_mark,
            "interfaces.i2cp",
            "has no effect with router.i2cp: there is no router to offer",
            "have programs use the other router",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
