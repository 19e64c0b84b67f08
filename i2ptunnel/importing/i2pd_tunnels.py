"""i2pd's ``tunnels.conf``: each section becomes a tunnel, servers with one key file become one."""

from __future__ import annotations

from core.base.errors import DecodeError
from core.data.encoding import b64decode
from core.data.identity import Destination, hash_to_b32
from i2ptunnel.importing.draft import (
    Draft,
    Options,
    Table,
    TunnelDraft,
    endpoint,
    flag,
    milliseconds,
    seconds,
    shown,
    slug,
    text,
    whole,
)

#: i2pd's type -> ours
TYPES = {
    "client": "client",
    "httpproxy": "httpclient",
    "socks": "sockstunnel",
    "udpclient": "udpclient",
    "server": "server",
    "http": "httpserver",
    "irc": "ircserver",
    "udpserver": "udpserver",
}
SHARED = "shareddest"
TRANSIENT = "transient"

#: options of the tunnels through which a destination is reached
SHAPE: Table = {
    f"{way}.{there}": (f"{way}.{here}", whole)
    for way in ("inbound", "outbound")
    for there, here in (
        ("length", "length"),
        ("quantity", "quantity"),
        ("lengthVariance", "length_variance"),
    )
}
_STREAMING: Table = {
    "i2p.streaming.initialAckDelay": ("streaming.ack_delay", milliseconds),
    "i2p.streaming.maxWindowSize": ("streaming.max_window", whole),
}
_CLIENT: Table = {"connecttimeout": ("connect_timeout", seconds)}
_SERVER: Table = {
    "enableuniquelocal": ("unique_local", flag),
    "i2p.streaming.maxConcurrentStreams": ("max_connections", whole),
    "i2p.streaming.answerPings": ("answer_pings", flag),
}
_OF_TYPE: dict[str, Table] = {
    "httpclient": {"addresshelper": ("address_helper", flag)},
    "udpclient": {"datagramversion": ("datagram_version", whole)},
    "httpserver": {"hostoverride": ("hostname", text), "i2pheaders": ("i2p_headers", flag)},
    "ircserver": {"webircpassword": ("webirc_password", text)},
}
REASONS = {
    "signaturetype": "the type is in the key file; new ones are Ed25519",
    "cryptotype": "encryption keys are in the lease set, not in the destination",
    "matchtunnels": "hops are chosen by what they have done, not to fit the other side's",
    "keepaliveinterval": "connections are probed when they are silent, tunnels are tested",
    "gzip": "packets are compressed where that makes them shorter",
    "latency.*": "slow tunnels are left by measuring them, there is no fixed bound",
    "crypto.*": "the number of tags follows the traffic",
    "i2p.streaming.maxOutboundSpeed": "limits are for a tunnel, not a connection: bandwidth",
    "i2p.streaming.maxInboundSpeed": "limits are for a tunnel, not a connection: bandwidth",
    "i2p.streaming.maxConcurrentStreams": "of clients, max_connections counts local connections",
    "i2p.streaming.answerPings": "client tunnels never answer",
    "i2p.streaming.dontSign": "what the protocol wants signed is signed",
    "i2p.streaming.profile": "there is one kind of congestion control for all uses",
    "i2p.streaming.*": "connections tune themselves",
    "i2cp.leaseSetEncType": "the newest types are offered; encryption_types has others",
    "i2cp.leaseSetType": "lease sets are of type 3, or 5 if encrypted is enabled",
    "i2cp.leaseSetPrivKey": "write it as client_key beside the destination that it opens",
    "i2cp.leaseSetAuthType": "of no use without clients",
    "i2cp.leaseSetClient.*": "of no use in this tunnel",
    "i2cp.dontPublishLeaseSet": "servers are published, clients are not",
    "*bound.backupQuantity": "i2pd has no such option; here it is backup_quantity",
    "inbound.nickname": "tunnels are known by their names",
    "outbound.nickname": "tunnels are known by their names",
    "accesslist": "client tunnels have no visitors",
    "whitelist": "accesslist says it, or client tunnels have no visitors",
}


