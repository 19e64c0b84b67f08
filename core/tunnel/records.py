"""Build records, short (218 bytes) and long (528 bytes) (tunnel-creation-ecies.md).

A request record is one Noise N message to one hop: the creator seals a cleartext, the hop opens it,
and both derive the same :class:`HopKeys`. The reply record is sealed with keys from the same
handshake. Records of other hops get one symmetric layer from each hop: :meth:`RecordFormat.mask`
is what the hop applies, :meth:`RecordFormat.unmask` what the creator applies in advance or after.

Peers' facts, all of them tested against each other in this room:

* i2pd: the bare ChaCha20 over other hops' short records counts blocks from 1, as RFC 8439 does for
  messages.
* i2pd: the AEAD nonce of a short reply is the record number, of a long reply 0.
* Only AES layers (type 0) exist; another type is refused before any key is derived.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.base.wire import Reader
from core.crypto.aead import ChaChaPoly, chacha20_xor
from core.crypto.aes import cbc_decrypt, cbc_encrypt
from core.crypto.hkdf import hkdf
from core.crypto.noise import SymmetricState
from core.crypto.x25519 import X25519Key
from core.data.mapping import parse_mapping, write_mapping

RECORDS_MAX = 8
RECORDS_STANDARD = 4
"""i2pd and Java: 4 records up to 4 hops, else 8."""

FLAG_GATEWAY = 0x80
FLAG_ENDPOINT = 0x40


_PREFIX_BYTES = 16
_SEALED_OFFSET = 48
_TAG_BYTES = 16
_START = SymmetricState(b"Noise_N_25519_ChaChaPoly_SHA256")
_SHORT = Struct(">II32sB2sBIII")
_LONG = Struct(">II32s32s32s32s16sB3sIII")


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What a creator asks of one hop.

    ``next_tunnel_id`` and ``next_hash`` are the next hop's, or for an endpoint the gateway of the
    tunnel that takes the reply. ``request_minutes``: minutes since the epoch, rounded down.
    """

    receive_tunnel_id: int
    next_tunnel_id: int
    next_hash: bytes
    is_gateway: bool
    is_endpoint: bool
    request_minutes: int
    send_message_id: int
    expiration_s: int = 600
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class HopKeys:
    """Everything creator and hop share. ``garlic_key`` and ``garlic_tag`` are empty unless the
    hop is the endpoint of a short build."""

    layer_key: bytes
    iv_key: bytes
    reply_key: bytes
    reply_iv: bytes
    seal_key: bytes
    seal_ad: bytes
    garlic_key: bytes = b""
    garlic_tag: bytes = b""


class HopIdentity:
    """A router as the receiver of records: hash and X25519 key, with the Noise state that every
    message to it begins with."""

    __slots__ = ("_key", "_start", "router_hash")

    def __init__(self, router_hash: bytes, key: X25519Key) -> None:
        self.router_hash = router_hash
        self._key = key
        self._start = _noise_start(key.public)

    def find(self, records: list[bytes]) -> int | None:
        """Index of the first record whose hash prefix is ours."""
        prefix = self.router_hash[:_PREFIX_BYTES]
        for index, record in enumerate(records):
            if record.startswith(prefix):
                return index
        return None

    def open(self, record: bytes) -> tuple[SymmetricState, bytes]:
        """Noise state and cleartext of a record for us; DecodeError if it was not made for us."""
        ephemeral = record[_PREFIX_BYTES:_SEALED_OFFSET]
        if ephemeral[31] & 0x80:
            # Not an X25519 key: an ElGamal record of an old router. Refused before the costly DH.
            raise DecodeError("build record without an X25519 key")
        state = self._start.copy()
        state.mix_hash(ephemeral)
        state.mix_key(self._key.exchange(ephemeral))
        return state, state.decrypt_and_hash(record[_SEALED_OFFSET:])


def _noise_start(public: bytes) -> SymmetricState:
    state = _START.copy()
    state.mix_hash(public)
    return state


def _seal(
    router_hash: bytes, public: bytes, cleartext: bytes, entropy: Entropy
) -> tuple[SymmetricState, bytes]:
    ephemeral = X25519Key.generate(entropy)
    state = _noise_start(public)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(public))
    sealed = state.encrypt_and_hash(cleartext)
    return state, router_hash[:_PREFIX_BYTES] + ephemeral.public + sealed


