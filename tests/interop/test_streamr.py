"""A UDP stream to several subscribers, over a network of our own routers."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from i2ptunnel.config.client_models import StreamrClientSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import StreamrServerSection
from i2ptunnel.demo import free_port
from i2ptunnel.relay.udp import UdpSocket
from tests.support.own_network import TWO_HOPS, b32_of, own_network
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

PACKETS = [b"frame %d " % number + b"x" * 1300 for number in range(300)]


def test_every_subscriber_gets_the_stream(tmp_path: Path) -> None:
    asyncio.run(_run(tmp_path))


async def _run(root: Path) -> None:
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(own_network(root))
        gate = Endpoint("127.0.0.1", free_port("127.0.0.1", 15005))
        section = StreamrServerSection(listen=gate, **TWO_HOPS)
        cam = await network.run(network.routers[-1], {"cam": section})
        await network.until_ready(cam)
        seen: list[set[bytes]] = []
        viewers = []
        for router in network.routers[-3:-1]:
            frames: set[bytes] = set()
            seen.append(frames)
            player = await UdpSocket.bind(
                Endpoint("127.0.0.1", 0), lambda data, _, frames=frames: frames.add(data)
            )
            stack.callback(player.close)
            client = StreamrClientSection(
                destination=DestinationName(b32_of(cam, "cam")),
                target=Endpoint("127.0.0.1", player.port),
                **TWO_HOPS,
            )
            viewers.append(await network.run(router, {"tv": client}))
        await network.until_ready(*viewers)
        await until("two subscribers", lambda: cam.status()[0]["connections_open"] == 2, 40)

        camera = await UdpSocket.connect(gate, lambda data, _: None)
        stack.callback(camera.close)
        for packet in PACKETS:
            camera.send(packet)
            await asyncio.sleep(0.005)
        await until(
            "the stream",
            lambda: all(len(frames.intersection(PACKETS)) > 0.95 * len(PACKETS) for frames in seen),
        )

        await viewers[0].stop_one("tv")
        await until("one has left", lambda: cam.status()[0]["connections_open"] == 1)
