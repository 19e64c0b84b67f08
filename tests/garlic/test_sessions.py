"""Ratchet sessions between two destinations: kinds, replays, both at once, restarts, limits."""

from __future__ import annotations

import random

import pytest

from core.base.errors import DecodeError, LocalError
from core.base.rates import FairShares
from core.crypto.x25519 import X25519Key
from core.garlic import handshake, remote, remotes
from core.garlic.cloves import Clove, Delivery, write_cloves, write_data_head, write_date_time
from core.garlic.new_sessions import NEW_SESSION_COST_S
from core.garlic.opened import MessageKind, Opened
from core.garlic.session import NEXT_KEY_AFTER, UNDER_WAY_MAX
from core.garlic.sessions import RatchetSessions
from tests.garlic.blocks import write_termination
from tests.garlic.parties import DESTINATION, Party, clove, established, pair
from tests.support.deterministic import FakeWallClock, SeededEntropy


def kind(party: Party, now: float = 0.0) -> MessageKind:
    return party.sessions.next_kind(party.other, now)


def test_kinds_follow_the_conversation() -> None:
    alice, bob = pair()
    assert kind(alice) is MessageKind.NEW_SESSION
    opened = bob.hear(alice.say(b"hello"))
    assert opened.remote_static == alice.static.public
    assert opened.is_new_session
    assert [c.body for c in opened.cloves] == [b"hello"]
    assert kind(alice) is MessageKind.NEW_SESSION
    assert kind(bob) is MessageKind.REPLY
    reply = bob.say(b"reply")
    assert kind(bob) is MessageKind.REPLY  # until Alice uses the session
    opened = alice.hear(reply)
    assert not opened.is_new_session
    assert opened.remote_static == bob.static.public
    assert kind(alice) is MessageKind.EXISTING
    assert bob.bodies(alice.say(b"first")) == [b"first"]
    assert kind(bob) is MessageKind.EXISTING
    assert alice.bodies(bob.say(b"second")) == [b"second"]


def test_overheads() -> None:
    alice, bob = pair()
    block = 3 + 42 + 5
    first = alice.say(b"hello")
    assert 0 <= len(first) - (96 + 7 + block + 3) <= 15
    bob.hear(first)
    reply = bob.say(b"reply")
    assert 0 <= len(reply) - (72 + block + 3) <= 15
    alice.hear(reply)
    assert 0 <= len(alice.say(b"again")) - (24 + block + 3) <= 15


def test_padding_never_spills_into_another_tunnel_message() -> None:
    for size in range(1860, 1875):
        alice, _ = established()
        bare = 24 + 45 + size
        for _ in range(4):
            length = len(alice.say(bytes(size)))
            assert bare <= length
            if bare <= 1936:
                assert length <= 1936


def test_replay_of_every_kind_is_dropped() -> None:
    alice, bob = pair()
    first = alice.say(b"hello")
    bob.hear(first)
    assert bob.sessions.open(first, 1.0) is None
    assert bob.sessions.counters.replayed == 1
    respelled = bytearray(first)
    respelled[31] ^= 0x80
    assert bob.sessions.open(bytes(respelled), 1.0) is None
    assert bob.sessions.counters.replayed == 2
    reply = bob.say(b"reply")
    alice.hear(reply)
    assert alice.sessions.open(reply, 1.0) is None
    existing = alice.say(b"existing")
    bob.hear(existing)
    assert bob.sessions.open(existing, 1.0) is None
    assert bob.sessions.counters.not_ours == 1


@pytest.mark.parametrize(
    ("skew", "is_taken"), [(-301.0, False), (-299.0, True), (119.0, True), (121.0, False)]
)
def test_date_of_a_new_session(skew: float, is_taken: bool) -> None:
    wall = FakeWallClock(1_700_000_000.0)
    alice, bob = pair(wall)
    wall.advance(skew)
    message = alice.say(b"hello")
    wall.advance(-skew)
    assert (bob.sessions.open(message, 0.0) is not None) is is_taken
    assert bob.sessions.counters.stale == (0 if is_taken else 1)


def test_a_new_session_without_a_date_is_dropped() -> None:
    alice, bob = pair()
    _, message = handshake.seal_new_session(
        alice.static, bob.static.public, write_cloves([clove(b"x")]), SeededEntropy(7)
    )
    assert bob.sessions.open(message, 0.0) is None
    _, message = handshake.seal_new_session(
        alice.static, bob.static.public, write_date_time(1_700_000_000) + b"\x0b", SeededEntropy(8)
    )
    assert bob.sessions.open(message, 0.0) is None
    assert bob.sessions.counters.stale == 1
    assert bob.sessions.counters.broken == 1


