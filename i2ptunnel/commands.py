"""What can be asked of the running program, and ordered: each as one plain function.

The control socket, with it the command line, and the metrics are faces of these functions. A face
turns its own format into arguments and the result into its own format, and decides who may ask.
Results are plain values for JSON; what may be long is an iterator.

Every function raises I2PError or OSError with a sentence for the user.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from itertools import chain, islice
from typing import Any, Protocol, cast, get_args, get_origin, get_type_hints

from core.api import TURN_BOUNDS_S, AnyRouter, TunnelPath, share_turn, turn_figures
from core.base.errors import DecodeError, I2PError
from core.data.encoding import b32encode
from core.data.router_info import RouterInfo
from i2ptunnel import __version__
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import Loaded
from i2ptunnel.doctor.examination import examine
from i2ptunnel.health import Health, State, clock_warning
from i2ptunnel.hiding import HiddenMode
from i2ptunnel.interfaces import INTERFACES, TORRENTS
from i2ptunnel.logs import LEVELS, RECENT, RECENT_LINES
from i2ptunnel.manager import Manager
from i2ptunnel.naming import queries
from i2ptunnel.naming.store import Book
from i2ptunnel.naming_service import NamingService
from i2ptunnel.pinging import ping as send_ping
from i2ptunnel.plan import Plan
from i2ptunnel.reaching import why as reach
from i2ptunnel.reseeding import Reseeding
from i2ptunnel.services import Services
from i2ptunnel.torrents.client import TorrentClient
from i2ptunnel.torrents.commands import TORRENT_COMMANDS

#: names in one answer of ``address-list``
NAMES_MAX = 10_000
LOG_LINES_MAX = RECENT_LINES


class CommandRefused(I2PError):
    """What was asked for cannot be done; the message goes to the user."""


class Program(Protocol):
    """The running program, as far as commands need it."""

    router: AnyRouter
    hidden_mode: HiddenMode
    manager: Manager
    naming: NamingService
    services: Services
    reseeding: Reseeding
    torrents: TorrentClient
    loaded: Loaded
    #: held while the file is changed, or read to be run
    editing: asyncio.Lock

    @property
    def uptime_s(self) -> float:
        """Seconds since the start."""

    def health(self) -> Health:
        """How the program is."""

    def reread(self) -> Loaded:
        """The configuration as it is on the disk now; raises ConfigError."""

    def plan(self, loaded: Loaded) -> Plan:
        """What a reload would do."""

    def check_listeners(self, loaded: Loaded) -> None:
        """Raise Unavailable if a listener of another configuration cannot be had."""

    async def apply(self, loaded: Loaded) -> dict[str, str]:
        """Run another configuration; returns tunnels that do not come up, with the reason."""


# State


def snapshot(program: Program) -> dict[str, Any]:
    """The state of everything, as ``status --json``, the metrics and other faces show it."""
    router = router_facts(program)
    router["counters"] = program.router.counters()
    health, loaded = program.health(), program.loaded
    figures = turn_figures()
    services = program.services.status()
    torrents = services.pop(TORRENTS, None)
    return {
        "state": health.state.value,
        "reason": None if health.reason is None else str(health.reason),
        "remedy": None if health.remedy is None else str(health.remedy),
        "ready": health.state is State.READY,
        "pid": os.getpid(),
        "version": __version__,
        "data_dir": str(loaded.data_dir),
        "configuration": [str(path) for path in loaded.files],
        "uptime_s": round(program.uptime_s, 1),
        "router": router,
        # While a turn of the loop lasts, nothing else gets on.
        "loop": None if figures is None else {"bounds_s": TURN_BOUNDS_S, **asdict(figures)},
        "services": services,
        "interfaces": {name: services.pop(name) for name in INTERFACES if name in services},
        "tunnels": program.manager.status(),
        "torrents": None
        if torrents is None
        else {**torrents, **(program.torrents.snapshot() or {})},
        "naming": program.naming.status(),
        "reseed": program.reseeding.status(),
        "paths": list(map(describe_path, program.router.tunnel_paths())),
    }


def describe_path(path: TunnelPath) -> dict[str, Any]:
    """One of our router tunnels, for programs; ``loss``: a share from 0 to 1."""
    return {
        "session": path.session,
        "inbound": path.is_inbound,
        "hops": [b32encode(hop) for hop in path.hops],
        "messages": path.messages,
        "rtt_s": path.rtt_s,
        "loss": path.loss,
    }


def router_facts(program: Program) -> dict[str, Any]:
    """The router's part of the snapshot, without the counters."""
    router = asdict(program.router.status())
    router["router_hash"] = b32encode(router["router_hash"])
    router["clock"]["warning"] = clock_warning(**router["clock"])
    router["hidden"] = asdict(program.hidden_mode.now)
    return router


async def status(program: Program) -> dict[str, Any]:
    """The snapshot, with the names counted anew."""
    await program.naming.refresh()
    return snapshot(program)


