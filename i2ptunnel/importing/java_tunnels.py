"""Java I2P's tunnels: ``i2ptunnel.config``, or one file for each in ``i2ptunnel.config.d``."""

from __future__ import annotations

import re
from urllib.parse import quote

from core.base.errors import DecodeError
from core.data.encoding import b64decode
from i2ptunnel.importing.draft import (
    Options,
    Table,
    TunnelDraft,
    endpoint,
    flag,
    milliseconds,
    no_flag,
    seconds,
    slug,
    text,
    whole,
    words,
)
from i2ptunnel.importing.i2pd_tunnels import SHAPE, listen_at, read_access_list

TYPES = (
    *("client", "httpclient", "connectclient", "sockstunnel", "socksirctunnel", "ircclient"),
    *("streamrclient", "server", "httpserver", "httpbidirserver", "ircserver", "streamrserver"),
)
_NUMBERED = re.compile(r"tunnel\.(\d{1,6})\.(.+)")
_OPTION = "option."


def _some(value: str) -> int:
    """Zero means no limit there as here, and needs no words."""
    return max(0, whole(value))


_SHAPE: Table = SHAPE | {
    f"{way}.backupQuantity": (f"{way}.backup_quantity", whole) for way in ("inbound", "outbound")
}
_STREAM: Table = {
    "i2p.streaming.maxWindowSize": ("streaming.max_window", whole),
    "i2p.streaming.maxResends": ("streaming.max_resends", whole),
    "i2p.streaming.initialAckDelay": ("streaming.ack_delay", milliseconds),
}
_CLIENT: Table = {
    "i2cp.delayOpen": ("delay_open", flag),
    "i2cp.newDestOnResume": ("new_keys", flag),
    "i2p.streaming.connectTimeout": ("connect_timeout", milliseconds),
}
_SERVER: Table = {
    "enableUniqueLocal": ("unique_local", flag),
    "i2p.streaming.answerPings": ("answer_pings", flag),
    "i2p.streaming.maxConcurrentStreams": ("max_connections", whole),
    **{
        f"i2p.streaming.max{there}ConnsPer{period}": (f"limits.{here}_{period.lower()}", _some)
        for there, here in (("", "client"), ("Total", "total"))
        for period in ("Minute", "Hour", "Day")
    },
}
_WEB: Table = {
    "i2ptunnel.gzip": ("compress", flag),
    "rejectInproxy": ("reject_inproxies", flag),
    "rejectReferer": ("reject_referers", flag),
    "maxPosts": ("posts.per_client", whole),
    "maxTotalPosts": ("posts.total", whole),
    "postCheckTime": ("posts.period", seconds),
    "postBanTime": ("posts.client_ban", seconds),
    "postTotalBanTime": ("posts.total_ban", seconds),
}
_OF_TYPE: dict[str, Table] = {
    "httpclient": {
        "i2ptunnel.httpclient.disableAddressHelper": ("address_helper", no_flag),
        "i2ptunnel.httpclient.jumpServers": ("jump_servers", words),
        "i2ptunnel.gzip": ("compression", flag),
    },
    "ircclient": {"i2ptunnel.ircclient.enableDCC": ("dcc", flag)},
    "httpserver": _WEB,
    "httpbidirserver": _WEB,
    "ircserver": {
        "ircserver.fakeHostname": ("user_hostname", text),
        "ircserver.cloakKey": ("cloak_key", text),
    },
}
_PASSED = {
    "sendUserAgent": ["User-Agent"],
    "sendReferer": ["Referer"],
    "sendVia": ["Via"],
    "sendAccept": ["Accept-Charset", "Accept-Language"],
}
_LISTEN = ("interface", "listenPort")
REASONS = {
    "i2cpHost": "the router is in the same program; router.i2cp names another one",
    "i2cpPort": "the router is in the same program; router.i2cp names another one",
    "privKeyFile": "the tunnel does not keep its address (persistentClientKey)",
    "proxyList": "this type of tunnel has no outproxies",
    "filterDefinition": "this type of tunnel has no visitors",
    "option.*bound.nickname": "tunnels are known by their names",
    "option.*bound.randomKey": "the order of hops is kept in the file .session, made at the start",
    "option.*bound.allowZeroHop": "length: 0 says it",
    "option.*bound.IPRestriction": "no two hops are in one network, always",
    "option.outbound.priority": "what waits is served by fair shares",
    "option.altPrivKeyFile": "a tunnel has one destination",
    "option.i2cp.destination.sigType": "the type is in the key file; new ones are Ed25519",
    "option.i2cp.leaseSetEncType": "the newest types are offered; encryption_types has others",
    "option.i2cp.leaseSetType": "lease sets are of type 3, or 5 if encrypted is enabled",
    "option.i2cp.leaseSetPrivateKey": "made anew; nobody notices",
    "option.i2cp.leaseSetSigningPrivateKey": "made anew; nobody notices",
    "option.i2cp.leaseSetKey": "of the encryption that went out of use with type 5",
    "option.i2cp.leaseSet*": "of no use in this tunnel",
    "option.i2cp.gzip": "packets are compressed where that makes them shorter",
    "option.i2cp.fastReceive": "it is always so",
    "option.i2cp.messageReliability": "long gone",
    "option.i2cp.reduce*": "it is not turned on",
    "option.i2cp.close*": "it is not turned on, or the tunnel is a server",
    "option.i2cp.dontPublishLeaseSet": "servers are published, clients are not",
    "option.i2cp.username": "the router is in the same program",
    "option.i2cp.password": "the router is in the same program",
    "option.i2cp.*": "there is no such option here",
    "option.i2p.streaming.connectDelay": "data goes along with the first packet, always",
    "option.i2p.streaming.limitAction": "who comes too often is told so by HTTP, or refused",
    "option.i2p.streaming.limitsManuallySet": "limits are as they stand",
    "option.i2p.streaming.answerPings": "client tunnels never answer",
    "option.i2p.streaming.profile": "there is one kind of congestion control for all uses",
    "option.i2p.streaming.*": "connections tune themselves",
    "option.i2p.maxWindowSize": "an old name; connections tune themselves",
    "option.crypto.*": "the number of tags follows the traffic",
    "option.shouldBundleReplyInfo": "our lease set goes along when it is needed; see multihomed",
    "option.i2ptunnel.usePool": "there are no threads to be counted",
    "option.i2ptunnel.blockingHandlerCount": "there are no threads to be counted",
    "option.i2ptunnel.useLocalOutproxy": "there are no plugins",
    "option.i2ptunnel.httpclient.allowInternalSSL": "it is always allowed",
    "option.i2ptunnel.httpclient.send*": "it is off",
    "option.i2ptunnel.gzip": "of no use in this tunnel",
    "option.ircserver.webircSpoofIP": "the server is told 127.0.0.1",
    "option.ircserver.*": "it is so without the option",
    "option.keystore*": "a certificate is made at the first start; tls.certificate names another",
    "option.key*": "a certificate is made at the first start; tls.certificate names another",
    "option.outproxy*": "it is not turned on, or there is no outproxy",
    "option.proxy*": "it is not turned on",
    "option.userAgentRejectList": "it is not turned on",
}