def test_several_new_sessions_outstanding_any_reply_will_do() -> None:
    alice, bob = pair()
    firsts = [alice.say(bytes((n,)), n * 0.3) for n in range(3)]
    assert len({message[:32] for message in firsts}) == 3
    bob.hear(firsts[1], 1.0)  # 0 and 2 are lost
    assert alice.bodies(bob.say(b"reply", 1.0), 1.0) == [b"reply"]
    assert kind(alice, 1.0) is MessageKind.EXISTING
    assert bob.bodies(alice.say(b"go", 1.0), 1.0) == [b"go"]


@pytest.mark.parametrize("heard", [0, 1, 23])
def test_a_burst_before_the_first_answer(heard: int) -> None:
    """Java answers all with the session of the first message of a burst that it got."""
    alice, bob = pair()
    burst = [alice.say(bytes((n,)), n * 0.01) for n in range(24)]
    bob.hear(burst[heard], 1.0)
    for number in range(remote.REPLIES_PER_HANDSHAKE_MAX):
        reply = bob.say(bytes((number,)), 1.0)
        assert alice.bodies(reply, 1.0) == [bytes((number,))]


def test_an_answer_in_the_middle_of_a_burst_opens_a_session_that_lasts() -> None:
    """What was answered stays, however many New Session messages follow."""
    alice, bob = pair()
    burst = [alice.say(bytes((n,)), n * 0.01) for n in range(24)]
    bob.hear(burst[0], 0.3)
    answer = bob.say(b"answer", 0.3)
    for message in burst[1:]:
        bob.hear(message, 0.4)
    assert alice.bodies(answer, 0.5) == [b"answer"]
    assert kind(alice, 0.5) is MessageKind.EXISTING
    assert bob.bodies(alice.say(b"on the session", 0.5), 0.6) == [b"on the session"]


def test_replies_arrive_out_of_order_and_late() -> None:
    alice, bob = pair()
    bob.hear(alice.say(b"hello"))
    replies = [bob.say(bytes((n,))) for n in range(4)]
    assert alice.bodies(replies[2]) == [b"\x02"]
    existing = alice.say(b"existing")
    assert alice.bodies(replies[0]) == [b"\x00"]
    assert bob.bodies(existing) == [b"existing"]
    assert alice.bodies(replies[3]) == [b"\x03"]
    assert alice.bodies(replies[1]) == [b"\x01"]
    assert alice.bodies(bob.say(b"now on the session")) == [b"now on the session"]


def test_both_start_at_once() -> None:
    for order in range(4):
        alice, bob = pair()
        from_alice = alice.say(b"a")
        from_bob = bob.say(b"b")
        assert alice.bodies(from_bob) == [b"b"]
        assert bob.bodies(from_alice) == [b"a"]
        reply_a, reply_b = alice.say(b"ra"), bob.say(b"rb")
        if order & 1:
            assert alice.bodies(reply_b) == [b"rb"]
        if order & 2:
            assert bob.bodies(reply_a) == [b"ra"]
        for step in range(10):
            body = bytes((step,))
            assert bob.bodies(alice.say(body)) == [body]
            assert alice.bodies(bob.say(body)) == [body]
        assert kind(alice) is MessageKind.EXISTING
        assert kind(bob) is MessageKind.EXISTING


def test_crossed_messages_after_both_started() -> None:
    alice, bob = pair()
    from_alice, from_bob = alice.say(b"a"), bob.say(b"b")
    alice.hear(from_bob)
    bob.hear(from_alice)
    reply_a, reply_b = alice.say(b"ra"), bob.say(b"rb")
    alice.hear(reply_b)
    bob.hear(reply_a)
    for step in range(6):
        now = step * 30.0
        crossing = alice.say(b"x", now), bob.say(b"y", now)
        assert bob.bodies(crossing[0], now) == [b"x"]
        assert alice.bodies(crossing[1], now) == [b"y"]
        assert kind(alice, now) is MessageKind.EXISTING


def test_talking_to_ourselves() -> None:
    wall = FakeWallClock()
    party = Party("self", wall)
    party.other = party.static.public
    for step in range(12):
        body = bytes((step,))
        assert party.bodies(party.say(body)) == [body]
    assert kind(party) is MessageKind.EXISTING


