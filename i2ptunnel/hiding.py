"""Hidden mode: whether this router is hidden, and why.

``router.hidden: auto`` hides a router in a country where carrying traffic for others may be
punished. Which country it is says ``router.country``, or a database of addresses that the user has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from i2ptunnel.config.router_model import RouterSection
from i2ptunnel.geoip import open_geoip

_STRICT = (
    "AE AF AZ BH BI BN BY CD CF CM CN CU EG EH ER ET GQ IQ IR KP KZ LA LY MM PK PS RW SA SD SO SS "
    "SY SZ TD TH TJ TM TR UZ VE VN YE"
)
#: Java I2P's "strict countries": Freedom House finds little civil liberty there, or no freedom of
#: the internet (docs/overview/restrictive-countries of the I2P site).
STRICT_COUNTRIES = frozenset(_STRICT.split())


@dataclass(frozen=True, slots=True)
class Hiding:
    """Whether the router is hidden, and why, in one sentence for people."""

    hidden: bool
    why: str


class HiddenMode:
    """What ``router.hidden``, ``country`` and ``geoip`` say. FileFault: the database is no use."""

    def __init__(self, section: RouterSection) -> None:
        self._wanted = section.hidden
        self._country = section.country.upper() if section.country is not None else None
        self._geoip = section.geoip
        self._has_proxy = section.ntcp2.proxy is not None
        self._country_of = _never if section.geoip is None else open_geoip(section.geoip)
        self._own_country = self._country
        self.now = self.decide([str(host) for host in section.host or ()])

    def decide(self, hosts: Sequence[str]) -> Hiding:
        """``hosts``: under which addresses we are seen, the surest first; empty if not known yet.

        Until the country is known, a router that asks the database is hidden: what was published
        stays known.
        """
        self.now = self._decide(hosts)
        return self.now

    def avoids(self, host: str) -> bool:
        """Whether a hidden router must not call this address: it is in the same country."""
        own = self._own_country
        return self.now.hidden and own is not None and self._country_of(host) == own

    def _decide(self, hosts: Sequence[str]) -> Hiding:
        if self._country is None:
            found = next(filter(None, map(self._country_of, hosts)), None)
            self._own_country = found or self._own_country
        if self._wanted != "auto":
            is_hidden = self._wanted == "true"
            return Hiding(is_hidden, f"router.hidden is {self._wanted}")
        country = self._own_country
        if country is not None:
            is_strict = country in STRICT_COUNTRIES
            which = "one" if is_strict else "none"
            return Hiding(is_strict, f"the country is {country}, {which} of the strict countries")
        if self._geoip is None:
            return Hiding(False, "the country is not known: set router.country or router.geoip")
        if hosts:
            return Hiding(False, "router.geoip does not know the country of this router's address")
        if self._has_proxy:
            return Hiding(
                True,
                "with router.ntcp2.proxy this router never learns its address, and so router.geoip"
                " not its country: set router.country",
            )
        return Hiding(True, "hidden until this router's address, and so its country, is known")


def _never(host: str) -> str | None:
    return None