def split_tunnels(properties: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """(``tunnel.N`` or nothing, its options) of a file with many tunnels, or with one."""
    many: dict[int, dict[str, str]] = {}
    for key, value in properties.items():
        if match := _NUMBERED.fullmatch(key):
            many.setdefault(int(match[1]), {})[match[2]] = value
    if many:
        return [(f"tunnel.{number}", many[number]) for number in sorted(many)]
    return [("", properties)] if "type" in properties else []


def read_tunnel(options: Options, number: int, taken: list[str]) -> TunnelDraft | None:
    """The tunnel of a section; None, with a note, if there is nothing like it here."""
    kind = options.take("type") or ""
    title = options.take("name") or kind
    if kind not in TYPES:
        options.note(f"type = {kind}", "there is no such tunnel here")
        for name in options.names():
            options.take(name)
        return None
    draft = TunnelDraft({"type": kind}, name=slug(title, taken), source=options.source)
    draft.section = options.section = title
    description = options.take("description")
    if description:
        draft.comments.append(description)
    if options.flag("startOnLoad") is False:
        draft.set("enabled", False, "startOnLoad")
    draft.carry(options, _SHAPE, _OPTION)
    _read_explicit(options, draft)
    if draft.is_server:
        _read_server(options, draft, number)
    else:
        _read_client(options, draft, number)
    if not kind.startswith("streamr"):
        draft.carry(options, _STREAM, _OPTION)
    draft.carry(options, _OF_TYPE.get(kind, {}), _OPTION)
    _read_idle(options, draft)
    options.finish(REASONS)
    draft.notes += options.notes
    return draft


def _read_explicit(options: Options, draft: TunnelDraft) -> None:
    for way in ("inbound", "outbound"):
        peers = options.take(f"{_OPTION}{way}.explicitPeers") or options.peek(
            f"{_OPTION}explicitPeers"
        )
        if peers:
            draft.set(f"{way}.explicit_peers", words(peers), "explicitPeers")
    options.take(f"{_OPTION}explicitPeers")


def _read_idle(options: Options, draft: TunnelDraft) -> None:
    """What happens to tunnels that nobody uses."""
    if options.flag(f"{_OPTION}i2cp.reduceOnIdle"):
        draft.set("reduce_after", "20m", "i2cp.reduceOnIdle")
        draft.carry(
            options,
            {
                "i2cp.reduceIdleTime": ("reduce_after", milliseconds),
                "i2cp.reduceQuantity": ("reduce_to", whole),
            },
            _OPTION,
        )
    if options.flag(f"{_OPTION}i2cp.closeOnIdle") and not draft.is_server:
        draft.set("close_after", "30m", "i2cp.closeOnIdle")
        draft.carry(options, {"i2cp.closeIdleTime": ("close_after", milliseconds)}, _OPTION)


# Clients


def _read_client(options: Options, draft: TunnelDraft, number: int) -> None:
    kind = draft.type
    host, port = options.take("interface") or "127.0.0.1", options.take("listenPort") or "0"
    if kind == "streamrclient":
        target = options.take("targetHost") or host
        draft.set("target", endpoint(target, port), "targetHost, listenPort")
    else:
        _read_access(options, draft, host)
        if draft.get("auth"):
            draft.set("listen", endpoint(host, port), ", ".join(_LISTEN))
        else:
            listen_at(options, draft, host, port, _LISTEN)
    for name in ("targetHost", "targetPort"):
        options.take(name)
    shared = options.flag("sharedClient")
    if shared is False and not kind.startswith("streamr"):
        draft.set("shared", False, "sharedClient")
    if options.flag(f"{_OPTION}persistentClientKey"):
        draft.keys = options.take("privKeyFile") or f"i2ptunnel{number}-privKeys.dat"
        draft.values.pop("shared", None)
    draft.carry(options, _CLIENT, _OPTION)
    listed = words(options.take("targetDestination") or "")
    if kind in ("client", "ircclient") and listed:
        draft.set("destination", listed, "targetDestination")
    elif kind == "streamrclient" and listed:
        draft.set("destination", listed[0], "targetDestination")
    if options.flag(f"{_OPTION}useSSL"):
        draft.set("tls", {}, "useSSL")
    _read_outproxies(options, draft)
    _read_passed_headers(options, draft)


def _read_access(options: Options, draft: TunnelDraft, host: str) -> None:
    """Users of a proxy. Their passwords are known only where Java does not keep hashes."""
    wanted = (options.take(f"{_OPTION}proxyAuth") or "false").lower()
    name = options.take(f"{_OPTION}proxyUsername")
    password = options.take(f"{_OPTION}proxyPassword")
    hashed = [n for n in options.names() if n.startswith(f"{_OPTION}proxy.auth.")]
    for one in hashed:
        options.take(one)
    if wanted == "false":
        return
    if hashed:
        users = sorted({one.split(".")[3] for one in hashed if one.count(".") > 3})
        draft.turn_off("it asked for a password, and only hashes of the passwords are known")
        options.note("option.proxyAuth", f"write auth: with a new password for {', '.join(users)}")
    elif name and password:
        draft.set("auth", [{"username": name, "password": password}], "proxyUsername")
    else:
        draft.turn_off("it asked for a password, and there is no user")


def _read_outproxies(options: Options, draft: TunnelDraft) -> None:
    prefix = f"{_OPTION}i2ptunnel.socks.proxy."
    listed: dict[str, list[str]] = {}
    listed["outproxies"] = words(options.take("proxyList") or "")
    named = {
        "outproxies": "proxyList",
        "https_outproxies": f"{_OPTION}i2ptunnel.httpclient.SSLOutproxies",
    }
    listed["https_outproxies"] = words(options.take(named["https_outproxies"]) or "")
    if draft.type == "sockstunnel":
        if not listed["outproxies"]:
            named["outproxies"] = f"{prefix}default"
        listed["outproxies"] += words(options.take(f"{prefix}default") or "")
    has_users = options.flag(f"{_OPTION}outproxyAuth")
    user = options.take(f"{_OPTION}outproxyUsername") if has_users else None
    password = options.take(f"{_OPTION}outproxyPassword") if has_users else None
    login = f"{quote(user, safe='')}:{quote(password or '', safe='')}@" if user else ""
    scheme = "http"
    if draft.type == "sockstunnel":
        scheme = "http" if options.take(f"{_OPTION}outproxyType") == "connect" else "socks5"
    for path, names in listed.items():
        urls = [f"{scheme}://{login}{one}" for one in names if one != "false.i2p"]
        if "false.i2p" in names:
            options.note(f"{named[path]}: false.i2p", "this name stands for none")
        if urls and draft.type in ("httpclient", "connectclient", "sockstunnel"):
            draft.set(path, urls, named[path])
    for name in [one for one in options.names() if one.startswith(prefix)]:
        port, proxies = name.removeprefix(prefix), words(options.take(name) or "")
        if port.isdecimal() and proxies and draft.type == "sockstunnel":
            draft.values.setdefault("port_outproxies", {})[port] = f"{scheme}://{proxies[0]}"


def _read_passed_headers(options: Options, draft: TunnelDraft) -> None:
    passed: list[str] = []
    for word, headers in _PASSED.items():
        if options.flag(f"{_OPTION}i2ptunnel.httpclient.{word}"):
            passed += headers
    if passed and draft.type == "httpclient":
        draft.set("pass_headers", passed, "i2ptunnel.httpclient.send…")


# Servers


def _read_server(options: Options, draft: TunnelDraft, number: int) -> None:
    kind = draft.type
    draft.keys = options.take("privKeyFile") or f"i2ptunnel{number}-privKeys.dat"
    host, port = options.take("targetHost") or "127.0.0.1", options.take("targetPort")
    inner = options.take("interface") or "127.0.0.1"
    listen_port = options.take("listenPort")
    options.take("sharedClient")
    options.take("targetDestination")
    if kind == "streamrserver":  # its "target" is where it listens
        named = ("interface", "targetPort" if port else "listenPort")
        listen_at(options, draft, inner, port or listen_port or "0", named)
    else:
        draft.set("target", endpoint(host, port or "0"), "targetHost, targetPort")
        draft.carry(options, _SERVER, _OPTION)
    if kind == "httpbidirserver":
        listen_at(options, draft, inner, listen_port or "0", _LISTEN)
    if options.flag(f"{_OPTION}useSSL"):
        draft.set("target_tls", {}, "useSSL")
    _read_ports(options, draft)
    if kind in ("httpserver", "httpbidirserver"):
        _read_hosts(options, draft)
    else:
        options.take("spoofedHost")
    if kind == "ircserver" and options.take(f"{_OPTION}ircserver.method") == "webirc":
        draft.carry(options, {"ircserver.webircPassword": ("webirc_password", text)}, _OPTION)
    filter_file = options.take("filterDefinition")
    if filter_file:
        draft.set("access.filter", filter_file, "filterDefinition")
    _read_lists(options, draft)
    _read_encrypted(options, draft)


def _read_ports(options: Options, draft: TunnelDraft) -> None:
    prefix = f"{_OPTION}targetForPort."
    for name in [one for one in options.names() if one.startswith(prefix)]:
        target = options.take(name)
        if target:
            draft.values.setdefault("ports", {})[name.removeprefix(prefix)] = target


def _read_hosts(options: Options, draft: TunnelDraft) -> None:
    if host := options.take("spoofedHost"):
        draft.set("hostname", host, "spoofedHost")
    for name in [one for one in options.names() if "spoofedHost." in one]:
        port = name.rpartition(".")[2]
        draft.values.setdefault("hostnames", {})[port] = options.take(name)
    if options.flag(f"{_OPTION}rejectUserAgents"):
        listed = options.take(f"{_OPTION}userAgentRejectList") or ""
        agents = [one.strip() for one in listed.split(",") if one.strip()]
        if agents:
            draft.set("reject_user_agents", agents, "userAgentRejectList")


def _read_lists(options: Options, draft: TunnelDraft) -> None:
    allows = options.flag(f"{_OPTION}i2cp.enableAccessList")
    denies = options.flag(f"{_OPTION}i2cp.enableBlackList")
    listed = options.take(f"{_OPTION}i2cp.accessList")
    if allows:
        if not listed:
            draft.turn_off("it has an access list without entries")
        read_access_list(options, draft, ",".join(words(listed or "")))
    elif denies and listed:
        read_access_list(options, draft, ",".join(words(listed)))
        draft.values["access"]["deny"] = draft.values["access"].pop("allow")
        draft.origins["access", "deny"] = draft.origins.pop(("access", "allow"))


def _read_encrypted(options: Options, draft: TunnelDraft) -> None:
    """Lease sets of type 5; the encryption before it has no successor that looks the same."""
    if options.flag(f"{_OPTION}i2cp.encryptLeaseSet"):
        draft.turn_off("its lease set was encrypted in a way that went out of use")
        options.note("option.i2cp.encryptLeaseSet", "see encrypted.enabled for what is used today")
    kind = options.take(f"{_OPTION}i2cp.leaseSetType")
    if kind != "5":
        return
    draft.set("encrypted.enabled", True, "i2cp.leaseSetType")
    secret = options.take(f"{_OPTION}i2cp.leaseSetSecret")
    if secret:
        draft.set("encrypted.secret", _from_base64(secret), "i2cp.leaseSetSecret")
    auth = options.take(f"{_OPTION}i2cp.leaseSetAuthType")
    own_key = options.take(f"{_OPTION}i2cp.leaseSetPrivKey")
    clients = []
    for group, key in (("dh", "public_key"), ("psk", "shared_key")):
        prefix = f"{_OPTION}i2cp.leaseSetClient.{group}."
        for name in [one for one in options.names() if one.startswith(prefix)]:
            user, colon, value = (options.take(name) or "").partition(":")
            if colon:
                clients.append({"name": slug(_from_base64(user), []), key: value})
    if not clients and auth == "2" and own_key:  # one key for all of them
        clients.append({"name": "shared", "shared_key": own_key})
    if clients:
        draft.set("encrypted.clients", clients, "i2cp.leaseSetClient")
    elif auth not in (None, "0"):
        draft.turn_off("nobody could connect: it asks for keys of clients and lists none")
        options.note("option.i2cp.leaseSetAuthType", "write the clients: encrypted.clients")


def _from_base64(value: str) -> str:
    """Java keeps names and secrets in base64; what is none is taken as it is."""
    try:
        return b64decode(value).decode("utf-8")
    except (DecodeError, UnicodeDecodeError):
        return value