def _options(cleartext: bytes, position: int) -> dict[str, str]:
    try:
        return parse_mapping(Reader(cleartext, position))
    except DecodeError:
        # Peers before API 0.9.65 put anything there.
        return {}


class RecordFormat:
    """Sizes and message types of one kind of build; its two subclasses hold the layouts."""

    record_bytes: int
    request_type: int
    reply_type: int

    def seal_request(
        self, router_hash: bytes, public: bytes, request: BuildRequest, entropy: Entropy
    ) -> tuple[bytes, HopKeys]:
        """The encrypted record for one hop and the keys that it will derive."""
        raise NotImplementedError

    def open_request(self, identity: HopIdentity, record: bytes) -> tuple[BuildRequest, HopKeys]:
        """A hop opens its own record; DecodeError if it is not one."""
        raise NotImplementedError

    def mask(self, keys: HopKeys, index: int, record: bytes) -> bytes:
        """The layer that a hop adds to another hop's record."""
        raise NotImplementedError

    def unmask(self, keys: HopKeys, index: int, record: bytes) -> bytes:
        """The inverse of :meth:`mask`."""
        raise NotImplementedError

    def _reply_nonce(self, index: int) -> int:
        raise NotImplementedError

    def seal_reply(
        self,
        keys: HopKeys,
        index: int,
        code: int,
        entropy: Entropy,
        options: dict[str, str] | None = None,
    ) -> bytes:
        """The hop's answer: 0 accepts, everything else declines."""
        mapping = write_mapping(options or {})
        padding = self.record_bytes - _TAG_BYTES - 1 - len(mapping)
        clear = mapping + entropy.random_bytes(padding) + bytes((code,))
        return ChaChaPoly(keys.seal_key).seal(self._reply_nonce(index), clear, keys.seal_ad)

    def open_reply(self, keys: HopKeys, index: int, record: bytes) -> tuple[int, dict[str, str]]:
        """Code and options of a hop's answer; DecodeError if it was tampered with."""
        clear = ChaChaPoly(keys.seal_key).open(self._reply_nonce(index), record, keys.seal_ad)
        return clear[-1], _options(clear, 0)


class ShortFormat(RecordFormat):
    """Messages 25 and 26: keys come from the handshake."""

    record_bytes = 218
    request_type = 25
    reply_type = 26
    clear_bytes = 154

    def seal_request(
        self, router_hash: bytes, public: bytes, request: BuildRequest, entropy: Entropy
    ) -> tuple[bytes, HopKeys]:
        """The encrypted record for a hop, and the keys that it will derive from it."""
        clear = _SHORT.pack(
            request.receive_tunnel_id,
            request.next_tunnel_id,
            request.next_hash,
            _flags(request),
            b"\0\0",
            0,
            request.request_minutes,
            request.expiration_s,
            request.send_message_id,
        ) + write_mapping(request.options)
        clear = _padded(clear, self.clear_bytes, entropy)
        state, record = _seal(router_hash, public, clear, entropy)
        return record, self._keys(state, request.is_endpoint)

    def open_request(self, identity: HopIdentity, record: bytes) -> tuple[BuildRequest, HopKeys]:
        """What the record asks of us; DecodeError if it is not for us or malformed."""
        state, clear = identity.open(record)
        receive, next_id, next_hash, flags, _, layer, minutes, expiration, message_id = (
            _SHORT.unpack_from(clear)
        )
        if layer:
            raise DecodeError(f"layer encryption type {layer}")
        request = BuildRequest(
            receive,
            next_id,
            next_hash,
            bool(flags & FLAG_GATEWAY),
            bool(flags & FLAG_ENDPOINT),
            minutes,
            message_id,
            expiration,
            _options(clear, _SHORT.size),
        )
        return request, self._keys(state, request.is_endpoint)

    @staticmethod
    def _keys(state: SymmetricState, is_endpoint: bool) -> HopKeys:
        data = hkdf(state.ck, b"", b"SMTunnelReplyKey", 64)
        reply_key = data[32:]
        data = hkdf(data[:32], b"", b"SMTunnelLayerKey", 64)
        layer_key = data[32:]
        if not is_endpoint:
            return HopKeys(layer_key, data[:32], reply_key, b"", reply_key, state.h)
        data = hkdf(data[:32], b"", b"TunnelLayerIVKey", 64)
        iv_key = data[32:]
        data = hkdf(data[:32], b"", b"RGarlicKeyAndTag", 64)
        return HopKeys(layer_key, iv_key, reply_key, b"", reply_key, state.h, data[32:], data[:8])

    def mask(self, keys: HopKeys, index: int, record: bytes) -> bytes:
        """Hide a record from the hops before (ChaCha20); the same again reveals it."""
        return chacha20_xor(keys.reply_key, (index << 32).to_bytes(12, "little"), record, 1)

    unmask = mask

    def _reply_nonce(self, index: int) -> int:
        return index


