"""The NTCP2 handshake: Noise XK with I2P's changes (specs/ntcp2, "Messages" 1 to 3).

One small object for each thing that is awaited, holding only what that step still needs. A step
takes exactly ``wanted`` bytes and returns what is awaited next and what to send, so a handshake
test is two objects and no socket:

    Alice: initiate -> AwaitCreated -> AwaitCreatedPadding -> SessionKeys
    Bob:   respond  -> AwaitRequest -> AwaitRequestPadding -> AwaitConfirmed -> SessionKeys

A hybrid handshake (specs/ntcp2-hybrid) has a key of ML-KEM in message 1 and its ciphertext in
message 2. Bob knows it by the mark in the ephemeral key, and goes AwaitRequest ->
AwaitHybridRequest -> AwaitRequestPadding.

I2P's changes to Noise: ephemeral keys are hidden by AES-CBC under Bob's router hash, chained over
messages 1 and 2 (key and IV are public, this only defeats pattern matching); cleartext padding
after messages 1 and 2 is mixed into the hash; the keys of the frame lengths come from ``ck`` too.

Every step raises only DecodeError (AuthenticationError included) or PeerError. Clock skew and
replay are judged by the connection, which owns the clock and the filter; the steps carry
``peer_time_s``.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from core.base.errors import DecodeError, PeerError
from core.base.ports import Entropy, WallClock
from core.crypto.aead import TAG_LENGTH
from core.crypto.aes import cbc_decrypt, cbc_encrypt
from core.crypto.hfs import read_e1, read_ekem1, write_e1, write_ekem1
from core.crypto.mlkem import DecapsulationKey
from core.crypto.noise import SymmetricState, begin_xk
from core.crypto.x25519 import X25519Key, may_be_public
from core.transport.ntcp2.blocks import write_confirmed_payload
from core.transport.ntcp2.keys import SessionKeys, data_phase_keys
from core.transport.ntcp2.local import LocalRouter
from core.transport.ntcp2.variants import HEAD_BYTES, PLAIN, SHORT_PADDING_MAX, Variant
from core.transport.reasons import TerminationReason

VERSION = 2
CONFIRMED_PART1_BYTES = 48
OPTIONS_BYTES = 32
HYBRID_MARK = 0x80
"""In the last byte of Alice's ephemeral key before it is hidden."""
#: Java: 459 to 6000, i2pd: up to a RouterInfo of 3072; more than this no RouterInfo needs.
CONFIRMED_PART2_BYTES_MAX = 6000

_REQUEST_OPTIONS = Struct(">BBHHHII")
_CREATED_OPTIONS = Struct(">HHIII")


class WrongNetworkError(PeerError):
    """The peer belongs to another network; ``network_id`` says which."""

    def __init__(self, network_id: int) -> None:
        super().__init__(f"network id {network_id}", TerminationReason.MESSAGE_1_ERROR)
        self.network_id = network_id


def _check_point(public: bytes, reason: TerminationReason) -> None:
    if not may_be_public(public):
        raise PeerError("ephemeral key is not a point", reason)


def _wire_seconds(wall: WallClock) -> int:
    """Rounded, as the spec demands, so that no bias creeps into the network's clocks."""
    return int(wall.now() + 0.5) & 0xFFFFFFFF


