"""What the options of SESSION CREATE mean here: those of I2CP, of tunnels and of streams.

samv3.md, "Tunnel, I2CP, and Streaming Options"; their names and units are Java's (i2cp.md,
streaming.md). What is not known, or is no value of its kind, is left out, as Java and i2pd do: no
session fails for it. Only who may read an encrypted lease set is taken exactly or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from core.base.errors import DecodeError
from core.data.encoding import b64decode
from core.data.encryption_keys import read_types
from i2ptunnel.sam.protocol.requests import invalid

#: ours: the session comes back by itself after a restart of the program
RESUME = "i2ptunnel.resume"
#: what others may encrypt with here: ElGamal and X25519, and the latter's hybrids with ML-KEM
PLAIN_TYPES = (0, 4)
HYBRID_TYPES = (6, 7)
#: ECIES-X25519, which every peer has: of a session that names no type that we have
_USUAL_TYPES = (4,)
LEASE_SET_TYPE_ENCRYPTED = "5"
HOPS_MAX = 7
QUANTITY_MAX = 16
CLIENTS_MAX = 64
_LEASE_SET_OPTIONS_MAX = 32
_STRING_BYTES_MAX = 255
_KEY_BYTES = 32
_CLIENT = "i2cp.leaseSetClient."
_AUTH_TYPES = {"1": "dh", "2": "psk"}
_LEASE_SET_OPTION = re.compile(r"i2cp\.leaseSetOption\.[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Shape:
    """Router tunnels of one direction; the defaults are Java's."""

    length: int = 3
    quantity: int = 2
    variance: int = 0
    backup: int = 0
    explicit_peers: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Encryption:
    """An encrypted lease set: who may read it. ``keys``: 32 bytes each.

    Without ``is_restricted`` everybody with the address may.
    """

    secret: str = field(default="", repr=False)
    is_restricted: bool = False
    is_dh: bool = False
    keys: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """``None``: what the router has as default. Times in seconds.

    ``remark``: what is told once in the log about an option that could not be followed.
    """

    inbound: Shape = Shape()
    outbound: Shape = Shape()
    publish: bool = True
    encrypted: Encryption | None = None
    lease_set_options: Mapping[str, str] = field(default_factory=dict)
    encryption_types: tuple[int, ...] = _USUAL_TYPES
    window_max: int | None = None
    inactivity_s: float | None = None
    ends_inactive: bool = False
    resend_max: int | None = None
    peer_streams_per_minute: int = 0
    answer_pings: bool = True
    resume: bool = False
    remark: str = ""


def read_options(
    given: Mapping[str, str], known_types: Collection[int] = PLAIN_TYPES + HYBRID_TYPES
) -> SessionOptions:
    """From the options of a SESSION CREATE; raises Refused if the encryption is not clear.

    ``known_types``: the encryption types that the router can do.
    """
    types = given.get("i2cp.leaseSetEncType", "")
    encryption_types = _encryption_types(types, known_types)
    inactivity_ms = _number(given, "i2p.streaming.inactivityTimeout", 0, 86_400_000)
    return SessionOptions(
        _shape(given, "inbound"),
        _shape(given, "outbound"),
        not _flag(given, "i2cp.dontPublishLeaseSet"),
        _encryption(given),
        _lease_set_options(given),
        encryption_types or _USUAL_TYPES,
        _number(given, "i2p.streaming.maxWindowSize", 4, 4096),
        None if inactivity_ms is None else inactivity_ms / 1000,
        given.get("i2p.streaming.inactivityAction") == "1",
        _number(given, "i2p.streaming.maxResends", 1, 64),
        _number(given, "i2p.streaming.maxConnsPerMinute", 0, 100_000) or 0,
        _flag(given, "i2p.streaming.answerPings", default=True),
        _flag(given, RESUME),
        "" if encryption_types else _encryption_remark(types),
    )


def _encryption_types(text: str, known: Collection[int]) -> tuple[int, ...]:
    """Those of ``i2cp.leaseSetEncType`` that are ours; others in the list are skipped."""
    try:
        return tuple(one for one in read_types(text) if one in known)
    except DecodeError:
        return ()


