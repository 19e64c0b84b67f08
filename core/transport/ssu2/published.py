"""What our RouterInfo says of SSU2 (specs/ssu2, "Published Router Info")."""

from __future__ import annotations

from collections.abc import Callable

from core.crypto.x25519 import X25519Key
from core.data.encoding import b64encode
from core.data.ip_family import Family
from core.data.transport_address import RouterAddress
from core.transport.publishing import Published, caps_of
from core.transport.ssu2.outside import IntroKey
from core.transport.ssu2.path_mtu import MTU_MAX, LocalMtu
from core.transport.ssu2.variants import Variant

COST_PUBLISHED = 8
_COST_UNPUBLISHED = 15


class PublishedAddress:
    """One address for each family that others can dial, and for those that we only dial from.

    ``mtu`` is published only below 1500, as i2pd and Java do. ``pq`` says which hybrid handshake we
    take, also where we cannot be dialled: introduced routers call us there.
    """

    __slots__ = ("_hybrid", "_intro", "_mtu", "_published", "_static_key")

    def __init__(
        self,
        static_key: X25519Key,
        intro: IntroKey,
        published: Published,
        mtu: LocalMtu,
        hybrid: Variant | None = None,
    ) -> None:
        self._static_key = static_key
        self._intro = intro
        self._published = published
        self._mtu = mtu
        self._hybrid = hybrid

    def addresses(
        self, introducers: Callable[[bool], dict[str, str]] | None = None, caps: str = ""
    ) -> list[RouterAddress]:
        """As they stand in the RouterInfo.

        ``introducers``: the options of a family (is IPv6). ``caps``: what we do for others where
        they can dial us: ``B``, we test peers; ``C``, we introduce.
        """
        more = {"caps": caps} if caps else {}
        found = [
            self._address(COST_PUBLISHED, [family], {"host": host, "port": str(port)} | more)
            for family, (host, port) in self._published.addresses()
        ]
        # i2pd: without a host the families that it dials from must be told; who is called by us
        # looks for an address of the family in which we call.
        hidden = self._published.unpublished()
        if introducers is not None:
            for family in list(hidden):
                options = introducers(family is Family.IPV6)
                if options:
                    hidden.remove(family)
                    more = options | {"caps": caps_of([family])}
                    found.append(self._address(_COST_UNPUBLISHED, [family], more))
        # One address has one MTU.
        is_one = len({self._mtu.of(family is Family.IPV6) for family in hidden}) == 1
        groups = [hidden] if is_one else [[family] for family in hidden]
        return found + [
            self._address(_COST_UNPUBLISHED, families, {"caps": caps_of(families)})
            for families in groups
        ]

    def _address(self, cost: int, families: list[Family], options: dict[str, str]) -> RouterAddress:
        keys = {"s": b64encode(self._static_key.public), "i": b64encode(self._intro.raw), "v": "2"}
        mtu = self._mtu.of(families[0] is Family.IPV6)
        more = {"mtu": str(mtu)} if mtu < MTU_MAX else {}
        hybrid = self._hybrid
        if hybrid is not None and mtu >= hybrid.mtu_min(Family.IPV6 in families):
            more["pq"] = str(hybrid.version)
        return RouterAddress(cost, 0, "SSU2", keys | more | options)
