"""i2pd's ``i2pd.conf``: the router, its two proxies and its interfaces."""

from __future__ import annotations

from i2ptunnel.importing.draft import (
    Draft,
    Options,
    Table,
    TunnelDraft,
    endpoint,
    flag,
    no_flag,
    text,
    whole,
    word_flag,
    words,
)
from i2ptunnel.importing.i2pd_tunnels import (
    REASONS as TUNNEL_REASONS,
)
from i2ptunnel.importing.i2pd_tunnels import (
    SHAPE,
    listen_at,
    read_keys,
    read_outproxy,
)

#: what i2pd's letters mean, in KiB/s; X is as good as no limit
_BANDWIDTHS = {"L": 32, "O": 256, "P": 2048}
_OWN_BANDWIDTH = 4_000_000
_LOG_LEVELS = {
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "error": "error",
    "critical": "error",
    "none": "error",
}


def _log_level(value: str) -> str:
    if value not in _LOG_LEVELS:
        raise ValueError("is no log level")
    return _LOG_LEVELS[value]


def _proxy(value: str) -> str:
    """i2pd writes ``socks://`` for what is SOCKS 5."""
    return value.replace("socks://", "socks5://", 1)


def _urls(value: str) -> list[str]:
    return [one if one.endswith("/") else f"{one}/" for one in words(value)]


_ROUTER: Table = {
    "port": ("router.port", whole),
    "netid": ("router.network_id", whole),
    "floodfill": ("router.floodfill", word_flag),
    "ipv6": ("router.ipv6", word_flag),
    "notransit": ("router.transit.enabled", no_flag),
    "limits.transittunnels": ("router.transit.max_tunnels", whole),
    "reservedrange": ("router.allow_private_addresses", no_flag),
    "trust.hidden": ("router.hidden", word_flag),
    "ntcp2.enabled": ("router.ntcp2.enabled", flag),
    "ntcp2.proxy": ("router.ntcp2.proxy", _proxy),
    "ssu2.enabled": ("router.ssu2.enabled", flag),
    "reseed.urls": ("router.reseed.urls", _urls),
    "reseed.threshold": ("router.reseed.threshold", whole),
    "reseed.proxy": ("router.reseed.proxy", _proxy),
    "nettime.enabled": ("router.time.ntp", flag),
    "nettime.ntpservers": ("router.time.servers", words),
    "addressbook.subscriptions": ("naming.subscriptions", words),
    "addressbook.hostsfile": ("naming.publish.file", text),
    "loglevel": ("control.log", _log_level),
    **{
        f"exploratory.{way}.{part}": (f"router.exploratory.{way}.{part}", whole)
        for way in ("inbound", "outbound")
        for part in ("length", "quantity")
    },
}
_REASONS = {
    "tunconf": "its tunnels are in this file now",
    "tunnelsdir": "its tunnels are in this file now",
    "certsdir": "the certificates for reseeding come with the program",
    "datadir": "router.data_dir is the directory of this file",
    "pidfile": "the service manager knows the process; one alone uses a data directory",
    "log": "the log goes to standard error, and from there to the journal",
    "logfile": "the log goes to standard error, and from there to the journal",
    "logclftime": "the journal keeps the time",
    "daemon": "it stays in the foreground; the service manager does the rest",
    "service": "it stays in the foreground; the service manager does the rest",
    "family": "write router.family, with a key file of this program",
    "ifname*": "write an address of the interface as bind",
    "nat": "whether others get through is found out",
    "ipv4": "write bind: with an IPv6 address alone for a router without IPv4",
    "bandwidth": "it is no letter and no number",
    "ntcp2.port": "both transports have router.port",
    "ssu2.port": "both transports have router.port",
    "ntcp2.published": "what others can reach is published; hidden: true publishes nothing",
    "ssu2.published": "what others can reach is published; hidden: true publishes nothing",
    "ntcp2.addressv6": "write it as host",
    "ssu2.proxy": "SSU2 goes over no proxy; with ntcp2.proxy it must be off",
    "ssu2.mtu*": "the largest packet is found out",
    "ssu2.firewalled*": "whether others get through is found out",
    "ntcp": "long gone from the network",
    "ssu": "long gone from the network",
    "http.*": "of the web console, only where it listens is carried over",
    "bob.*": "no program needs BOB any more; SAM does what it did",
    "websockets.*": "long gone",
    "sam.singlethread": "everything runs in one thread",
    "i2cp.*": "there is no such bound for programs by I2CP",
    "i2pcontrol.cert": "a certificate is made once",
    "i2pcontrol.key": "a certificate is made once",
    "precomputation.*": "of no use with keys of today",
    "cpuext.*": "the cryptographic library knows the processor",
    "upnp.name": "the mapping has a name that tells nothing",
    "meshnets.*": "an address of Yggdrasil in host: is enough",
    "reseed.verify": "what reseed servers send is always verified",
    "reseed.yggurls": "reseed servers are asked by https only",
    "reseed.floodfill": "reseed servers are asked by https only",
    "addressbook.enabled": "there is always an address book",
    "addressbook.defaulturl": "the first names come with the program",
    "limits.*": "limits of descriptors and core files are the service manager's",
    "trust.*": "routers are not trusted by a list; explicit_peers is for one tunnel",
    "persist.*": "profiles and whole addresses are always kept",
    "nettime.*": "the clock is compared all the time",
    "unix.*": "stop and continue need no option",
    **TUNNEL_REASONS,
}
#: what i2pd can be told and is always so here
_SAME = {
    "ipv4": "true",
    "nat": "true",
    "reseed.verify": "true",
    "persist.profiles": "true",
    "persist.addressbook": "true",
    "addressbook.enabled": "true",
    "ntcp2.published": "true",
    "ssu2.published": "true",
    "nettime.frompeers": "true",
    "trust.enabled": "false",
    "bob.enabled": "false",
    "meshnets.yggdrasil": "false",
    "limits.openfiles": "0",
    "limits.coresize": "0",
}


