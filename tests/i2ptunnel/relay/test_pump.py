"""The pump and local channels: order, ends, resets, idle time, back-pressure."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.channel import CountedChannel, Traffic, finish_politely
from i2ptunnel.relay.local import LocalChannel, unless_lost
from i2ptunnel.relay.prefixed_channel import PrefixedChannel
from i2ptunnel.relay.pump import pump
from tests.support.loopback_session import LoopbackNetwork, LoopbackStream


async def stream_pair() -> tuple[LoopbackStream, LoopbackStream]:
    network = LoopbackNetwork()
    one, other = network.session(), network.session()
    near = await one.connect(other.destination.hash)
    return near, await other.accept()


async def local_pair() -> tuple[LocalChannel, socket.socket]:
    mine, theirs = socket.socketpair()
    mine.setblocking(False)
    theirs.setblocking(False)
    return await LocalChannel.of_socket(mine), theirs


async def read_all(stream: Any) -> bytes:
    got = b""
    while data := await stream.read():
        got += data
    return got


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=300_000), max_size=4),
    st.lists(st.binary(min_size=1, max_size=1000), max_size=4),
)
def test_whatever_goes_in_comes_out(there: list[bytes], back: list[bytes]) -> None:
    async def main() -> None:
        a, a_far = await stream_pair()
        b, b_far = await stream_pair()
        pumping = asyncio.create_task(pump(a_far, b))

        async def feed(stream: LoopbackStream, pieces: list[bytes]) -> None:
            for piece in pieces:
                await stream.write(piece)
            await stream.close_write()

        _, _, got_there, got_back = await asyncio.gather(
            feed(a, there), feed(b_far, back), read_all(b_far), read_all(a)
        )
        assert got_there == b"".join(there)
        assert got_back == b"".join(back)
        assert await pumping

    asyncio.run(main())


def test_the_end_of_one_direction_leaves_the_other_open() -> None:
    async def main() -> None:
        a, a_far = await stream_pair()
        b, b_far = await stream_pair()
        pumping = asyncio.create_task(pump(a_far, b))
        await a.close_write()
        assert await b_far.read() == b""
        for word in (b"one", b"two"):
            await b_far.write(word)
            assert await a.read() == word
        assert not pumping.done()
        await b_far.close_write()
        assert await pumping

    asyncio.run(main())


@pytest.mark.parametrize("is_first", [True, False])
def test_a_reset_on_either_side_resets_the_other(is_first: bool) -> None:
    async def main() -> None:
        a, a_far = await stream_pair()
        b, b_far = await stream_pair()
        pumping = asyncio.create_task(pump(a_far, b))
        await asyncio.sleep(0)
        (a if is_first else b_far).reset()
        with pytest.raises(Unavailable, match="reset"):
            await (b_far if is_first else a).read()
        assert not await pumping

    asyncio.run(main())


def test_cancelling_resets_both() -> None:
    async def main() -> None:
        a, a_far = await stream_pair()
        b, b_far = await stream_pair()
        pumping = asyncio.create_task(pump(a_far, b))
        await asyncio.sleep(0)
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
        for stream in (a, b_far):
            with pytest.raises(Unavailable, match="reset"):
                await stream.read()

    asyncio.run(main())


def test_idle_time_counts_from_the_last_byte() -> None:
    async def main() -> None:
        a, a_far = await stream_pair()
        b, b_far = await stream_pair()
        pumping = asyncio.create_task(pump(a_far, b, idle_timeout_s=0.08))
        for _ in range(4):
            await asyncio.sleep(0.03)
            await a.write(b"x")
            assert await b_far.read() == b"x"
        assert not pumping.done()
        assert not await pumping
        with pytest.raises(Unavailable):
            await a.read()

    asyncio.run(main())


def test_what_was_read_too_far_comes_first() -> None:
    async def main() -> None:
        a, a_far = await stream_pair()
        prefixed = PrefixedChannel(b"first ", a_far)
        await a.write(b"second")
        await a.close_write()
        assert await prefixed.read(3) == b"fir"
        assert await read_all(prefixed) == b"st second"

    asyncio.run(main())


def test_counted_bytes() -> None:
    async def main() -> None:
        a, a_far = await stream_pair()
        traffic = Traffic()
        counted = CountedChannel(a_far, traffic)
        await a.write(b"12345")
        assert await counted.read() == b"12345"
        await counted.write(b"123")
        assert (traffic.received, traffic.sent) == (5, 3)

    asyncio.run(main())


def test_a_local_channel_reads_writes_and_ends() -> None:
    async def main() -> None:
        channel, peer = await local_pair()
        peer.send(b"hello")
        assert await channel.read(2) == b"he"
        assert await channel.read() == b"llo"
        await channel.write(b"back")
        await channel.close_write()
        await channel.close_write()
        loop = asyncio.get_running_loop()
        assert await loop.sock_recv(peer, 10) == b"back"
        assert await loop.sock_recv(peer, 10) == b""
        with pytest.raises(Unavailable):
            await channel.write(b"too late")
        peer.send(b"still")
        peer.shutdown(socket.SHUT_WR)
        assert await channel.read() == b"still"
        assert await channel.read() == b""
        await channel.close()
        await channel.close()
        channel.reset()
        peer.close()

    asyncio.run(main())


def test_a_cancelled_read_loses_nothing() -> None:
    async def main() -> None:
        channel, peer = await local_pair()
        for number in range(20):
            reading = asyncio.create_task(channel.read())
            await asyncio.sleep(0)
            peer.send(b"%d," % number)
            if number % 2:
                await asyncio.sleep(0)
            reading.cancel()
            got = (await asyncio.gather(reading, return_exceptions=True))[0]
            if isinstance(got, BaseException):
                got = await channel.read()
            assert got == b"%d," % number
        channel.reset()
        peer.close()

    asyncio.run(main())


def test_reading_pauses_and_writing_waits() -> None:
    async def main() -> None:
        channel, peer = await local_pair()
        loop = asyncio.get_running_loop()
        size = 4_000_000
        sending = asyncio.create_task(loop.sock_sendall(peer, bytes(size)))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not sending.done()  # the kernel's buffer is full, because ours is
        received = 0
        while received < size:
            received += len(await channel.read())
        await sending
        writing = asyncio.create_task(channel.write(bytes(size)))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not writing.done()
        taken = 0
        while taken < size:
            taken += len(await loop.sock_recv(peer, 1 << 20))
        await writing
        channel.reset()
        peer.close()

    asyncio.run(main())


def test_a_channel_that_breaks_wakes_reader_and_writer() -> None:
    async def main() -> None:
        channel, peer = await local_pair()
        reading = asyncio.create_task(channel.read())
        writing = asyncio.create_task(channel.write(bytes(4_000_000)))
        await asyncio.sleep(0)
        channel.reset()
        for task in (reading, writing):
            with pytest.raises(Unavailable) as caught:
                await task
            assert caught.value.code == "stream_reset"
        with pytest.raises(Unavailable):
            await channel.write(b"x")
        await channel.wait_lost()
        peer.close()

    asyncio.run(main())


def test_work_is_given_up_when_the_program_leaves() -> None:
    async def main() -> None:
        channel, peer = await local_pair()
        ended = []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        waiting = asyncio.create_task(unless_lost(channel, work(), 0.01))
        await asyncio.sleep(0)
        peer.shutdown(socket.SHUT_WR)
        with pytest.raises(Unavailable):
            await waiting
        assert ended == [True]

        async def quick() -> int:
            return 7

        assert await unless_lost(channel, quick()) == 7
        channel.reset()
        peer.close()

    asyncio.run(main())


def test_an_answer_survives_unread_input() -> None:
    async def main() -> None:
        served = asyncio.Event()

        async def serve(sock: socket.socket) -> None:
            channel = await LocalChannel.of_socket(sock)
            await channel.write(b"refused")
            await finish_politely(channel)
            served.set()

        listening = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listening.getsockname())
        client.setblocking(False)
        sock, _ = listening.accept()
        sock.setblocking(False)
        listening.close()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, bytes(100_000))
        serving = asyncio.create_task(serve(sock))
        assert await loop.sock_recv(client, 100) == b"refused"
        assert await loop.sock_recv(client, 100) == b""
        client.close()
        await serving

    asyncio.run(main())


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        (Endpoint("127.0.0.1", 1), "connection refused"),
        (Endpoint(path="/nonexistent/socket"), "no such file or directory"),
    ],
)
def test_targets_that_cannot_be_reached(endpoint: Endpoint, words: str) -> None:
    async def main() -> None:
        with pytest.raises(Unavailable, match=words) as caught:
            await LocalChannel.connect(endpoint, 1.0)
        assert caught.value.code == "target_unreachable"
        assert str(endpoint) not in str(caught.value)

    asyncio.run(main())
