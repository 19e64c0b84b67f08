"""Messages of live sessions with i2pd 2.59: encryption types 6 and 0, as they came out of tunnels.

Recorded on loopback between two throw-away destinations. Long values are lists of lines in base 64.
"""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from core.base.errors import DecodeError
from core.base.rates import FairShares
from core.crypto.elgamal import ElGamalKey
from core.crypto.noise import SymmetricState
from core.crypto.x25519 import X25519Key
from core.data.lease_set import LeaseSet2
from core.garlic.cloves import Delivery, parse_payload
from core.garlic.elgamal_sessions import ElGamalSessions
from core.garlic.handshake import OutgoingHandshake, open_new_session, responder_state
from core.garlic.opened import RatchetCounters
from core.garlic.suites import MLKEM768_X25519
from core.i2np.database import DatabaseStore
from tests.support.deterministic import FakeWallClock, SeededEntropy

CAPTURES = json.loads((Path(__file__).parent / "captures" / "i2pd_2_59.json").read_text())


class Capture:
    def __init__(self, name: str) -> None:
        self._values: dict[str, Any] = CAPTURES[name]

    def bytes(self, key: str) -> bytes:
        value = self._values[key]
        return b64decode(value if isinstance(value, str) else "".join(value))

    def list(self, key: str) -> list[Any]:
        return [b64decode(one) if isinstance(one, str) else one for one in self._values[key]]

    def number(self, key: str) -> int:
        return int(self._values[key])


def test_a_reply_to_our_hybrid_new_session() -> None:
    seen = Capture("reply")
    suite = MLKEM768_X25519
    state = SymmetricState(suite.protocol_name)
    state.ck, state.h = seen.bytes("ck"), seen.bytes("h")
    outgoing = OutgoingHandshake(
        suite,
        X25519Key(seen.bytes("static")),
        seen.bytes("remote"),
        X25519Key(seen.bytes("ephemeral")),
        seen.bytes("seed"),
        state,
    )
    payload, keys = outgoing.open_reply(seen.bytes("message"))
    assert payload == seen.bytes("payload") and list(keys) == seen.list("keys")
    assert parse_payload(payload).date_time_s
    broken = bytearray(seen.bytes("message"))
    broken[100] ^= 1  # in the ciphertext
    with pytest.raises(DecodeError):
        outgoing.open_reply(bytes(broken))


def test_a_hybrid_new_session_of_i2pd() -> None:
    seen = Capture("new session")
    static = X25519Key(seen.bytes("static"))
    suite = MLKEM768_X25519
    opened = open_new_session(
        static, responder_state(static.public, suite), seen.bytes("message"), suite=suite
    )
    assert opened.payload == seen.bytes("payload") and opened.handshake is not None
    payload = parse_payload(opened.payload)
    assert payload.date_time_s is not None
    assert abs(payload.date_time_s - seen.number("at")) < 60
    stores = [one for one in payload.cloves if one.kind == Delivery.LOCAL]
    lease_set = DatabaseStore.parse(stores[0].body).lease_set()
    assert isinstance(lease_set, LeaseSet2) and lease_set.verify()
    # The key that signed this session stands in its lease set, of the same type.
    assert (6, opened.handshake.remote_static) in lease_set.ratchet_keys
    assert [kind for kind, _ in lease_set.encryption_keys] == [6, 4]


def _sessions(at: float) -> ElGamalSessions:
    entropy = SeededEntropy(0)
    return ElGamalSessions(FakeWallClock(at), entropy, RatchetCounters(), FairShares(1.0))


def test_an_elgamal_message_of_i2pd() -> None:
    seen = Capture("elgamal")
    sessions = _sessions(float(seen.number("at")))
    sessions.use([ElGamalKey(seen.bytes("private"))])
    cloves = sessions.open_new(seen.bytes("message"), 0.0, (None, 0))
    assert cloves is not None
    assert [int(one.kind) for one in cloves] == seen.list("kinds")
    assert [one.body for one in cloves] == seen.list("bodies")
    assert len(sessions._tags) == 40  # i2pd, Java: so many at once


def test_a_message_of_i2pd_under_a_session_tag() -> None:
    seen = Capture("tagged")
    sessions = _sessions(float(Capture("elgamal").number("at")))
    message = seen.bytes("message")
    sessions._tags.put(message[:32], (seen.bytes("key"), 1.0))
    assert sessions.is_ours(message)
    cloves = sessions.open_existing(message, 0.0)
    assert cloves is not None and [one.body for one in cloves] == seen.list("bodies")