def read_router(options: Options, draft: Draft) -> list[TunnelDraft]:
    """Everything in ``i2pd.conf``; the tunnels of its proxies are returned."""
    _read_hosts(options, draft)
    _read_bandwidth(options, draft)
    draft.carry(options, _ROUTER)
    if draft.get("router.ntcp2.proxy") and draft.get("router.ssu2.enabled") is None:
        draft.set("router.ssu2.enabled", False, "ntcp2.proxy: SSU2 would bypass it")
    mapping = options.flag("upnp.enabled")
    if mapping is not None:
        draft.set("router.port_mapping", "auto" if mapping else "off", "upnp.enabled")
    _read_reseed_files(options, draft)
    _read_interfaces(options, draft)
    tunnels = [made for made in (_http_proxy(options), _socks_proxy(options)) if made is not None]
    for prefix in ("shareddest.", "httpproxy.", "socksproxy."):
        for name in [one for one in options.names() if one.startswith(prefix)]:
            inner = name.removeprefix(prefix)
            value = options.take(name)
            if value:
                reason = next(
                    (why for key, why in TUNNEL_REASONS.items() if key.rstrip("*") in inner),
                    "the shared destination has what its tunnels say"
                    if prefix == "shareddest."
                    else "there is no such option here",
                )
                options.note(name, reason)
    options.finish(_REASONS, _SAME)
    return tunnels


def _read_hosts(options: Options, draft: Draft) -> None:
    hosts = [one for one in (options.take("host"), options.take("meshnets.yggaddress")) if one]
    if hosts:
        draft.set("router.host", hosts, "host")
    bind = [one for one in (options.take("address4"), options.take("address6")) if one]
    if bind:
        draft.set("router.bind", bind, "address4, address6")


def _read_bandwidth(options: Options, draft: Draft) -> None:
    """In i2pd the limit is for transit alone: here that is a share of the whole."""
    share = options.take("share")
    percent = int(share) if share and share.isdecimal() else 100
    limit = options.peek("bandwidth")
    if limit and (limit in _BANDWIDTHS or limit.isdecimal() or limit == "X"):
        options.take("bandwidth")
        if limit != "X":
            rate = _BANDWIDTHS.get(limit) or int(limit)
            percent_here = min(100.0, 100 * rate * 1024 * percent / 100 / _OWN_BANDWIDTH)
            draft.set(
                "router.bandwidth.share",
                f"{percent_here:.2f}%",
                f"bandwidth = {limit}: i2pd limits transit only",
            )
            return
    if share:
        draft.set("router.bandwidth.share", f"{min(percent, 100)}%", "share")


