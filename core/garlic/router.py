"""One-shot garlic messages to routers: Noise N to the X25519 key of a router identity.

Spec: ECIES-X25519 Router Messages (ecies-routers). ``ephemeral(32) payload(n+16)``; the ephemeral
key is plain, not Elligator2. The sender stays anonymous and no session follows. Used for netDb
stores and lookups through tunnels and for tunnel build requests to an inbound gateway.

The messages made and read here are garlic bodies without the 4-byte length field in front.

Always holds: a message is delivered only with a fresh date block and once for each ephemeral key.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.base.errors import DecodeError
from core.base.filters import DuplicateFilter
from core.base.ports import Entropy, WallClock
from core.base.rates import STRANGERS_SHARE, FairShares, Source
from core.crypto.noise import SymmetricState
from core.crypto.x25519 import X25519Key
from core.garlic.cloves import Clove, parse_payload, write_cloves, write_date_time
from core.garlic.padding import Padder

PROTOCOL_NAME = b"Noise_N_25519_ChaChaPoly_SHA256"

MESSAGE_BYTES_MIN = 32 + 16
AGE_MAX_S = 300
AHEAD_MAX_S = 120
REPLAY_PERIOD_S = AGE_MAX_S + AHEAD_MAX_S + 60
_REPLAY_MAX = 50_000
OPEN_COST_S = 65e-6
"""CPU time of opening a message, or of finding that it cannot be opened (in pure Python)."""
_FITS = (948, 1936, 2932)
"""i2pd: a payload of 900 bytes, plus 48, fits one tunnel message with router delivery."""


def _start(router_public: bytes) -> SymmetricState:
    state = SymmetricState(PROTOCOL_NAME)
    state.mix_hash(router_public)
    return state


def seal_to_router(
    router_public: bytes, cloves: Sequence[Clove], entropy: Entropy, wall: WallClock
) -> bytes:
    """A garlic body for the router with this X25519 key (32 bytes).

    i2pd: understands only cloves with LOCAL delivery here. DecodeError if the key is unusable.
    """
    payload = write_date_time(int(wall.now())) + write_cloves(cloves)
    payload += Padder(entropy).block(len(payload) + MESSAGE_BYTES_MIN, _FITS)
    ephemeral = X25519Key.generate(entropy)
    state = _start(router_public)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(router_public))
    return ephemeral.public + state.encrypt_and_hash(payload)


class RouterGarlic:
    """Opens what others sealed to our router key."""

    __slots__ = ("_replays", "_shares", "_start", "_static", "_wall", "dropped", "over_rate")

    def __init__(
        self, static: X25519Key, wall: WallClock, shares: FairShares | None = None
    ) -> None:
        self._static = static
        self._wall = wall
        self._start = _start(static.public)
        self._replays = DuplicateFilter(REPLAY_PERIOD_S, _REPLAY_MAX)
        self._shares = FairShares(STRANGERS_SHARE) if shares is None else shares
        self.dropped = 0
        self.over_rate = 0

    def open(self, ciphertext: bytes, now: float, source: Source = (None, 0)) -> list[Clove] | None:
        """The cloves of a message, in order; None if it is not for us, broken, old or a replay.

        ``source`` (link, tunnel) is charged for it; None also if that has used up its share.
        """
        try:
            return self._open(ciphertext, now, source)
        except DecodeError:
            self.dropped += 1
            return None

    def _open(self, ciphertext: bytes, now: float, source: Source) -> list[Clove] | None:
        if len(ciphertext) < MESSAGE_BYTES_MIN:
            raise DecodeError(f"garlic message of {len(ciphertext)} bytes")
        ephemeral = ciphertext[:32]
        replay_key = int.from_bytes(ephemeral[:8], "little")
        if self._replays.is_known(replay_key, now):
            raise DecodeError("replayed garlic message")
        if not self._shares.take(("garlic", *source), OPEN_COST_S, now):
            self.over_rate += 1
            return None
        state = self._start.copy()
        state.mix_hash(ephemeral)
        state.mix_key(self._static.exchange(ephemeral))
        payload = parse_payload(state.decrypt_and_hash(ciphertext[32:]))
        check_date_time(payload.date_time_s, self._wall)
        # Only now: what others make up must not fill the filter.
        self._replays.is_duplicate(replay_key, now)
        return payload.cloves


def check_date_time(date_time_s: int | None, wall: WallClock, refuse_before_s: int = 0) -> None:
    """DecodeError unless a one-shot message's date lies between 5 minutes ago and 2 ahead.

    ``refuse_before_s``: the wall time before which none is taken.
    """
    if not date_time_s:
        raise DecodeError("garlic message without a date")
    age = wall.now() - date_time_s
    if age > AGE_MAX_S or age < -AHEAD_MAX_S or date_time_s < refuse_before_s:
        raise DecodeError(f"garlic message dated {age:.0f} s ago")
