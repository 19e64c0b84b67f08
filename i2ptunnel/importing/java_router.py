"""Java I2P's ``router.config`` and ``clients.config``: the router and what it starts."""

from __future__ import annotations

import re

from i2ptunnel.importing.draft import (
    Draft,
    Options,
    Table,
    endpoint,
    flag,
    no_flag,
    whole,
    word_flag,
    words,
)

_CLIENT = re.compile(r"clientApp\.(\d{1,5})\.(.+)")


def _rate(value: str) -> str:
    return f"{whole(value)}KiB/s"


def _percentage(value: str) -> str:
    return f"{whole(value)}%"


def _urls(value: str) -> list[str]:
    return [one if one.endswith("/") else f"{one}/" for one in words(value)]


def _mapping(value: str) -> str:
    return "auto" if flag(value) else "off"


_ROUTER: Table = {
    "i2np.bandwidth.inboundKBytesPerSecond": ("router.bandwidth.inbound", _rate),
    "i2np.bandwidth.outboundKBytesPerSecond": ("router.bandwidth.outbound", _rate),
    "router.sharePercentage": ("router.bandwidth.share", _percentage),
    "router.maxParticipatingTunnels": ("router.transit.max_tunnels", whole),
    "router.hiddenMode": ("router.hidden", word_flag),
    "router.floodfillParticipant": ("router.floodfill", word_flag),
    "router.networkID": ("router.network_id", whole),
    "i2np.allowLocal": ("router.allow_private_addresses", flag),
    "i2np.ntcp.enable": ("router.ntcp2.enabled", flag),
    "i2np.udp.enable": ("router.ssu2.enabled", flag),
    "i2np.upnp.enable": ("router.port_mapping", _mapping),
    "i2p.reseedURL": ("router.reseed.urls", _urls),
    "router.reseedDisable": ("router.reseed.enabled", no_flag),
    "router.isHidden": ("router.hidden", word_flag),
    "time.disabled": ("router.time.ntp", no_flag),
    "time.sntpServerList": ("router.time.servers", words),
}
_REASONS = {
    "i2np.ntcp.port": "both transports have router.port",
    "i2np.ntcp.hostname": "it is no address, or the same as i2np.udp.host",
    "i2np.*.autoip": "write host: to publish one address always",
    "i2np.udp.internalPort": "it listens at router.port",
    "i2np.ntcp.auto*": "whether others get through is found out",
    "i2np.udp.addressSources": "write host: to publish one address always",
    "i2np.*intro*": "introducers are taken when they are needed",
    "i2np.bandwidth.*": "there are no bursts besides the limit",
    "i2np.bandwidth.*Burst*": "there are no bursts besides the limit",
    "i2np.udp.*": "the transport finds out what suits the path",
    "i2np.ntcp.*": "the transport finds out what suits the path",
    "i2np.ntcp2.*": "keys of the transport are made anew",
    "i2np.lastC*": "state of the other router",
    "i2np.*": "state of the other router, or found out",
    "i2cp.*": "programs with users and passwords: interfaces.i2cp.users",
    "router.reseed*": "what was fetched is state of the other router",
    "router.update*": "updates come from where the program came from",
    "router.news*": "there are no news",
    "router.*": "state of the other router, or found out",
    "routerconsole.*": "of the other console",
    "console*": "of the other console",
    "eepget.*": "there is no such program here",
    "jbigi.*": "of Java's native library",
    "stat.*": "every figure is counted; see control.metrics",
    "time.*": "the clock is compared all the time",
    "crypto.*": "keys of lease sets are chosen by what is of use",
    "desktopgui.*": "there is no tray icon",
    "plugin.*": "there are no plugins",
    "i2p.*": "directories of the other program",
}


def read_router(options: Options, draft: Draft) -> None:
    """Everything in ``router.config``."""
    host = options.take("i2np.udp.host") or options.take("i2np.ntcp.hostname")
    if host:
        draft.set("router.host", host, "i2np.udp.host")
    port = options.take("i2np.udp.port") or options.take("i2np.ntcp.port")
    if port and port.isdecimal():
        draft.set("router.port", int(port), "i2np.udp.port")
    bind = options.take("i2np.udp.bindInterface") or options.take("i2np.ntcp.bindInterface")
    if bind:
        draft.set("router.bind", words(bind), "bindInterface")
    draft.carry(options, _ROUTER)
    _read_reseed_proxy(options, draft)
    if not options.flag("i2cp.disableInterface"):
        everywhere = options.flag("i2cp.tcp.bindAllInterfaces")
        where = options.take("i2cp.hostname") or "127.0.0.1"
        if everywhere:
            options.note("i2cp.tcp.bindAllInterfaces", "it listens at 127.0.0.1; see users")
        where = endpoint(where, options.take("i2cp.port") or "7654")
        draft.set("interfaces.i2cp.listen", where, "i2cp.port: on unless disabled")
        if options.flag("i2cp.SSL"):
            draft.set("interfaces.i2cp.tls", True, "i2cp.SSL")
    options.finish(_REASONS)


def _read_reseed_proxy(options: Options, draft: Draft) -> None:
    """Reseed servers are asked by https, so of the two proxies it is the one for that."""
    for prefix in ("router.reseedSSLProxy", "router.reseedProxy"):
        host, port = options.take(f"{prefix}Host"), options.take(f"{prefix}Port")
        kind = (options.take(f"{prefix}Type") or "http").lower()
        is_on = options.flag(f"{prefix}Enable")
        if is_on and host and port and draft.get("router.reseed.proxy") is None:
            scheme = "socks5" if kind.startswith("socks") else "http"
            draft.set("router.reseed.proxy", f"{scheme}://{endpoint(host, port)}", f"{prefix}Host")
        elif is_on:
            options.note(f"{prefix}Enable", "there is one proxy for reseeding")


def split_clients(properties: dict[str, str]) -> list[dict[str, str]]:
    """The programs of a ``clients.config``."""
    many: dict[int, dict[str, str]] = {}
    for key, value in properties.items():
        if match := _CLIENT.fullmatch(key):
            many.setdefault(int(match[1]), {})[match[2]] = value
    return [many[number] for number in sorted(many)]


def read_client(options: Options, draft: Draft) -> None:
    """One program: SAM and the console have a counterpart here."""
    main, arguments = options.take("main") or "", (options.take("args") or "").split()
    starts = options.flag("startOnLoad") is not False
    name = options.take("name") or main
    for left in options.names():
        options.take(left)
    if main.endswith("SAMBridge"):
        if starts:
            numbers = [one for one in arguments if one.isdecimal()]
            hosts = [one for one in arguments if re.fullmatch(r"[\d.]+|\[?[\da-f:]+\]?", one)]
            host = next((one for one in hosts if not one.isdecimal()), "127.0.0.1")
            port = numbers[0] if numbers else "7656"
            draft.set("interfaces.sam.listen", endpoint(host, port), f"program {name}")
        if "-s" in arguments or "ssl" in " ".join(arguments).lower():
            options.note(name, "SAM without TLS only; it is for programs of this machine")
    elif main.endswith("RouterConsoleRunner"):
        port = next((one for one in arguments if one.isdecimal()), "7657")
        if starts:
            draft.set("control.console.listen", endpoint("127.0.0.1", port), f"program {name}")
    elif main.endswith("TunnelControllerGroup"):
        return
    elif starts:
        options.note(name, "a program of Java I2P; it can use this router by I2CP or SAM")
