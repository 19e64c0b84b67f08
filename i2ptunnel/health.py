"""How the appliance is: one word, one sentence, one remedy, made from facts in one place.

What is said here is said everywhere: by ``status``, the log, systemd, the metrics and the pages of
the proxies. ``ready`` means that traffic can flow now. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

#: NTCP2: peers whose clocks differ by more end the handshake, so from here on nothing works.
CLOCK_SKEW_MAX_S = 60.0
#: Other programs mind such an error, so the user should know.
CLOCK_ERROR_TOLD_S = 10.0
CLOCK_SOURCES = {"ntp": "time servers", "peers": "other routers"}
_NAMES_SHOWN_MAX = 5


class State(StrEnum):
    """The words of the interface."""

    STARTING = "starting"
    RESEEDING = "reseeding"
    BUILDING = "building"
    READY = "ready"
    DEGRADED = "degraded"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with places for values, so that it can be translated."""

    template: str
    values: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.values)

    def translated(self, translate: Callable[[str], str]) -> str:
        """The sentence, with ``translate`` applied to its template."""
        return translate(self.template).format(**self.values)


@dataclass(frozen=True, slots=True)
class Health:
    """``reason``: why it is not ready, None if it is. ``remedy``: what the user can do, or None.

    ``is_waiting``: it can become ready by itself, so asking again soon makes sense.
    """

    state: State
    reason: Sentence | None = None
    remedy: Sentence | None = None
    is_waiting: bool = True

    @property
    def kind(self) -> tuple[str, str]:
        """What stays the same while only figures change: for a log that tells changes."""
        return self.state, "" if self.reason is None else self.reason.template

    def __str__(self) -> str:
        """The state with its reason and remedy, as text."""
        return f"{self.state.value}: {self.words}" if self.words else self.state.value

    @property
    def words(self) -> str:
        """The reason and the remedy, as text; empty where there is none."""
        return " ".join(str(part) for part in (self.reason, self.remedy) if part is not None)


@dataclass(frozen=True, slots=True)
class ReseedFacts:
    """How reseeding is. ``remedy``: the template of what helps, since it has failed.

    ``rests_s``: so long no server may be asked, although it is due; else None.
    """

    is_running: bool = False
    bundles: int = 0
    wanted: int = 0
    remedy: str | None = None
    rests_s: float | None = None


