"""The router in the network: tunnels with their hops, connected and known routers, transit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from starlette.responses import Response

from core.data.encoding import b32encode
from i2ptunnel import commands
from i2ptunnel.console.view import Answer, View, paged, shared

_PAGE = 100
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"


async def own(view: View) -> Response:
    """Our own router tunnels."""
    return await view.page("network_tunnels.html", **await _paths(view))


async def own_live(view: View) -> Response:
    """The changing part."""
    return view.live("network_tunnels_live.html", lambda: _paths(view))


async def _paths(view: View) -> dict[str, Any]:
    paths = await shared(map(commands.describe_path, view.program.router.tunnel_paths()))
    paths.sort(key=lambda path: (not path["session"], _session_of(path), not path["inbound"]))
    return {"sessions": [(name, list(some)) for name, some in groupby(paths, _session_of)]}


def _session_of(path: dict[str, Any]) -> str:
    """Its name; empty for the router itself."""
    return path["session"] or ""


async def links(view: View) -> Response:
    """Connected routers."""
    linked = sorted(view.program.router.linked_routers(), key=lambda one: one.quiet_s)
    part, number, last = paged(linked, view.number("part", 1, 10_000), _PAGE)
    rows = [
        {
            "hash": b32encode(one.hash),
            "transport": " + ".join(filter(None, (one.transport.upper(), one.kem))),
            "is_outbound": one.is_outbound,
            "quiet_s": one.quiet_s,
        }
        for one in part
    ]
    return await view.page(
        "network_links.html", rows=rows, count=len(linked), number=number, last=last
    )


async def routers(view: View) -> Response:
    """Known routers, in parts; ``find``: the beginning of a hash."""
    find = view.query("find").strip().lower()
    infos = view.program.router.routers()
    begins = _beginning(find)
    if find:
        infos = [info for info in infos if begins(info.hash)]
    infos.sort(key=lambda info: info.hash)
    part, number, last = paged(infos, view.number("part", 1, 10_000), _PAGE)
    refused = commands.refused_routers(view.program)
    rows = await shared(commands.describe_router(view.program, info, refused) for info in part)
    return await view.page(
        "network_routers.html", rows=rows, count=len(infos), number=number, last=last, find=find
    )


def _beginning(find: str) -> Callable[[bytes], bool]:
    """Whether a hash begins so in base 32, without writing thousands of them in base 32."""
    digits = [_DIGITS.find(letter) for letter in find[:12]]
    bits = 5 * len(digits)
    wanted = sum(digit << 5 * place for place, digit in enumerate(reversed(digits)))
    if min(digits, default=0) < 0:
        return lambda _: False
    return lambda one: (
        int.from_bytes(one[:8], "big") >> 64 - bits == wanted
        and (len(find) <= 12 or b32encode(one).startswith(find))
    )


async def transit(view: View) -> Response:
    """What is carried for others."""
    router = view.program.router.status()
    counters = view.program.router.counters().get("tunnel", {})
    known = counters.items() if isinstance(counters, dict) else ()
    figures = {name: value for name, value in known if name.startswith("transit_")}
    limits = view.program.loaded.configuration.router.transit
    return await view.page("network_transit.html", router=router, figures=figures, limits=limits)


PAGES: dict[str, Answer] = {
    "network": own,
    "network/live": own_live,
    "network/links": links,
    "network/routers": routers,
    "network/transit": transit,
}