async def doctor(program: Program) -> list[dict[str, Any]]:
    """What keeps the program from working, or could, and what helps."""
    told: dict[str, Any] = await status(program)
    planned: dict[str, Any] | str
    try:
        planned = await plan(program)
    except I2PError as error:
        planned = str(error)
    findings = partial(examine, program.loaded, told, planned)
    return await asyncio.to_thread(lambda: [asdict(finding) for finding in findings()])


# Tunnels


async def tunnels(program: Program) -> list[dict[str, Any]]:
    """Each tunnel's state and figures, in the order of the configuration."""
    return program.manager.status()


async def start_tunnel(program: Program, *, name: str) -> None:
    """Start a stopped tunnel, or try a failed one at once; one that runs is started anew."""
    with _known(name):
        await program.manager.start_one(name)


async def stop_tunnel(program: Program, *, name: str) -> None:
    """Stop a tunnel until it is started again."""
    with _known(name):
        await program.manager.stop_one(name)


@contextlib.contextmanager
def _known(name: str) -> Iterator[None]:
    try:
        yield
    except KeyError:
        raise CommandRefused(f"there is no tunnel {name!r}") from None


# Configuration


async def plan(program: Program, *, origins: list[str] | None = None) -> dict[str, Any]:
    """What a reload would change. ``origins``: the files that the asker means."""
    loaded = await _reread(program, origins)
    program.check_listeners(loaded)
    return asdict(await asyncio.to_thread(program.plan, loaded))


async def reload(program: Program, *, origins: list[str] | None = None) -> dict[str, Any]:
    """Read the configuration again, all or nothing; the plan that was carried out.

    ``failed``: tunnels that do not come up, with the reason.
    """
    loaded = await _reread(program, origins)
    planned = asdict(await asyncio.to_thread(program.plan, loaded))
    return {**planned, "failed": await program.apply(loaded)}


async def _reread(program: Program, origins: list[str] | None) -> Loaded:
    if origins is not None and not {*origins} <= {*program.loaded.origins}:
        own = ", ".join(program.loaded.origins) or "nothing"
        raise CommandRefused(
            f"the running program reads {own}; start it anew to have it read anything else"
        )
    try:
        return await asyncio.to_thread(program.reread)  # hundreds of tunnels take a second
    except ConfigError as error:
        raise CommandRefused(str(error)) from None


# Names


async def address_lookup(program: Program, *, name: str) -> list[dict[str, Any]]:
    """The entries of a name, best first, or all names of an address."""
    naming = program.naming
    found = await asyncio.to_thread(queries.lookup, naming.books, naming.hosts, name)
    return [queries.describe(entry) for entry in found]


async def address_list(
    program: Program, *, book: str | None = None, part: str = ""
) -> list[dict[str, Any]]:
    """The names of one book, or of all, that contain ``part``; the local one has hosts.txt's."""
    wanted = tuple(Book) if book is None else (_book(book),)
    naming = program.naming

    def read() -> list[dict[str, Any]]:
        found = queries.listing(naming.books, naming.hosts, wanted, part)
        return [queries.describe(entry) for entry in islice(found, NAMES_MAX)]

    return await asyncio.to_thread(read)


async def address_add(
    program: Program,
    *,
    name: str,
    target: str,
    book: str = "local",
    replace: bool = False,
    further: bool = False,
    notes: str = "",
) -> dict[str, Any]:
    """Give an address a name; returns the entry."""
    entry = program.naming.books.add(
        _book(book), name, target, notes=notes, is_replacing=replace, is_further=further
    )
    return queries.describe(entry)


async def address_remove(program: Program, *, name: str, book: str | None = None) -> list[str]:
    """Forget a name; returns the books that had it. Feeds cannot bring it back."""
    had = program.naming.books.remove(name, None if book is None else _book(book))
    return [one.word for one in had]


async def address_status(program: Program) -> dict[str, Any]:
    """How many names are known, and how the subscriptions are."""
    return await program.naming.fresh_status()


async def address_conflicts(program: Program) -> list[dict[str, Any]]:
    """Names that stayed as they were although a subscription has another address for them."""
    return await program.naming.conflicts()


async def address_fetch(program: Program, *, urls: list[str] | None = None) -> list[Any]:
    """Fetch subscriptions now; None: all of them."""
    return await program.naming.fetch(urls)


def _book(word: str) -> Book:
    for book in Book:
        if book.word == word:
            return book
    raise CommandRefused(f"there is no book {word!r}; known: {', '.join(b.word for b in Book)}")


async def ping(program: Program, *, destination: str, wait_s: float) -> float | None:
    """The seconds until a destination answered an echo request, None when it did not."""
    return await send_ping(program.naming, destination, wait_s)


async def why(program: Program, *, url: str, wait_s: float = 60.0) -> dict[str, Any]:
    """How far a visit of a site in I2P gets, each step with its time."""
    found = await reach(program.naming, url, wait_s)
    health = program.health()
    for stage in found["stages"]:
        if stage["stage"] == "tunnels" and stage["ok"] is False and health.reason is not None:
            found["failure"] = stage["text"] = health.words
    return found


# Network database


