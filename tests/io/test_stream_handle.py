"""The handle of a stream tells its end also to those who neither read nor write."""

from __future__ import annotations

import asyncio

from core.io.stream import Stream
from core.streaming.manager import StreamEvent
from tests.support.stream_path import Network


def test_a_reset_is_told_to_everybody_who_waits_for_it() -> None:
    async def main() -> None:
        network = Network()
        stream = network.connect(initial=b"hello")
        network.run(lambda: bool(network.ends[1].streams))
        peer = network.ends[1].streams[0]
        handle = Stream(peer, lambda: network.now, lambda: None)

        def carry(index: int, event: StreamEvent) -> None:
            if index == 1:
                handle._on_event(event)

        network.on_event = carry
        waiting = [asyncio.create_task(handle.wait_reset()) for _ in range(2)]
        await handle.write(b"answer")
        stream.close(network.now)
        network.run(seconds=5)
        assert handle.bytes_sent == 6
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)  # an end of one direction is none
        stream.reset(network.now)
        network.run(seconds=5)
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting)
            await handle.wait_reset()

    asyncio.run(main())
