"""The state of the program as text, for every face that shows it to people."""

from __future__ import annotations

from collections import Counter
from typing import Any

from i2ptunnel.config.units import show_duration
from i2ptunnel.naming.feed_state import FeedState
from i2ptunnel.printable import counted, moment_text, printable, size_text


def status_text(status: dict[str, Any]) -> str:
    """Lines for people, from what ``status --json`` prints."""
    router = status["router"]
    lines = [
        f"{status['state']}, up {show_duration(max(1, status['uptime_s']))}, "
        f"process {status['pid']}, version {status['version']}",
        *(
            printable(text)
            for text in (status["reason"], status["remedy"], router["clock"]["warning"])
            if text
        ),
        *_router_lines(status),
        *_reseed_lines(status["reseed"]),
        *names_lines(status["naming"]),
    ]
    for name, interface in status.get("interfaces", {}).items():
        counts = f"{counted(interface.get('sessions', 0), 'session')}, "
        counts += counted(interface.get("streams", 0), "stream")
        lines.append(f"{name:8} {interface.get('listen', interface['state'])}, {counts}")
    if status.get("torrents") is not None:
        lines.append(torrents_line(status["torrents"]))
    for name, service in (status["services"] | status.get("interfaces", {})).items():
        if service["last_error"]:
            lines.append(f"{name}: {printable(service['last_error'])}; it is tried again")
    if status["tunnels"]:
        width = max(len(tunnel["name"]) for tunnel in status["tunnels"])
        lines.append("")
    for tunnel in status["tunnels"]:
        details = [
            f"{tunnel.get('connections_open', 0)} open, {tunnel.get('connections', 0)} in all",
            f"{size_text(tunnel.get('bytes_from_i2p', 0))} in, "
            f"{size_text(tunnel.get('bytes_to_i2p', 0))} out",
        ]
        if tunnel.get("b32") and tunnel["type"].endswith("server"):
            details.append(tunnel["b32"])
        if meta := tunnel.get("meta"):
            up = f"{meta['machines_up']} of {meta['machines']} machines up"
            details.append(f"in common {meta['b32']}, {up}")
        if tunnel.get("keys_expire"):
            details.append(f"keys end {moment_text(tunnel['keys_expire'])}")
        if tunnel["last_error"]:
            details.append(f"last error: {printable(tunnel['last_error'])}")
        head = f"{tunnel['name']:{width}}  {tunnel['type']:12} {tunnel['state']:8}"
        lines.append(f"{head}  {'; '.join(details)}")
    return "\n".join(lines)


def torrents_line(torrents: dict[str, Any]) -> str:
    """The torrent client: why it is not running, or how many torrents are in which state."""
    error = torrents["last_error"] or (torrents.get("worker") or {}).get("last_error")
    if error or "torrents" not in torrents:
        return f"torrents {printable(error or 'starting')}"
    states = Counter(one["state"] for one in torrents["torrents"])
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    rates = f"{size_text(torrents['download_rate'])}/s in, "
    return f"torrents {counts or 'none'}; {rates}{size_text(torrents['upload_rate'])}/s out"


def _traffic(router: dict[str, Any]) -> str:
    """What the links have carried, what they carry now, and what they may."""
    bandwidth = router["bandwidth"]
    return ", ".join(
        f"{size_text(router[total])} {word} "
        f"(now {size_text(bandwidth[f'{way}_bytes_s'])}/s of "
        f"{size_text(bandwidth[f'limit_{way}_bytes_s'])}/s)"
        for way, total, word in (
            ("inbound", "bytes_received", "in"),
            ("outbound", "bytes_sent", "out"),
        )
    )