def test_loss_and_reordering() -> None:
    rng = random.Random(11)
    alice, bob = established()
    flying: list[tuple[Party, bytes, bytes]] = []
    received = 0
    sent = 0
    for step in range(1500):
        sender, receiver = (alice, bob) if rng.random() < 0.6 else (bob, alice)
        if sender.sessions.can_send(sender.other, 0.0):
            body = step.to_bytes(4, "big")
            flying.append((receiver, sender.say(body), body))
            sent += 1
        while len(flying) > 10 or (flying and rng.random() < 0.3):
            to, message, body = flying.pop(rng.randrange(len(flying)))
            if rng.random() < 0.1:
                continue
            assert to.bodies(message) == [body]
            received += 1
    assert sent > 1300  # acknowledgements kept both windows open
    assert received > 0.85 * (sent - 10)


def test_window_without_evidence_is_small() -> None:
    alice, bob = pair()
    bob.hear(alice.say(b"hello"))
    assert bob.sessions.can_send(bob.other, 0.0) == 12
    alice.hear(bob.say(b"reply"))
    assert bob.sessions.can_send(bob.other, 0.0) == 11
    assert alice.sessions.can_send(alice.other, 0.0) == 20
    for _ in range(20):
        alice.say(b"lost")
    assert alice.sessions.can_send(alice.other, 0.0) == 0
    alice.sessions.note_delivered(alice.other, 20)
    assert alice.sessions.can_send(alice.other, 0.0) == 24 + 19 // 2 + 19 - 4 - 20


def test_acknowledgements_open_the_window_to_its_limit() -> None:
    alice, bob = established()
    windows = []
    for _ in range(2300):
        bob.hear(alice.say(b"data"))
        alice.hear(bob.say_nothing())
        windows.append(alice.sessions.can_send(alice.other, 0.0))
    # While it grows, no more is under way than the peer looks ahead.
    assert max(window for window in windows if window < 320) >= 320 - 4 - 40 - 40
    assert UNDER_WAY_MAX - 4 - 40 - 40 <= windows[-1] <= UNDER_WAY_MAX - 4


def test_the_next_tag_set_does_not_slow_down_what_flows() -> None:
    alice, bob = established()
    windows = []
    for _ in range(NEXT_KEY_AFTER + 200):
        bob.hear(alice.say(b"data"))
        alice.hear(bob.say_nothing())
        windows.append(alice.sessions.can_send(alice.other, 0.0))
    assert min(windows[3000:]) >= UNDER_WAY_MAX - 4 - 300


def test_more_under_way_than_the_peer_looks_ahead() -> None:
    alice, bob = established()
    for _ in range(700):
        bob.hear(alice.say(b"data"))
        alice.hear(bob.say_nothing())
    flying = [alice.say(b"%d" % number) for number in range(900)]
    assert [bob.bodies(message) for message in flying] == [[b"%d" % n] for n in range(900)]


def test_a_run_of_losses_beyond_the_look_ahead_costs_seconds_not_the_session() -> None:
    """Java's receiver: 320 tags ahead; what comes after a longer run it cannot find."""
    alice, bob = established(receive_window=320)
    for _ in range(700):
        bob.hear(alice.say(b"data"))
        alice.hear(bob.say_nothing())
    for _ in range(900):
        alice.say(b"lost", 100.0)
    assert bob.sessions.open(alice.say(b"too far ahead", 101.0), 101.0) is None
    assert alice.sessions.next_kind(alice.other, 102.9) == MessageKind.EXISTING
    assert alice.sessions.next_kind(alice.other, 103.1) == MessageKind.NEW_SESSION
    bob.hear(alice.say(b"again", 103.1), 103.1)
    alice.hear(bob.say(b"welcome", 103.2), 103.2)
    assert bob.bodies(alice.say(b"data", 103.3), 103.3) == [b"data"]


def test_ack_keys_come_back() -> None:
    alice, bob = pair()
    first = alice.say(b"hello", ack_key=1)
    bob.hear(first)
    opened = alice.hear(bob.say(b"reply", ack_key=50))
    assert list(opened.acks) == [1]
    opened = bob.hear(alice.say(b"with lease set", ack_key=2))
    assert list(opened.acks) == [50]
    assert bob.sessions.replies_due(0.5) == []
    assert bob.sessions.replies_due(1.5) == [alice.static.public]
    opened = alice.hear(bob.say_nothing(1.5))
    assert list(opened.acks) == [2]
    assert list(opened.cloves) == []
    assert bob.sessions.replies_due(5.0) == []
    opened = alice.hear(bob.say(b"more", 2.0), 2.0)
    assert list(opened.acks) == []


