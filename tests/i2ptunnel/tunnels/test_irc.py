"""``ircclient``, ``ircserver``, ``socksirctunnel`` and DCC, from socket to socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from core.data.encoding import b32encode
from i2ptunnel.config.client_models import IrcClientSection, SocksIrcSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import IrcServerSection
from i2ptunnel.config.tunnel_parts import IrcIdentitySection, TunnelSection
from i2ptunnel.relay import dcc
from i2ptunnel.tunnels import ircserver
from i2ptunnel.tunnels.base import Tunnel
from i2ptunnel.tunnels.private_words import machine_words
from tests.support.loopback_session import LoopbackNetwork
from tests.support.tunnel_bench import ANY_PORT, TableResolver, port_of, running
from tests.support.waiting import eventually

SERVER = (DestinationName("irc.i2p"),)


@dataclass
class FakeIrcd:
    """Keeps what it gets, answers PING and CAP, and passes PRIVMSG on to everybody else."""

    received: list[bytearray] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = bytearray()
        self.received.append(got)
        self.writers.append(writer)
        try:
            while line := await reader.readline():
                got += line
                if line.startswith(b"PING"):
                    writer.write(b":irc.i2p PONG irc.i2p " + line.split()[1] + b"\r\n")
                elif line.startswith(b"CAP LS"):
                    writer.write(b":irc.i2p CAP * LS :sasl sts=port=6697\r\n")
                elif line.startswith(b"PRIVMSG"):
                    for other in self.writers:
                        if other is not writer:
                            other.write(b":eve!e@x " + line)
        finally:
            writer.close()

    @property
    def everything(self) -> bytes:
        return b"".join(self.received)


@asynccontextmanager
async def ircd() -> AsyncIterator[FakeIrcd]:
    fake = FakeIrcd()
    listening = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = listening.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        listening.close()


@asynccontextmanager
async def irc_pair(
    client: TunnelSection, **server: Any
) -> AsyncIterator[tuple[Tunnel[Any], Tunnel[Any], FakeIrcd, LoopbackNetwork]]:
    """A client tunnel, the server tunnel and a server behind it."""
    network, resolver = LoopbackNetwork(), TableResolver({})
    async with ircd() as fake:
        section = IrcServerSection(target=Endpoint("127.0.0.1", fake.port), **server)
        async with (
            running("far", section, network, resolver) as far,
            running("near", client, network, resolver) as near,
        ):
            assert far.session is not None
            resolver.hosts["irc.i2p"] = far.session.destination.hash
            yield near, far, fake, network


def irc_client(**options: Any) -> IrcClientSection:
    return IrcClientSection(**{"listen": ANY_PORT, "destination": SERVER, **options})


def test_nothing_identifying_crosses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "wonderland.lan")

    async def main() -> None:
        async with irc_pair(irc_client()) as (near, _, fake, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(near))
            writer.write(
                b"CAP LS 302\r\nNICK bob\r\nUSER bob wonderland 192.168.1.7 :on wonderland.lan\r\n"
                b"PING LAG1700000000\r\nNOTICE eve :\x01VERSION HexChat 2.16 / Linux\x01\r\n"
                b"PRIVMSG #a :hello\r\nPART #a :HexChat\r\nQUIT :HexChat 2.16\r\n"
            )
            assert await reader.readline() == b":irc.i2p CAP * LS :sasl\r\n"
            assert await reader.readline() == b":irc.i2p PONG irc.i2p :LAG1700000000\r\n"
            await eventually(lambda: b"QUIT" in fake.everything)
            assert near.session is not None
            host = near.session.destination.b32.encode()
            assert bytes(fake.received[0]) == (
                b"CAP LS 302\r\nNICK bob\r\nUSER user %s * :user\r\nPING :i2p-1\r\n"
                b"PRIVMSG #a :hello\r\nPART #a :leaving\r\nQUIT :leaving\r\n" % host
            )
            writer.close()
            await eventually(lambda: near.counts["client_lines_dropped"] == 1)

    asyncio.run(main())


def test_the_filters_own_words_come_at_once() -> None:
    async def main() -> None:
        async with irc_pair(irc_client()) as (near, _, fake, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(near))
            writer.write(b"NICK bob\r\nSTARTTLS\r\n")
            async with asyncio.timeout(5):
                assert b"421 * STARTTLS" in await reader.readline()
            await eventually(lambda: fake.everything == b"NICK bob\r\n")
            writer.close()

    asyncio.run(main())


def test_two_users_have_different_host_names_that_stay() -> None:
    async def main() -> None:
        options = {"user_hostname": "%c.i2p", "cloak_key": "secret"}
        seen = []
        for _ in range(2):
            async with irc_pair(irc_client(), **options) as (_, far, fake, network):
                assert far.session is not None
                for name in ("one", "two"):
                    session = network.session(name)
                    stream = await session.connect(far.session.destination.hash)
                    await stream.write(b"NICK a\r\nUSER a b c :d\r\n")
                await eventually(lambda: fake.everything.count(b":d") == 2)
                hosts = [bytes(got).split()[4] for got in fake.received]
                assert hosts[0] != hosts[1]
                assert all(len(host) == 28 for host in hosts)
                assert b32encode(session.destination.hash)[:6].encode() not in fake.everything
                seen.append(sorted(hosts))
        assert seen[0] == seen[1]

    asyncio.run(main())


def test_webirc_tells_the_host_name_first() -> None:
    async def main() -> None:
        options = {"webirc_password": "pw", "cloak_key": "k"}
        async with irc_pair(irc_client(), **options) as (near, _, fake, _):
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(near))
            writer.write(b"NICK bob\r\nUSER bob 0 * :B\r\n")
            await eventually(lambda: b":user" in fake.everything)
            webirc, nick, user = bytes(fake.received[0]).splitlines()
            assert near.session is not None
            host = near.session.destination.b32.encode()
            assert webirc.startswith(b"WEBIRC pw cgiirc " + host + b" 127.")
            assert (nick, user) == (b"NICK bob", b"USER user 0 * :user")
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"ERROR :Closing link: (register first)\r\n"),
        (b"\x13BitTorrent protocol\r\n", b"ERROR :Closing link: (this is an IRC server)\r\n"),
        (b"WEBIRC a b c d\r\n", b"ERROR :Closing link: (register first)\r\n"),
    ],
)
def test_what_is_not_irc_never_reaches_the_server(said: bytes, answer: bytes) -> None:
    async def main() -> None:
        async with irc_pair(irc_client()) as (_, far, fake, network):
            assert far.session is not None
            stream = await network.session("stranger").connect(far.session.destination.hash)
            await stream.write(said)
            await stream.close_write()
            assert await stream.read() == answer
            await eventually(lambda: far.counts["connections_refused"] == 1)
            assert fake.received == []

    asyncio.run(main())


def test_a_violation_after_the_first_line_ends_the_connection() -> None:
    async def main() -> None:
        async with irc_pair(irc_client()) as (_, far, fake, network):
            assert far.session is not None
            stream = await network.session("stranger").connect(far.session.destination.hash)
            await stream.write(b"NICK bob\r\n")
            await eventually(lambda: fake.everything == b"NICK bob\r\n")
            await stream.write(b"WEBIRC a b c d\r\n")
            assert await stream.read() == b"ERROR :Closing link: (register first)\r\n"
            await eventually(lambda: far.connections_open == 0)
            assert fake.everything == b"NICK bob\r\n"

    asyncio.run(main())


def test_who_does_not_register_in_time_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ircserver, "REGISTRATION_TIMEOUT_S", 0.05)

    async def main() -> None:
        async with irc_pair(irc_client()) as (_, far, _, network):
            assert far.session is not None
            for first in (b"", b"NICK bob\r\n"):
                stream = await network.session("slow").connect(far.session.destination.hash)
                if first:
                    await stream.write(first)
                async with asyncio.timeout(5):
                    assert b"registration timed out" in await stream.read()
                    await stream.close()
            await eventually(lambda: far.connections_open == 0)

    asyncio.run(main())


def test_who_comes_too_often_is_told() -> None:
    async def main() -> None:
        async with irc_pair(irc_client(), max_connections=1) as (_, far, fake, network):
            assert far.session is not None
            session = network.session("busy")
            first = await session.connect(far.session.destination.hash)
            await first.write(b"NICK bob\r\n")
            await eventually(lambda: fake.received)
            second = await session.connect(far.session.destination.hash)
            async with asyncio.timeout(5):
                assert (await second.read()).startswith(b"ERROR :Closing link: (too many")

    asyncio.run(main())


def test_a_dead_server_is_told() -> None:
    async def main() -> None:
        async with irc_pair(irc_client()) as (near, far, _, network):
            assert far.session is not None
            network.failures[far.session.destination.hash] = "lease_set_not_found"
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(near))
            async with asyncio.timeout(5):
                assert (await reader.read()).startswith(b"ERROR :Closing link: (")
            writer.close()

    asyncio.run(main())


def test_socks_irc_filters_too() -> None:
    async def main() -> None:
        section = SocksIrcSection(listen=ANY_PORT)
        async with irc_pair(section) as (near, _, fake, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(near))
            writer.write(b"\x05\x01\x00\x05\x01\x00\x03\x07irc.i2p\x1a\x0b")
            assert (await reader.readexactly(12))[:4] == b"\x05\x00\x05\x00"
            writer.write(b"NICK bob\r\nUSER alice laptop 1.2.3.4 :A L\r\nQUIT :irssi\r\n")
            await eventually(lambda: b"QUIT" in fake.everything)
            for secret in (b"irssi", b"laptop", b"alice", b"A L"):
                assert secret not in fake.everything
            assert near.session.connects[0][1] == 0x1A0B  # type: ignore[union-attr]
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", [SocksIrcSection, IrcClientSection])
def test_the_identity_is_the_configurations_also_after_a_change(kind: Any) -> None:
    async def main() -> None:
        section = SocksIrcSection(listen=ANY_PORT) if kind is SocksIrcSection else irc_client()
        section = replace(section, identity=IrcIdentitySection(username="bob", real_name="Bob B"))
        async with irc_pair(section) as (near, _, fake, _):
            for names in ((b"bob", b"Bob B"), (b"eve", b"user")):
                reader, writer = await asyncio.open_connection("127.0.0.1", port_of(near))
                if kind is SocksIrcSection:
                    writer.write(b"\x05\x01\x00\x05\x01\x00\x03\x07irc.i2p\x1a\x0b")
                    await reader.readexactly(12)
                writer.write(b"NICK x\r\nUSER alice laptop 1.2.3.4 :Alice\r\n")
                await eventually(lambda: fake.received and fake.received[-1].count(b"\n") == 2)
                words = bytes(fake.received.pop()).split(b"USER ")[1].split(maxsplit=3)
                assert (words[0], words[3]) == (names[0], b":" + names[1] + b"\r\n")
                writer.close()
                assert near.update(replace(section, identity=IrcIdentitySection(username="eve")))

    asyncio.run(main())


def test_nothing_goes_around_the_filter_of_socks_irc() -> None:
    async def main() -> None:
        section = SocksIrcSection(listen=ANY_PORT)
        async with irc_pair(section) as (near, *_):
            assert near.type == "socksirctunnel"
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(near))
            writer.write(b"\x05\x01\x00\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00")  # UDP ASSOCIATE
            assert (await reader.readexactly(4))[2:] in (b"\x05\x02", b"\x05\x07")
            writer.close()
            changed = replace(section, idle_timeout=60.0)
            assert near.can_update(changed) and near.update(changed)
            assert near.model.idle_timeout == 60.0
            assert not near.can_update(replace(section, isolate="site"))

    asyncio.run(main())


def test_machine_words_are_lower_case_and_not_common() -> None:
    words = machine_words()
    assert all(word == word.casefold() and len(word) > 2 for word in words)
    assert "localhost" not in words


@asynccontextmanager
async def two_users(
    **options: Any,
) -> AsyncIterator[tuple[Tunnel[Any], Any, Tunnel[Any], Any, FakeIrcd]]:
    """Two users with their own tunnels, both registered at one server."""
    network, resolver = LoopbackNetwork(), TableResolver({})
    async with ircd() as fake:
        server = IrcServerSection(target=Endpoint("127.0.0.1", fake.port))
        async with (
            running("far", server, network, resolver) as far,
            running("bob", irc_client(**options), network, resolver) as bob,
            running("eve", irc_client(**options), network, resolver) as eve,
        ):
            assert far.session is not None
            resolver.hosts["irc.i2p"] = far.session.destination.hash
            sides = []
            for tunnel in (bob, eve):
                reader, writer = await asyncio.open_connection("127.0.0.1", port_of(tunnel))
                writer.write(b"NICK x\r\nUSER x 0 * :x\r\n")
                sides.append((reader, writer))
            await eventually(lambda: fake.everything.count(b"USER") == 2)
            yield bob, sides[0], eve, sides[1], fake
            for _, writer in sides:
                writer.close()


def test_dcc_carries_a_file_between_two_users() -> None:
    data = bytes(range(256)) * 800

    async def main() -> None:
        async with two_users(dcc=True) as (bob, bob_side, eve, eve_side, fake):
            assert bob.session is not None and eve.session is not None

            async def send_file(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(data)
                await writer.drain()
                writer.close()

            offering = await asyncio.start_server(send_file, "127.0.0.1", 0)
            port = offering.sockets[0].getsockname()[1]
            bob_side[1].write(b"PRIVMSG x :\x01DCC SEND a.bin 3232235777 %d 9\x01\r\n" % port)
            async with asyncio.timeout(5):
                line = await eve_side[0].readline()
                words = line.strip(b"\r\n\x01").split()
                assert words[3:7] == [b":\x01DCC", b"SEND", b"a.bin", b"2130706433"]
                reader, writer = await asyncio.open_connection("127.0.0.1", int(words[7]))
                assert await reader.read(-1) == data
                writer.close()
            assert bob.session.destination.b32.encode() in fake.everything
            assert b"3232235777" not in fake.everything
            assert str(port).encode() not in fake.everything
            await eventually(lambda: bob.counts["dcc_offers"] == eve.counts["dcc_taken"] == 1)
            offering.close()

    asyncio.run(main())


def test_strangers_cannot_use_dcc_ports_and_offers_are_limited() -> None:
    async def main() -> None:
        async with two_users(dcc=True) as (bob, bob_side, eve, *_):
            assert bob.session is not None and eve.session is not None
            stream = await eve.session.connect(bob.session.destination.hash, port=5555)
            with pytest.raises(Exception, match="reset"):
                await stream.read()
            for port in range(1, dcc.PENDING_MAX + 5):
                bob_side[1].write(b"PRIVMSG x :\x01DCC CHAT chat 1 %d\x01\r\n" % port)
            await eventually(lambda: bob.counts["dcc_refused"] == 5)
            assert bob.counts["dcc_offers"] == dcc.PENDING_MAX
            await eventually(lambda: eve.counts["dcc_taken"] == dcc.PENDING_MAX)

    asyncio.run(main())


def test_dcc_needs_a_session_of_its_own_that_others_find() -> None:
    async def main() -> None:
        async with irc_pair(irc_client(dcc=True)) as (_, _, _, network):
            request = network.requests[-1]
            assert (request.name, request.is_shared, request.publish) == ("near", False, True)
        async with irc_pair(irc_client()) as (_, _, _, network):
            request = network.requests[-1]
            assert (request.is_shared, request.publish) == (True, False)

    asyncio.run(main())
