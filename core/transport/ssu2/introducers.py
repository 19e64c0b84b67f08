"""Routers that introduce others to us while nobody can dial us (specs/ssu2, "Introducers").

Charlie chooses them among the routers with which he has a session, asks for a tag, keeps the
session alive for as long as the tag is published, and has a new one in time. Floodfills are left
out: i2pd's give no tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.base.bounded import BoundedMap
from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from core.data.transport_address import INTRODUCERS_MAX, Introducer
from core.transport.ssu2.blocks import RelayTagRequest
from core.transport.ssu2.traversal import (
    VERSION_MIN,
    Action,
    IntroducersChanged,
    KeepAlive,
    PeerSession,
    SendBlock,
    Surroundings,
    is_same_host,
    published_address,
)

#: i2pd: published for 60 minutes, good for 80.
PUBLISHED_S = 3600.0
TAG_LIFE_S = 4800.0
#: i2pd: 15 to 19 s, less than the 30 s after which some translators forget
KEEP_ALIVE_S = 15
KEEP_ALIVE_VARIANCE_S = 4
ASKED_MAX = 256
ASK_AGAIN_S = 600.0
#: Those that were published lately still introduce who has our old RouterInfo.
ENTRIES_MAX = 4 * INTRODUCERS_MAX
SWEEP_S = 5.0


@dataclass(slots=True)
class _Entry:
    session: PeerSession
    router_hash: bytes
    tag: int
    since: float
    expires_s: int
    is_published: bool = False


def introducer_options(introducers: Sequence[Introducer]) -> dict[str, str]:
    """What an SSU2 address without a host says of them: ``ih0``, ``itag0``, ``iexp0`` and so on."""
    options = {}
    for index, one in enumerate(introducers[:INTRODUCERS_MAX]):
        options[f"iexp{index}"] = str(one.expires_s)
        options[f"ih{index}"] = b64encode(one.router_hash)
        options[f"itag{index}"] = str(one.tag)
    return options


def can_introduce(router_info: RouterInfo, is_ipv6: bool) -> bool:
    """Whether a router says that it introduces others in this family, and may be believed."""
    if router_info.is_floodfill or router_info.version < VERSION_MIN:
        return False
    return published_address(router_info, is_ipv6, "C") is not None


class Introducers:
    """Those of one family. ``is_wanted``: set by the owner while nobody can dial us."""

    def __init__(self, here: Surroundings, actions: list[Action], is_ipv6: bool) -> None:
        self.is_wanted = False
        self._here = here
        self._actions = actions
        self._is_ipv6 = is_ipv6
        self._entries: BoundedMap[bytes, _Entry] = BoundedMap(ENTRIES_MAX)
        self._asked_at: BoundedMap[bytes, float] = BoundedMap(ASKED_MAX)
        self._sweep_at = 0.0

    def published(self) -> list[Introducer]:
        """For our RouterInfo, the oldest first."""
        return [
            Introducer(one.router_hash, one.tag, one.expires_s)
            for one in self._entries.values()
            if one.is_published
        ]

    def owns(self, session: PeerSession, tag: int) -> bool:
        """Whether this peer gave us this tag."""
        entry = self._entries.get(session.router_hash or b"")
        return entry is not None and entry.tag == tag

    def wants_tag(self, router_info: RouterInfo) -> bool:
        """Whether a SessionRequest to this router should ask for one: i2pd gives none later."""
        return self.lacks_some and can_introduce(router_info, self._is_ipv6)

    def on_tag(self, session: PeerSession, tag: int, now: float) -> None:
        """A peer introduces to us under this tag; only whom we might have asked counts."""
        router_hash = session.router_hash
        if not self.is_wanted or router_hash is None or not self._is_able(session):
            return
        known = self._entries.get(router_hash)
        if known is not None and known.tag == tag:
            return
        expires_s = int(self._here.wall.now() + TAG_LIFE_S)
        self._entries.put(router_hash, _Entry(session, router_hash, tag, now, expires_s))
        self.sweep(now)

    def next_timer(self) -> float:
        """When to look at them again."""
        return self._sweep_at if self.is_wanted or self._entries else float("inf")

    def handle_timer(self, now: float) -> None:
        """Drop, replace and ask, as far as it is due."""
        if now >= self._sweep_at:
            self.sweep(now)

    def sweep(self, now: float) -> None:
        """Drop those that are gone, publish others in their place, ask more if too few are left."""
        self._sweep_at = now + SWEEP_S
        before = self.published()
        for entry in list(self._entries.values()):
            is_there = self._here.host.session_with(entry.router_hash) is entry.session
            if not is_there or now - entry.since >= TAG_LIFE_S or not self.is_wanted:
                del_session = self._entries.pop(entry.router_hash)
                if is_there and del_session is not None:
                    self._actions.append(KeepAlive(entry.session, 0.0))
            elif entry.is_published and now - entry.since >= PUBLISHED_S:
                entry.is_published = False
        if self.is_wanted:
            self._publish(now)
            self._ask(now)
        if self.published() != before:
            self._actions.append(IntroducersChanged(self._is_ipv6))

    @property
    def lacks_some(self) -> bool:
        """Whether more are needed than there are."""
        return self.is_wanted and self._missing() > 0

    def _missing(self) -> int:
        return INTRODUCERS_MAX - len(self.published())

    def _publish(self, now: float) -> None:
        for entry in self._entries.values():
            if self._missing() <= 0:
                return
            if not entry.is_published and now - entry.since < PUBLISHED_S:
                entry.is_published = True
                interval = KEEP_ALIVE_S + self._here.entropy.randbelow(KEEP_ALIVE_VARIANCE_S + 1)
                self._actions.append(KeepAlive(entry.session, float(interval)))

    def _ask(self, now: float) -> None:
        missing = self._missing()
        if missing <= 0:
            return
        able = [
            session
            for session in self._here.host.established()
            if self._is_able(session) and self._is_due(session, now)
        ]
        for _ in range(min(missing, len(able))):
            session = able.pop(self._here.entropy.randbelow(len(able)))
            self._asked_at.put(session.router_hash or b"", now)
            self._actions.append(SendBlock(session, RelayTagRequest().write()))

    def _is_able(self, session: PeerSession) -> bool:
        info = session.router_info
        if info is None or not session.is_outbound or session.remote.is_ipv6 != self._is_ipv6:
            return False
        is_new_host = not any(
            is_same_host(one.session.remote, session.remote) and one.session is not session
            for one in self._entries.values()
        )
        return is_new_host and can_introduce(info, self._is_ipv6)

    def _is_due(self, session: PeerSession, now: float) -> bool:
        router_hash = session.router_hash or b""
        entry = self._entries.get(router_hash)
        if entry is not None and now - entry.since < PUBLISHED_S:
            return False
        return now - self._asked_at.get(router_hash, float("-inf")) >= ASK_AGAIN_S
