"""Which visitors an eepsite refuses, and the pages that tell them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from urllib.parse import urlsplit

from i2ptunnel.protocols.error_pages import Page
from i2ptunnel.protocols.http1 import RequestHead

NO_INPROXIES = Page(
    403,
    "Forbidden",
    "This site refuses visitors from inproxies",
    "Open it with an I2P router of your own.",
)
NO_REFERERS = Page(
    403,
    "Forbidden",
    "This site refuses visitors who follow links of other sites",
    "Enter its address by hand.",
)
NO_SUCH_PROGRAMS = Page(403, "Forbidden", "This site refuses this program", "Use a web browser.")

POST_METHODS = frozenset(("POST", "PUT", "PATCH"))
#: what every I2P proxy makes of a browser's name: cannot tell programs apart
_I2P_AGENT = "MYOB"
_INPROXY_HEADERS = (
    "x-forwarded-for",
    "x-forwarded-server",
    "x-forwarded-host",
    "x-real-ip",
    "forwarded",
)


def too_many(retry_after_s: float) -> Page:
    """The page for who comes or sends too often."""
    return Page(
        429,
        "Too Many Requests",
        "Too many requests",
        "This site limits how often a visitor may send requests. Wait a while and try again.",
        retry_after_s=max(1, math.ceil(retry_after_s)),
    )


@dataclass(frozen=True, slots=True)
class VisitorRules:
    """``reject_user_agents``: parts of names; ``none`` stands for no name at all."""

    reject_inproxies: bool = False
    reject_referers: bool = False
    reject_user_agents: tuple[str, ...] = ()

    def refusal(self, head: RequestHead) -> Page | None:
        """The page for a visitor who is refused."""
        if self.reject_inproxies and any(name in head.headers for name in _INPROXY_HEADERS):
            return NO_INPROXIES
        if self.reject_referers and self._is_from_elsewhere(head):
            return NO_REFERERS
        if self.reject_user_agents and self._is_unwelcome(head):
            return NO_SUCH_PROGRAMS
        return None

    @staticmethod
    def _is_from_elsewhere(head: RequestHead) -> bool:
        """A Referer of another site; i2pd's proxy keeps those of the same one as they are."""
        own = (head.headers.get("host") or "").lower()
        for referer in head.headers.get_all("referer"):
            try:
                parts = urlsplit(referer.strip())
            except ValueError:
                return True
            if (parts.scheme or parts.netloc) and parts.netloc.lower() != own:
                return True
        return False

    def _is_unwelcome(self, head: RequestHead) -> bool:
        agent = head.headers.get("user-agent")
        if agent is None or not agent.strip():
            return "none" in self.reject_user_agents
        if agent.startswith(_I2P_AGENT):
            return False
        return any(part in agent for part in self.reject_user_agents if part != "none")
