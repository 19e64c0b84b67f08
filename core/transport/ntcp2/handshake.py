"""The NTCP2 handshake: Noise XK with I2P's changes (specs/ntcp2, "Messages" 1 to 3).

One small object for each thing that is awaited, holding only what that step still needs. A step
takes exactly ``wanted`` bytes and returns what is awaited next and what to send, so a handshake
test is two objects and no socket:

    Alice: initiate -> AwaitCreated -> AwaitCreatedPadding -> SessionKeys
    Bob:   respond  -> AwaitRequest -> AwaitRequestPadding -> AwaitConfirmed -> SessionKeys

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
from core.crypto.aes import cbc_decrypt, cbc_encrypt
from core.crypto.hkdf import hkdf
from core.crypto.noise import SymmetricState, begin_xk
from core.crypto.x25519 import X25519Key, may_be_public
from core.transport.ntcp2.blocks import write_confirmed_payload
from core.transport.ntcp2.local import LocalRouter
from core.transport.reasons import TerminationReason

PROTOCOL_NAME = b"Noise_XKaesobfse+hs2+hs3_25519_ChaChaPoly_SHA256"
VERSION = 2
HEAD_BYTES = 64
CONFIRMED_PART1_BYTES = 48
TAG_BYTES = 16
#: Java and i2pd before API 0.9.69: a message 1 or 2 above 287 bytes is refused; Java sends 0 to 63.
PADDING_SENT_MAX = 63
#: specs/ntcp2: what message 1 may have for a peer of API 0.9.69; Bob does not know Alice's version
#: when he pads message 2.
LONG_PADDING_SENT_MAX = 880
LONG_PADDING_VERSION_MIN = (0, 9, 69)
PADDING_ACCEPTED_MAX = 1024
#: Java: 459 to 6000, i2pd: up to a RouterInfo of 3072; more than this no RouterInfo needs.
CONFIRMED_PART2_BYTES_MAX = 6000

_REQUEST_OPTIONS = Struct(">BBHHHII")
_CREATED_OPTIONS = Struct(">HHIII")


class WrongNetworkError(PeerError):
    """The peer belongs to another network; ``network_id`` says which."""

    def __init__(self, network_id: int) -> None:
        super().__init__(f"network id {network_id}", TerminationReason.MESSAGE_1_ERROR)
        self.network_id = network_id


@dataclass(frozen=True, slots=True)
class DirectionKeys:
    """Keys of one direction of the data phase: AEAD 32 bytes, SipHash 16, SipHash IV 8."""

    cipher: bytes
    siphash: bytes
    siphash_iv: bytes


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The end of a handshake.

    ``remote_static`` is Alice's proven static key and ``payload`` her decrypted blocks on Bob's
    side; on Alice's side Bob's published key and an empty payload.
    """

    send: DirectionKeys
    receive: DirectionKeys
    remote_static: bytes
    payload: bytes


def _check_point(public: bytes, reason: TerminationReason) -> None:
    if not may_be_public(public):
        raise PeerError("ephemeral key is not a point", reason)


def _wire_seconds(wall: WallClock) -> int:
    """Rounded, as the spec demands, so that no bias creeps into the network's clocks."""
    return int(wall.now() + 0.5) & 0xFFFFFFFF


def _data_phase_keys(state: SymmetricState) -> tuple[DirectionKeys, DirectionKeys]:
    """Keys from Alice to Bob, then from Bob to Alice ("KDF for data phase")."""
    key_ab, key_ba = state.split()
    ask_master = hkdf(state.ck, b"", b"ask", 32)
    sip_master = hkdf(ask_master, state.h + b"siphash", b"", 32)
    sip = hkdf(sip_master, b"", b"", 64)
    return (
        DirectionKeys(key_ab, sip[:16], sip[16:24]),
        DirectionKeys(key_ba, sip[32:48], sip[48:56]),
    )