class AwaitCreated:
    """Alice sent message 1 and awaits message 2 without its padding."""

    __slots__ = (
        "_ephemeral",
        "_iv",
        "_kem",
        "_local",
        "_payload",
        "_peer_hash",
        "_peer_static",
        "_state",
        "_unpadded",
        "_variant",
        "wanted",
    )

    def __init__(
        self,
        state: SymmetricState,
        unpadded: SymmetricState,
        variant: Variant,
        ephemeral: X25519Key,
        kem: DecapsulationKey | None,
        iv: bytes,
        peer_hash: bytes,
        peer_static: bytes,
        local: LocalRouter,
        payload: bytes,
    ) -> None:
        self._state = state
        self._unpadded = unpadded
        self._variant = variant
        self._ephemeral = ephemeral
        self._kem = kem
        self._iv = iv
        self._peer_hash = peer_hash
        self._peer_static = peer_static
        self._local = local
        self._payload = payload
        self.wanted = variant.created_length

    def step(self, data: bytes) -> AwaitCreatedPadding:
        """Open message 2, ``wanted`` bytes."""
        reason = TerminationReason.MESSAGE_2_ERROR
        ephemeral = cbc_decrypt(self._peer_hash, self._iv, data[:32])
        _check_point(ephemeral, reason)
        state = self._state
        shared = self._ephemeral.exchange(ephemeral)
        try:
            options = self._open(state, ephemeral, shared, data)
        except DecodeError:
            # i2pd: whose clock is wrong gets message 2 before the padding of message 1 was read,
            # and then a reset: it tells the time and nothing else.
            state = self._unpadded
            options = self._open(state, ephemeral, shared, data)
        _, padding_length, _, time_s, _ = _CREATED_OPTIONS.unpack(options)
        if padding_length > self._variant.padding_accepted_max:
            raise PeerError(f"message 2 with {padding_length} bytes of padding", reason)
        return AwaitCreatedPadding(
            state,
            self._variant,
            padding_length,
            time_s,
            ephemeral,
            self._peer_static,
            self._local,
            self._payload,
        )

    def _open(self, state: SymmetricState, ephemeral: bytes, shared: bytes, data: bytes) -> bytes:
        """The options of message 2."""
        state.mix_hash(ephemeral)
        state.mix_key(shared)
        if self._kem is not None:
            read_ekem1(state, self._kem, data[32:-OPTIONS_BYTES])
        return state.decrypt_and_hash(data[-OPTIONS_BYTES:])


class AwaitCreatedPadding:
    """Alice knows Bob's clock and awaits the padding of message 2, then answers message 3."""

    __slots__ = (
        "_local",
        "_payload",
        "_peer_ephemeral",
        "_peer_static",
        "_state",
        "_variant",
        "peer_time_s",
        "wanted",
    )

    def __init__(
        self,
        state: SymmetricState,
        variant: Variant,
        wanted: int,
        peer_time_s: int,
        peer_ephemeral: bytes,
        peer_static: bytes,
        local: LocalRouter,
        payload: bytes,
    ) -> None:
        self._state = state
        self._variant = variant
        self.wanted = wanted
        self.peer_time_s = peer_time_s
        self._peer_ephemeral = peer_ephemeral
        self._peer_static = peer_static
        self._local = local
        self._payload = payload

    def step(self, padding: bytes) -> tuple[SessionKeys, bytes]:
        """The session keys and message 3."""
        state = self._state
        if padding:
            state.mix_hash(padding)
        part1 = state.encrypt_and_hash(self._local.static_key.public)
        state.mix_key(self._local.static_key.exchange(self._peer_ephemeral))
        part2 = state.encrypt_and_hash(self._payload)
        send, receive = data_phase_keys(state)
        keys = SessionKeys(send, receive, self._peer_static, b"", self._variant)
        return keys, part1 + part2


@dataclass(frozen=True, slots=True)
class Responder:
    """What Bob is and has. ``hybrid``: the variant that he takes besides the plain one."""

    local: LocalRouter
    network_id: int
    wall: WallClock
    entropy: Entropy
    hybrid: Variant | None


class AwaitRequest:
    """Bob accepted a connection and awaits the first 64 bytes of message 1."""

    __slots__ = ("_bob",)
    wanted = HEAD_BYTES

    def __init__(self, bob: Responder) -> None:
        self._bob = bob

    def step(self, data: bytes) -> AwaitRequestPadding | AwaitHybridRequest:
        """Open a plain message 1, or the ephemeral key of a hybrid one."""
        local, hybrid = self._bob.local, self._bob.hybrid
        ephemeral = cbc_decrypt(local.hash, local.iv, data[:32])
        is_hybrid = hybrid is not None and ephemeral[31] & HYBRID_MARK
        if is_hybrid:
            ephemeral = _marked(ephemeral)
        _check_point(ephemeral, TerminationReason.MESSAGE_1_ERROR)
        variant = hybrid if hybrid is not None and is_hybrid else PLAIN
        state = begin_xk(variant.protocol_name, local.static_key.public)
        state.mix_hash(ephemeral)
        state.mix_key(local.static_key.exchange(ephemeral))
        request = _Request(variant, ephemeral, data[16:32])
        if variant.kem is not None:
            return AwaitHybridRequest(self._bob, state, request, data[32:])
        return _open_request(self._bob, state, request, data[32:], b"")


