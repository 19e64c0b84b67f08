"""The datagram formats (datagrams spec): raw, Datagram1, Datagram2, Datagram3.

=========  ========  =================================================================
format     protocol  layout
=========  ========  =================================================================
raw        18        payload
Datagram1  17        destination, signature of the payload (DSA: of its SHA-256), payload
Datagram2  19        destination, flags, [options], [offline signature], payload, signature over
                     target hash, flags, options, offline signature, payload
Datagram3  20        hash of the sender, flags, [options], payload; not signed
=========  ========  =================================================================

``source`` is the destination hash that the ratchet session of a message belongs to, or None if it
is not known. Where it is known it must be the sender, and then it proves more than the signature.
i2pd: puts its own hash, not the target's, in front of what it signs for Datagram2; such datagrams
are accepted when the source is known (i2pd checks ours the same way), never by signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader
from core.crypto.signing import SigningType
from core.data.identity import HASH_BYTES, Destination
from core.data.mapping import parse_mapping, write_mapping
from core.data.offline import OfflineSignature
from core.data.payload import PROTOCOL_DATAGRAM as DATAGRAM1
from core.data.payload import PROTOCOL_DATAGRAM2 as DATAGRAM2
from core.data.payload import PROTOCOL_DATAGRAM3 as DATAGRAM3
from core.data.payload import PROTOCOL_RAW as RAW
from core.data.private_keys import PrivateKeys

__all__ = [
    "DATAGRAM1",
    "DATAGRAM2",
    "DATAGRAM3",
    "DATAGRAM_BYTES_MAX",
    "RAW",
    "Content",
    "build_datagram",
    "parse_datagram",
]

#: i2pd: MAX_DATAGRAM_SIZE 32768; larger ones hardly survive the tunnels anyway
DATAGRAM_BYTES_MAX = 32768

_VERSION_MASK = 0x000F
_FLAG_OPTIONS = 0x0010
_FLAG_OFFLINE = 0x0020


@dataclass(frozen=True, slots=True)
class Content:
    """What a datagram says. ``sender`` is known for formats 1 and 2, ``sender_hash`` also for 3.

    ``is_authentic``: the sender is proven, by signature or by the ratchet session.
    """

    payload: bytes
    sender: Destination | None = None
    sender_hash: bytes | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    is_authentic: bool = False


def build_datagram(
    protocol: int,
    keys: PrivateKeys,
    target_hash: bytes,
    payload: bytes,
    options: Mapping[str, str] | None = None,
) -> bytes:
    """The message for ``protocol``; protocols without a format of their own are sent raw.

    LocalError if it gets too long, if options are given to a format that has none, or for
    Datagram1 with offline keys, which that format cannot express.
    """
    if options and protocol not in (DATAGRAM2, DATAGRAM3):
        raise LocalError("this datagram format has no options")
    if protocol == DATAGRAM1:
        if keys.offline is not None:
            raise LocalError("datagrams of format 1 cannot be signed with a transient key")
        message = keys.destination.raw + keys.sign(_signed1(keys.destination, payload)) + payload
    elif protocol == DATAGRAM2:
        flags = 2
        middle = b""
        if options:
            flags |= _FLAG_OPTIONS
            middle += write_mapping(options)
        if keys.offline is not None:
            flags |= _FLAG_OFFLINE
            middle += keys.offline.write()
        body = flags.to_bytes(2, "big") + middle + payload
        message = keys.destination.raw + body + keys.sign(target_hash + body)
    elif protocol == DATAGRAM3:
        flags = 3 | (_FLAG_OPTIONS if options else 0)
        middle = write_mapping(options) if options else b""
        message = keys.hash + flags.to_bytes(2, "big") + middle + payload
    else:
        message = payload
    if len(message) > DATAGRAM_BYTES_MAX:
        raise LocalError(f"datagram of {len(message)} bytes")
    return message


def readdress_datagram2(message: bytes, keys: PrivateKeys, target_hash: bytes) -> bytes:
    """A Datagram2 of ours, signed for another target."""
    unsigned = message[: -keys.signature_length]
    return unsigned + keys.sign(target_hash + unsigned[len(keys.destination.raw) :])


def parse_datagram(
    protocol: int, message: bytes, own_hash: bytes, source: bytes | None, wall_now: float
) -> Content:
    """Read and verify; DecodeError if malformed or if the sender is not who it says.

    ``wall_now`` is unix time in seconds, for the expiry of offline signatures.
    """
    if protocol == DATAGRAM1:
        return _parse1(message, source)
    if protocol == DATAGRAM2:
        return _parse2(message, own_hash, source, wall_now)
    if protocol == DATAGRAM3:
        return _parse3(message, source)
    return Content(message, None, source, is_authentic=source is not None)


def _signed1(sender: Destination, payload: bytes) -> bytes:
    if sender.signing_type == SigningType.DSA_SHA1:
        return hashlib.sha256(payload).digest()
    return payload


def _check_source(sender_hash: bytes, source: bytes | None) -> bool:
    """True if ``source`` proves the sender."""
    if source is not None and source != sender_hash:
        raise DecodeError("datagram by another destination than its session's")
    return source is not None


def _parse1(message: bytes, source: bytes | None) -> Content:
    reader = Reader(message)
    sender = Destination.parse(reader)
    if not sender.signature_length:
        raise DecodeError("datagram signed by a key of unknown type")
    signature = reader.take(sender.signature_length)
    payload = reader.rest()
    if not _check_source(sender.hash, source) and not sender.verify(
        _signed1(sender, payload), signature
    ):
        raise DecodeError("datagram with a wrong signature")
    return Content(payload, sender, sender.hash, is_authentic=True)


def _parse2(message: bytes, own_hash: bytes, source: bytes | None, wall_now: float) -> Content:
    reader = Reader(message)
    sender = Destination.parse(reader)
    start = reader.position
    flags = reader.u16()
    if flags & _VERSION_MASK != 2:
        raise DecodeError("datagram of another version than 2")
    options = parse_mapping(reader) if flags & _FLAG_OPTIONS else {}
    offline = None
    length = sender.signature_length
    if flags & _FLAG_OFFLINE:
        offline = OfflineSignature.parse(reader, length)
        length = offline.transient_signature_length
    if not length:
        raise DecodeError("datagram signed by a key of unknown type")
    payload = reader.take(reader.remaining - length)
    signature = reader.rest()
    if not _check_source(sender.hash, source):
        if offline is not None and (
            offline.expires_s < wall_now or not offline.is_authorised_by(sender)
        ):
            raise DecodeError("datagram with a wrong offline signature")
        signed = own_hash + message[start : len(message) - length]
        if not (offline or sender).verify(signed, signature):
            raise DecodeError("datagram with a wrong signature")
    return Content(payload, sender, sender.hash, options, is_authentic=True)


def _parse3(message: bytes, source: bytes | None) -> Content:
    reader = Reader(message)
    sender_hash = reader.take(HASH_BYTES)
    flags = reader.u16()
    if flags & _VERSION_MASK != 3:
        raise DecodeError("datagram of another version than 3")
    options = parse_mapping(reader) if flags & _FLAG_OPTIONS else {}
    is_authentic = _check_source(sender_hash, source)
    return Content(reader.rest(), None, sender_hash, options, is_authentic)