def read_tunnel(options: Options, taken: list[str]) -> TunnelDraft | None:
    """The tunnel of a section; None, with a note, if there is nothing like it here."""
    there = options.take("type")
    kind = TYPES.get(there or "")
    if kind is None:
        why = "the section has no type" if there is None else "there is no such tunnel here"
        if there and ";" in there:
            why = "i2pd takes the whole line as the type; a comment needs a line of its own"
        options.note(f"type = {there}" if there else "type", why)
        for name in options.names():
            options.take(name)
        return None
    draft = TunnelDraft({"type": kind}, name=slug(options.section, taken), source=options.source)
    draft.section = options.section
    if draft.is_server:
        _read_server(options, draft)
    else:
        _read_client(options, draft)
    draft.carry(options, SHAPE)
    if not draft.type.startswith("udp"):
        draft.carry(options, _STREAMING)
    draft.carry(options, _OF_TYPE.get(kind, {}))
    read_explicit_peers(options, draft)
    read_keys(options, draft)
    options.finish(REASONS)
    draft.notes += options.notes
    return draft


def read_explicit_peers(options: Options, draft: Draft) -> None:
    """The only routers that may be hops, for both directions."""
    peers = options.take("explicitPeers")
    if peers:
        for way in ("inbound", "outbound"):
            listed = [one.strip() for one in peers.split(",") if one.strip()]
            draft.set(f"{way}.explicit_peers", listed, "explicitPeers")


def read_keys(options: Options, draft: TunnelDraft) -> None:
    """Which destination the tunnel has. ``draft.keys`` is left for who copies the files."""
    given = options.take("keys")
    keys = given or TRANSIENT
    origin = f"keys = {given}" if given else "no keys"
    if keys == SHARED:
        if draft.is_server:
            draft.turn_off("a server with the shared destination of clients needs keys of its own")
            draft.note(origin, "servers have keys of their own here")
    elif keys.startswith(TRANSIENT):
        if draft.is_server:
            draft.turn_off("its address would change with each start of i2pd, and would stay here")
            draft.note(origin, "servers keep their address here")
        elif not draft.type.startswith("udp"):
            draft.set("shared", False, origin)
    else:
        draft.keys = keys


def listen_at(
    options: Options,
    draft: TunnelDraft,
    address: str,
    port: str,
    names: tuple[str, str] = ("address", "port"),
) -> None:
    """Where local programs connect to; what is open to everybody is not taken over.

    ``names``: of the options that say it.
    """
    if address in ("0.0.0.0", "::", "*") or not _is_local(address):
        inner = "::1" if ":" in address else "127.0.0.1"
        options.note(
            f"{names[0]} = {address}",
            f"everybody who reaches it could use the tunnel, so it listens at {inner}; write "
            "listen: with this address and allow: with the networks that may connect",
        )
        address = inner
    draft.set("listen", endpoint(address, port), ", ".join(names))


def _is_local(address: str) -> bool:
    return address in ("localhost", "::1") or address.startswith("127.")


def _read_client(options: Options, draft: TunnelDraft) -> None:
    listen_at(options, draft, options.take("address") or "127.0.0.1", options.take("port") or "0")
    draft.carry(options, _CLIENT)
    if draft.type in ("client", "udpclient"):
        where, port = options.take("destination"), options.take("destinationport")
        if where:
            whole_place = f"{where}:{port}" if port and port != "0" else where
            origin = "destination, destinationport" if port else "destination"
            draft.set("destination", whole_place, origin)
    if draft.type == "httpclient":
        if options.flag("senduseragent"):
            draft.set("pass_headers", ["User-Agent"], "senduseragent")
        read_outproxy(options, draft, options.take("outproxy"), None)
    if draft.type == "sockstunnel":
        read_outproxy(
            options, draft, options.take("outproxy"), options.take("destinationport") or "9050"
        )


