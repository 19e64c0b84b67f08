"""The bridge as programs see it, over sessions joined in memory."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.api import ensure_certificate, has_ml_kem
from core.base.errors import Unavailable
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.interfaces_model import SamSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.own_doors import Door, OwnDoors
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.tls import server_context
from i2ptunnel.sam import connection, streams
from i2ptunnel.sam.bridge import SamBridge
from tests.support.deterministic import SeededEntropy
from tests.support.sam_bridge import SamNetwork
from tests.support.sam_client import SamClient, close_all
from tests.support.waiting import eventually

CREATE = "SESSION CREATE STYLE={} ID={} DESTINATION=TRANSIENT SIGNATURE_TYPE=7"


def drive(work: Coroutine[Any, Any, None]) -> None:
    async def run() -> None:
        try:
            await work
        finally:
            await close_all()

    asyncio.run(run())


async def session(
    port: int, name: str, style: str = "STREAM", version: str = "3.3", extra: str = ""
) -> SamClient:
    """The control socket of a new session."""
    control = await SamClient.greeted(port, version)
    _, values = await control.ask(CREATE.format(style, name) + extra)
    assert values["RESULT"] == "OK", values
    return control


async def destination_of(control: SamClient) -> str:
    return (await control.ask("NAMING LOOKUP NAME=ME"))[1]["VALUE"]


async def accept(port: int, name: str, version: str = "3.3", extra: str = "") -> SamClient:
    """A connection that waits for a stream."""
    waiting = await SamClient.greeted(port, version)
    reply = await waiting.ask(f"STREAM ACCEPT ID={name}{extra}")
    assert reply == ("STREAM STATUS", {"RESULT": "OK"}), reply
    return waiting


@asynccontextmanager
async def bridge(root: Path, **options: Any) -> AsyncIterator[tuple[SamBridge, SamNetwork]]:
    network = SamNetwork(root)
    async with network.bridge(**options) as running:
        yield running, network


def test_a_stream_from_one_program_to_another(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            port = running.port
            one, two = await session(port, "one"), await session(port, "two")
            waiting = await accept(port, "one")
            connected = await SamClient.greeted(port)
            target = await destination_of(one)
            reply = await connected.ask(
                f"STREAM CONNECT ID=two DESTINATION={target} FROM_PORT=5 TO_PORT=6"
            )
            assert reply == ("STREAM STATUS", {"RESULT": "OK"})
            assert await waiting.line() == f"{await destination_of(two)} FROM_PORT=5 TO_PORT=6"
            connected.writer.write(b"a" * 300_000)
            assert await waiting.reader.readexactly(300_000) == b"a" * 300_000
            waiting.writer.write(b"answer")
            waiting.writer.write_eof()
            assert await connected.reader.read() == b"answer"
            connected.writer.write_eof()
            assert await waiting.at_end()
            await eventually(lambda: running.status()["streams"] == 0)
            status = running.status()
            assert (status["sessions"], status["streams_total"]) == (2, 2)
            assert (status["bytes_to_i2p"], status["bytes_from_i2p"]) == (300_006, 300_006)

    drive(run())


def test_words_behind_the_command_belong_to_the_stream(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            one, _ = await session(running.port, "one"), await session(running.port, "two")
            waiting = await SamClient.greeted(running.port, "3.1")
            await waiting.send("STREAM ACCEPT ID=one SILENT=true")
            connected = await SamClient.connect(running.port)
            target = await destination_of(one)
            await connected.send(
                f"HELLO VERSION\nSTREAM CONNECT ID=two SILENT=true DESTINATION={target}\nfirst"
            )
            assert await connected.line() == "HELLO REPLY RESULT=OK VERSION=3.3"
            assert await waiting.reader.readexactly(6) == b"first\n"

    drive(run())


def test_ports_are_told_from_version_3_2_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            one = await session(running.port, "one", version="3.1")
            two = await session(running.port, "two", version="3.1")
            waiting = await accept(running.port, "one", "3.1")
            connected = await SamClient.greeted(running.port, "3.1")
            await connected.ask(f"STREAM CONNECT ID=two DESTINATION={await destination_of(one)}")
            assert await waiting.line() == await destination_of(two)

    drive(run())


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST ", b"\x16\x03\x01\x02", b"HELP\n"]
)
def test_a_first_line_that_is_no_hello_ends_it_at_once(tmp_path: Path, first: bytes) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            page = await SamClient.connect(running.port)
            page.writer.write(first)
            assert await page.at_end()

    drive(run())


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("HELLO VERSION MIN=3.4", "HELLO REPLY RESULT=NOVERSION"),
        ("HELLO VERSION MIN=x", "HELLO REPLY RESULT=I2P_ERROR "),
        ("HELLO / HTTP/1.1", "HELLO REPLY RESULT=I2P_ERROR "),
        ("HELLO VERSION " + "x" * 20_000, "HELLO REPLY RESULT=I2P_ERROR "),
    ],
)
def test_a_wrong_hello_is_answered_and_ends(tmp_path: Path, line: str, reply: str) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            client = await SamClient.connect(running.port)
            await client.send(line)
            assert (await client.line()).startswith(reply)
            assert await client.at_end()

    drive(run())


def test_wrong_lines_are_answered_and_the_session_stays(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            control = await session(running.port, "one")
            other = await session(running.port, "two")
            for line, head, result in (
                ("NONSENSE", "SESSION STATUS", "I2P_ERROR"),
                ("SESSION", "SESSION STATUS", "I2P_ERROR"),
                (CREATE.format("STREAM", "x"), "SESSION STATUS", "I2P_ERROR"),
                ("SESSION ADD STYLE=STREAM ID=y", "SESSION STATUS", "I2P_ERROR"),
                ("STREAM CONNECT ID=two DESTINATION=x", "STREAM STATUS", "I2P_ERROR"),
                ("NAMING LOOKUP", "NAMING REPLY", "INVALID_KEY"),
                ("NAMING", "NAMING REPLY", "I2P_ERROR"),
                ("NAMING LOOKUP NAME=nobody.i2p", "NAMING REPLY", "KEY_NOT_FOUND"),
                ("NAMING LOOKUP NAME=bad.b32.i2p", "NAMING REPLY", "INVALID_KEY"),
                ("DEST GENERATE SIGNATURE_TYPE=77", "DEST REPLY", "I2P_ERROR"),
                ("DATAGRAM SEND DESTINATION=x SIZE=1\n.", "DATAGRAM STATUS", "I2P_ERROR"),
                ("AUTH ADD USER=x PASSWORD=y", "AUTH STATUS", "I2P_ERROR"),
                ('PING "unclosed', "PONG", ""),
                ("HELLO VERSION", "HELLO REPLY", "I2P_ERROR"),
            ):
                answer, values = await control.ask(line)
                assert answer.startswith(head), line
                assert values.get("RESULT", "") == result, line
                if line.startswith("DATAGRAM"):
                    await control.send("")  # the line that SIZE has left over
            assert (await other.ask("PING"))[0] == "PONG"
            assert network.open_count == 2

    drive(run())


def test_a_line_without_end_ends_its_own_connection_only(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            control = await session(running.port, "one")
            client = await SamClient.greeted(running.port)
            client.writer.write(b"NAMING LOOKUP NAME=" + b"x" * 100_000)
            assert (await client.reply())[1]["RESULT"] == "I2P_ERROR"
            assert await client.at_end()
            assert (await control.ask("PING still there"))[0] == "PONG still"

    drive(run())


def test_streams_to_and_from_sessions_that_are_not_there(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            control = await session(running.port, "one")
            gone = network.session("gone").destination
            await network.sessions[gone.hash].close()
            for line, result in (
                ("STREAM CONNECT ID=nobody DESTINATION=x", "INVALID_ID"),
                ("STREAM ACCEPT ID=nobody", "INVALID_ID"),
                ("STREAM FORWARD ID=nobody PORT=1", "INVALID_ID"),
                ("STREAM CONNECT ID=one DESTINATION=nonsense", "INVALID_KEY"),
                ("STREAM CONNECT ID=one DESTINATION=nobody.i2p", "INVALID_KEY"),
                (f"STREAM CONNECT ID=one DESTINATION={gone.b32}", "CANT_REACH_PEER"),
                (
                    f"STREAM CONNECT ID=one DESTINATION={await destination_of(control)}",
                    "CANT_REACH_PEER",
                ),
            ):
                client = await SamClient.greeted(running.port)
                assert (await client.ask(line))[1]["RESULT"] == result, line
                assert await client.at_end()
            for line in (
                f"STREAM CONNECT ID=one DESTINATION={gone.b32}",
                "STREAM CONNECT ID=nobody DESTINATION=x",
                "STREAM ACCEPT ID=nobody",
            ):
                silent = await SamClient.greeted(running.port)
                await silent.send(f"{line} SILENT=true")
                assert await silent.at_end()
            network.failures[gone.hash] = "connect_timeout"
            client = await SamClient.greeted(running.port)
            reply = await client.ask(f"STREAM CONNECT ID=one DESTINATION={gone.b32}")
            assert reply[1]["RESULT"] == "TIMEOUT"

    drive(run())


def test_ids_and_destinations_are_given_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            keys = PrivateKeys.generate_destination(SeededEntropy("mine")).to_base64()
            first = await SamClient.greeted(running.port)
            line = "SESSION CREATE STYLE=STREAM ID={} DESTINATION={}"
            _, values = await first.ask(line.format("one", keys))
            assert values == {"RESULT": "OK", "DESTINATION": keys}
            second = await SamClient.greeted(running.port)
            assert (await second.ask(line.format("one", "TRANSIENT")))[1][
                "RESULT"
            ] == "DUPLICATED_ID"
            assert (await second.ask(line.format("one", keys)))[1]["RESULT"] == "DUPLICATED_ID"
            assert (await second.ask(line.format("two", keys)))[1]["RESULT"] == "DUPLICATED_DEST"
            for wrong in ("AAAA", keys[:-8], "TRANSIENTX", "ü"):
                assert (await second.ask(line.format("two", wrong)))[1]["RESULT"] == "INVALID_KEY"
            assert (await second.ask(line.format("two", "TRANSIENT")))[1]["RESULT"] == "OK"
            await first.close()
            await eventually(lambda: network.open_count == 1)
            third = await SamClient.greeted(running.port)
            assert (await third.ask(line.format("one", keys)))[1]["RESULT"] == "OK"

    drive(run())


def test_a_session_ends_with_its_control_socket_and_its_streams_too(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            one, two = await session(running.port, "one"), await session(running.port, "two")
            target = await destination_of(one)
            waiting = await accept(running.port, "one")
            more = await accept(running.port, "one")
            connected = await SamClient.greeted(running.port)
            await connected.ask(f"STREAM CONNECT ID=two DESTINATION={target}")
            await waiting.line()
            assert (await one.ask("QUIT"))[0] == "QUIT STATUS"
            assert await one.at_end()
            assert await waiting.at_end()
            assert await more.at_end()
            assert await connected.at_end()
            await eventually(lambda: network.open_count == 1)
            assert (await two.ask("PING"))[0] == "PONG"
            again = await SamClient.greeted(running.port)
            assert (await again.ask("STREAM ACCEPT ID=one"))[1]["RESULT"] == "INVALID_ID"

    drive(run())


def test_a_program_that_leaves_while_its_session_is_made(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            network.starts_ready = False
            client = await SamClient.greeted(running.port)
            await client.send(CREATE.format("STREAM", "one"))
            await eventually(lambda: network.open_count == 1)
            await client.close()
            await eventually(lambda: network.open_count == 0)
            network.starts_ready = True
            await session(running.port, "one")

    drive(run())


def test_several_accepts_wait_and_streams_wait_for_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            one = await session(running.port, "one")
            await session(running.port, "two")
            target = await destination_of(one)

            async def connect(text: bytes) -> SamClient:
                client = await SamClient.greeted(running.port)
                await client.ask(f"STREAM CONNECT ID=two DESTINATION={target}")
                client.writer.write(text)
                return client

            waiting = [await accept(running.port, "one") for _ in range(3)]
            for index in range(3):
                await connect(b"%d" % index)
            for index, client in enumerate(waiting):
                await client.line()
                assert await client.reader.readexactly(1) == b"%d" % index
            await connect(b"x")
            late = await accept(running.port, "one")
            await late.line()
            assert await late.reader.readexactly(1) == b"x"
            monkeypatch.setattr(streams, "WAITING_S", 0.05)
            expired = await connect(b"y")
            assert await expired.at_end()

    drive(run())


def test_an_accept_that_is_given_up_loses_no_stream(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            one = await session(running.port, "one")
            await session(running.port, "two")
            target = await destination_of(one)
            gone, stays = await accept(running.port, "one"), await accept(running.port, "one")
            await gone.close()
            incoming = running._parts.sessions.get("one", "").incoming
            assert incoming is not None
            await eventually(lambda: incoming.pending == 1)
            client = await SamClient.greeted(running.port)
            await client.ask(f"STREAM CONNECT ID=two DESTINATION={target}")
            client.writer.write(b"z")
            await stays.line()
            assert await stays.reader.readexactly(1) == b"z"

    drive(run())


def test_no_more_accepts_wait_than_can_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            monkeypatch.setattr(streams, "ACCEPTS_MAX", 2)
            await session(running.port, "one")
            for _ in range(2):
                await accept(running.port, "one")
            third = await SamClient.greeted(running.port)
            assert (await third.ask("STREAM ACCEPT ID=one"))[1]["RESULT"] == "I2P_ERROR"

    drive(run())


def test_streams_are_forwarded_to_the_programs_own_server(tmp_path: Path) -> None:
    async def run() -> None:
        heard: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readline())
            writer.write(b"you said " + await reader.readexactly(2))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        number = server.sockets[0].getsockname()[1]
        async with server, bridge(tmp_path) as (running, _):
            one, two = await session(running.port, "one"), await session(running.port, "two")
            target = await destination_of(one)
            for host in (" HOST=10.0.0.1", " HOST=example.com"):
                refused = await SamClient.greeted(running.port)
                reply = await refused.ask(f"STREAM FORWARD ID=one PORT={number}{host}")
                assert reply[1]["RESULT"] == "I2P_ERROR"
            forwarding = await SamClient.greeted(running.port)
            line = f"STREAM FORWARD ID=one PORT={number}"
            assert (await forwarding.ask(line))[1]["RESULT"] == "OK"
            for other in (line, "STREAM ACCEPT ID=one"):
                refused = await SamClient.greeted(running.port)
                assert (await refused.ask(other))[1]["RESULT"] == "I2P_ERROR"
            client = await SamClient.greeted(running.port)
            await client.ask(f"STREAM CONNECT ID=two DESTINATION={target} TO_PORT=9")
            client.writer.write(b"hi")
            assert await client.reader.read() == b"you said hi"
            assert heard == [f"{await destination_of(two)} FROM_PORT=0 TO_PORT=9\n".encode()]
            await forwarding.close()
            await eventually(lambda: running._parts.sessions.get("one", "").carriers == set())
            await accept(running.port, "one")

    drive(run())


def test_forwarding_over_tls(tmp_path: Path) -> None:
    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"safe: " + await reader.readline())
            writer.close()

        certificate = tmp_path / "cert.pem"
        ensure_certificate(certificate, ["somebody.example"])
        context = server_context(certificate, None)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        number = server.sockets[0].getsockname()[1]
        async with server, bridge(tmp_path) as (running, _):
            one = await session(running.port, "one")
            await session(running.port, "two")
            forwarding = await SamClient.greeted(running.port)
            line = f"STREAM FORWARD ID=one PORT={number} SSL=true SILENT=true"
            assert (await forwarding.ask(line))[1]["RESULT"] == "OK"
            client = await SamClient.greeted(running.port)
            await client.ask(f"STREAM CONNECT ID=two DESTINATION={await destination_of(one)}")
            client.writer.write(b"hello\n")
            assert await client.reader.readline() == b"safe: hello\n"

    drive(run())


def test_a_server_that_is_not_there_resets_the_stream(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            with socket.socket() as unused:
                unused.bind(("127.0.0.1", 0))
                number = unused.getsockname()[1]
                one = await session(running.port, "one")
                await session(running.port, "two")
                forwarding = await SamClient.greeted(running.port)
                await forwarding.ask(f"STREAM FORWARD ID=one PORT={number}")
                client = await SamClient.greeted(running.port)
                await client.ask(f"STREAM CONNECT ID=two DESTINATION={await destination_of(one)}")
                assert await client.at_end()

    drive(run())


def test_forwarding_leads_to_no_listener_of_ours(tmp_path: Path) -> None:
    async def run() -> None:
        server = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", 0)
        own = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        doors = OwnDoors((Door(own, False, (), "ours"),))
        async with server, bridge(tmp_path, own_doors=doors) as (running, _):
            one = await session(running.port, "one")
            await session(running.port, "two")
            forwarding = await SamClient.greeted(running.port)
            await forwarding.ask(f"STREAM FORWARD ID=one PORT={own.port}")
            client = await SamClient.greeted(running.port)
            await client.ask(f"STREAM CONNECT ID=two DESTINATION={await destination_of(one)}")
            assert await client.at_end()

    drive(run())


def udp_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


async def packet_to(sock: socket.socket) -> bytes:
    async with asyncio.timeout(10):
        return await asyncio.get_running_loop().sock_recv(sock, 65536)


@pytest.mark.parametrize("style", ["DATAGRAM", "DATAGRAM2", "DATAGRAM3"])
def test_datagrams_over_udp_both_ways(tmp_path: Path, style: str) -> None:
    async def run() -> None:
        with udp_socket() as mine, udp_socket() as theirs:
            async with bridge(tmp_path) as (running, _):
                ports = [sock.getsockname()[1] for sock in (mine, theirs)]
                one = await session(running.port, "one", style, extra=f" PORT={ports[0]}")
                two = await session(
                    running.port, "two", style, extra=f" PORT={ports[1]} FROM_PORT=3 TO_PORT=4"
                )
                one_is, two_is = await destination_of(one), await destination_of(two)
                gate = ("127.0.0.1", running.udp_port)
                for target in (two_is, Destination.from_base64(two_is).b32):
                    mine.sendto(f"3.0 one {target} FROM_PORT=1\nto\ntwo".encode(), gate)
                    head, _, payload = (await packet_to(theirs)).partition(b"\n")
                    source, _, told = head.decode().partition(" ")
                    if style == "DATAGRAM3":
                        assert len(source) == 44
                    else:
                        assert source == one_is
                    assert (told, payload) == ("FROM_PORT=1 TO_PORT=0", b"to\ntwo")
                theirs.sendto(f"3.3 two {one_is}\nback".encode(), gate)
                assert (await packet_to(mine)).endswith(b" FROM_PORT=3 TO_PORT=4\nback")
                for wrong in (b"nonsense", b"3.0 nobody x\ny", b"3.0 one AAAA\ny"):
                    mine.sendto(wrong, gate)
                await eventually(lambda: running.status()["datagrams_dropped"] == 3)
                assert running.status()["datagrams_sent"] == 3

    drive(run())


def test_datagrams_over_the_control_socket(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            one = await session(running.port, "one", "DATAGRAM")
            two = await session(running.port, "two", "DATAGRAM", version="3.1")
            one_is, two_is = await destination_of(one), await destination_of(two)
            await one.send(f"DATAGRAM SEND DESTINATION={two_is} SIZE=3\na\nb" + "PING x")
            head, values = await two.reply()
            assert (head, values) == ("DATAGRAM RECEIVED", {"DESTINATION": one_is, "SIZE": "3"})
            assert await two.reader.readexactly(3) == b"a\nb"
            assert await one.line() == "PONG x"
            raw = await session(running.port, "raw", "RAW", extra=" PROTOCOL=77")
            target = await destination_of(raw)
            await raw.send(f"RAW SEND DESTINATION={target} SIZE=2 FROM_PORT=8\nhi")
            head, values = await raw.reply()
            assert values == {"SIZE": "2", "FROM_PORT": "8", "TO_PORT": "0", "PROTOCOL": "77"}

    drive(run())


def test_a_datagram_of_unknown_size_ends_its_connection(tmp_path: Path) -> None:
    """What follows might be taken for commands."""

    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            other = await session(running.port, "other")
            for words in ("", " SIZE=0", " SIZE=9999999", " SIZE=x"):
                control = await session(running.port, "one", "DATAGRAM")
                await control.send(f"DATAGRAM SEND DESTINATION=x{words}\nSESSION REMOVE ID=other")
                assert (await control.reply())[1]["RESULT"] == "I2P_ERROR"
                assert await control.at_end()
            control = await session(running.port, "one", "DATAGRAM")
            await control.send(
                "DATAGRAM SEND DESTINATION=x SIZE=40000\n" + "QUIT\n" * 8000 + "PING"
            )
            assert (await control.reply())[1]["RESULT"] == "I2P_ERROR"
            assert await control.line() == "PONG"
            assert await other.ask("PING") == ("PONG", {})

    drive(run())


def test_raw_datagrams_have_a_header_if_it_is_asked_for(tmp_path: Path) -> None:
    async def run() -> None:
        with udp_socket() as mine:
            async with bridge(tmp_path) as (running, _):
                number = mine.getsockname()[1]
                for name, extra, head in (
                    ("plain", "", b""),
                    ("headed", " HEADER=true", b"FROM_PORT=0 TO_PORT=0 PROTOCOL=18\n"),
                ):
                    control = await session(
                        running.port, name, "RAW", extra=f" PORT={number}{extra}"
                    )
                    target = await destination_of(control)
                    gate = ("127.0.0.1", running.udp_port)
                    mine.sendto(f"3.2 {name} {target}\nraw".encode(), gate)
                    assert await packet_to(mine) == head + b"raw"

    drive(run())


def test_a_primary_session_sorts_by_protocol_and_port(tmp_path: Path) -> None:
    async def run() -> None:
        with udp_socket() as mine:
            async with bridge(tmp_path) as (running, network):
                number = mine.getsockname()[1]
                control = await session(running.port, "main", "PRIMARY")
                target = await destination_of(control)
                for line, result in (
                    ("SESSION ADD STYLE=STREAM ID=web FROM_PORT=80", "OK"),
                    ("SESSION ADD STYLE=STREAM ID=any", "OK"),
                    (f"SESSION ADD STYLE=RAW ID=dht PORT={number} HEADER=true", "OK"),
                    (f"SESSION ADD STYLE=DATAGRAM ID=sig PORT={number}", "OK"),
                    ("SESSION ADD STYLE=RAW ID=bare", "I2P_ERROR"),
                    ("SESSION ADD STYLE=STREAM ID=web FROM_PORT=81", "DUPLICATED_ID"),
                    ("SESSION ADD STYLE=STREAM ID=twice FROM_PORT=80", "I2P_ERROR"),
                    ("SESSION REMOVE ID=nobody", "INVALID_ID"),
                ):
                    assert (await control.ask(line))[1]["RESULT"] == result, line
                await session(running.port, "peer")
                web, other = await accept(running.port, "web"), await accept(running.port, "any")
                for to_port, waiting in ((81, other), (80, web)):
                    client = await SamClient.greeted(running.port)
                    await client.ask(
                        f"STREAM CONNECT ID=peer DESTINATION={target} TO_PORT={to_port}"
                    )
                    assert (await waiting.line()).endswith(f" TO_PORT={to_port}")
                refused = await SamClient.greeted(running.port)
                assert (await refused.ask("STREAM ACCEPT ID=main"))[1]["RESULT"] == "I2P_ERROR"
                gate = ("127.0.0.1", running.udp_port)
                mine.sendto(f"3.3 dht {target} PROTOCOL=18 TO_PORT=9\nraw".encode(), gate)
                assert await packet_to(mine) == b"FROM_PORT=0 TO_PORT=9 PROTOCOL=18\nraw"
                mine.sendto(f"3.3 sig {target}\nsigned".encode(), gate)
                assert (await packet_to(mine)).endswith(b"\nsigned")
                assert (await control.ask("SESSION REMOVE ID=web"))[1]["RESULT"] == "OK"
                assert await web.at_end()
                gone = await SamClient.greeted(running.port)
                assert (await gone.ask("STREAM ACCEPT ID=web"))[1]["RESULT"] == "INVALID_ID"
                assert network.open_count == 2
                await control.close()
                await eventually(lambda: network.open_count == 1)
                assert await other.at_end()

    drive(run())


def test_a_primary_session_needs_its_version(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            client = await SamClient.greeted(running.port, "3.2")
            for style in ("PRIMARY", "MASTER"):
                reply = await client.ask(CREATE.format(style, "one"))
                assert reply[1]["RESULT"] == "I2P_ERROR"

    drive(run())


def test_lookups_need_no_session_and_tell_options(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            control = await session(
                running.port, "one", extra=' i2cp.leaseSetOption.0="_smtp._tcp=1 86400 0 0 25 x"'
            )
            whole = await destination_of(control)
            destination = Destination.from_base64(whole)
            (tmp_path / "hosts.txt").write_text(f"known.i2p={whole}\n")
            client = await SamClient.greeted(running.port)
            for name in (destination.b32, whole, "known.i2p"):
                head, values = await client.ask(f"NAMING LOOKUP NAME={name}")
                assert head == "NAMING REPLY"
                assert values == {"RESULT": "OK", "NAME": name, "VALUE": whole}
            _, values = await client.ask(f"NAMING LOOKUP NAME={whole} OPTIONS=true")
            assert values["OPTION:_smtp._tcp"] == "1 86400 0 0 25 x"
            other = network.session("offline").destination
            network.naming.known[other.hash] = other
            del network.sessions[other.hash]
            assert (await client.ask(f"NAMING LOOKUP NAME={other.b32}"))[1]["RESULT"] == "OK"
            _, values = await client.ask(f"NAMING LOOKUP NAME={other.b32} OPTIONS=true")
            assert values["RESULT"] == "LEASESET_NOT_FOUND"
            unknown = "a" * 52 + ".b32.i2p"
            assert (await client.ask(f"NAMING LOOKUP NAME={unknown}"))[1][
                "RESULT"
            ] == "KEY_NOT_FOUND"
            assert (await client.ask("NAMING LOOKUP NAME=ME"))[1]["RESULT"] == "INVALID_KEY"

    drive(run())


@pytest.mark.parametrize(
    ("kind", "number"),
    [("", 0), (" SIGNATURE_TYPE=7", 7), (" SIGNATURE_TYPE=RedDSA_SHA512_Ed25519", 11)],
)
def test_generated_keys_make_a_session(tmp_path: Path, kind: str, number: int) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            client = await SamClient.greeted(running.port)
            head, values = await client.ask(f"DEST GENERATE{kind}")
            assert head == "DEST REPLY"
            assert Destination.from_base64(values["PUB"]).signing_type == number
            reply = await client.ask(
                f"SESSION CREATE STYLE=STREAM ID=x DESTINATION={values['PRIV']}"
            )
            assert reply[1]["RESULT"] == "OK"
            assert await destination_of(client) == values["PUB"]

    drive(run())


def test_offline_keys_sign_all_but_the_first_format(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            master = PrivateKeys.generate_destination(SeededEntropy("master"))
            good = master.authorise_transient(SeededEntropy("t"), 4_000_000_000).to_base64()
            old = master.authorise_transient(SeededEntropy("t"), 1_000_000_000).to_base64()
            client = await SamClient.greeted(running.port)
            line = "SESSION CREATE STYLE={} ID=x DESTINATION={}"
            assert (await client.ask(line.format("DATAGRAM", good)))[1]["RESULT"] == "I2P_ERROR"
            assert (await client.ask(line.format("STREAM", old)))[1]["RESULT"] == "INVALID_KEY"
            _, values = await client.ask(line.format("DATAGRAM2", good))
            assert values == {"RESULT": "OK", "DESTINATION": good}

    drive(run())


def test_options_reach_the_router(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            await session(
                running.port,
                "one",
                extra=" inbound.length=1 outbound.quantity=4 i2cp.leaseSetEncType=6,4 "
                "inbound.nickname=torrents i2p.streaming.maxWindowSize=99 whatever=x",
            )
            config = network.opened[0].config
            assert (config.inbound.length, config.outbound.quantity) == (1, 4)
            assert (config.name, config.publish) == ("sam torrents", True)
            assert config.streaming.window_max == 99
            assert config.encryption_types == ((6, 4) if has_ml_kem() else (4,))
            await session(running.port, "two")
            assert network.opened[1].config.encryption_types == (4,)

    drive(run())


def test_idle_connections_end_and_sessions_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            control = await session(running.port, "one")
            for name in ("HELLO_S", "COMMAND_S", "IDLE_S"):
                monkeypatch.setattr(connection, name, 0.05)
            silent = await SamClient.connect(running.port)
            assert (await silent.line()).startswith("HELLO REPLY RESULT=I2P_ERROR")
            assert await silent.at_end()
            idle = await SamClient.greeted(running.port)
            assert (await idle.line()).startswith("SESSION STATUS RESULT=I2P_ERROR")
            assert await idle.at_end()
            assert (await control.ask("PING"))[0] == "PONG"

    drive(run())


def test_there_are_not_more_sessions_than_allowed(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path, max_sessions=2) as (running, _):
            for name in ("one", "two"):
                await session(running.port, name)
            third = await SamClient.greeted(running.port)
            assert (await third.ask(CREATE.format("STREAM", "x")))[1]["RESULT"] == "I2P_ERROR"

    drive(run())


def test_half_open_connections_keep_nobody_out(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path, max_connections=8) as (running, _):
            control = await session(running.port, "one")
            for _ in range(40):
                await SamClient.connect(running.port)
            await session(running.port, "two")
            assert (await control.ask("PING"))[0] == "PONG"

    drive(run())


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_sessions_leave_nothing(tmp_path: Path, count: int) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            await (await session(running.port, "first")).close()
            await eventually(lambda: not network.open_count)
            tasks = len(asyncio.all_tasks())
            for index in range(count):
                control = await session(running.port, f"s{index % 7}")
                if index % 5 == 0:
                    waiting = await accept(running.port, f"s{index % 7}")
                    await control.close()
                    assert await waiting.at_end()
                else:
                    await control.ask("QUIT")
                await control.close()
                await eventually(lambda: not network.open_count)
            await eventually(lambda: running.status()["connections_open"] == 0)
            network.opened.clear()
            network.sessions.clear()
            gc.collect()
            assert len(asyncio.all_tasks()) <= tasks
            assert running.status()["sessions"] == 0
            alive = [
                one for one in gc.get_objects() if isinstance(one, connection.Connection | Accepted)
            ]
            assert len(alive) <= 2

    drive(run())


def test_the_bridge_gives_everything_back(tmp_path: Path) -> None:
    async def run() -> None:
        network = SamNetwork(tmp_path)
        async with network.bridge() as running:
            control = await session(running.port, "one")
            await accept(running.port, "one")
            section = SamSection(listen=Endpoint("127.0.0.1", running.port), udp=None)
        assert await control.at_end()
        assert network.open_count == 0
        async with network.bridge(section=section) as again:
            assert again.udp_port == 0
            await again.check()
            with pytest.raises(Unavailable):
                async with network.bridge(section=section):
                    pass

    drive(run())


def test_a_program_that_is_shut_in_is_led_nowhere(tmp_path: Path) -> None:
    """No forwarding of streams or datagrams to this machine, and nothing left on its disk."""

    async def run() -> None:
        network = SamNetwork(tmp_path)
        async with network.bridge(is_shut_in=True) as bridge:
            port = bridge.port
            await session(port, "in")
            lines = (
                "STREAM FORWARD ID=in PORT=80",
                CREATE.format("DATAGRAM", "d") + " PORT=80",
                CREATE.format("STREAM", "r") + " i2ptunnel.resume=true",
            )
            for line in lines:
                _, values = await (await SamClient.greeted(port)).ask(line)
                assert values["RESULT"] == "I2P_ERROR", line
            primary = await session(port, "primary", "PRIMARY")
            line = "SESSION ADD STYLE=RAW ID=sub PORT=80"
            assert (await primary.ask(line))[1]["RESULT"] == "I2P_ERROR"
            assert not (tmp_path / "sam").exists()

    drive(run())
