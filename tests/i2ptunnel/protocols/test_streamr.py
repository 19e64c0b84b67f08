"""Streamr: who gets the packets, when subscribers ask, and what strangers cannot do."""

from __future__ import annotations

from i2ptunnel.protocols.streamr import (
    EXPIRES_S,
    SUBSCRIBE,
    UNSUBSCRIBE,
    StreamrProducer,
    StreamrSubscription,
    Subscriber,
)


def destination(number: int) -> bytes:
    return number.to_bytes(32, "big")


def producer() -> StreamrProducer:
    return StreamrProducer(10, 2)


def test_subscribers_get_their_ports_swapped() -> None:
    streamr = producer()
    streamr.receive(destination(1), SUBSCRIBE, from_port=5000, to_port=7, now=0)
    assert streamr.subscribers == (Subscriber(destination(1), from_port=7, to_port=5000),)


def test_asking_again_keeps_a_subscription_and_silence_ends_it() -> None:
    streamr = producer()
    streamr.receive(destination(1), SUBSCRIBE, 1, 0, now=0)
    streamr.receive(destination(2), SUBSCRIBE, 1, 0, now=10)
    streamr.receive(destination(1), SUBSCRIBE, 1, 0, now=50)
    streamr.expire(69.9)
    assert len(streamr.subscribers) == 2
    streamr.expire(10 + EXPIRES_S)
    assert [s.destination_hash for s in streamr.subscribers] == [destination(1)]
    streamr.expire(50 + EXPIRES_S)
    assert streamr.subscribers == ()
    assert streamr.counters["expired"] == 2


def test_leaving_frees_the_place_of_the_one_who_leaves() -> None:
    streamr = producer()
    for number in range(11):
        streamr.receive(destination(number), SUBSCRIBE, 1, 0, now=0)
    assert len(streamr.subscribers) == 10
    assert streamr.counters["subscribers_refused"] == 1
    streamr.receive(destination(10), UNSUBSCRIBE, 1, 0, now=1)  # was never in
    assert len(streamr.subscribers) == 10
    streamr.receive(destination(3), UNSUBSCRIBE, 1, 0, now=1)
    streamr.receive(destination(10), SUBSCRIBE, 1, 0, now=1)
    hashes = {s.destination_hash for s in streamr.subscribers}
    assert destination(10) in hashes and destination(3) not in hashes


def test_one_destination_cannot_take_all_places() -> None:
    streamr = producer()
    for port in range(10):
        streamr.receive(destination(1), SUBSCRIBE, port, 0, now=0)
    assert len(streamr.subscribers) == 2


def test_a_destination_with_several_places_makes_room() -> None:
    streamr = StreamrProducer(6, 3)
    for number in (1, 2):
        for port in range(3):
            streamr.receive(destination(number), SUBSCRIBE, port, 0, now=0)
    for number in range(3, 7):
        streamr.receive(destination(number), SUBSCRIBE, 0, 0, now=1)
    streamr.receive(destination(7), SUBSCRIBE, 0, 0, now=1)
    places = [one.destination_hash for one in streamr.subscribers]
    assert sorted(places) == [destination(number) for number in range(1, 7)]
    assert streamr.counters["evicted"] == 4 and streamr.counters["subscribers_refused"] == 1


def test_anything_else_is_dropped() -> None:
    streamr = producer()
    for payload in (b"", b"\x02", b"hello"):
        streamr.receive(destination(1), payload, 1, 0, now=0)
    assert streamr.subscribers == ()
    assert streamr.counters["datagrams_dropped"] == 3


def test_the_subscriber_asks_often_at_first() -> None:
    subscription = StreamrSubscription(destination(1), 0, 5000)
    asked = [now / 2 for now in range(100) if subscription.ping_due(now / 2)]
    assert asked == [0, 2, 4, 6, 8, 18, 28, 38, 48]


def test_the_subscriber_asks_often_when_the_stream_stops() -> None:
    subscription = StreamrSubscription(destination(1), 0, 5000)
    asked = []
    for half in range(2 * 700):
        now = half / 2
        if 10 <= now < 42:
            subscription.note_packet(now)
        if subscription.ping_due(now):
            asked.append(now)
    stopped = [now for now in asked if now >= 42]
    assert [now for now in asked if 20 <= now < 42] == [28, 38]
    assert stopped[:3] == [43, 44, 45]
    assert stopped[-1] - stopped[-2] == 10
    assert len(stopped) < 100


def test_only_the_producers_datagrams_are_part_of_the_stream() -> None:
    subscription = StreamrSubscription(destination(1), 7, 5000)
    assert subscription.is_ours(None, 7, 5000)
    assert subscription.is_ours(destination(1), 7, 5000)
    assert not subscription.is_ours(destination(2), 7, 5000)
    assert not subscription.is_ours(None, 8, 5000)
    assert not subscription.is_ours(None, 7, 5001)
