"""What our RouterInfo says of SSU2 (specs/ssu2, "Published Router Info")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.crypto.x25519 import X25519Key
from core.data.encoding import b64encode
from core.data.transport_address import RouterAddress
from core.transport.reachability import Reachability
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.outside import IntroKey
from core.transport.ssu2.path_mtu import MTU_MAX

COST_PUBLISHED = 8
_COST_UNPUBLISHED = 15


class PublishedAddress:
    """One address for each family that others can dial, or one that says what we can dial.

    ``mtu`` is published only below 1500, as i2pd and Java do.
    """

    __slots__ = ("_intro", "_mtu", "_published", "_reachability", "_static_key")

    def __init__(
        self,
        static_key: X25519Key,
        intro: IntroKey,
        published: Sequence[SocketAddress],
        mtu: int,
        reachability: Reachability,
    ) -> None:
        self._static_key = static_key
        self._intro = intro
        self._published = tuple(published)
        self._mtu = mtu
        self._reachability = reachability

    @property
    def is_reachable(self) -> bool:
        """Whether there is one to dial."""
        return bool(self._published)

    def addresses(
        self, introducers: Callable[[bool], dict[str, str]] | None = None
    ) -> list[RouterAddress]:
        """As they stand in the RouterInfo; ``introducers``: the options of a family (is IPv6)."""
        options = {
            "s": b64encode(self._static_key.public),
            "i": b64encode(self._intro.raw),
            "v": "2",
        }
        if self._mtu < MTU_MAX:
            options["mtu"] = str(self._mtu)
        found = [
            RouterAddress(COST_PUBLISHED, 0, "SSU2", options | {"host": host, "port": str(port)})
            for host, port in self._published
        ]
        # i2pd: without a host the families that it dials from must be told; who is called by us
        # looks for an address of the family in which we call.
        has = {"4": self._reachability.ipv4, "6": self._reachability.ipv6}
        for address in self._published:
            has["6" if address.is_ipv6 else "4"] = False
        if introducers is not None:
            for family in ("4", "6"):
                extra = introducers(family == "6") if has[family] else {}
                if extra:
                    has[family] = False
                    more = options | extra | {"caps": family}
                    found.append(RouterAddress(_COST_UNPUBLISHED, 0, "SSU2", more))
        caps = "".join(family for family in has if has[family])
        if caps or not found:
            options = options | {"caps": caps or "4"}
            found.append(RouterAddress(_COST_UNPUBLISHED, 0, "SSU2", options))
        return found
