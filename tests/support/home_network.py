"""A home network in namespaces: a machine, a home router with miniupnpd and nftables, the world.

``machine`` 192.168.7.2 -- 192.168.7.1 ``router`` 11.22.33.44 -- 11.22.33.1 ``world``. The external
address is one that miniupnpd takes for public; nothing leaves the namespaces. Needs root. With
:meth:`HomeNetwork.add_ipv6` the machine has an address of the internet behind the same firewall.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.fetch_miniupnpd import miniupnpd_command, nft_command
from tests.support.namespace import inside_network

MACHINE, ROUTER, EXTERNAL, WORLD = "192.168.7.2", "192.168.7.1", "11.22.33.44", "11.22.33.1"
MACHINE_6, LATER_6, WORLD_6 = "2a01:db9:7::2", "2a01:db9:7::3", "2a01:db9:9::1"
_ETH_P_IPV6 = 0x86DD
_RULES = """
table inet filter {
  chain forward { type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
    jump miniupnpd
  }
  chain miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain prerouting_miniupnpd { }
  chain postrouting { type nat hook postrouting priority 100;
    oifname "wan" ip saddr 192.168.7.0/24 masquerade
    jump postrouting_miniupnpd
  }
  chain postrouting_miniupnpd { }
}
"""
_CONFIG = """ext_ifname=wan
listening_ip=lan
port=5000
enable_pcp_pmp={pmp}
enable_upnp={upnp}
secure_mode=yes
system_uptime=no
notify_interval=60
uuid=00000000-0000-0000-0000-000000000001
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
allow 1024-65535 192.168.7.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


class Namespace:
    """One network namespace, alive as long as a sleeping process."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity"],
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"
        self._holder.stdout.close()
        self.run("ip", "link", "set", "lo", "up")

    @property
    def pid(self) -> int:
        return self._holder.pid

    def command(self, *command: str) -> list[str]:
        """What runs a command inside."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *command]

    def run(self, *command: str, text: str = "") -> str:
        done = subprocess.run(
            self.command(*command),
            input=text,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and what it binds and starts meanwhile, is inside."""
        with inside_network(Path(f"/proc/{self.pid}/ns/net")):
            yield

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()


def is_possible() -> bool:
    """Whether this system lets us make such networks."""
    if os.getuid():
        return False
    trial = ["unshare", "--net", "ip", "link", "add", "name", "v0", "type", "veth"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


class HomeNetwork:
    """See the module; ``directory`` is for miniupnpd's files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.machine, self.router, self.world = Namespace(), Namespace(), Namespace()
        self._gateway: subprocess.Popen[bytes] | None = None
        self._join(self.machine, "eth0", MACHINE, "lan", ROUTER)
        self._join(self.world, "eth0", WORLD, "wan", EXTERNAL)
        self.machine.run("ip", "route", "add", "default", "via", ROUTER)
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.router.run("ip", "route", "add", "224.0.0.0/4", "dev", "lan")
        self._flush()

    def _join(self, one: Namespace, name: str, address: str, other: str, its: str) -> None:
        self.router.run(
            *("ip", "link", "add", "name", other, "type", "veth", "peer"),
            *("name", name, "netns", str(one.pid)),
        )
        for namespace, link, ip in ((one, name, address), (self.router, other, its)):
            namespace.run("ip", "address", "add", f"{ip}/24", "dev", link)
            namespace.run("ip", "link", "set", link, "up")

    def add_ipv6(self) -> None:
        """Addresses and routes; the machine knows its gateway by the link-local address."""
        for namespace, link, addresses in (
            (self.machine, "eth0", (MACHINE_6,)),
            (self.router, "lan", ("2a01:db9:7::1", "fe80::1")),
            (self.router, "wan", ("2a01:db9:9::44",)),
            (self.world, "eth0", (WORLD_6,)),
        ):
            for address in addresses:
                namespace.run("ip", "address", "add", f"{address}/64", "dev", link, "nodad")
        self.router.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        self.machine.run("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        self.world.run("ip", "-6", "route", "add", "default", "via", "2a01:db9:9::44")

    def move_ipv6(self) -> None:
        """The machine's address gets old, as temporary ones do, and another is used."""
        self.machine.run("ip", "address", "add", f"{LATER_6}/64", "dev", "eth0", "nodad")
        self.machine.run(
            *("ip", "address", "change", f"{MACHINE_6}/64", "dev", "eth0", "preferred_lft", "0")
        )

    def _flush(self) -> None:
        self.router.run(*nft_command(), "-f", "-", text=f"flush ruleset\n{_RULES}")

    def start_gateway(self, *, pmp: bool = True, upnp: bool = True) -> None:
        """miniupnpd, with PCP and NAT-PMP or without, with UPnP or without."""
        config = self.directory / "miniupnpd.conf"
        words = {True: "yes", False: "no"}
        config.write_text(_CONFIG.format(pmp=words[pmp], upnp=words[upnp]))
        with (self.directory / "miniupnpd.log").open("ab") as log:
            self._gateway = subprocess.Popen(
                self.router.command(
                    *miniupnpd_command(), "-d", "-f", str(config), "-P", f"{config}.pid"
                ),
                stdout=log,
                stderr=log,
            )

    def stop_gateway(self) -> None:
        """As if the home router lost its power: everything is forgotten."""
        if self._gateway is not None:
            self._gateway.kill()
            self._gateway.wait()
            self._gateway = None
            (self.directory / "miniupnpd.conf.pid").unlink(missing_ok=True)
        self._flush()

    @property
    def forwarded(self) -> str:
        """What the home router forwards."""
        return self._chain("prerouting_miniupnpd")

    @property
    def let_through(self) -> str:
        """For whom the home router's firewall is open."""
        return self._chain("miniupnpd")

    def _chain(self, name: str) -> str:
        return self.router.run(*nft_command(), "list", "chain", "inet", "filter", name)

    def can_connect(self, port: int, host: str = EXTERNAL) -> bool:
        """Whether the world reaches the machine through the home router, over TCP."""
        script = f"import socket; socket.create_connection(('{host}', {port}), 3)"
        command = self.world.command("/usr/bin/env", "python3", "-c", script)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def can_send(self, port: int, host: str) -> bool:
        """Whether a datagram of the world over IPv6 arrives at the machine."""
        with self.machine.entered():
            arriving = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IPV6))
        with self.world.entered():
            calling = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sent = os.urandom(16)
        with arriving, calling:
            calling.sendto(sent, (host, port))
            end = time.monotonic() + 2
            while (left := end - time.monotonic()) > 0:
                arriving.settimeout(left)
                with suppress(TimeoutError):
                    if arriving.recv(2000).endswith(sent):
                        return True
        return False

    def machine_listens(self, port: int) -> bool:
        """Whether a program on the machine waits for TCP over IPv6."""
        table = self.machine.run("cat", "/proc/net/tcp6")
        return f":{port:04X} {'0' * 32}:0000 0A" in table

    def close(self) -> None:
        if self._gateway is not None:
            self.stop_gateway()
        for namespace in (self.machine, self.router, self.world):
            namespace.close()