def read_outproxy(
    options: Options, draft: TunnelDraft, url: str | None, socks_port: str | None
) -> None:
    """A proxy for addresses outside I2P; ``socks_port``: that of one by SOCKS."""
    if not url:
        return
    if "://" not in url:
        url = f"socks5://{endpoint(url, socks_port)}" if socks_port else f"http://{url}"
    url = url.replace("socks://", "socks5://", 1)
    if "false.i2p" in url:
        options.note(f"outproxy = {url}", "this name stands for none")
    else:
        draft.set("outproxies", [url], "outproxy")


def _read_server(options: Options, draft: TunnelDraft) -> None:
    host, port = options.take("host") or "127.0.0.1", options.take("port") or "0"
    draft.set("target", endpoint(host, port), "host, port")
    draft.port = options.take("inport") or port
    source = options.take("address")
    read_access_list(options, draft, options.take("accesslist") or options.take("whitelist"))
    _read_encrypted(options, draft)
    if draft.type == "udpserver":
        if source:
            options.note(f"address = {source}", "unique_local decides where packets come from")
        draft.carry(options, {"enableuniquelocal": ("unique_local", flag)})
        draft.carry(options, {"i2p.streaming.answerPings": ("answer_pings", flag)})
        return
    if source:
        draft.set("source", source, "address")
        if options.peek("enableuniquelocal") is None:
            draft.set("unique_local", False, "address")
    draft.carry(options, _SERVER)
    if options.flag("ssl"):
        draft.set("target_tls", {}, "ssl")
        options.note(
            "ssl",
            "i2pd does not look at the service's certificate; here it must be a right one: name "
            "it, or its issuer's, in target_tls.ca",
        )


def read_access_list(options: Options, draft: TunnelDraft, listed: str | None) -> None:
    """Who may connect. A tunnel whose list cannot be read whole does not start by itself."""
    if not listed:
        return
    allowed = [_b32(word.strip()) for word in listed.split(",") if word.strip()]
    good = [one for one in allowed if one is not None]
    draft.set("access.allow", good, "accesslist")
    if len(good) < len(allowed) or not good:
        draft.turn_off("its access list could not be read whole")
        options.note("accesslist", "an entry is no .b32.i2p address")


def _b32(word: str) -> str | None:
    """The address of an entry: a b32 address, or as Java has it a hash or destination in base64."""
    label = word.lower().removesuffix(".b32.i2p")
    if len(label) == 52 and not set(label) - set("abcdefghijklmnopqrstuvwxyz234567"):
        return f"{label}.b32.i2p"
    try:
        data = b64decode(word)
        return hash_to_b32(data) if len(data) == 32 else Destination.from_bytes(data).b32
    except DecodeError:
        return None


def _read_encrypted(options: Options, draft: TunnelDraft) -> None:
    kind, auth = options.take("i2cp.leaseSetType"), options.take("i2cp.leaseSetAuthType")
    if kind != "5":
        return
    draft.set("encrypted.enabled", True, "i2cp.leaseSetType")
    clients = []
    for group, key in (("dh", "public_key"), ("psk", "shared_key")):
        for name in [n for n in options.names() if n.startswith(f"i2cp.leaseSetClient.{group}.")]:
            user, colon, value = (options.take(name) or "").partition(":")
            if auth == {"dh": "1", "psk": "2"}[group] and colon:
                clients.append({"name": slug(user, []), key: value})
            else:
                options.note(shown(name, ""), "of no use with this i2cp.leaseSetAuthType")
    if clients:
        draft.set("encrypted.clients", clients, "i2cp.leaseSetClient")
    elif auth in ("1", "2"):
        draft.turn_off("nobody could connect: it asks for keys of clients and lists none")


