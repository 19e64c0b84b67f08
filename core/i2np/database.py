"""Network database messages: store, lookup, search reply, delivery status (i2np).

Keys and hashes are real hashes, never routing keys. Counts are bounded as the spec says.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader, Writer
from core.data.gzipped import compress, decompress
from core.data.identity import HASH_BYTES
from core.data.lease_set_variants import AnyLeaseSet, parse_lease_set
from core.data.router_info import ROUTER_INFO_BYTES_MAX, RouterInfo

STORE_ROUTER_INFO = 0
STORE_LEASE_SET = 1
STORE_LEASE_SET_2 = 3
STORE_ENCRYPTED_LEASE_SET = 5
STORE_META_LEASE_SET = 7
STORE_TYPES = frozenset((0, 1, 3, 5, 7))

LOOKUP_ANY = 0
LOOKUP_LEASE_SET = 1
LOOKUP_ROUTER_INFO = 2
LOOKUP_EXPLORATION = 3

EXCLUDED_MAX = 512
REPLY_TAGS_MAX = 32

_FLAG_TUNNEL = 0x01
_FLAG_ENCRYPTION = 0x02
_FLAG_ECIES = 0x10


@dataclass(frozen=True, slots=True)
class DatabaseStore:
    """``data`` is gzip for a router info and the plain structure for a lease set.

    With ``reply_token`` 0 the other reply fields are absent; ``reply_tunnel_id`` 0 means that the
    reply goes to the router ``reply_gateway`` itself.
    """

    key: bytes
    store_type: int
    data: bytes
    reply_token: int = 0
    reply_tunnel_id: int = 0
    reply_gateway: bytes = b""

    @classmethod
    def parse(cls, body: bytes) -> DatabaseStore:
        """DecodeError for store types the spec calls invalid. ``data`` is not looked into."""
        reader = Reader(body)
        key = reader.take(HASH_BYTES)
        store_type = reader.u8() & 0x0F
        if store_type not in STORE_TYPES:
            raise DecodeError(f"store type {store_type}")
        token = reader.u32()
        tunnel_id = reader.u32() if token else 0
        gateway = reader.take(HASH_BYTES) if token else b""
        data = reader.take(reader.u16()) if store_type == STORE_ROUTER_INFO else reader.rest()
        return cls(key, store_type, data, token, tunnel_id, gateway)

    def write(self) -> bytes:
        """LocalError if a reply token comes without a gateway."""
        writer = Writer().raw(self.key).u8(self.store_type).u32(self.reply_token)
        if self.reply_token:
            if len(self.reply_gateway) != HASH_BYTES:
                raise LocalError("store with a reply token and without a reply gateway")
            writer.u32(self.reply_tunnel_id).raw(self.reply_gateway)
        if self.store_type == STORE_ROUTER_INFO:
            writer.u16(len(self.data))
        return writer.raw(self.data).finish()

    @classmethod
    def of_router_info(
        cls,
        router_info: RouterInfo,
        reply_token: int = 0,
        reply_tunnel_id: int = 0,
        reply_gateway: bytes = b"",
    ) -> DatabaseStore:
        """A store of a router info, compressed."""
        data = compress(router_info.raw)
        return cls(router_info.hash, 0, data, reply_token, reply_tunnel_id, reply_gateway)

    @classmethod
    def of_lease_set(
        cls,
        lease_set: AnyLeaseSet,
        reply_token: int = 0,
        reply_tunnel_id: int = 0,
        reply_gateway: bytes = b"",
    ) -> DatabaseStore:
        """A store of any kind of lease set."""
        return cls(
            lease_set.hash,
            lease_set.store_type,
            lease_set.raw,
            reply_token,
            reply_tunnel_id,
            reply_gateway,
        )

    @property
    def is_router_info(self) -> bool:
        """True if it holds a RouterInfo, False if a lease set."""
        return self.store_type == STORE_ROUTER_INFO

    def router_info(self) -> RouterInfo:
        """Inflate and parse; DecodeError also if the key is not the hash of what is inside."""
        if not self.is_router_info:
            raise DecodeError("store does not hold a router info")
        router_info = RouterInfo.parse(decompress(self.data, ROUTER_INFO_BYTES_MAX))
        if router_info.hash != self.key:
            raise DecodeError("store under a key that is not the router's hash")
        return router_info

    def lease_set(self) -> AnyLeaseSet:
        """Parse; DecodeError also if the key is not the hash of what is inside."""
        lease_set = parse_lease_set(self.store_type, self.data)
        if lease_set.hash != self.key:
            raise DecodeError("store under a key that is not the lease set's hash")
        return lease_set


@dataclass(frozen=True, slots=True)
class DatabaseLookup:
    """A question. ``from_hash`` is the asking router, or the reply gateway if ``reply_tunnel_id``.

    An encrypted reply is asked for with ``reply_key`` (32 bytes) and ``reply_tags``: with
    ``is_ecies`` tags of 8 bytes, else (ElGamal) of 32 bytes. Without ``reply_key`` the reply is
    plain. Both flags set is read as ECIES, as i2pd does.
    """

    key: bytes
    from_hash: bytes
    lookup_type: int
    reply_tunnel_id: int | None = None
    excluded: tuple[bytes, ...] = ()
    reply_key: bytes | None = None
    reply_tags: tuple[bytes, ...] = ()
    is_ecies: bool = True

    @classmethod
    def parse(cls, body: bytes) -> DatabaseLookup:
        """DecodeError if truncated, or with more excluded peers than the specification allows."""
        reader = Reader(body)
        key = reader.take(HASH_BYTES)
        from_hash = reader.take(HASH_BYTES)
        flags = reader.u8()
        tunnel_id = reader.u32() if flags & _FLAG_TUNNEL else None
        count = reader.u16()
        if count > EXCLUDED_MAX:
            raise DecodeError(f"lookup that excludes {count} peers")
        excluded = _hashes(reader, count)
        reply_key = None
        tags: tuple[bytes, ...] = ()
        is_ecies = bool(flags & _FLAG_ECIES) or not flags & _FLAG_ENCRYPTION
        if flags & (_FLAG_ENCRYPTION | _FLAG_ECIES):
            reply_key = reader.take(32)
            tag_count = reader.u8()
            if tag_count > REPLY_TAGS_MAX:
                raise DecodeError(f"lookup with {tag_count} reply tags")
            tag_bytes = 8 if is_ecies else 32
            tags = tuple([reader.take(tag_bytes) for _ in range(tag_count)])
            if not tags:  # i2pd: a key without tags means a plain reply
                reply_key = None
        lookup_type = flags >> 2 & 3
        return cls(key, from_hash, lookup_type, tunnel_id, excluded, reply_key, tags, is_ecies)

    def write(self) -> bytes:
        """LocalError if there are too many excluded peers or tags of the wrong length."""
        if len(self.excluded) > EXCLUDED_MAX:
            raise LocalError(f"lookup that excludes {len(self.excluded)} peers")
        flags = self.lookup_type << 2
        if self.reply_tunnel_id is not None:
            flags |= _FLAG_TUNNEL
        if self.reply_key is not None:
            flags |= _FLAG_ECIES if self.is_ecies else _FLAG_ENCRYPTION
        writer = Writer().raw(self.key).raw(self.from_hash).u8(flags)
        if self.reply_tunnel_id is not None:
            writer.u32(self.reply_tunnel_id)
        writer.u16(len(self.excluded)).raw(b"".join(self.excluded))
        if self.reply_key is not None:
            tag_bytes = 8 if self.is_ecies else 32
            if not 0 < len(self.reply_tags) <= REPLY_TAGS_MAX or any(
                len(tag) != tag_bytes for tag in self.reply_tags
            ):
                raise LocalError("lookup with bad reply tags")
            writer.raw(self.reply_key).u8(len(self.reply_tags)).raw(b"".join(self.reply_tags))
        return writer.finish()

    @property
    def is_exploratory(self) -> bool:
        """True for the lookup type, and for the old way: an excluded hash of all zeros."""
        return self.lookup_type == LOOKUP_EXPLORATION or bytes(HASH_BYTES) in self.excluded


@dataclass(frozen=True, slots=True)
class DatabaseSearchReply:
    """Not found, ask these ``peers`` (router hashes, at most 255). ``from_hash`` proves nothing."""

    key: bytes
    peers: tuple[bytes, ...]
    from_hash: bytes

    @classmethod
    def parse(cls, body: bytes) -> DatabaseSearchReply:
        """DecodeError if truncated."""
        reader = Reader(body)
        key = reader.take(HASH_BYTES)
        peers = _hashes(reader, reader.u8())
        return cls(key, peers, reader.take(HASH_BYTES))

    def write(self) -> bytes:
        """LocalError with more than 255 peers."""
        if len(self.peers) > 255:
            raise LocalError(f"search reply with {len(self.peers)} peers")
        writer = Writer().raw(self.key).u8(len(self.peers)).raw(b"".join(self.peers))
        return writer.raw(self.from_hash).finish()


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """Message ``message_id`` (or a store's reply token) arrived at ``timestamp_ms``."""

    message_id: int
    timestamp_ms: int

    @classmethod
    def parse(cls, body: bytes) -> DeliveryStatus:
        """DecodeError if truncated."""
        reader = Reader(body)
        return cls(reader.u32(), reader.u64())

    def write(self) -> bytes:
        """Message id (4 bytes) and time (8 bytes, milliseconds since 1970)."""
        return Writer().u32(self.message_id).u64(self.timestamp_ms).finish()


def _hashes(reader: Reader, count: int) -> tuple[bytes, ...]:
    data = reader.take(count * HASH_BYTES)
    return tuple([data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)])
