"""Homes with IPv6 behind a home router's firewall, beside those of :mod:`tests.support.nat_box`.

::

    home.machine 2a11:101::2 -- 2a11:101::1 home.box 2a10:101::1 --+-- public 2a10:1::1, ...

Nothing is translated. What the machine has not asked for is dropped, unless the firewall is open.
The machine has no IPv4.
"""

from __future__ import annotations

from tests.support.fetch_miniupnpd import nft_command
from tests.support.home_network import Namespace
from tests.support.nat_box import PublicNetwork

_GATEWAY = "2a10:ffff::1"
_RULES = """flush ruleset
table ip6 box {{
  chain input {{ type filter hook input priority 0; policy drop;
    meta l4proto ipv6-icmp accept; iifname {{ "lo", "lan" }} accept; }}
  chain forward {{ type filter hook forward priority 0; policy {policy};
    ct state established,related accept; iifname "lan" accept; }}
}}
"""


def add_ipv6(public: PublicNetwork, number: int) -> str:
    """An IPv6 address of routers that are behind nothing; the first one opens the way to homes."""
    run = public.namespace.run
    if _GATEWAY not in run("ip", "-6", "address", "show", "dev", "public"):
        run("ip", "-6", "address", "add", f"{_GATEWAY}/16", "dev", "public", "nodad")
        run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    address = f"2a10:{number:x}::1"
    run("ip", "-6", "address", "add", f"{address}/16", "dev", "public", "nodad")
    return address


class FirewallBox:
    """A machine with ``address``, behind a firewall that is open or not."""

    def __init__(self, public: PublicNetwork, number: int, *, is_open: bool = False) -> None:
        self.machine, self.box = Namespace(), Namespace()
        public.attach(self.box, "wan")
        self.box.run(
            *("ip", "link", "add", "name", "lan", "type", "veth", "peer"),
            *("name", "eth0", "netns", str(self.machine.pid)),
        )
        home, outside = f"2a11:{number:x}::", f"2a10:{number:x}::1"
        self.address = f"{home}2"
        for namespace, link, address in (
            (self.box, "wan", f"{outside}/16"),
            (self.box, "lan", f"{home}1/64"),
            (self.machine, "eth0", f"{self.address}/64"),
        ):
            namespace.run("ip", "-6", "address", "add", address, "dev", link, "nodad")
            namespace.run("ip", "link", "set", link, "up")
        self.box.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        self.machine.run("ip", "-6", "route", "add", "default", "via", f"{home}1")
        self.box.run("ip", "-6", "route", "add", "default", "via", _GATEWAY)
        public.namespace.run("ip", "-6", "route", "add", f"{home}/48", "via", outside)
        rules = _RULES.format(policy="accept" if is_open else "drop")
        self.box.run(*nft_command(), "-f", "-", text=rules)

    def close(self) -> None:
        self.machine.close()
        self.box.close()
