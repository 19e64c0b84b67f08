"""Whether an address can be dialled from here: the one answer of this router.

The link table asks before it dials; the network database and the tunnels ask through
``Links.can_dial``, because siblings never meet. What any router of the network can reach, whoever
it is, is :func:`core.data.transport_address.routable_ip`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.data.ip_family import Family, family_of_ip
from core.data.transport_address import routable_ip


def avoid_nobody(host: str) -> bool:
    """Every host may be dialled."""
    return False


@dataclass(frozen=True, slots=True)
class Reachability:
    """The networks we have. ``private``: a test network, hosts need not be global.

    ``yggdrasil``: we publish an address there. i2pd refuses who calls from there without one.
    ``avoids``: whether a host must not be dialled, though it could be.
    """

    ipv4: bool = True
    ipv6: bool = False
    private: bool = False
    yggdrasil: bool = False
    avoids: Callable[[str], bool] = avoid_nobody

    @property
    def families(self) -> tuple[Family, ...]:
        """The networks we have, in the order in which they are published."""
        has = ((Family.IPV4, self.ipv4), (Family.IPV6, self.ipv6))
        return tuple(family for family, one in (*has, (Family.YGGDRASIL, self.yggdrasil)) if one)

    def can_dial(self, host: str) -> bool:
        """Whether a connection to this IP literal could be made; False for names."""
        ip = routable_ip(host, private=self.private)
        return ip is not None and family_of_ip(ip) in self.families and not self.avoids(host)
