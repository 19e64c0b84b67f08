"""UPnP orders in a child process: what becomes of them, whatever the gateway answers."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator

import pytest

from core.io.upnp import carry_out, parse_outcome
from core.nat.mapper import LEASE_S, UpnpOutcome, UpnpWanted
from tests.support.fake_igd import DESCRIPTION, FakeIgd

OWN_PORT = 23456


def ask(igd: FakeIgd, lifetime_s: int = LEASE_S, time_s: int = 15, **external: int) -> UpnpOutcome:
    wanted = UpnpWanted("127.0.0.1", "127.0.0.1", OWN_PORT, lifetime_s, external)

    async def main() -> UpnpOutcome:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[UpnpOutcome] = loop.create_future()
        thread = carry_out(wanted, loop, done.set_result, location=igd.location, time_s=time_s)
        async with asyncio.timeout(60):
            outcome = await done
        await asyncio.to_thread(thread.join)
        return outcome

    return asyncio.run(main())


def test_both_protocols_are_mapped_and_deleted() -> None:
    with FakeIgd() as igd:
        ports = {"tcp": OWN_PORT, "udp": OWN_PORT}
        assert ask(igd) == UpnpOutcome("8.8.4.1", ports, LEASE_S)
        mapped = "127.0.0.1", OWN_PORT, LEASE_S
        assert igd.mapped == {("TCP", OWN_PORT): mapped, ("UDP", OWN_PORT): mapped}
        assert ask(igd, 0, **ports).failure == "nothing was mapped"
        assert igd.mapped == {}


def test_a_port_that_is_taken_and_leases_that_must_be_permanent() -> None:
    with FakeIgd() as igd:
        igd.taken = {OWN_PORT, OWN_PORT + 1}
        igd.is_permanent_only = True
        port = OWN_PORT + 2
        assert ask(igd) == UpnpOutcome("8.8.4.1", {"tcp": port, "udp": port}, 0)
        igd.mapped.clear()
        assert ask(igd, tcp=5, udp=6).ports == {"tcp": 5, "udp": 6}


def test_a_refusal_is_told() -> None:
    with FakeIgd() as igd:
        igd.refuses = "606"
        assert "refuses" in ask(igd).failure


def endless(first: bytes, more: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: itertools.chain([first], itertools.repeat(more))


def slow() -> Iterator[bytes]:
    for byte in itertools.cycle(DESCRIPTION.encode()):
        time.sleep(0.05)
        yield bytes([byte])


@pytest.mark.parametrize(
    "description",
    [
        lambda: iter([b""]),
        lambda: iter([b"\0\xff" * 10_000]),
        lambda: iter([b"<a>" * 100_000]),
        lambda: iter([b'<!DOCTYPE a [<!ENTITY b "' + b"c" * 9999 + b'">]><a>&b;&b;</a>']),
        lambda: iter([b"<root><controlURL>" + b"/" * 500_000 + b"</controlURL></root>"]),
        endless(DESCRIPTION.encode()[:300], b"<device>" * 8192),
        endless(b"<root>", b"x" * 65536),
        slow,
    ],
    ids=["empty", "binary", "nested", "entities", "long", "endless tags", "endless text", "slow"],
)
def test_a_hostile_description_costs_a_bounded_time_and_nothing_else(
    description: Callable[[], Iterator[bytes]],
) -> None:
    with FakeIgd(description) as igd:
        began = time.monotonic()
        outcome = ask(igd, time_s=4)
        assert outcome.failure
        assert outcome.ports is None
        assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'"x"',
        b"[" * 4096,
        json.dumps({"address": "8.8.4.1", "ports": {"tcp": 0}, "lifetime_s": 1}).encode(),
        json.dumps({"address": "8.8.4.1", "ports": {"tcp": 65536}, "lifetime_s": 1}).encode(),
        json.dumps({"address": "8.8.4.1", "ports": {"tcp": True}, "lifetime_s": 1}).encode(),
        json.dumps({"address": "8.8.4.1", "ports": {"sctp": 5}, "lifetime_s": 1}).encode(),
        json.dumps({"address": "8.8.4.1", "ports": {"tcp": 5}, "lifetime_s": -1}).encode(),
        json.dumps({"address": 8, "ports": {"tcp": 5}, "lifetime_s": 1}).encode(),
        json.dumps({"address": "8" * 500, "ports": {"tcp": 5}, "lifetime_s": 1}).encode(),
    ],
)
def test_nothing_that_the_child_says_is_believed_without_a_look(answer: bytes) -> None:
    outcome = parse_outcome(answer)
    assert outcome.failure
    assert outcome.ports is None


def test_a_failure_is_short_and_printable() -> None:
    outcome = parse_outcome(json.dumps({"failure": "\x1b[2J" + "no " * 500}).encode())
    assert len(outcome.failure) <= 200
    assert outcome.failure.isprintable()
