"""Whether an address can be dialled from here: the one answer of this router.

The link table asks before it dials; the network database and the tunnels ask through
``Links.can_dial``, because siblings never meet. What any router of the network can reach, whoever
it is, is :func:`core.data.transport_address.routable_ip`.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.data.transport_address import routable_ip


@dataclass(frozen=True, slots=True)
class Reachability:
    """The address families we have. ``private``: a test network, hosts need not be global."""

    ipv4: bool = True
    ipv6: bool = False
    private: bool = False

    def can_dial(self, host: str) -> bool:
        """Whether a connection to this IP literal could be made; False for names."""
        ip = routable_ip(host, private=self.private)
        return ip is not None and (self.ipv4 if ip.version == 4 else self.ipv6)