def test_acks_ride_on_data_and_overflow_into_the_next() -> None:
    alice, bob = established()
    for n in range(20):
        bob.hear(alice.say(b"x", ack_key=n))
    assert len(alice.hear(bob.say(b"data", 1.0), 1.0).acks) == 16
    assert bob.sessions.next_timer() is not None
    assert bob.sessions.replies_due(2.0) == [alice.static.public]
    assert len(alice.hear(bob.say_nothing(2.0), 2.0).acks) == 4
    assert bob.sessions.replies_due(9.0) == []


def test_owed_answers_to_handshakes() -> None:
    alice, bob = pair()
    bob.hear(alice.say(b"hello"))
    assert bob.sessions.next_timer() == 1.0
    assert bob.sessions.replies_due(1.0) == [alice.static.public]
    assert bob.sessions.replies_due(1.5) == []
    assert bob.sessions.replies_due(2.0) == [alice.static.public]  # again, nothing was sent
    alice.hear(bob.say_nothing(2.0), 2.0)
    assert alice.sessions.replies_due(3.0) == [bob.static.public]
    bob.hear(alice.say_nothing(3.0), 3.0)
    assert kind(bob, 3.0) is MessageKind.EXISTING
    assert alice.sessions.replies_due(9.0) == []


def test_restart_of_the_other_side() -> None:
    wall = FakeWallClock()
    alice, bob = established(wall)
    reborn = Party("alice", wall)
    reborn.sessions = RatchetSessions({4: alice.static}, wall, SeededEntropy("second life"))
    reborn.other = bob.static.public
    lost = bob.say(b"into the void", 5.0)
    assert reborn.sessions.open(lost, 5.0) is None
    assert bob.bodies(reborn.say(b"hello again", 6.0), 6.0) == [b"hello again"]
    assert kind(bob, 6.0) is MessageKind.REPLY
    assert reborn.bodies(bob.say(b"welcome", 6.0), 6.0) == [b"welcome"]
    assert bob.bodies(reborn.say(b"thanks", 6.0), 6.0) == [b"thanks"]
    assert reborn.bodies(bob.say(b"!", 6.0), 6.0) == [b"!"]


def test_a_stray_late_new_session_does_not_stop_the_session() -> None:
    alice, bob = pair()
    stray = alice.say(b"stray", 0.0)
    bob.hear(alice.say(b"hello", 0.3), 0.5)
    alice.hear(bob.say(b"reply", 0.5), 0.5)
    bob.hear(alice.say(b"first", 0.5), 0.5)
    assert bob.bodies(stray, 0.6) == [b"stray"]
    assert alice.bodies(bob.say(b"on the stray one", 0.7), 0.7) == [b"on the stray one"]
    assert bob.bodies(alice.say(b"still here", 0.8), 0.8) == [b"still here"]
    assert kind(bob, 0.8) is MessageKind.EXISTING
    assert alice.bodies(bob.say(b"good", 0.8), 0.8) == [b"good"]


def test_silence_makes_us_try_a_new_session_beside_the_old() -> None:
    wall = FakeWallClock()
    alice, bob = established(wall)
    kinds = []
    for second in range(0, 90, 3):
        kinds.append(kind(alice, float(second)))
        alice.say(b"anyone?", float(second))
    assert kinds[:6] == [MessageKind.EXISTING] * 6
    assert MessageKind.NEW_SESSION in kinds
    tail = kinds[kinds.index(MessageKind.NEW_SESSION) :]
    assert MessageKind.EXISTING in tail
    # An answer on the old session ends the doubt.
    alice.hear(bob.say(b"here", 90.0), 90.0)
    assert kind(alice, 91.0) is MessageKind.EXISTING


def test_a_pause_is_not_silence() -> None:
    alice, _ = established()
    alice.say(b"last word", 1.0)
    assert kind(alice, 200.0) is MessageKind.EXISTING
    alice.say(b"hello?", 200.0)
    assert kind(alice, 203.0) is MessageKind.NEW_SESSION
    assert kind(alice, 681.0) is MessageKind.NEW_SESSION


