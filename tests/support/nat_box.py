"""Homes behind address translators, and the public network between them, in network namespaces.

::

    home.machine 192.168.7.2 -- 192.168.7.1 home.box 11.101.0.1 --+
    home.machine 192.168.7.2 -- 192.168.7.1 home.box 11.102.0.1 --+-- public 11.1.0.1, 11.2.0.1 ...

Every public address is in a /16 of its own, in a range that all routers take for public. A box is
nftables: one UDP port of the machine, the router's, is shown as another one under the rules of a
kind; everything else gets out and nothing gets in. Nothing leaves the namespaces. Needs root.

A thread is in one namespace at a time: what it binds or starts inside ``with machine.entered()``
stays there. All binding and starting of a test is best done in one thread.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.support.fetch_miniupnpd import nft_command
from tests.support.home_network import Namespace
from tests.support.world.nat import NatKind

MACHINE, GATEWAY = "192.168.7.2", "192.168.7.1"
INSIDE_PORT, OUTSIDE_PORT = 20040, 30040
_STATE_S = 120
_SILENCE_S = 0.3

_SETS = {
    NatKind.FULL_CONE: "type inet_service;",
    NatKind.ADDRESS_RESTRICTED: "type ipv4_addr;",
}
#: what a datagram on its way out adds to the set, and what one on its way in must have there
_ASKED = {
    NatKind.FULL_CONE: ("udp sport", "udp dport @asked"),
    NatKind.ADDRESS_RESTRICTED: ("ip daddr", "ip saddr @asked"),
}


def _rules(kind: NatKind, inside: int, outside: int) -> str:
    """The ruleset of a box. Its own address is silent, as that of most home routers is."""
    lines = [
        "flush ruleset",
        "table ip box {",
        "chain input { type filter hook input priority 0; policy drop;",
        '  iifname { "lo", "lan" } accept; }',
        "chain forward { type filter hook forward priority 0; policy drop;",
        '  ct state established,related accept; iifname "lan" accept; ct status dnat accept; }',
        "chain postrouting { type nat hook postrouting priority 100;",
    ]
    if kind.is_cone:
        lines.append(f'  oifname "wan" udp sport {inside} masquerade to :{outside}')
    lines += [
        '  oifname "wan" meta l4proto udp masquerade fully-random',
        '  oifname "wan" masquerade; }',
    ]
    if kind in _SETS:
        lines += [
            f"set asked {{ {_SETS[kind]} size 4096; flags dynamic,timeout; timeout {_STATE_S}s; }}",
            "chain sent { type filter hook postrouting priority 110;",
            f'  oifname "wan" udp sport {outside} update @asked {{ {_ASKED[kind][0]} }}; }}',
            "chain prerouting { type nat hook prerouting priority -100;",
            f'  iifname "wan" udp dport {outside} {_ASKED[kind][1]} dnat to {MACHINE}:{inside}; }}',
        ]
    return "\n".join([*lines, "}"])


class PublicNetwork:
    """The internet: one namespace with a bridge, on which all public addresses are."""

    def __init__(self) -> None:
        self.namespace = Namespace()
        self.namespace.run("ip", "link", "add", "name", "public", "type", "bridge")
        self.namespace.run("ip", "link", "set", "public", "up")
        self._cables = 0

    def add_address(self, address: str) -> str:
        """One more address of the routers that are behind nothing; returns it."""
        self.namespace.run("ip", "address", "add", f"{address}/8", "dev", "public")
        return address

    def attach(self, namespace: Namespace, name: str) -> None:
        """A cable from the bridge to an interface ``name``, which is still down."""
        self._cables += 1
        port = f"port{self._cables}"
        self.namespace.run(
            *("ip", "link", "add", "name", port, "type", "veth", "peer"),
            *("name", name, "netns", str(namespace.pid)),
        )
        self.namespace.run("ip", "link", "set", port, "master", "public", "up")

    def close(self) -> None:
        self.namespace.close()


class NatBox:
    """A machine behind a translator of ``kind``; ``address`` is the outside one.

    ``is_plugged_in=False``: the machine has only loopback until :meth:`plug_in`.
    """

    def __init__(
        self,
        public: PublicNetwork,
        kind: NatKind,
        address: str,
        *,
        inside_port: int = INSIDE_PORT,
        outside_port: int = OUTSIDE_PORT,
        is_plugged_in: bool = True,
    ) -> None:
        self.kind = kind
        self.address = address
        self.inside_port = inside_port
        self.outside_port = outside_port
        self.machine, self.box = Namespace(), Namespace()
        public.attach(self.box, "wan")
        self.box.run(
            *("ip", "link", "add", "name", "lan", "type", "veth", "peer"),
            *("name", "eth0", "netns", str(self.machine.pid)),
        )
        for name, ip in (("wan", f"{address}/8"), ("lan", f"{GATEWAY}/24")):
            self.box.run("ip", "address", "add", ip, "dev", name)
            self.box.run("ip", "link", "set", name, "up")
        self.box.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self._apply()
        for state in ("udp_timeout", "udp_timeout_stream"):
            self.box.run("sysctl", "-qw", f"net.netfilter.nf_conntrack_{state}={_STATE_S}")
        if is_plugged_in:
            self.plug_in()

    def _apply(self) -> None:
        rules = _rules(self.kind, self.inside_port, self.outside_port)
        self.box.run(*nft_command(), "-f", "-", text=rules)

    def plug_in(self) -> None:
        """The machine gets its address and its way out."""
        self.machine.run("ip", "address", "add", f"{MACHINE}/24", "dev", "eth0")
        self.machine.run("ip", "link", "set", "eth0", "up")
        self.machine.run("ip", "route", "add", "default", "via", GATEWAY)

    def unplug(self) -> None:
        """As if the cable were pulled: address and way out are gone."""
        self.machine.run("ip", "link", "set", "eth0", "down")
        self.machine.run("ip", "address", "flush", "dev", "eth0")

    def move(self, *, address: str | None = None, outside_port: int | None = None) -> None:
        """Another outside address, or another outside port, from one moment to the next."""
        if address is not None:
            self.box.run("ip", "address", "del", f"{self.address}/8", "dev", "wan")
            self.box.run("ip", "address", "add", f"{address}/8", "dev", "wan")
            self.address = address
        if outside_port is not None:
            self.outside_port = outside_port
        self._apply()
        self.forget()

    def forget(self) -> None:
        """All mappings end, as after a power cut."""
        with self.box.entered():
            _flush_conntrack()
        self._apply()

    def close(self) -> None:
        self.machine.close()
        self.box.close()


@contextmanager
def public_network() -> Iterator[PublicNetwork]:
    """A public network that ends with the test."""
    public = PublicNetwork()
    try:
        yield public
    finally:
        public.close()


def _flush_conntrack() -> None:
    """What ``conntrack -F`` does: a request to delete without saying what."""
    delete, request_ack, ctnetlink = 2, 1 | 4, 1
    message = struct.pack("=IHHII", 20, ctnetlink << 8 | delete, request_ack, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.send(message + struct.pack("=BBH", socket.AF_INET, 0, 0))
        answer = netlink.recv(4096)
    error = struct.unpack_from("=i", answer, 16)[0]
    assert error == 0, f"conntrack: error {error}"


def probe(public: PublicNetwork, box: NatBox, friend: str, stranger: str) -> NatKind:
    """What kind the box is of, found out from the router's port with two public addresses.

    AssertionError if it is none of the four. The mappings are forgotten before and after.
    """
    box.forget()
    with ExitStack() as stack:

        def bind(namespace: Namespace, host: str, port: int) -> socket.socket:
            with namespace.entered():
                one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                one.bind((host, port))
                one.settimeout(_SILENCE_S)
                return one

        inside = bind(box.machine, MACHINE, box.inside_port)
        asked, other_port = (bind(public.namespace, friend, port) for port in (7001, 7002))
        other_host = bind(public.namespace, stranger, 7001)
        inside.sendto(b"out", asked.getsockname())
        seen = _source_of(asked)
        assert seen is not None and seen[0] == box.address, f"seen as {seen}"
        for outsider in (asked, other_port, other_host):
            outsider.sendto(b"in", seen)
        arrived = set()
        while (source := _source_of(inside)) is not None:
            arrived.add(source)
        inside.sendto(b"out", other_host.getsockname())
        ports = {seen, _source_of(other_host)}
    box.forget()
    let_in = [one in arrived for one in ((friend, 7001), (friend, 7002), (stranger, 7001))]
    assert let_in[0], "the answer did not arrive"
    if len(ports) > 1:
        assert let_in == [True, False, False], let_in
        return NatKind.SYMMETRIC
    kinds = {
        (True, True): NatKind.FULL_CONE,
        (True, False): NatKind.ADDRESS_RESTRICTED,
        (False, False): NatKind.PORT_RESTRICTED,
    }
    return kinds[let_in[1], let_in[2]]


def _source_of(receiver: socket.socket) -> tuple[str, int] | None:
    try:
        source: tuple[str, int] = receiver.recvfrom(64)[1]
    except TimeoutError:
        return None
    return source
