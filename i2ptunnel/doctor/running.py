"""What a running program says of itself, judged: from ``status --json`` and ``plan --json``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from i2ptunnel.config.units import show_duration
from i2ptunnel.doctor.findings import Finding, Level, note, ok, problem, unknown, warning
from i2ptunnel.printable import counted, printable

_FEW_ROUTERS = 50
_FEW_LINKS = 5
_BUILDS_JUDGED = 20
_BUILDS_BAD = 0.2
_BUILDS_POOR = 0.4
_YOUNG_S = 600.0


def check_state(status: dict[str, Any]) -> Iterator[Finding]:
    """The one word, with its reason."""
    text = f"{status['state']}, up {show_duration(max(1, status['uptime_s']))}"
    if status["state"] == "ready":
        yield ok("state", text)
    else:
        level = Level.PROBLEM if status["state"] == "degraded" else Level.NOTE
        reason = f": {status['reason']}" if status["reason"] else ""
        yield Finding("state", level, f"{text}{reason}", status["remedy"])
    for tunnel in status["tunnels"]:
        if tunnel["state"] == "failed":
            yield problem(
                "tunnels",
                f"{tunnel['name']}: {printable(tunnel['last_error'] or 'failed')}",
                "It is tried again by itself; i2ptunnel tunnels restart NAME tries at once.",
            )
    for name, service in (status["services"] | status.get("interfaces", {})).items():
        if service["last_error"]:
            yield problem(
                "interfaces",
                f"{name}: {printable(service['last_error'])}",
                "It is tried again by itself.",
            )


def check_clock(status: dict[str, Any]) -> Finding:
    """The system's clock, as time servers and other routers see it."""
    clock = status["router"]["clock"]
    if clock["warning"]:
        return warning("clock", clock["warning"], "Set it: timedatectl set-ntp true.")
    if clock["source"] is None:
        return unknown("clock", "nothing has been heard yet that it could be compared with")
    return ok("clock", f"right, as {'time servers' if clock['source'] == 'ntp' else 'peers'} say")


def check_reachability(status: dict[str, Any]) -> Finding:
    """Whether other routers can connect."""
    router = status["router"]
    reach = router["reachability"]
    if router["hidden"]["hidden"]:
        return ok("reachability", "hidden: nobody is meant to connect")
    states = ", ".join(f"{name} {state}" for name, state in reach["transports"].items())
    text = f"{states} ({printable(reach['why'])})"
    found = {reach["ipv4"], reach["ipv6"]}
    if "ok" in found:
        return ok("reachability", text)
    if found & {"firewalled", "symmetric nat"}:
        reason = router["port_mapping"]["reason"]
        why = f" The home router: {printable(reason)}." if reason else ""
        return note(
            "reachability",
            f"{text}.{why} Everything works, through introducers and slower",
            "Forward the router's port for TCP and UDP to this machine, and open it in the "
            "firewall: “Firewall” in docs/INSTALL.md.",
        )
    return unknown("reachability", text or "not known yet")


def check_network(status: dict[str, Any]) -> Iterator[Finding]:
    """Known routers, links, and how many builds succeed."""
    router, is_young = status["router"], status["uptime_s"] < _YOUNG_S
    if router["routers"] < _FEW_ROUTERS:
        level = Level.NOTE if router["routers"] else Level.PROBLEM
        yield Finding("known routers", level, *_few_routers(router["routers"], status["reseed"]))
    else:
        yield ok("known routers", f"{router['routers']}, {router['floodfills']} floodfill")
    links = router["links"]["inbound"] + router["links"]["outbound"]
    if router["cut_off"]:
        yield problem(
            "links", "this machine has no network", "Check its connection and its firewall."
        )
    elif links < _FEW_LINKS and not is_young:
        yield warning(
            "links",
            f"only {counted(links, 'router')} connected",
            "Check that the firewall lets outgoing TCP and UDP to all ports through.",
        )
    elif not links:
        yield unknown("links", "no router is connected yet")
    else:
        yield ok("links", f"{counted(links, 'router')} connected")
    yield _builds(router)


def _few_routers(count: int, reseed: dict[str, Any]) -> tuple[str, str]:
    """How few they are, and how to get more."""
    if reseed["state"] == "fetching":
        return f"{count}; reseed servers are being asked", "Wait a minute."
    if not reseed["next_in_s"]:
        return f"{count}", "Fetch some: i2ptunnel netdb reseed, or netdb import FILE."
    again = show_duration(max(1, reseed["next_in_s"]))
    return (
        f"{count}; the reseed servers were asked lately, and are asked again in {again} if needed",
        "Import a file until then: i2ptunnel netdb import FILE.",
    )


def _builds(router: dict[str, Any]) -> Finding:
    started, succeeded = router["builds_started"], router["builds_succeeded"]
    if started < _BUILDS_JUDGED:
        return unknown("tunnel builds", f"{succeeded} of {started}: too few to judge")
    share = succeeded / started
    text = f"{share:.0%} of {started} succeeded"
    remedy = (
        "If this lasts for hours, the network is under load or attacked, or the clock or the "
        "firewall is wrong: see the other lines."
    )
    if share < _BUILDS_BAD:
        return problem("tunnel builds", text, remedy)
    return (
        warning("tunnel builds", text, remedy)
        if share < _BUILDS_POOR
        else ok("tunnel builds", text)
    )


def check_drift(plan: dict[str, Any] | str) -> Finding:
    """Whether the file says something else than what runs; a text: why that is not known."""
    if isinstance(plan, str):
        return problem(
            "configuration",
            f"the file cannot be loaded any more: {printable(plan)}",
            "Correct it: i2ptunnel check -c FILE. What runs keeps running.",
        )
    waits = [
        f"{word} {', '.join(plan[word])}"
        for word in ("add", "change", "restart", "remove")
        if plan[word]
    ]
    if plan["settings"]:
        waits.append(f"change {', '.join(plan['settings'])}")
    if plan["router"]:
        return note(
            "configuration",
            f"the file has changed since the start: {', '.join(plan['router'])}",
            "This takes effect when the program is started anew.",
        )
    if waits:
        return note(
            "configuration",
            f"the file says something else than what runs: {'; '.join(waits)}",
            "i2ptunnel reload takes it over.",
        )
    return ok("configuration", "what runs is what the file says")
