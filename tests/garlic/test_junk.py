"""Hostile bytes at every entrance: they are dropped and counted, and break nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError
from core.crypto.x25519 import X25519Key
from core.garlic import handshake
from core.garlic.cloves import NextKey, write_date_time, write_next_key
from core.garlic.one_shot import OneShotKeys
from core.garlic.router import RouterGarlic
from tests.garlic.parties import Party, clove, established, pair
from tests.support.deterministic import FakeWallClock, SeededEntropy


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_junk_everywhere(data: bytes) -> None:
    wall, entropy = FakeWallClock(), SeededEntropy(1)
    party = Party("alice", wall)
    assert party.sessions.open(data, 0.0) is None
    assert party.sessions.open_data(data, 0.0) is None
    assert RouterGarlic(X25519Key.generate(entropy), wall).open(data, 0.0) is None
    keys = OneShotKeys()
    keys.register(data[:8].ljust(8, b"\0"), bytes(32), 0.0)
    assert keys.open(data, 0.0) is None
    assert len(party.sessions) == 0


def test_mutations_of_genuine_messages() -> None:
    alice, bob = pair()
    first = alice.say(b"hello")
    stages = [(bob, first)]
    reply = None
    for stage in range(3):
        to, message = stages[stage]
        for position in range(0, len(message), 7):
            mutated = bytearray(message)
            mutated[position] ^= 1 << position % 8
            if stage == 0 and position == 31:
                continue
            for take in (to.sessions.open, to.sessions.open_data):
                assert take(bytes(mutated), 0.0) is None
                assert take(message[:position], 0.0) is None
        to.hear(message, 3.0)
        if stage == 0:
            reply = bob.say(b"reply", 3.0)
            stages.append((alice, reply))
        elif stage == 1:
            stages.append((bob, alice.say(b"existing", 3.0)))
    assert alice.bodies(bob.say(b"works", 3.0), 3.0) == [b"works"]


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=120), st.booleans())
def test_an_authenticated_peer_sends_junk_payloads(data: bytes, is_short: bool) -> None:
    alice, bob = established(receive_window=16)
    session = alice.sessions._remotes[alice.other].current
    assert session is not None
    take = bob.sessions.open_data if is_short else bob.sessions.open
    opened = take(session.seal(data, 0.0), 0.0)
    if opened is None:
        assert bob.sessions.counters.forged == 1
    if len(bob.sessions):  # the junk was no termination
        assert bob.bodies(alice.say(b"fine")) == [b"fine"]
    _, message = handshake.seal_new_session(
        alice.static, bob.static.public, write_date_time(1_700_000_000) + data, SeededEntropy(9)
    )
    bob.sessions.open(message, 0.0)


key_blocks = st.builds(
    NextKey,
    st.integers(0, 4) | st.sampled_from([32767, 65535]),
    st.booleans(),
    st.booleans(),
    st.none() | st.just(bytes(32)) | st.binary(min_size=32, max_size=32),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(key_blocks, max_size=6))
def test_an_authenticated_peer_plays_with_the_ratchet(keys: list[NextKey]) -> None:
    alice, bob = established(receive_window=16)
    session = alice.sessions._remotes[alice.other].current
    assert session is not None
    for key in keys:
        bob.hear(session.seal(write_next_key(key), 0.0))
        assert bob.sessions.open(bob.say(b"x"), 0.0) is None  # not ours: no crash either
    assert bob.bodies(alice.say(b"fine")) == [b"fine"]
    assert len(bob.sessions._all.tags) < 4 * 2048


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=0, max_size=150))
def test_handshake_parsers_raise_decode_errors_only(data: bytes) -> None:
    entropy = SeededEntropy(2)
    static = X25519Key.generate(entropy)
    outgoing, _ = handshake.seal_new_session(static, static.public, b"", entropy)
    for attempt in (
        lambda: handshake.open_new_session(static, handshake.responder_state(static.public), data),
        lambda: outgoing.open_reply(data),
    ):
        try:
            attempt()
        except DecodeError:
            continue
        raise AssertionError("junk was taken for a message")


def test_cloves_survive_a_bad_key_beside_them() -> None:
    alice, bob = established()
    session = alice.sessions._remotes[alice.other].current
    assert session is not None
    from core.garlic.cloves import write_clove

    bad = write_next_key(NextKey(0, False, True, bytes(32)))
    opened = bob.hear(session.seal(bad + write_clove(clove(b"data")), 0.0))
    assert [item.body for item in opened.cloves] == [b"data"]