def test_idle_sessions_expire() -> None:
    alice, bob = established()
    assert len(alice.sessions._all.tags) > 500
    assert kind(alice, 481.0) is MessageKind.NEW_SESSION
    for now in range(0, 700, 10):
        alice.sessions.handle_timer(float(now))
        bob.sessions.handle_timer(float(now))
    assert len(alice.sessions) == 0
    assert len(alice.sessions._all.tags) == 0
    assert len(bob.sessions._all.tags) == 0
    assert alice.sessions.next_timer() is None


def test_unanswered_handshakes_expire() -> None:
    alice, bob = pair()
    bob.hear(alice.say(b"hello"))
    bob.say(b"reply")
    assert len(alice.sessions._all.tags) == 24
    for now in range(0, 200, 10):
        alice.sessions.handle_timer(float(now))
        bob.sessions.handle_timer(float(now))
    assert len(alice.sessions) == len(bob.sessions) == 0
    assert len(alice.sessions._all.tags) == len(bob.sessions._all.tags) == 0


def test_handshake_lists_are_bounded() -> None:
    alice, bob = pair()
    messages = [alice.say(b"x", n * 0.3) for n in range(2 * remote.OUTGOING_MAX)]
    assert len(alice.sessions._all.tags) == remote.OUTGOING_MAX * 24
    for message in messages:
        bob.hear(message, 10.0)
        bob.say(b"reply", 10.0)
    assert len(bob.sessions._all.tags) == remote.INCOMING_MAX * 96
    assert alice.bodies(bob.say(b"latest", 10.0), 10.0) == [b"latest"]


def test_replies_run_out_then_a_new_session_of_our_own() -> None:
    alice, bob = pair()
    bob.hear(alice.say(b"hello"))
    for _ in range(12):
        assert kind(bob) is MessageKind.REPLY
        bob.say(b"reply")
    assert kind(bob) is MessageKind.NEW_SESSION
    assert alice.bodies(bob.say(b"mine")) == [b"mine"]


def test_new_session_pace() -> None:
    alice, _ = pair()
    assert alice.sessions.new_session_wait(alice.other, 0.0) == 0.0
    assert alice.sessions.can_send(alice.other, 0.0) == 1
    alice.say(b"x", 0.0)
    assert alice.sessions.new_session_wait(alice.other, 0.1) == pytest.approx(0.15)
    assert alice.sessions.can_send(alice.other, 0.1) == 0
    assert alice.sessions.can_send(alice.other, 0.25) == 1


def test_a_session_that_the_remote_closes_is_gone() -> None:
    alice, bob = established()
    session = alice.sessions._remotes[alice.other].current
    assert session is not None
    opened = bob.hear(session.seal(write_termination(), 1.0), 1.0)
    assert opened.is_terminated
    assert len(bob.sessions) == 0
    assert len(bob.sessions._all.tags) == 0
    assert kind(bob, 1.0) is MessageKind.NEW_SESSION


def test_unbound_messages() -> None:
    alice, bob = pair()
    message = alice.sessions.seal_unbound(bob.static.public, [clove(b"raw")])
    opened = bob.hear(message)
    assert opened.remote_static is None
    assert [c.body for c in opened.cloves] == [b"raw"]
    assert len(bob.sessions) == 0
    assert bob.sessions.open(message, 0.0) is None


def test_batches() -> None:
    alice, bob = pair()
    batch = [(write_cloves([clove(bytes((n,)))]), b"") for n in range(5)]
    for body in alice.sessions.seal_bodies(bob.static.public, batch, 0.0):
        assert bob.hear(body[4:]).is_new_session
    alice.hear(bob.say(b"reply"))
    bodies = alice.sessions.seal_bodies(bob.static.public, batch, 0.0)
    assert [bob.bodies(body[4:]) for body in bodies] == [[bytes((n,))] for n in range(5)]
    assert all(int.from_bytes(body[:4], "big") == len(body) - 4 < 96 for body in bodies)