class LongFormat(RecordFormat):
    """Messages 23 and 24: layer and reply keys are in the record."""

    record_bytes = 528
    request_type = 23
    reply_type = 24
    clear_bytes = 464

    def seal_request(
        self, router_hash: bytes, public: bytes, request: BuildRequest, entropy: Entropy
    ) -> tuple[bytes, HopKeys]:
        """The encrypted record for a hop, and the keys in it."""
        secrets = entropy.random_bytes(112)
        layer_key, iv_key, reply_key, reply_iv = (
            secrets[:32],
            secrets[32:64],
            secrets[64:96],
            secrets[96:],
        )
        clear = _LONG.pack(
            request.receive_tunnel_id,
            request.next_tunnel_id,
            request.next_hash,
            layer_key,
            iv_key,
            reply_key,
            reply_iv,
            _flags(request),
            b"\0\0\0",
            request.request_minutes,
            request.expiration_s,
            request.send_message_id,
        ) + write_mapping(request.options)
        clear = _padded(clear, self.clear_bytes, entropy)
        state, record = _seal(router_hash, public, clear, entropy)
        return record, HopKeys(layer_key, iv_key, reply_key, reply_iv, state.ck, state.h)

    def open_request(self, identity: HopIdentity, record: bytes) -> tuple[BuildRequest, HopKeys]:
        """What the record asks of us; DecodeError if it is not for us or malformed."""
        state, clear = identity.open(record)
        (
            receive,
            next_id,
            next_hash,
            layer_key,
            iv_key,
            reply_key,
            reply_iv,
            flags,
            _,
            minutes,
            expiration,
            message_id,
        ) = _LONG.unpack_from(clear)
        request = BuildRequest(
            receive,
            next_id,
            next_hash,
            bool(flags & FLAG_GATEWAY),
            bool(flags & FLAG_ENDPOINT),
            minutes,
            message_id,
            expiration,
            _options(clear, _LONG.size),
        )
        return request, HopKeys(layer_key, iv_key, reply_key, reply_iv, state.ck, state.h)

    def mask(self, keys: HopKeys, index: int, record: bytes) -> bytes:
        """Hide a record from the hops before (AES-256-CBC)."""
        return cbc_encrypt(keys.reply_key, keys.reply_iv, record)

    def unmask(self, keys: HopKeys, index: int, record: bytes) -> bytes:
        """Undo :meth:`mask`."""
        return cbc_decrypt(keys.reply_key, keys.reply_iv, record)

    def _reply_nonce(self, index: int) -> int:
        return 0


SHORT = ShortFormat()
LONG = LongFormat()
FORMATS: dict[int, RecordFormat] = {
    kind: fmt for fmt in (SHORT, LONG) for kind in (fmt.request_type, fmt.reply_type)
}
"""Message type (23 to 26) to record format."""


def parse_records(body: bytes, fmt: RecordFormat) -> list[bytes]:
    """The records of a build or build reply message; DecodeError on a wrong count or length."""
    count = body[0] if body else 0
    if not 1 <= count <= RECORDS_MAX:
        raise DecodeError(f"build message with {count} records")
    size = fmt.record_bytes
    if len(body) < 1 + count * size:
        raise DecodeError("build message is truncated")
    return [body[at : at + size] for at in range(1, 1 + count * size, size)]


def write_records(records: list[bytes]) -> bytes:
    """Body of a build or build reply message."""
    return bytes((len(records),)) + b"".join(records)


def _flags(request: BuildRequest) -> int:
    return FLAG_GATEWAY * request.is_gateway | FLAG_ENDPOINT * request.is_endpoint


def _padded(clear: bytes, length: int, entropy: Entropy) -> bytes:
    if len(clear) > length:
        raise LocalError("build options do not fit the record")
    return clear + entropy.random_bytes(length - len(clear))
