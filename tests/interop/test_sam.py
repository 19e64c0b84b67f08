"""SAM: real programs at our bridge, our bridge beside i2pd's, and datagrams between both."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from core.data.encoding import b64decode
from core.data.identity import Destination
from tests.interop.conftest import SAM_PORT, SAM_UDP_PORT, Network
from tests.support import fetch_sam
from tests.support.sam_client import Reply, SamClient, close_all

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

HOPS = (
    "inbound.length=2 outbound.length=2 inbound.quantity=2 outbound.quantity=2 "
    "i2cp.leaseSetEncType=4"
)
#: where i2pd answers otherwise than the specification wants: what, our reply, i2pd's
DIFFERENCES = [
    ("hello ", "HELLO REPLY RESULT=OK VERSION=3.3", "HELLO REPLY RESULT=OK VERSION=3.0"),
    (
        "hello MIN=3.0 MAX=3.9",
        "HELLO REPLY RESULT=OK VERSION=3.3",
        "HELLO REPLY RESULT=OK VERSION=3.0",
    ),
    ("ping", "PONG a b", "PONG a b"),
    ("ping again", "PONG c", ""),
    (
        "unknown name",
        ("NAMING REPLY", "KEY_NOT_FOUND", ("NAME", "RESULT")),
        ("NAMING REPLY", "INVALID_KEY", ("NAME", "RESULT")),
    ),
    (
        "destination twice",
        ("SESSION STATUS", "DUPLICATED_DEST", ("RESULT",)),
        ("SESSION STATUS", "OK", ("DESTINATION", "RESULT")),
    ),
]
_PROGRAMS = Path(__file__).parents[1] / "support"


def drive(work: Coroutine[Any, Any, None]) -> None:
    async def run() -> None:
        try:
            async with asyncio.timeout(240):
                await work
        finally:
            await close_all()

    asyncio.run(run())


async def greeted(host: str, version: str = "3.1") -> SamClient:
    return await SamClient.greeted(SAM_PORT, version, host)


async def session(host: str, name: str, style: str = "STREAM", extra: str = "") -> SamClient:
    control = await greeted(host)
    line = f"SESSION CREATE STYLE={style} ID={name} DESTINATION=TRANSIENT SIGNATURE_TYPE=7"
    reply = await control.ask(f"{line} {HOPS}{extra}", 120)
    assert reply[1].get("RESULT") == "OK", reply
    return control


async def destination_of(control: SamClient) -> str:
    return (await control.ask("NAMING LOOKUP NAME=ME"))[1]["VALUE"]


async def connect(host: str, name: str, target: str) -> SamClient:
    """A stream; a lease set may still be on its way to the floodfills."""
    for _ in range(6):
        client = await greeted(host)
        reply = await client.ask(f"STREAM CONNECT ID={name} DESTINATION={target}", 90)
        if reply[1].get("RESULT") == "OK":
            return client
        await client.close()
        await asyncio.sleep(2)
    raise AssertionError(reply)


# The same script at both bridges


def _shape(reply: Reply) -> tuple[str, str, tuple[str, ...]]:
    """What of a reply may not differ: its words, RESULT, and which values there are."""
    head, values = reply
    return head, values.get("RESULT", ""), tuple(sorted(set(values) - {"MESSAGE"}))


async def _script(host: str, mark: str) -> list[tuple[str, Any]]:
    seen: list[tuple[str, Any]] = []

    async def note(what: str, client: SamClient, line: str) -> Reply:
        reply = await client.ask(line, 120)
        seen.append((what, _shape(reply)))
        return reply

    for bounds in (
        *("MIN=3.0 MAX=3.1", "MIN=3.1 MAX=3.1", "MIN=3.0 MAX=3.3", "MIN=9.0 MAX=9.9"),
        *("", "MIN=3.0 MAX=3.9"),
    ):
        client = await SamClient.connect(SAM_PORT, host)
        await client.send(f"HELLO VERSION {bounds}")
        seen.append((f"hello {bounds}", await client.line()))
    client = await SamClient.connect(SAM_PORT, host)
    client.writer.write(b"GET / HTTP/1.1\r\n\r\n")
    seen.append(("a web page", await client.at_end()))

    client = await greeted(host)
    for what, line in (("ping", "PING a b"), ("ping again", "PING c")):
        try:
            await client.send(line)
            seen.append((what, await client.line()))
        except ConnectionError:
            seen.append((what, ""))
    await note("unknown name", await greeted(host), "NAMING LOOKUP NAME=nobody-has-this.i2p")

    control = await greeted(host)
    create = f"SESSION CREATE STYLE=STREAM ID=script{mark} DESTINATION={{}} {HOPS}"
    generated = await note("generate", control, "DEST GENERATE SIGNATURE_TYPE=7")
    private, public = generated[1]["PRIV"], generated[1]["PUB"]
    seen.append(("sizes", (len(private), len(public), len(b64decode(public)))))
    created = await note("create", control, create.format(private))
    seen.append(("its own key", created[1]["DESTINATION"] == private))
    me = await note("me", control, "NAMING LOOKUP NAME=ME")
    seen.append(("its own name", me[1]["VALUE"] == public))
    b32 = Destination.from_base64(public).b32
    for what, line in (
        ("id twice", create.format("TRANSIENT")),
        ("destination twice", create.format(private).replace("ID=script", "ID=other")),
        ("bad key", create.format("AAAA").replace("ID=script", "ID=third")),
        ("no such style", create.format("TRANSIENT").replace("STREAM ID=script", "STONE ID=4")),
        ("connect without session", f"STREAM CONNECT ID=nobody{mark} DESTINATION={public}"),
        ("accept without session", f"STREAM ACCEPT ID=nobody{mark}"),
        ("connect to nonsense", f"STREAM CONNECT ID=script{mark} DESTINATION=nonsense"),
        ("connect to itself", f"STREAM CONNECT ID=script{mark} DESTINATION={b32}"),
    ):
        await note(what, await greeted(host), line)
    waiting = await greeted(host)
    await note("accept", waiting, f"STREAM ACCEPT ID=script{mark}")
    await control.close()
    seen.append(("the session has ended", await waiting.at_end()))
    return seen


def test_the_bridge_answers_as_i2pds_does(network: Network) -> None:
    async def run() -> None:
        ours, i2pd = await asyncio.gather(
            _script(network.ours.address, "a"), _script(network.i2pd_proxy.address, "b")
        )
        assert [what for what, _ in ours] == [what for what, _ in i2pd]
        known = {what for what, _, _ in DIFFERENCES}
        seen = [
            (what, our, their)
            for (what, our), (_, their) in zip(ours, i2pd, strict=True)
            if our != their or what in known
        ]
        assert seen == DIFFERENCES

    drive(run())


def test_streams_and_datagrams_with_i2pds_bridge(network: Network) -> None:
    async def run() -> None:
        here, there = network.ours.address, network.i2pd_proxy.address
        mine, theirs = await asyncio.gather(session(here, "mine"), session(there, "theirs"))

        async def one_way(to: SamClient, at: tuple[str, str], by: tuple[str, str]) -> None:
            waiting = await greeted(at[0])
            assert (await waiting.ask(f"STREAM ACCEPT ID={at[1]}"))[1]["RESULT"] == "OK"
            client = await connect(*by, await destination_of(to))
            client.writer.write(b"x" * 100_000)
            await waiting.line()
            assert await waiting.reader.readexactly(100_000) == b"x" * 100_000
            waiting.writer.write(b"good bye")
            assert await client.reader.readexactly(8) == b"good bye"
            await waiting.close()
            assert await client.at_end()

        ours, i2pds = (here, "mine"), (there, "theirs")
        await asyncio.gather(one_way(mine, ours, i2pds), one_way(theirs, i2pds, ours))

    drive(run())


def test_datagrams_with_i2pds_bridge(network: Network) -> None:
    async def both_ways(style: str) -> None:
        here, there = network.ours.address, network.i2pd_proxy.address
        mine, theirs = await asyncio.gather(
            session(here, f"my{style}", style), session(there, f"their{style}", style)
        )
        addresses = {mine: await destination_of(mine), theirs: await destination_of(theirs)}
        for sender, receiver in ((mine, theirs), (theirs, mine)):
            line = f"{style} SEND DESTINATION={addresses[receiver]} SIZE=5\nhello"
            for _ in range(40):
                sender.writer.write(line.encode())
                try:
                    head, values = await receiver.reply(1)
                except TimeoutError:
                    continue
                break
            else:
                raise AssertionError("no datagram came")
            assert (head, values["SIZE"]) == (f"{style} RECEIVED", "5")
            if style == "DATAGRAM":
                assert values["DESTINATION"] == addresses[sender]
            assert await receiver.reader.readexactly(5) == b"hello"

    async def run() -> None:
        await asyncio.gather(both_ways("DATAGRAM"), both_ways("RAW"))

    drive(run())


@pytest.mark.slow
def test_a_session_is_there_again_after_a_restart(network: Network) -> None:
    """Programs that do not make it anew: their ACCEPTs and CONNECTs go on with the same ID."""

    async def run() -> None:
        here, there = network.ours.address, network.other.address
        mine, theirs = await asyncio.gather(
            session(here, "lasting", extra=" i2ptunnel.resume=true"), session(there, "visitor")
        )
        target, visitor = await destination_of(mine), await destination_of(theirs)
        await asyncio.to_thread(network.ours.stop)
        assert await mine.at_end()
        network.ours.start()
        await asyncio.to_thread(network.ours.wait_ready, "web")
        for _ in range(60):
            waiting = await greeted(here)
            reply = await waiting.ask("STREAM ACCEPT ID=lasting")
            if reply[1]["RESULT"] == "OK":
                break
            await asyncio.sleep(0.5)
        client = await connect(there, "visitor", target)
        assert await waiting.line() == visitor
        client.writer.write(b"again")
        assert await waiting.reader.readexactly(5) == b"again"
        files = list((network.ours.data_dir / "sam").iterdir())
        assert [file.stat().st_mode & 0o777 for file in files] == [0o600]

    drive(run())


# Programs


class BitcoinCore:
    """What its i2p.cpp says to a bridge, in its order. ``is_persistent``: it listens, too."""

    def __init__(self, host: str, *, is_persistent: bool) -> None:
        self.host = host
        self.is_persistent = is_persistent
        self.private = ""
        self.session = ""
        self.control: SamClient | None = None

    async def hello(self) -> SamClient:
        client = await SamClient.connect(SAM_PORT, self.host)
        reply = await client.ask("HELLO VERSION MIN=3.1 MAX=3.1")
        assert reply == ("HELLO REPLY", {"RESULT": "OK", "VERSION": "3.1"})
        return client

    async def create(self) -> None:
        """A control socket and a session; with the same key whenever it has one."""
        self.session = token_hex(5)
        control = await self.hello()
        if self.is_persistent and not self.private:
            self.private = (await control.ask("DEST GENERATE SIGNATURE_TYPE=7"))[1]["PRIV"]
        key = self.private if self.is_persistent else "TRANSIENT SIGNATURE_TYPE=7"
        quantity = 3 if self.is_persistent else 1
        reply = await control.ask(
            f"SESSION CREATE STYLE=STREAM ID={self.session} DESTINATION={key} "
            f"i2cp.leaseSetEncType=4,0 inbound.quantity={quantity} outbound.quantity={quantity}",
            120,
        )
        assert reply[1]["RESULT"] == "OK", reply
        if not self.is_persistent:
            self.private = reply[1]["DESTINATION"]
        self.control = control

    @property
    def address(self) -> str:
        """It cuts the destination out of its key: 387 bytes and what the certificate says."""
        private = b64decode(self.private)
        size = 387 + int.from_bytes(private[385:387], "big")
        return Destination.from_bytes(private[:size]).b32

    async def accept(self) -> SamClient:
        waiting = await self.hello()
        reply = await waiting.ask(f"STREAM ACCEPT ID={self.session} SILENT=false")
        assert reply == ("STREAM STATUS", {"RESULT": "OK"})
        return waiting

    async def connect(self, address: str) -> SamClient:
        """Lookup and stream on one socket."""
        for _ in range(6):
            asking = await self.hello()
            found = await asking.ask(f"NAMING LOOKUP NAME={address}", 90)
            if found[1]["RESULT"] == "OK":
                target = found[1]["VALUE"]
                line = f"STREAM CONNECT ID={self.session} DESTINATION={target} SILENT=false"
                reply = await asking.ask(line, 90)
                if reply == ("STREAM STATUS", {"RESULT": "OK"}):
                    return asking
            await asking.close()
            await asyncio.sleep(2)
        raise AssertionError(found)


def test_as_bitcoin_core_does_it(network: Network) -> None:
    """A node that only calls, one that listens; this one comes back with its address."""

    async def run() -> None:
        caller = BitcoinCore(network.ours.address, is_persistent=False)
        listener = BitcoinCore(network.other.address, is_persistent=True)
        await asyncio.gather(caller.create(), listener.create())
        address = listener.address
        for is_again in (False, True):
            if is_again:
                assert listener.control is not None
                await listener.control.close()
                await listener.create()
                assert listener.address == address
            waiting = await listener.accept()
            asking = await caller.connect(address)
            # What it takes the peer's address from: 3.1 has no ports behind it.
            peer = Destination.from_base64(await waiting.line())
            assert (len(peer.raw), peer.b32) == (391, caller.address)
            asking.writer.write(b"version")
            assert await waiting.reader.readexactly(7) == b"version"
            waiting.writer.write(b"verack")
            assert await asking.reader.readexactly(6) == b"verack"
        assert listener.control is not None
        await listener.control.close()
        assert await asking.at_end()

    drive(run())


@pytest.mark.parametrize(
    ("program", "answer"),
    [("i2psam", "HELLO"), pytest.param("txi2p", "TWISTED", marks=pytest.mark.slow)],
)
def test_python_programs(network: Network, program: str, answer: str) -> None:
    """i2psam serves, and i2psam or txi2p (Twisted, with a slow parser) asks."""
    script = str(_PROGRAMS / "sam_programs.py")
    words = [fetch_sam.python(), "-W", "ignore", script]
    hosts = [network.ours.address, network.other.address, str(SAM_PORT), str(SAM_UDP_PORT), program]
    done = subprocess.run(
        [*words, *hosts], capture_output=True, text=True, timeout=200, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == answer