class AwaitCreated:
    """Alice sent message 1 and awaits the fixed part of message 2."""

    __slots__ = (
        "_ephemeral",
        "_iv",
        "_local",
        "_payload",
        "_peer_hash",
        "_peer_static",
        "_state",
        "_unpadded",
    )
    wanted = HEAD_BYTES

    def __init__(
        self,
        state: SymmetricState,
        unpadded: SymmetricState,
        ephemeral: X25519Key,
        iv: bytes,
        peer_hash: bytes,
        peer_static: bytes,
        local: LocalRouter,
        payload: bytes,
    ) -> None:
        self._state = state
        self._unpadded = unpadded
        self._ephemeral = ephemeral
        self._iv = iv
        self._peer_hash = peer_hash
        self._peer_static = peer_static
        self._local = local
        self._payload = payload

    def step(self, data: bytes) -> AwaitCreatedPadding:
        """Open the fixed 64 bytes of message 2."""
        reason = TerminationReason.MESSAGE_2_ERROR
        ephemeral = cbc_decrypt(self._peer_hash, self._iv, data[:32])
        _check_point(ephemeral, reason)
        state = self._state
        shared = self._ephemeral.exchange(ephemeral)
        try:
            options = _open_created(state, ephemeral, shared, data)
        except DecodeError:
            # i2pd: whose clock is wrong gets message 2 before the padding of message 1 was read,
            # and then a reset: it tells the time and nothing else.
            state = self._unpadded
            options = _open_created(state, ephemeral, shared, data)
        _, padding_length, _, time_s, _ = _CREATED_OPTIONS.unpack(options)
        if padding_length > PADDING_ACCEPTED_MAX:
            raise PeerError(f"message 2 with {padding_length} bytes of padding", reason)
        return AwaitCreatedPadding(
            state, padding_length, time_s, ephemeral, self._peer_static, self._local, self._payload
        )


def _open_created(state: SymmetricState, ephemeral: bytes, shared: bytes, data: bytes) -> bytes:
    state.mix_hash(ephemeral)
    state.mix_key(shared)
    return state.decrypt_and_hash(data[32:HEAD_BYTES])


class AwaitCreatedPadding:
    """Alice knows Bob's clock and awaits the padding of message 2, then answers message 3."""

    __slots__ = (
        "_local",
        "_payload",
        "_peer_ephemeral",
        "_peer_static",
        "_state",
        "peer_time_s",
        "wanted",
    )

    def __init__(
        self,
        state: SymmetricState,
        wanted: int,
        peer_time_s: int,
        peer_ephemeral: bytes,
        peer_static: bytes,
        local: LocalRouter,
        payload: bytes,
    ) -> None:
        self._state = state
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
        send, receive = _data_phase_keys(state)
        return SessionKeys(send, receive, self._peer_static, b""), part1 + part2


class AwaitRequest:
    """Bob accepted a connection and awaits the fixed part of message 1."""

    __slots__ = ("_entropy", "_local", "_network_id", "_wall")
    wanted = HEAD_BYTES

    def __init__(
        self, local: LocalRouter, network_id: int, wall: WallClock, entropy: Entropy
    ) -> None:
        self._local = local
        self._network_id = network_id
        self._wall = wall
        self._entropy = entropy

    def step(self, data: bytes) -> AwaitRequestPadding:
        """Open the fixed 64 bytes of message 1."""
        reason = TerminationReason.MESSAGE_1_ERROR
        local = self._local
        ephemeral = cbc_decrypt(local.hash, local.iv, data[:32])
        _check_point(ephemeral, reason)
        state = begin_xk(PROTOCOL_NAME, local.static_key.public)
        state.mix_hash(ephemeral)
        state.mix_key(local.static_key.exchange(ephemeral))
        options = state.decrypt_and_hash(data[32:HEAD_BYTES])
        network_id, version, padding_length, part2, _, time_s, _ = _REQUEST_OPTIONS.unpack(options)
        # i2pd, Java: zero is tolerated, it is what routers before 0.9.42 sent.
        if network_id not in (0, self._network_id):
            raise WrongNetworkError(network_id)
        if version != VERSION:
            raise PeerError(f"NTCP2 version {version}", reason)
        if padding_length > PADDING_ACCEPTED_MAX:
            raise PeerError(f"message 1 with {padding_length} bytes of padding", reason)
        if not TAG_BYTES < part2 <= CONFIRMED_PART2_BYTES_MAX:
            raise PeerError(f"message 3 part 2 of {part2} bytes announced", reason)
        return AwaitRequestPadding(
            state,
            padding_length,
            time_s,
            ephemeral,
            part2,
            data[16:32],
            local.hash,
            self._wall,
            self._entropy,
        )