async def netdb_list(program: Program) -> Iterator[dict[str, Any]]:
    """What is known of each router."""
    refused = refused_routers(program)
    return (describe_router(program, info, refused) for info in program.router.routers())


def refused_routers(program: Program) -> dict[bytes, str]:
    """Why routers are refused for a while, by their hashes."""
    return {ban.key: ban.reason for ban in program.router.bans() if isinstance(ban.key, bytes)}


def describe_router(
    program: Program, info: RouterInfo, refused: Mapping[bytes, str]
) -> dict[str, Any]:
    """A router, for programs; ``published`` is a Unix time, ``tier`` what we measured of it,
    ``refused`` why we refuse it for a while, or None."""
    return {
        "hash": b32encode(info.hash),
        "caps": info.caps,
        "version": ".".join(str(part) for part in info.version),
        "published": info.published_ms // 1000,
        "transports": sorted({address.style for address in info.addresses}),
        "tier": program.router.tier(info.hash),
        "refused": refused.get(info.hash),
    }


async def netdb_export(program: Program) -> Iterator[str]:
    """Every RouterInfo in base64, our own first."""
    infos = chain([program.router.router_info], program.router.routers())
    return (b64encode(info.raw).decode() for info in infos)


async def netdb_import(program: Program, *, routers: list[str]) -> int:
    """Add RouterInfos in base64; returns how many were taken."""
    taken = 0
    for text in routers:
        await share_turn()
        with contextlib.suppress(DecodeError, ValueError, TypeError):
            taken += program.router.import_routers([RouterInfo.parse(b64decode(text))])
    return taken


async def netdb_reseed(program: Program) -> dict[str, Any]:
    """Ask reseed servers now; how it went. Raises Unavailable if nobody may be asked."""
    return await program.reseeding.now()


# Log


async def logs(
    program: Program, *, lines: int = 200, level: str = "debug", room: str = "", after: int = 0
) -> list[dict[str, Any]]:
    """The last lines of the log, the oldest first; ``level``: the least that is wanted.

    ``room``: only those of one part of the program; ``after``: only those with a higher number.
    """
    if level.upper() not in LEVELS:
        raise CommandRefused(f"there is no level {level!r}; known: {', '.join(LEVELS).lower()}")
    return RECENT.lines(max(0, lines), LEVELS[level.upper()], room=room, after=after)


# Console


class Openable(Protocol):
    """The web console, as far as commands need it."""

    async def open(self) -> dict[str, Any]:
        """Make a file that brings a browser in; where it is, and the address."""


async def console_open(program: Program) -> dict[str, Any]:
    """A way into the web console: ``file``, once and within ``wait_s``, and ``url``."""
    console = cast(Openable | None, program.services.running("console"))
    if console is not None:
        return await console.open()
    fault = program.services.failed.get("console")
    if fault is not None:
        raise CommandRefused(f"the console does not listen: {fault}")
    raise CommandRefused("the console is off: write control: {console: {}} in the configuration")


# Faces

Function = Callable[..., Awaitable[Any]]
#: name -> function; all of them, for every face
COMMANDS: dict[str, Function] = {
    "status": status,
    "doctor": doctor,
    "tunnels": tunnels,
    "tunnel-start": start_tunnel,
    "tunnel-stop": stop_tunnel,
    "tunnel-restart": start_tunnel,
    "plan": plan,
    "reload": reload,
    "address-lookup": address_lookup,
    "address-list": address_list,
    "address-add": address_add,
    "address-remove": address_remove,
    "address-status": address_status,
    "address-conflicts": address_conflicts,
    "address-fetch": address_fetch,
    "ping": ping,
    **TORRENT_COMMANDS,
    "why": why,
    "netdb-list": netdb_list,
    "netdb-export": netdb_export,
    "netdb-import": netdb_import,
    "netdb-reseed": netdb_reseed,
    "logs": logs,
    "console-open": console_open,
}


def call(program: Program, name: str, arguments: dict[str, Any]) -> Awaitable[Any]:
    """Run a command with arguments from outside; raises CommandRefused if they do not fit."""
    function = COMMANDS[name]
    hints = get_type_hints(function)
    known = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    unknown = sorted({*arguments} - {parameter.name for parameter in known})
    if unknown:
        raise CommandRefused(f"{name} has no argument {unknown[0]!r}")
    for parameter in known:
        if parameter.name not in arguments:
            if parameter.default is parameter.empty:
                raise CommandRefused(f"{name} needs {parameter.name}")
        elif not _fits(arguments[parameter.name], hints[parameter.name]):
            shown = str(parameter.annotation).replace(" | None", "")
            raise CommandRefused(f"{name}: {parameter.name} is no {shown}")
    return function(program, **arguments)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from JSON has the type of a parameter."""
    if get_origin(hint) is list:
        (inner,) = get_args(hint)
        return isinstance(value, list) and all(_fits(one, inner) for one in value)
    if get_args(hint):
        return any(_fits(value, one) for one in get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is str:
        return isinstance(value, str) and _is_text(value)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def _is_text(value: str) -> bool:
    """JSON can hold halves of surrogate pairs, which no file, name or database takes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