def _encryption_remark(text: str) -> str:
    """What to log if ``i2cp.leaseSetEncType`` has no type of ours."""
    what = "none that this router has" if text.strip() else "none"
    return f"i2cp.leaseSetEncType names {what}; it is 4 (ECIES-X25519)"


def _shape(given: Mapping[str, str], direction: str) -> Shape:
    usual = Shape()
    length = _number(given, f"{direction}.length", 0, HOPS_MAX)
    quantity = _number(given, f"{direction}.quantity", 1, QUANTITY_MAX)
    peers = given.get("explicitPeers", "") or given.get(f"{direction}.explicitPeers", "")
    return Shape(
        usual.length if length is None else length,
        usual.quantity if quantity is None else quantity,
        _number(given, f"{direction}.lengthVariance", -2, 2) or 0,
        _number(given, f"{direction}.backupQuantity", 0, QUANTITY_MAX) or 0,
        _hashes(peers, HOPS_MAX if length is None else length),
    )


def _hashes(text: str, hops: int) -> tuple[bytes, ...]:
    """Hashes of routers in base 64; () if one is none, or if there are fewer than hops."""
    found: dict[bytes, None] = {}
    for one in filter(None, text.split(",")):
        try:
            found[b64decode(one)] = None
        except DecodeError:
            return ()
    is_whole = all(len(one) == _KEY_BYTES for one in found) and len(found) <= 64
    return tuple(found) if is_whole and len(found) >= max(1, hops) else ()


def _encryption(given: Mapping[str, str]) -> Encryption | None:
    if given.get("i2cp.leaseSetType") != LEASE_SET_TYPE_ENCRYPTED:
        return None
    try:
        secret = b64decode(given.get("i2cp.leaseSetSecret", "")).decode()
    except (DecodeError, UnicodeDecodeError):
        raise invalid("i2cp.leaseSetSecret is no text in base 64") from None
    auth_type = given.get("i2cp.leaseSetAuthType", "0")
    clients = [(name, value) for name, value in given.items() if name.startswith(_CLIENT)]
    if auth_type == "0" and not clients:
        return Encryption(secret)
    if auth_type not in _AUTH_TYPES or not 0 < len(clients) <= CLIENTS_MAX:
        raise invalid("i2cp.leaseSetAuthType and the clients' keys do not fit")
    keys = [_client_key(name, value, _AUTH_TYPES[auth_type]) for name, value in clients]
    return Encryption(secret, True, auth_type == "1", tuple(keys))


def _client_key(name: str, value: str, kind: str) -> bytes:
    """From ``i2cp.leaseSetClient.psk.0=NAME:KEY``."""
    try:
        key = b64decode(value.partition(":")[2])
    except DecodeError:
        key = b""
    if not name.startswith(f"{_CLIENT}{kind}.") or len(key) != _KEY_BYTES:
        raise invalid(f"{name} is no key for this i2cp.leaseSetAuthType")
    return key


def _lease_set_options(given: Mapping[str, str]) -> dict[str, str]:
    """``i2cp.leaseSetOption.N`` is ``key=value`` (proposal 167)."""
    options: dict[str, str] = {}
    for name, text in given.items():
        if _LEASE_SET_OPTION.fullmatch(name) and len(options) < _LEASE_SET_OPTIONS_MAX:
            key, mark, value = text.partition("=")
            sizes = len(key.encode()), len(value.encode())
            if mark and key and max(sizes) <= _STRING_BYTES_MAX:
                options[key] = value
    return options


def _number(given: Mapping[str, str], key: str, minimum: int, maximum: int) -> int | None:
    """Cut to what is possible; None if it is not given or no number."""
    text = given.get(key, "").strip()
    digits = text[1:] if text[:1] == "-" else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        return None
    return max(minimum, min(maximum, int(text)))


def _flag(given: Mapping[str, str], key: str, *, default: bool = False) -> bool:
    return {"true": True, "false": False}.get(given.get(key, "").lower(), default)