@dataclass(frozen=True, slots=True)
class _Request:
    """What Bob keeps of message 1. ``iv``: for the ephemeral key of message 2."""

    variant: Variant
    ephemeral: bytes
    iv: bytes


class AwaitHybridRequest:
    """Bob knows that message 1 is hybrid and awaits the rest of it, without its padding."""

    __slots__ = ("_begun", "_bob", "_request", "_state", "wanted")

    def __init__(
        self, bob: Responder, state: SymmetricState, request: _Request, begun: bytes
    ) -> None:
        self._bob = bob
        self._state = state
        self._request = request
        self._begun = begun
        self.wanted = request.variant.request_length - HEAD_BYTES

    def step(self, data: bytes) -> AwaitRequestPadding:
        """Open the encapsulation key and the options."""
        sealed = self._begun + data
        kem_public = read_e1(self._state, sealed[:-OPTIONS_BYTES])
        options = sealed[-OPTIONS_BYTES:]
        return _open_request(self._bob, self._state, self._request, options, kem_public)


def _open_request(
    bob: Responder, state: SymmetricState, request: _Request, sealed: bytes, kem_public: bytes
) -> AwaitRequestPadding:
    """Judge the options of message 1."""
    reason = TerminationReason.MESSAGE_1_ERROR
    options = state.decrypt_and_hash(sealed)
    network_id, version, padding_length, part2, _, time_s, _ = _REQUEST_OPTIONS.unpack(options)
    # i2pd, Java: zero is tolerated, it is what routers before 0.9.42 sent.
    if network_id not in (0, bob.network_id):
        raise WrongNetworkError(network_id)
    if version != VERSION:
        raise PeerError(f"NTCP2 version {version}", reason)
    if padding_length > request.variant.padding_accepted_max:
        raise PeerError(f"message 1 with {padding_length} bytes of padding", reason)
    if not TAG_LENGTH < part2 <= CONFIRMED_PART2_BYTES_MAX:
        raise PeerError(f"message 3 part 2 of {part2} bytes announced", reason)
    return AwaitRequestPadding(bob, state, request, kem_public, padding_length, time_s, part2)


class AwaitRequestPadding:
    """Bob knows Alice's clock and awaits the padding of message 1, then answers message 2."""

    __slots__ = ("_bob", "_kem_public", "_part2", "_request", "_state", "peer_time_s", "wanted")

    def __init__(
        self,
        bob: Responder,
        state: SymmetricState,
        request: _Request,
        kem_public: bytes,
        wanted: int,
        peer_time_s: int,
        part2: int,
    ) -> None:
        self._bob = bob
        self._state = state
        self._request = request
        self._kem_public = kem_public
        self.wanted = wanted
        self.peer_time_s = peer_time_s
        self._part2 = part2

    def step(self, padding: bytes) -> tuple[AwaitConfirmed, bytes]:
        """What Bob awaits next, and message 2; DecodeError if Alice's ML-KEM key is none."""
        state, bob, variant = self._state, self._bob, self._request.variant
        if padding:
            state.mix_hash(padding)
        ephemeral = X25519Key.generate(bob.entropy)
        state.mix_hash(ephemeral.public)
        state.mix_key(ephemeral.exchange(self._request.ephemeral))
        message = cbc_encrypt(bob.local.hash, self._request.iv, ephemeral.public)
        if variant.kem is not None:
            message += write_ekem1(state, variant.kem, self._kem_public)
        padding_max = variant.created_padding_sent_max(len(padding))
        own_padding = _random_padding(bob.entropy, padding_max)
        options = _CREATED_OPTIONS.pack(0, len(own_padding), 0, _wire_seconds(bob.wall), 0)
        message += state.encrypt_and_hash(options) + own_padding
        if own_padding:
            state.mix_hash(own_padding)
        return AwaitConfirmed(state, variant, ephemeral, self._part2), message