def test_the_short_way_tells_the_same() -> None:
    """What ``open_data`` makes of the messages of a session with all kinds of upkeep in it."""
    alice, bob = established(next_key_after=20)
    other_alice, other_bob = established(next_key_after=20)
    shorts = 0
    for number in range(120):
        body = b"\0\0\0\2" + bytes((number, 7))
        if number == 60:
            body += b"trailing"
        message, same = alice.say(body), other_alice.say(body)
        assert message == same
        data = bob.sessions.open_data(message, 0.0)
        opened = other_bob.hear(same)
        if isinstance(data, tuple) and not isinstance(data, Opened):
            shorts += 1
            (told,) = opened.cloves
            static, to_hash, payload, start, end = data
            assert (static, to_hash) == (opened.remote_static, told.to_hash)
            assert payload[start:end] == body[4:6]
            assert not opened.acks
        else:
            assert data == opened
        assert bob.sessions.open_data(message, 0.0) is None
        assert bob.sessions.next_timer() == other_bob.sessions.next_timer()
        if number % 5 == 0:
            alice.sessions.open_data(bob.say(b"", ack_key=number), 0.0)
            other_alice.hear(other_bob.say(b"", ack_key=number))
    assert shorts > 60


def test_batches_written_already_are_the_same_messages() -> None:
    alice, bob = established()
    other, _ = established()
    body = b"\0\0\0\1x"
    for size in (1, 3):
        batch = [(write_data_head(DESTINATION, 1, 1_700_000_060, 1), b"x")] * size
        bodies = alice.sessions.seal_bodies(bob.static.public, batch, 0.0)
        singles = [other.say(body) for _ in range(size)]
        assert bodies == [len(one).to_bytes(4, "big") + one for one in singles]


def test_forged_messages_do_not_spend_a_tag() -> None:
    alice, bob = established()
    message = alice.say(b"genuine")
    for position in (8, 20, len(message) - 1):
        forged = bytearray(message)
        forged[position] ^= 1
        assert bob.sessions.open(bytes(forged), 0.0) is None
    assert bob.sessions.counters.forged == 3
    assert bob.bodies(message) == [b"genuine"]


def test_new_sessions_beyond_their_share_are_thinned_for_each_tunnel() -> None:
    wall = FakeWallClock()
    alice, bob = pair(wall)
    shares = FairShares(100 * NEW_SESSION_COST_S)
    bob.sessions = RatchetSessions({4: bob.static}, wall, SeededEntropy("bob"), shares=shares)
    junk = SeededEntropy("junk")
    for step in range(1000):
        assert bob.sessions.open(junk.random_bytes(120), step / 1000, ("bob", 1)) is None
    counters = bob.sessions.counters
    assert 100 <= counters.not_ours <= 200
    assert counters.over_rate == 1000 - counters.not_ours
    message = alice.say(b"through another tunnel")
    assert bob.sessions.open(message, 1.0, ("bob", 2)) is not None


def test_bounded_remotes_drop_the_oldest_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remotes, "REMOTES_MAX", 16)
    alice, bob = established()
    entropy = SeededEntropy("strangers")
    for n in range(40):
        stranger = X25519Key.generate(entropy)
        payload = write_date_time(1_700_000_000) + write_cloves([clove(b"x")])
        _, message = handshake.seal_new_session(stranger, bob.static.public, payload, entropy)
        bob.hear(message, 1.0 + n)
        assert len(bob.sessions) <= 16
    assert bob.sessions.counters.evicted >= 20
    assert bob.bodies(alice.say(b"still known", 50.0), 50.0) == [b"still known"]


def test_bounded_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remotes, "TAGS_MAX", 2000)
    wall = FakeWallClock()
    alice = Party("alice", wall)
    for n in range(8):
        bob = Party(f"bob{n}", wall)
        bob.other = alice.static.public
        alice.other = bob.static.public
        bob.hear(alice.say(b"hello", float(n)), float(n))
        alice.hear(bob.say(b"reply", float(n)), float(n))
        assert len(alice.sessions._all.tags) <= 2000
        assert bob.bodies(alice.say(b"x", float(n)), float(n)) == [b"x"]
    assert alice.sessions.counters.evicted > 0


def test_misuse_is_our_fault() -> None:
    alice, bob = established()
    with pytest.raises(LocalError):
        alice.sessions.seal(
            alice.other, [Clove(Delivery.LOCAL, None, None, 20, 1, 1, bytes(65400))], 0.0
        )
    with pytest.raises(DecodeError):
        alice.sessions.seal(bytes(32), [clove(b"x")], 0.0)
    with pytest.raises(DecodeError):
        alice.sessions.seal(b"short", [clove(b"x")], 0.0)
    assert len(alice.sessions) == 1
    assert bob.bodies(alice.say(b"fine")) == [b"fine"]