def merge_servers(drafts: list[TunnelDraft]) -> list[TunnelDraft]:
    """Servers with one key file are one tunnel, with a service for each port."""
    merged: list[TunnelDraft] = []
    by_keys: dict[str, TunnelDraft] = {}
    for draft in drafts:
        if draft.keys is None:
            merged.append(draft)
        elif draft.keys not in by_keys or not (draft.is_server or by_keys[draft.keys].is_server):
            merged.append(draft)
            first = by_keys.setdefault(draft.keys, draft)
            if first is not draft:
                _align(first, draft)
        else:
            _join(by_keys[draft.keys], draft, merged)
    return merged


def _align(first: TunnelDraft, draft: TunnelDraft) -> None:
    """Clients with one destination have one set of tunnels: that of the first, as in i2pd."""
    for part in ("inbound", "outbound", "streaming", "reduce_after", "reduce_to", "close_after"):
        if draft.values.get(part) == first.values.get(part):
            continue
        draft.values.pop(part, None)
        if part in first.values:
            draft.values[part] = first.values[part]
        draft.note(part, f"{first.name} has the same keys, so what it says counts")


_PLAIN = ("server", "httpserver", "ircserver")


def _join(first: TunnelDraft, draft: TunnelDraft, merged: list[TunnelDraft]) -> None:
    """Make ``draft`` a part of the tunnel ``first``, which has the same key file."""
    if not first.is_server or not draft.is_server:
        draft.keys = None
        draft.note("keys", f"{first.name} has these keys; this tunnel gets an address of its own")
        if draft.is_server:
            draft.turn_off(f"the client tunnel {first.name} has its keys")
        merged.append(draft)
        return
    # i2pd makes the destination as the first section says.
    draft.values.setdefault("encrypted", first.values.get("encrypted"))
    same_access = all(
        first.values.get(part) == draft.values.get(part) for part in ("access", "encrypted")
    )
    if draft.values["encrypted"] is None:
        del draft.values["encrypted"]
    if first.type not in _PLAIN or draft.type not in _PLAIN or not same_access:
        why = "who may connect differs" if not same_access else "the types do not go together"
        draft.keys = None
        draft.turn_off(f"{first.name} has its keys, and {why}")
        draft.note("keys", f"{first.name} has these keys, and {why}; two tunnels cannot share them")
        merged.append(draft)
        return
    if draft.type == "httpserver" and first.type == "server":
        _swap(first, draft)
    port = draft.port
    ports = first.values.setdefault("ports", {})
    if not port.isdecimal():
        first.note(f"[{draft.section}]", f"{port!r} is no port")
        return
    if port in ports:
        first.note(f"[{draft.section}]", f"port {port} is there twice; the first counts")
        return
    ports[port] = draft.values["target"]
    first.origins["ports", port] = f"[{draft.section}]"
    if first.type == "httpserver" and draft.type != "httpserver":
        first.values.setdefault("plain_ports", []).append(int(port))
    if hostname := draft.values.get("hostname"):
        first.set(f"hostnames.{port}", hostname, f"[{draft.section}] hostoverride")
    first.comments += [f"and of [{draft.section}], which has the same keys", *draft.comments]
    for key in ("inbound", "outbound", "streaming", "source", "webirc_password", "unique_local"):
        if key in draft.values and draft.values[key] != first.values.get(key):
            first.note(f"[{draft.section}] {key}", "the whole tunnel has what its first part says")
    first.notes += draft.notes
    if draft.off:
        first.turn_off(draft.off)


def _swap(first: TunnelDraft, draft: TunnelDraft) -> None:
    """A web site is the main part of a tunnel: other services are ports of it."""
    for name in ("values", "origins", "section", "comments", "notes", "port"):
        mine, other = getattr(first, name), getattr(draft, name)
        setattr(first, name, other)
        setattr(draft, name, mine)
