"""Traces: what is in them, what never is, and what they cost when they are off."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from core.api import Router, RouterConfig, SessionConfig, TraceFile, TunnelShape
from core.data.identity import hash_to_b32
from core.io import tracing
from core.io.files import FileFault
from core.io.tracing import RouterLog
from core.transport.events import TraversalStep
from tests.support.own_network import NETWORK_ID, own_network
from tests.support.waiting import until

WORDS = b"a very private payload"
FIGURES = (int, float, bool, type(None))
#: states and reasons: words of the program itself
STATES = {
    *("inbound", "outbound", "accepted", "declined", "no answer", "peer", "local", "timeout"),
    *("sent", "received"),
    *("idle_timeout", "closed", "expired", "replaced", "shutdown", "connect_timeout"),
}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def traced_run(root: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Two destinations on a network of ours talk; everything that must not be told, in text."""
    secrets = [WORDS.decode()]
    shape = TunnelShape(1, 1)
    async with own_network(root / "net", 3, ends=0) as network:
        routers = []
        for number, names in ((31, ()), (32, ("server",))):
            address = f"127.78.{number}.1"
            config = RouterConfig(
                root / f"r{number}", NETWORK_ID, address, 20078, address,
                allow_private_addresses=True, exploratory_inbound=shape, exploratory_outbound=shape,
            )  # fmt: skip
            router = Router(config, trace=TraceFile(root / f"trace{number}", names))
            await router.start()
            routers.append(router)
            router.import_routers(one.router_info for one in network.routers)
            secrets += [address, hash_to_b32(router.hash), router.hash.hex()]
        client = await routers[0].open_session(SessionConfig("client", None, shape, shape))
        server = await routers[1].open_session(
            SessionConfig("server", None, shape, shape, publish=True)
        )
        other = await routers[1].open_session(SessionConfig("other", None, shape, shape))
        try:
            for session in (server, client, other):
                await session.wait_ready(60)
                secrets += [session.destination.b32, session.destination.b64]
            accepting = asyncio.create_task(server.accept())
            stream = await client.connect(server.destination.hash, initial=WORDS)
            await stream.write(WORDS * 10_000)
            await stream.close_write()
            accepted = await accepting
            got = b""
            while data := await accepted.read():
                got += data
            assert got == WORDS * 10_001
            await accepted.close()
            while await stream.read():
                pass
            ends = [session._engine.streams for session in (client, server)]
            await until("no stream", lambda: not any(len(end.streams) for end in ends))
        finally:
            for router in routers:
                await router.stop()
    return secrets


def test_a_trace_tells_times_sizes_and_states_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "core")
    secrets = asyncio.run(asyncio.wait_for(traced_run(tmp_path, caplog), 100))
    path = tmp_path / "trace31"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    head, *events = lines_of(path)
    assert head == {"format": tracing.FORMAT, "time_unit": "s"}
    names = {event["name"] for event in events}
    assert names >= {
        *("transport:connected", "transport:messages_received"),
        *("tunnel:ready", "tunnel:build_finished"),
        *("streaming:opened", "streaming:connected", "streaming:packets_sent"),
        *("streaming:packet_received", "streaming:closed"),
    }
    times = [event["time"] for event in events]
    assert times == sorted(times) and times[0] == 0
    for event in events:
        assert set(event) == {"time", "name", "id", "data"}
        for key, value in event["data"].items():
            assert isinstance(value, FIGURES) or value in STATES or key == "reason", event
    (closed,) = [event["data"] for event in events if event["name"] == "streaming:closed"]
    assert closed["bytes_sent"] == len(WORDS) * 10_001
    sent = [event["data"] for event in events if event["name"] == "streaming:packets_sent"]
    assert sum(one["count"] for one in sent) == closed["packets_sent"]

    # Only what belongs to one session.
    events = lines_of(tmp_path / "trace32")[1:]
    rooms = {event["name"].partition(":")[0] for event in events}
    assert rooms == {"tunnel", "streaming"}
    ready = [event for event in events if event["name"] == "tunnel:ready"]
    assert len(ready) < 6, "not the router's own, and not those of the other session"

    told = [record.getMessage() for record in caplog.records if record.name.startswith("core.")]
    for word in ("link 1: connected", "build, inbound, 1 hops: accepted", "opened, outbound"):
        assert any(word in line for line in told), word
    everything = "\n".join([path.read_text(), (tmp_path / "trace32").read_text(), *told])
    for secret in secrets:
        assert secret not in everything


def test_a_trace_ends_when_it_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "BYTES_MAX", 1000)
    path = tmp_path / "trace"
    file = TraceFile(path)
    for number in range(1000):
        file.event("room:event", number, float(number), {"size": 7})
    file.close()
    assert len(path.read_text()) < 1100
    assert lines_of(path)[-1]["data"] == {"size": 7}
    with pytest.raises(FileFault):
        TraceFile(tmp_path / "missing" / "trace")
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(FileFault):
        TraceFile(tmp_path / "link")


def test_a_trace_replaces_a_trace_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    for _ in range(2):
        file = TraceFile(path)
        file.event("room:event", 1, 1.0, {"size": 7})
        file.close()
    assert len(lines_of(path)) == 2
    keys = tmp_path / "router.keys"
    keys.write_bytes(bytes(577))
    with pytest.raises(FileFault, match="is no trace; choose another name"):
        TraceFile(keys)
    assert keys.read_bytes() == bytes(577)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFault, match="is no regular file"):
        TraceFile(tmp_path / "pipe")


def test_an_introduction_is_traced_without_its_nonce(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "core")
    file = TraceFile(tmp_path / "trace")
    log = RouterLog(file)
    log.on_link_event(TraversalStep("relay_request", 0xDEADBEEF, is_sent=True), 5.0)
    log.on_link_event(TraversalStep("relay_response", 0xDEADBEEF, is_sent=False, code=64), 5.5)
    file.close()
    _, *events = lines_of(tmp_path / "trace")
    assert [event["name"] for event in events] == ["ssu2:relay_request", "ssu2:relay_response"]
    assert [event["id"] for event in events] == [1, 1]
    assert events[1]["data"] == {"direction": "received", "code": 64}
    told = [record.getMessage() for record in caplog.records]
    assert told[-1] == "introduction or test 1: relay_response received, code 64"
