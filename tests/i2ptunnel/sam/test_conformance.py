"""Cases of the specification (samv3.md) that programs meet and other bridges have wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.encoding import b64decode, b64encode
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from tests.i2ptunnel.sam.test_bridge import (
    accept,
    bridge,
    destination_of,
    drive,
    packet_to,
    session,
    udp_socket,
)
from tests.support.deterministic import SeededEntropy
from tests.support.sam_client import SamClient
from tests.support.waiting import eventually


@pytest.mark.parametrize("word", ["QUIT", "STOP", "EXIT"])
def test_words_that_end_a_session(tmp_path: Path, word: str) -> None:
    """And HELP, which ends nothing."""

    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            control = await session(running.port, "one")
            head, values = await control.ask("HELP")
            assert (head, values["RESULT"]) == ("HELP STATUS", "OK")
            assert "SESSION" in values["MESSAGE"]
            head, values = await control.ask(word)
            assert (head, values["RESULT"]) == (f"{word} STATUS", "OK")
            assert await control.at_end()
            await eventually(lambda: network.open_count == 0)

    drive(run())


@pytest.mark.parametrize("range_", ["", " MIN=3", " MAX=3.9", " MIN=3.0 MAX=3.9", " MIN=3 MAX=4"])
def test_a_range_of_versions_gives_the_highest(tmp_path: Path, range_: str) -> None:
    """i2pd falls to MIN if MAX is beyond what it knows."""

    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            client = await SamClient.connect(running.port)
            reply = await client.ask(f"HELLO VERSION{range_}")
            assert reply == ("HELLO REPLY", {"RESULT": "OK", "VERSION": "3.3"})

    drive(run())


def test_a_keep_alive_is_answered_and_the_session_goes_on(tmp_path: Path) -> None:
    """i2pd closes the socket behind its PONG."""

    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            control = await session(running.port, "one")
            for text in ("", " 1700000000 x=y", ' "', " \N{SNOWMAN}"):
                await control.send(f"PING{text}")
                assert await control.line() == f"PONG{text}"
            await control.send("PONG 1")  # the answer to a PING that nobody sent
            assert (await control.ask("NAMING LOOKUP NAME=ME"))[1]["RESULT"] == "OK"

    drive(run())


def test_options_of_a_datagram_do_not_reach_its_destination(tmp_path: Path) -> None:
    """i2pd takes them for a part of the destination."""
    more = "SEND_TAGS=40 TAG_THRESHOLD=30 EXPIRES=60 SEND_LEASESET=true"

    async def run() -> None:
        with udp_socket() as mine:
            async with bridge(tmp_path) as (running, _):
                number = mine.getsockname()[1]
                gate = ("127.0.0.1", running.udp_port)
                for style in ("DATAGRAM", "RAW"):
                    control = await session(running.port, style, style, extra=f" PORT={number}")
                    target = await destination_of(control)
                    line = f"3.3 {style} {target} FROM_PORT=1 TO_PORT=2 {more}\nover UDP"
                    mine.sendto(line.encode(), gate)
                    assert (await packet_to(mine)).endswith(b"over UDP")
                    line = f"{style} SEND DESTINATION={target} SIZE=2 FROM_PORT=3 {more}\nhi"
                    control.writer.write(line.encode())
                    assert (await packet_to(mine)).endswith(b"hi")
                assert running.status()["datagrams_dropped"] == 0

    drive(run())


def test_raw_subsessions_listen_to_protocols_and_ports(tmp_path: Path) -> None:
    """0 is any; the one that says most gets it; what belongs to streams is never theirs."""

    async def run() -> None:
        with udp_socket() as any_, udp_socket() as one:
            async with bridge(tmp_path) as (running, _):
                control = await session(running.port, "main", "PRIMARY")
                target = await destination_of(control)
                add = "SESSION ADD STYLE=RAW ID={} PORT={} HEADER=true LISTEN_PROTOCOL={}"
                ports = [sock.getsockname()[1] for sock in (any_, one)]
                for line, result in (
                    (add.format("any", ports[0], 0) + " LISTEN_PORT=0", "OK"),
                    (add.format("one", ports[1], 77) + " LISTEN_PORT=5", "OK"),
                    (add.format("streams", ports[0], 6), "I2P_ERROR"),
                    ("SESSION ADD STYLE=RAW ID=x PORT=9 PROTOCOL=6", "I2P_ERROR"),
                    ("SESSION ADD STYLE=DATAGRAM ID=x PORT=9 LISTEN_PROTOCOL=18", "I2P_ERROR"),
                    ("SESSION ADD STYLE=DATAGRAM ID=x", "I2P_ERROR"),
                    ("SESSION ADD STYLE=PRIMARY ID=x", "I2P_ERROR"),
                    ("SESSION ADD STYLE=STREAM ID=x DESTINATION=TRANSIENT", "I2P_ERROR"),
                ):
                    assert (await control.ask(line))[1]["RESULT"] == result, line
                gate = ("127.0.0.1", running.udp_port)
                for protocol, port, sock in ((77, 5, one), (77, 6, any_), (78, 5, any_)):
                    line = f"3.3 any {target} PROTOCOL={protocol} TO_PORT={port}\nx"
                    one.sendto(line.encode(), gate)
                    head = f"FROM_PORT=0 TO_PORT={port} PROTOCOL={protocol}\nx"
                    assert await packet_to(sock) == head.encode()

    drive(run())


@pytest.mark.parametrize(
    "option",
    [
        *("PORT=9", "HOST=127.0.0.1", "FROM_PORT=1", "TO_PORT=1"),
        *("PROTOCOL=18", "LISTEN_PORT=1", "LISTEN_PROTOCOL=18"),
    ],
)
def test_what_a_primary_session_itself_has_not(tmp_path: Path, option: str) -> None:
    """Its subsessions have them."""

    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            client = await SamClient.greeted(running.port)
            line = "SESSION CREATE STYLE=PRIMARY ID=one DESTINATION=TRANSIENT SIGNATURE_TYPE=7"
            assert (await client.ask(f"{line} {option}"))[1]["RESULT"] == "I2P_ERROR"
            assert network.open_count == 0
            assert (await client.ask(line))[1]["RESULT"] == "OK"

    drive(run())


def test_an_address_with_an_encrypted_lease_set(tmp_path: Path) -> None:
    """A b33 address is looked up, and connected to, by its own name."""

    async def run() -> None:
        async with bridge(tmp_path) as (running, network):
            one = await session(running.port, "one")
            await session(running.port, "two")
            whole = await destination_of(one)
            destination = Destination.from_base64(whole)
            address = BlindedAddress.of(destination)
            network.blinded[destination.hash] = BlindedTarget(address)
            client = await SamClient.greeted(running.port)
            _, values = await client.ask(f"NAMING LOOKUP NAME={address.host}")
            assert values == {"RESULT": "OK", "NAME": address.host, "VALUE": whole}
            waiting = await accept(running.port, "one")
            reply = await client.ask(f"STREAM CONNECT ID=two DESTINATION={address.host}")
            assert reply[1]["RESULT"] == "OK"
            assert (await waiting.line()).endswith("FROM_PORT=0 TO_PORT=0")
            gone = PrivateKeys.generate_destination(SeededEntropy("gone")).destination
            stranger = BlindedAddress.of(gone)
            other = await SamClient.greeted(running.port)
            _, values = await other.ask(f"NAMING LOOKUP NAME={stranger.host}")
            assert values["RESULT"] == "KEY_NOT_FOUND"

    drive(run())


def test_the_unused_private_key_may_be_anything(tmp_path: Path) -> None:
    """The 256 bytes between destination and signing key: zero from some programs, random from
    others."""
    keys = PrivateKeys.generate_destination(SeededEntropy("mine"))
    blob = b64decode(keys.to_base64())
    size = len(keys.destination.raw)

    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            for number, unused in enumerate((bytes(256), bytes(range(256)))):
                changed = blob[:size] + unused + blob[size + 256 :]
                client = await SamClient.greeted(running.port)
                line = f"SESSION CREATE STYLE=STREAM ID=n{number} DESTINATION={b64encode(changed)}"
                assert (await client.ask(line))[1]["RESULT"] == "OK"
                assert await destination_of(client) == keys.destination.b64
                await client.ask("QUIT")
                assert await client.at_end()

    drive(run())


def test_silence_is_for_connections_and_not_for_forwarding(tmp_path: Path) -> None:
    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            one = await session(running.port, "one")
            await session(running.port, "two")
            target = await destination_of(one)
            waiting = await SamClient.greeted(running.port)
            await waiting.send("STREAM ACCEPT ID=one SILENT=true")
            client = await SamClient.greeted(running.port)
            await client.send(f"STREAM CONNECT ID=two DESTINATION={target} SILENT=true")
            client.writer.write(b"first\n")
            assert await waiting.line() == "first"
            waiting.writer.write(b"second\n")
            assert await client.line() == "second"
            forwarding = await SamClient.greeted(running.port)
            head, values = await forwarding.ask("STREAM FORWARD ID=one PORT=9 SILENT=true")
            assert (head, values["RESULT"]) == ("STREAM STATUS", "OK")

    drive(run())


def test_accepts_one_after_the_other_at_once(tmp_path: Path) -> None:
    """i2pd ends one that is younger than three seconds when another stream comes."""

    async def run() -> None:
        async with bridge(tmp_path) as (running, _):
            one = await session(running.port, "one")
            await session(running.port, "two")
            target = await destination_of(one)
            waiting = [await accept(running.port, "one") for _ in range(3)]
            for number, server in enumerate(waiting):
                client = await SamClient.greeted(running.port)
                line = f"STREAM CONNECT ID=two DESTINATION={target} FROM_PORT={number} TO_PORT=9"
                assert (await client.ask(line))[1]["RESULT"] == "OK"
                peer, _, ports = (await server.line()).partition(" ")
                assert Destination.from_base64(peer)
                assert ports == f"FROM_PORT={number} TO_PORT=9"

    drive(run())