@dataclass(frozen=True, slots=True)
class I2cpFacts:
    """A foreign router that the tunnels run over.

    ``failure``: why no tunnel reaches it, or None.
    """

    address: str
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the router and the tunnels say about themselves.

    ``clock_skew_s``: the clocks of other routers minus ours, in seconds; ``failed``: tunnel -> why;
    ``is_cut_off``: this machine has no network, though nobody has ended the links yet;
    ``storage``: why the disk cannot be written.
    """

    routers: int = 0
    links: int = 0
    clock_skew_s: float = 0.0
    builds_started: int = 0
    builds_succeeded: int = 0
    tunnels_ready: int = 0
    tunnels: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    is_started: bool = True
    is_stopping: bool = False
    reseed: ReseedFacts = ReseedFacts()
    i2cp: I2cpFacts | None = None
    is_cut_off: bool = False
    storage: str | None = None


CLOCK_AHEAD = "This machine's clock is {time} ahead of what other routers say."
CLOCK_BEHIND = "This machine's clock is {time} behind what other routers say."
SET_CLOCK = "Set the clock right, for example with: timedatectl set-ntp true"
CLOCK_CORRECTED = (
    "This machine's clock is {time} {side}, as {source} say; the router corrects it for itself."
)
NO_ROUTERS = "No other router is known, so there is no way into the network."
IMPORT_ROUTERS = (
    "Import a reseed file, or RouterInfo files of other routers, with: i2ptunnel netdb import FILE"
)
RESEEDING = (
    "Other routers are being fetched from reseed servers; {bundles} of {wanted} have answered."
)
RESEED_RESTS = (
    "No other router is known. The reseed servers were asked lately, and limit how often; they are "
    "asked again in {time}."
)
RESEED_FAILED = "No other router is known, and no reseed server has brought any."
CHECK_ONLINE = "Check that this machine is online and can resolve names."
CHECK_PROXY = "Check router.reseed.proxy, and that the proxy is running."
CHECK_TRUST = (
    "Somebody may be intercepting connections here, or CA certificates are missing on this machine "
    "(package ca-certificates)."
)
UPDATE_SIGNERS = "Install a newer i2ptunnel: this one does not know all present signers."
USE_ANOTHER_WAY = (
    "It is tried again. If reseed servers are blocked here, set router.reseed.proxy, or get "
    "i2pseeds.su3 by another way and run: i2ptunnel netdb import i2pseeds.su3"
)
NOBODY_REACHED = "None of the {routers} known routers is connected yet."
CHECK_NETWORK = (
    "If this lasts, check that this machine is online and that no firewall stops the router's "
    "outgoing connections."
)
BUILDING = "The router is building its tunnels; {succeeded} of {started} builds succeeded so far."
I2CP_FAILED = "The router that is used over I2CP cannot be reached: {why}."
START_I2CP = "Start that router, and enable I2CP in it; it is tried again."
I2CP_BUILDING = "The router at {address} is building the tunnels."
SOME_READY = "{ready} of {tunnels} tunnels are ready."
NOT_SAVED = "What the router learns cannot be saved in the data directory: {why}."
FREE_SPACE = (
    "Make room on that disk, and check that it can be written; it is tried again. Until then a "
    "restart loses what was learned, and no new keys can be made."
)
TUNNEL_FAILED = "Tunnel {name} failed: {why}."
TUNNELS_FAILED = "{count} tunnels failed: {names}."
STARTING = "The router is starting."
STOPPING = "The router is stopping."
#: those that a page of a proxy can show
PAGE_TEMPLATES = (
    CLOCK_AHEAD,
    CLOCK_BEHIND,
    SET_CLOCK,
    NO_ROUTERS,
    IMPORT_ROUTERS,
    RESEEDING,
    RESEED_RESTS,
    RESEED_FAILED,
    CHECK_ONLINE,
    CHECK_PROXY,
    CHECK_TRUST,
    UPDATE_SIGNERS,
    USE_ANOTHER_WAY,
    NOBODY_REACHED,
    CHECK_NETWORK,
    BUILDING,
    I2CP_FAILED,
    START_I2CP,
    I2CP_BUILDING,
    STARTING,
    STOPPING,
)


def assess(facts: Facts) -> Health:
    """What to say about the appliance as a whole."""
    router = assess_router(facts)
    if router.state is State.DEGRADED or facts.is_stopping or not facts.is_started:
        return router
    if facts.storage is not None:
        reason = Sentence(NOT_SAVED, {"why": facts.storage})
        return Health(State.DEGRADED, reason, Sentence(FREE_SPACE))
    if facts.failed:
        return Health(State.DEGRADED, _failed(facts.failed))
    if router.state is not State.READY:
        return router
    if facts.tunnels_ready == facts.tunnels:
        return Health(State.READY)
    if not facts.tunnels_ready:
        return _building(facts)
    values = {"ready": str(facts.tunnels_ready), "tunnels": str(facts.tunnels)}
    return Health(State.BUILDING, Sentence(SOME_READY, values))


def assess_router(facts: Facts) -> Health:
    """The router without the tunnels of the configuration: whether they can work at all."""
    if facts.is_stopping:
        return Health(State.STOPPING, Sentence(STOPPING), is_waiting=False)
    if not facts.is_started:
        return Health(State.STARTING, Sentence(STARTING))
    if facts.i2cp is not None:
        return _assess_foreign(facts.i2cp)
    skew_s = facts.clock_skew_s
    if abs(skew_s) > CLOCK_SKEW_MAX_S:
        template = CLOCK_BEHIND if skew_s > 0 else CLOCK_AHEAD
        reason = Sentence(template, {"time": show_difference(skew_s)})
        return Health(State.DEGRADED, reason, Sentence(SET_CLOCK), is_waiting=False)
    links = 0 if facts.is_cut_off else facts.links
    if facts.reseed.is_running and not links:
        return Health(State.RESEEDING, _reseeding(facts.reseed))
    if not facts.routers:
        return _no_routers(facts.reseed)
    if not links:
        reason = Sentence(NOBODY_REACHED, {"routers": str(facts.routers)})
        return Health(State.BUILDING, reason, Sentence(CHECK_NETWORK))
    return Health(State.READY)


def assess_proxy(facts: Facts, *, is_ready: bool) -> Health:
    """What a proxy tells its users, who only care for the router and for this proxy."""
    router = assess_router(facts)
    if router.state is State.READY and not is_ready:
        return _building(facts)
    return router


def why_waiting_is_vain(facts: Facts) -> Health | None:
    """How the router is if its tunnels will not come soon whoever waits for them, else None."""
    health = assess_router(facts)
    has_nobody = health.reason is not None and health.reason.template == RESEED_FAILED
    is_cut_off = facts.is_cut_off and health.state is State.BUILDING
    return health if has_nobody or is_cut_off or not health.is_waiting else None


def clock_warning(correction_s: float, source: str | None) -> str | None:
    """What to say of a system clock that is wrong and that the router corrects for itself."""
    if abs(correction_s) < CLOCK_ERROR_TOLD_S:
        return None
    values = {
        "time": show_difference(correction_s),
        "side": "behind" if correction_s > 0 else "ahead",
        "source": CLOCK_SOURCES.get(source or "", "others"),
    }
    return f"{Sentence(CLOCK_CORRECTED, values)} {SET_CLOCK}"


def _reseeding(reseed: ReseedFacts) -> Sentence:
    values = {"bundles": str(reseed.bundles), "wanted": str(reseed.wanted)}
    return Sentence(RESEEDING, values)


def _no_routers(reseed: ReseedFacts) -> Health:
    if reseed.remedy is not None:
        return Health(State.DEGRADED, Sentence(RESEED_FAILED), Sentence(reseed.remedy))
    if reseed.rests_s is not None:
        reason = Sentence(RESEED_RESTS, {"time": show_difference(reseed.rests_s)})
        return Health(State.DEGRADED, reason, Sentence(IMPORT_ROUTERS))
    return Health(State.DEGRADED, Sentence(NO_ROUTERS), Sentence(IMPORT_ROUTERS), is_waiting=False)


def _assess_foreign(i2cp: I2cpFacts) -> Health:
    if i2cp.failure is None:
        return Health(State.READY)
    values = {"why": i2cp.failure.rstrip(".")}
    return Health(State.DEGRADED, Sentence(I2CP_FAILED, values), Sentence(START_I2CP))


def _building(facts: Facts) -> Health:
    if facts.i2cp is not None:
        sentence = Sentence(I2CP_BUILDING, {"address": facts.i2cp.address})
        return Health(State.BUILDING, sentence)
    values = {"succeeded": str(facts.builds_succeeded), "started": str(facts.builds_started)}
    return Health(State.BUILDING, Sentence(BUILDING, values))


def _failed(failed: dict[str, str]) -> Sentence:
    if len(failed) == 1:
        ((name, why),) = failed.items()
        return Sentence(TUNNEL_FAILED, {"name": name, "why": why.rstrip(".")})
    names = ", ".join(list(failed)[:_NAMES_SHOWN_MAX])
    if len(failed) > _NAMES_SHOWN_MAX:
        names += ", …"
    return Sentence(TUNNELS_FAILED, {"count": str(len(failed)), "names": names})


def show_difference(seconds: float) -> str:
    """A difference of clocks in units that are the same in all languages: ``3 h``, ``2 d 4 h``."""
    rest, parts = round(abs(seconds)), []
    if rest >= 600:
        rest = round(rest / 60) * 60
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    # The two largest are enough: nobody sets a clock 400 days and 2 seconds back.
    return " ".join(parts[:2]) or "0 s"