def _router_lines(status: dict[str, Any]) -> list[str]:
    """Our router, or the foreign one that the tunnels run over."""
    router = status["router"]
    i2cp = router.get("i2cp")
    if i2cp is not None:
        version = f", API {printable(i2cp['version'])}" if i2cp["version"] else ""
        return [
            f"router   at {printable(i2cp['address'])} by I2CP{version}, "
            f"{i2cp['ready']} of {counted(i2cp['sessions'], 'session')} ready",
            f"data     {printable(status['data_dir'])}",
        ]
    builds = "no builds yet"
    if router["builds_started"]:
        share = 100 * router["builds_succeeded"] // router["builds_started"]
        builds = f"{share} % of {counted(router['builds_started'], 'build')} succeeded"
    return [
        f"router   {router['routers']} known, {router['floodfills']} floodfill, "
        + _links(router["links"]),
        f"tunnels  {builds}, {counted(router['transit_tunnels'], 'transit tunnel')}",
        f"data     {printable(status['data_dir'])}",
        f"address  {', '.join(map(printable, router['published'])) or 'not published'}",
        f"reach    {_reach_text(router['reachability'], router['introducers'])}",
        f"hidden   {'yes' if router['hidden']['hidden'] else 'no'}: {router['hidden']['why']}",
        f"role     {'floodfill' if router['floodfill'] else 'no floodfill'}: "
        + printable(router["floodfill_why"]),
        f"mapping  {_mapping_text(router['port_mapping'])}",
        f"traffic  {_traffic(router)}",
    ]


def _links(counts: dict[str, int]) -> str:
    """How many routers are connected, and over which transports."""
    text = f"{counts['inbound'] + counts['outbound']} connected"
    if counts["ntcp2"] and counts["ssu2"]:
        text += f" ({counts['ntcp2']} over NTCP2, {counts['ssu2']} over SSU2)"
    if counts["hybrid"]:
        text += f", {counts['hybrid']} with ML-KEM"
    return text


def _reach_text(reachability: dict[str, Any], introducers: int) -> str:
    """Whether other routers can connect, over what, and why."""
    states = [
        f"{name} {state}"
        for name, state in reachability["transports"].items()
        if state != "disabled"
    ]
    if introducers:
        states.append(counted(introducers, "introducer"))
    return f"{', '.join(states) or 'disabled'} ({printable(reachability['why'])})"


def _reseed_lines(reseed: dict[str, Any]) -> list[str]:
    """How reseeding goes, while it goes on, if it has failed, or if nobody may be asked yet."""
    if reseed["state"] == "fetching":
        return ["reseed   under way"]
    what = reseed["last_error"]
    if what is None and reseed["state"] == "resting":
        what = "the servers were asked lately"
    if what is None:
        return []
    wait_s = reseed["next_in_s"]
    again = "" if wait_s is None else f"; again in {show_duration(max(1, wait_s))}"
    return [f"reseed   {printable(what)}{again}"]


def _mapping_text(mapping: dict[str, Any]) -> str:
    """What the home router forwards, by which protocol and until when, or why not."""
    mapped = [
        f"{one['protocol']} {printable(one['address'])} port {one['port']} by {one['by']} "
        f"for {show_duration(max(1, one['expires_s']))}"
        for one in mapping["mapped"]
    ]
    if mapping["reason"]:
        mapped.append(f"not mapped: {printable(mapping['reason'])}")
    return "; ".join(mapped)


def names_lines(naming: dict[str, Any]) -> list[str]:
    """Lines for people, from the ``naming`` part of ``status --json``."""
    if "error" in naming:
        return [f"names    {printable(naming['error'])}"]
    hosts = naming.get("hosts_file")
    books = [f"{count} {book}" for book, count in naming["names"].items() if count]
    if hosts and hosts["names"]:
        books.append(f"{hosts['names']} in hosts.txt")
    lines = [
        f"names    {', '.join(books) or 'none'}",
        f"         {FeedState.of(naming['subscriptions'])}",
    ]
    lines += [
        f"         {printable(row['url'])}: {printable(row['outcome'])}"
        for row in naming["subscriptions"]
        if row["failures"]
    ]
    if hosts and hosts["error"]:
        lines.append(f"         hosts.txt cannot be read: {printable(hosts['error'])}")
    if hosts and hosts["faults"]:
        left = counted(hosts["faults"], "line")
        lines.append(f"         hosts.txt: {left} left out; {printable(hosts['first_faults'][0])}")
    return lines
