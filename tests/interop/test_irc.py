"""Real IRC programs through I2P: WeeChat and irssi at ngircd, over a network of our own routers.

Everything that reaches the server is recorded: nothing of it may say who or where the users are.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from i2ptunnel.config.client_models import IrcClientSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import IrcServerSection
from i2ptunnel.demo import free_port
from i2ptunnel.tunnels import ircclient
from tests.support.fetch_irc import installed
from tests.support.irc_programs import Irssi, Ngircd, WeeChat
from tests.support.own_network import TWO_HOPS, b32_of, own_network
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

PRIVATE = frozenset(("root", "alice", "alice liddell", "wonderland"))
FILE = bytes(range(256)) * 1200


class Recorder:
    """A forwarder in front of the server that keeps what clients sent."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.received: list[bytearray] = []
        self.port = 0

    @property
    def everything(self) -> bytes:
        return b"\n".join(self.received)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = bytearray()
        self.received.append(got)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)

        async def back() -> None:
            while data := await far_reader.read(65536):
                writer.write(data)
            writer.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(back())
            while data := await reader.read(65536):
                got += data
                far_writer.write(data)
            far_writer.close()


@asynccontextmanager
async def recorder(target_port: int) -> AsyncIterator[Recorder]:
    recording = Recorder(target_port)
    listening = await asyncio.start_server(recording.serve, "127.0.0.1", 0)
    recording.port = listening.sockets[0].getsockname()[1]
    try:
        yield recording
    finally:
        listening.close()


def test_weechat_and_irssi_meet_at_ngircd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ircclient, "machine_words", lambda: PRIVATE)
    asyncio.run(_meet(tmp_path))


async def _meet(root: Path) -> None:
    programs = installed()
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(own_network(root / "net"))
        ngircd = Ngircd(programs, root / "ngircd", free_port("127.0.0.1", 16667))
        stack.callback(ngircd.stop)
        recording = await stack.enter_async_context(recorder(ngircd.port))
        target = Endpoint("127.0.0.1", recording.port)
        server = IrcServerSection(
            target=target,
            webirc_password=Ngircd.PASSWORD,
            user_hostname="%c.i2p",
            cloak_key="key",
            **TWO_HOPS,
        )
        serving = await network.run(network.routers[-1], {"ircd": server})
        await network.until_ready(serving)
        destination = (DestinationName(b32_of(serving, "ircd")),)
        ports = [free_port("127.0.0.1", 16668 + index) for index in range(2)]
        clients = []
        for index, port in enumerate(ports):
            section = IrcClientSection(
                listen=Endpoint("127.0.0.1", port), destination=destination, dcc=True, **TWO_HOPS
            )
            clients.append(await network.run(network.routers[-2 - index], {"irc": section}))
        await network.until_ready(*clients)

        weechat = WeeChat(programs, root / "weechat", ports[0], "bob")
        stack.callback(weechat.stop)
        irssi = Irssi(programs, root / "irssi", ports[1], "eve")
        stack.callback(irssi.stop)
        await until("WeeChat is in", lambda: "Welcome" in weechat.log("irc.server.t"), 40)
        await until("irssi is in", lambda: b"Welcome" in irssi.screen(), 40)
        await asyncio.to_thread(weechat.say, "irc.server.t", "/join #room")
        irssi.say("/join #room")
        await until("both are there", lambda: "eve" in weechat.log("irc.t.#room"))

        await asyncio.to_thread(weechat.say, "irc.t.#room", "hello from weechat")
        await until("irssi hears", lambda: b"hello from weechat" in irssi.screen())
        irssi.say("hello from irssi")
        await until("WeeChat hears", lambda: "hello from irssi" in weechat.log("irc.t.#room"))

        # Neither side answers questions about itself; the host names are the cloaked ones.
        irssi.say("/ctcp bob VERSION")
        await asyncio.to_thread(weechat.say, "irc.server.t", "/ctcp eve VERSION")
        told = "VERSION was not sent: it could identify you"
        await until("WeeChat is told", lambda: told in weechat.log("irc.server.t"))
        await asyncio.to_thread(weechat.say, "irc.server.t", "/whois eve")
        await until("whois", lambda: ".i2p" in weechat.log("irc.server.t"))
        for line in weechat.log("irc.server.t").splitlines():
            assert "@127.0.0.1" not in line

        # A file from one to the other, through I2P.
        offered = root / "picture.bin"
        offered.write_bytes(FILE)
        await asyncio.to_thread(weechat.say, "irc.server.t", f"/dcc send eve {offered}")
        got = root / "irssi" / "got" / "picture.bin"
        await until("the file", lambda: irssi.screen() and got.exists() and _is_whole(got), 60)

        irssi.say("/part #room irssi says goodbye")
        await until("part", lambda: "leaving" in weechat.log("irc.t.#room"))
        irssi.say("/quit")
        await asyncio.to_thread(weechat.say, "irc.server.t", "/quit")
        await until("quit", lambda: recording.everything.count(b"QUIT :leaving") == 2)

        sent = recording.everything
        for secret in (b"irssi says", b"WeeChat", b"Alice", b"root", b"127.0.0.1", b"2130706433"):
            assert secret not in sent.replace(b"hello from", b""), secret
        assert b"VERSION" not in sent
        hosts = {bytes(got).split()[3] for got in recording.received}
        assert len(hosts) == 2 and all(len(host) == 28 for host in hosts)
        assert b" 127." in recording.received[0]  # only what we say ourselves, in WEBIRC


def _is_whole(path: Path) -> bool:
    return hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(FILE).digest()