class AwaitConfirmed:
    """Bob sent message 2 and awaits both parts of message 3."""

    __slots__ = ("_ephemeral", "_state", "_variant", "wanted")

    def __init__(
        self, state: SymmetricState, variant: Variant, ephemeral: X25519Key, part2: int
    ) -> None:
        self._state = state
        self._variant = variant
        self._ephemeral = ephemeral
        self.wanted = CONFIRMED_PART1_BYTES + part2

    def step(self, data: bytes) -> SessionKeys:
        """The session keys with Alice's static key and her still unchecked payload."""
        state = self._state
        remote_static = state.decrypt_and_hash(data[:CONFIRMED_PART1_BYTES])
        state.mix_key(self._ephemeral.exchange(remote_static))
        payload = state.decrypt_and_hash(data[CONFIRMED_PART1_BYTES:])
        alice_to_bob, bob_to_alice = data_phase_keys(state)
        return SessionKeys(bob_to_alice, alice_to_bob, remote_static, payload, self._variant)


Awaited = (
    AwaitCreated
    | AwaitCreatedPadding
    | AwaitRequest
    | AwaitHybridRequest
    | AwaitRequestPadding
    | AwaitConfirmed
)


def _random_padding(entropy: Entropy, bytes_max: int) -> bytes:
    return entropy.random_bytes(entropy.randbelow(bytes_max + 1))


def _marked(ephemeral: bytes) -> bytes:
    """Set or take away the mark of a hybrid message 1."""
    return ephemeral[:31] + bytes((ephemeral[31] ^ HYBRID_MARK,))


def initiate(
    local: LocalRouter,
    peer_hash: bytes,
    peer_static: bytes,
    peer_iv: bytes,
    network_id: int,
    wall: WallClock,
    entropy: Entropy,
    peer_version: tuple[int, ...] = (),
    variant: Variant = PLAIN,
) -> tuple[AwaitCreated, bytes]:
    """Alice's start: what she awaits, and message 1, padded as ``peer_version`` (of the API) takes.

    The RouterInfo of message 3 is fixed now, because message 1 announces its exact length.
    DecodeError if the published static key is no usable point.
    """
    payload = write_confirmed_payload(local.router_info(), entropy.randbelow(SHORT_PADDING_MAX + 1))
    ephemeral = X25519Key.generate(entropy)
    state = begin_xk(variant.protocol_name, peer_static)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(peer_static))
    kem = None if variant.kem is None else DecapsulationKey.generate(variant.kem, entropy)
    shown = ephemeral.public if kem is None else _marked(ephemeral.public)
    message = hidden = cbc_encrypt(peer_hash, peer_iv, shown)
    if kem is not None:
        message += write_e1(state, kem)
    padding = _random_padding(entropy, variant.request_padding_sent_max(peer_version))
    options = _REQUEST_OPTIONS.pack(
        network_id, VERSION, len(padding), len(payload) + TAG_LENGTH, 0, _wire_seconds(wall), 0
    )
    message += state.encrypt_and_hash(options) + padding
    unpadded = state.copy()
    if padding:
        state.mix_hash(padding)
    awaited = AwaitCreated(
        state,
        unpadded,
        variant,
        ephemeral,
        kem,
        hidden[16:],
        peer_hash,
        peer_static,
        local,
        payload,
    )
    return awaited, message


def respond(
    local: LocalRouter,
    network_id: int,
    wall: WallClock,
    entropy: Entropy,
    hybrid: Variant | None = None,
) -> AwaitRequest:
    """Bob's start: he awaits message 1, plain or of the ``hybrid`` variant that he publishes."""
    return AwaitRequest(Responder(local, network_id, wall, entropy, hybrid))


__all__ = [
    "AwaitConfirmed",
    "AwaitCreated",
    "AwaitCreatedPadding",
    "AwaitHybridRequest",
    "AwaitRequest",
    "AwaitRequestPadding",
    "Awaited",
    "Responder",
    "SessionKeys",
    "WrongNetworkError",
    "initiate",
    "respond",
]