class AwaitRequestPadding:
    """Bob knows Alice's clock and awaits the padding of message 1, then answers message 2."""

    __slots__ = (
        "_entropy",
        "_iv",
        "_local_hash",
        "_part2",
        "_peer_ephemeral",
        "_state",
        "_wall",
        "peer_time_s",
        "wanted",
    )

    def __init__(
        self,
        state: SymmetricState,
        wanted: int,
        peer_time_s: int,
        peer_ephemeral: bytes,
        part2: int,
        iv: bytes,
        local_hash: bytes,
        wall: WallClock,
        entropy: Entropy,
    ) -> None:
        self._state = state
        self.wanted = wanted
        self.peer_time_s = peer_time_s
        self._peer_ephemeral = peer_ephemeral
        self._part2 = part2
        self._iv = iv
        self._local_hash = local_hash
        self._wall = wall
        self._entropy = entropy

    def step(self, padding: bytes) -> tuple[AwaitConfirmed, bytes]:
        """What Bob awaits next, and message 2."""
        state = self._state
        if padding:
            state.mix_hash(padding)
        ephemeral = X25519Key.generate(self._entropy)
        state.mix_hash(ephemeral.public)
        state.mix_key(ephemeral.exchange(self._peer_ephemeral))
        own_padding = _random_padding(self._entropy)
        options = _CREATED_OPTIONS.pack(0, len(own_padding), 0, _wire_seconds(self._wall), 0)
        hidden = cbc_encrypt(self._local_hash, self._iv, ephemeral.public)
        sealed = state.encrypt_and_hash(options)
        if own_padding:
            state.mix_hash(own_padding)
        return AwaitConfirmed(state, ephemeral, self._part2), hidden + sealed + own_padding


class AwaitConfirmed:
    """Bob sent message 2 and awaits both parts of message 3."""

    __slots__ = ("_ephemeral", "_state", "wanted")

    def __init__(self, state: SymmetricState, ephemeral: X25519Key, part2: int) -> None:
        self._state = state
        self._ephemeral = ephemeral
        self.wanted = CONFIRMED_PART1_BYTES + part2

    def step(self, data: bytes) -> SessionKeys:
        """The session keys with Alice's static key and her still unchecked payload."""
        state = self._state
        remote_static = state.decrypt_and_hash(data[:CONFIRMED_PART1_BYTES])
        state.mix_key(self._ephemeral.exchange(remote_static))
        payload = state.decrypt_and_hash(data[CONFIRMED_PART1_BYTES:])
        alice_to_bob, bob_to_alice = _data_phase_keys(state)
        return SessionKeys(bob_to_alice, alice_to_bob, remote_static, payload)


Awaited = AwaitCreated | AwaitCreatedPadding | AwaitRequest | AwaitRequestPadding | AwaitConfirmed


def padding_max(version: tuple[int, ...]) -> int:
    """How many bytes of padding in message 1 a router of this API version takes."""
    return LONG_PADDING_SENT_MAX if version >= LONG_PADDING_VERSION_MIN else PADDING_SENT_MAX


def _random_padding(entropy: Entropy, bytes_max: int = PADDING_SENT_MAX) -> bytes:
    return entropy.random_bytes(entropy.randbelow(bytes_max + 1))


def initiate(
    local: LocalRouter,
    peer_hash: bytes,
    peer_static: bytes,
    peer_iv: bytes,
    network_id: int,
    wall: WallClock,
    entropy: Entropy,
    padding_bytes_max: int = PADDING_SENT_MAX,
) -> tuple[AwaitCreated, bytes]:
    """Alice's start: what she awaits, and message 1 with up to ``padding_bytes_max`` of padding.

    The RouterInfo of message 3 is fixed now, because message 1 announces its exact length.
    DecodeError if the published static key is no usable point.
    """
    payload = write_confirmed_payload(local.router_info(), entropy.randbelow(PADDING_SENT_MAX + 1))
    ephemeral = X25519Key.generate(entropy)
    state = begin_xk(PROTOCOL_NAME, peer_static)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(peer_static))
    padding = _random_padding(entropy, padding_bytes_max)
    options = _REQUEST_OPTIONS.pack(
        network_id, VERSION, len(padding), len(payload) + TAG_BYTES, 0, _wire_seconds(wall), 0
    )
    hidden = cbc_encrypt(peer_hash, peer_iv, ephemeral.public)
    sealed = state.encrypt_and_hash(options)
    unpadded = state.copy()
    if padding:
        state.mix_hash(padding)
    awaited = AwaitCreated(
        state, unpadded, ephemeral, hidden[16:], peer_hash, peer_static, local, payload
    )
    return awaited, hidden + sealed + padding


def respond(local: LocalRouter, network_id: int, wall: WallClock, entropy: Entropy) -> AwaitRequest:
    """Bob's start: he awaits message 1."""
    return AwaitRequest(local, network_id, wall, entropy)


__all__ = [
    "AwaitConfirmed",
    "AwaitCreated",
    "AwaitCreatedPadding",
    "AwaitRequest",
    "AwaitRequestPadding",
    "Awaited",
    "DirectionKeys",
    "SessionKeys",
    "WrongNetworkError",
    "initiate",
    "padding_max",
    "respond",
]
