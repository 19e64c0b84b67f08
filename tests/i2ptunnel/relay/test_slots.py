"""Who loses a place when there are no more."""

from __future__ import annotations

import random

from i2ptunnel.relay.slots import GREEDY_PART, Slot, Slots

TOTAL, EACH = 512, 64


def filled(clients: int, each: int, *, busy: bool = False) -> Slots[int]:
    """Connections of clients by number; the owner is the order in which they came."""
    slots: Slots[int] = Slots()
    for number in range(each):
        for client in range(clients):
            slot = slots.take(client, number * clients + client)
            if busy:
                slot.occupy()
    return slots


def visit(slots: Slots[int], client: str) -> Slot[int] | None:
    """A new connection, as a listener handles it; None: turned away."""
    has_room, victim = slots.has_room(client, TOTAL, EACH)
    if victim is not None:
        victim.free()
    return slots.take(client, -1) if has_room else None


def test_idle_connections_of_a_few_keep_nobody_out() -> None:
    slots = filled(8, EACH)
    for number in range(300):
        slot = visit(slots, f"honest {number}")
        assert slot is not None
        slot.occupy()
        assert len(slots) == TOTAL
    assert {slots.count(client) for client in range(8)} <= {26, 27}


def test_the_greediest_loses_the_one_that_is_idle_for_longest() -> None:
    slots: Slots[int] = Slots()
    greedy = [slots.take("greedy", number) for number in range(4)]
    for number in range(3):
        slots.take("modest", 10 + number)
    greedy[0].occupy()
    greedy[1].occupy()
    greedy[1].relax()
    assert slots.has_room("new", 7, 5) == (True, greedy[2])
    greedy[2].free()
    assert slots.has_room("new", 6, 5) == (True, greedy[3])
    greedy[3].free()
    greedy[1].free()
    assert slots.has_room("greedy", 4, 5) == (True, slots.idlest("modest"))


def test_who_has_all_its_places_gives_up_one_of_its_own() -> None:
    slots = filled(2, EACH)
    has_room, victim = slots.has_room(1, TOTAL, EACH)
    assert has_room and victim is not None and victim.client == 1
    busy = filled(2, EACH, busy=True)
    assert busy.has_room(1, TOTAL, EACH) == (False, None)


def test_busy_connections_go_only_where_a_few_have_most() -> None:
    slots = filled(8, EACH, busy=True)
    for number in range(50):
        assert visit(slots, f"honest {number}") is not None
    modest = int(TOTAL * GREEDY_PART)
    slots = filled(TOTAL // modest, modest, busy=True)
    assert visit(slots, "honest") is None


def test_counts_hold_whatever_happens() -> None:
    chance = random.Random(7)
    slots: Slots[int] = Slots()
    held: list[Slot[int]] = []
    for number in range(5000):
        action = chance.randrange(4)
        if action == 0 or not held:
            client = chance.randrange(9)
            has_room, victim = slots.has_room(client, 40, 12)
            if victim is not None:
                victim.free()
            if has_room:
                held.append(slots.take(client, number))
        elif action == 1:
            held.pop(chance.randrange(len(held))).free()
        elif action == 2:
            chance.choice(held).occupy()
        else:
            chance.choice(held).relax()
        held = [slot for slot in held if not slot.is_free]
        assert len(slots) == len(held) <= 40
        assert slots.idle == sum(slot.is_idle for slot in held)
        assert all(slots.count(c) == sum(s.client == c for s in held) <= 12 for c in range(9))