def _read_reseed_files(options: Options, draft: Draft) -> None:
    files = []
    for name in ("reseed.file", "reseed.zipfile"):
        value = options.take(name)
        if value and "://" in value:
            options.note(name, "only files of this machine can be named; see reseed.urls")
        elif value:
            files.append(value)
    if files:
        draft.set("router.reseed.files", files, "reseed.file, reseed.zipfile")


def _read_interfaces(options: Options, draft: Draft) -> None:
    """SAM and the console are on in i2pd unless it says otherwise, I2CP and I2PControl off."""
    for name, port, is_on in (("sam", "7656", True), ("i2cp", "7654", False)):
        enabled = options.flag(f"{name}.enabled")
        host = options.take(f"{name}.address") or "127.0.0.1"
        where = endpoint(host, options.take(f"{name}.port") or port)
        udp = options.take("sam.portudp") if name == "sam" else None
        if is_on if enabled is None else enabled:
            draft.set(f"interfaces.{name}.listen", where, f"{name}.address, {name}.port")
            if udp and udp != "0":
                draft.set("interfaces.sam.udp", endpoint(host, udp), "sam.portudp")
    control = options.flag("i2pcontrol.enabled")
    where = endpoint(
        options.take("i2pcontrol.address") or "127.0.0.1", options.take("i2pcontrol.port") or "7650"
    )
    password = options.take("i2pcontrol.password") or "itoopie"
    if control and len(password) < 8:
        options.note("i2pcontrol.enabled", "its password is too short; take one of 8 characters")
    elif control:
        draft.set("interfaces.i2pcontrol.listen", where, "i2pcontrol.address, i2pcontrol.port")
        draft.files["i2pcontrol.password"] = f"{password}\n".encode()
        draft.set(
            "interfaces.i2pcontrol.password_file", "i2pcontrol.password", "i2pcontrol.password"
        )
        draft.set("interfaces.i2pcontrol.write", True, "i2pd lets it change things")
    console = options.flag("http.enabled")
    where = endpoint(
        options.take("http.address") or "127.0.0.1", options.take("http.port") or "7070"
    )
    if console is not False:
        draft.set("control.console.listen", where, "http.address, http.port")


def _http_proxy(options: Options) -> TunnelDraft | None:
    if options.flag("httpproxy.enabled") is False:
        return None
    draft = TunnelDraft({"type": "httpclient"}, name="httpproxy", source=options.source)
    _common(options, draft, "httpproxy", "4444")
    helper = options.flag("httpproxy.addresshelper")
    if helper is not None:
        draft.set("address_helper", helper, "httpproxy.addresshelper")
    if options.flag("httpproxy.senduseragent"):
        draft.set("pass_headers", ["User-Agent"], "httpproxy.senduseragent")
    read_outproxy(options, draft, options.take("httpproxy.outproxy"), None)
    return draft


def _socks_proxy(options: Options) -> TunnelDraft | None:
    if options.flag("socksproxy.enabled") is False:
        return None
    draft = TunnelDraft({"type": "sockstunnel"}, name="socksproxy", source=options.source)
    _common(options, draft, "socksproxy", "4447")
    proxy, port = options.take("socksproxy.outproxy"), options.take("socksproxy.outproxyport")
    if options.flag("socksproxy.outproxy.enabled"):
        read_outproxy(options, draft, proxy or "127.0.0.1", port or "9050")
    elif proxy:
        options.note("socksproxy.outproxy", "it is not enabled")
    return draft


def _common(options: Options, draft: TunnelDraft, prefix: str, port: str) -> None:
    draft.section = prefix
    listen_at(
        options,
        draft,
        options.take(f"{prefix}.address") or "127.0.0.1",
        options.take(f"{prefix}.port") or port,
        (f"{prefix}.address", f"{prefix}.port"),
    )
    draft.carry(options, SHAPE, f"{prefix}.")
    draft.carry(
        options, {"i2p.streaming.maxWindowSize": ("streaming.max_window", whole)}, f"{prefix}."
    )
    keys = Options(options.source, prefix, {"keys": options.take(f"{prefix}.keys") or ""})
    read_keys(keys, draft)
