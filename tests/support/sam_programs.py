"""Other people's SAM libraries at work, as a program of its own.

``HOST_A HOST_B PORT UDP_PORT PROGRAM``: i2psam serves at A; PROGRAM, ``i2psam`` or ``txi2p``, asks
from B. The last line is JSON with what it got.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from i2psam.client import SAMClient, SAMConfig  # type: ignore[import-not-found]
from twisted.internet import asyncioreactor

_BEGAN = time.monotonic()
HOPS = {"inbound.length": 2, "outbound.length": 2, "i2cp.leaseSetEncType": "4"}


async def serve(session: object) -> None:
    """Answers each line in upper case."""
    while True:
        async with session.accept_stream() as (_, stream):  # type: ignore[attr-defined]
            line = await stream.read_line()
            await stream.write(line.upper())


async def ask_with_i2psam(client: SAMClient, address: str) -> str:
    async with client.session("asking", "TRANSIENT", **HOPS) as session:
        for _ in range(6):
            try:
                async with session.connect_stream(address) as stream:
                    await stream.write("hello")
                    return (await stream.read_string()).strip()
            except Exception as error:
                print(type(error).__name__, error, flush=True)
                await asyncio.sleep(2)
    raise RuntimeError("no stream")


async def ask_with_txi2p(host: str, port: int, address: str) -> str:
    from twisted.internet import endpoints, protocol, reactor
    from txi2p.sam import SAMI2PStreamClientEndpoint  # type: ignore[import-not-found]

    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    class Line(protocol.Protocol):
        def connectionMade(self) -> None:
            self.transport.write(b"twisted\n")

        def dataReceived(self, data: bytes) -> None:
            if not heard.done():
                heard.set_result(data.decode().strip())

    sam = endpoints.TCP4ClientEndpoint(reactor, host, port)
    options = {key: str(value) for key, value in HOPS.items()}
    endpoint = SAMI2PStreamClientEndpoint.new(sam, address, nickname="twisted", options=options)
    factory = protocol.Factory.forProtocol(Line)
    await endpoint.connect(factory).asFuture(asyncio.get_running_loop())
    return await asyncio.wait_for(heard, 60)


def tell(what: str) -> None:
    print(f"{time.monotonic() - _BEGAN:.1f} {what}", flush=True)


async def main() -> None:
    host_a, host_b, port, udp_port = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    config = {"port": port, "udp_port": udp_port, "min_version": "3.1", "max_version": "3.3"}
    # i2psam 1.0.0 checks its host into an object that asyncio does not take.
    here, there = (
        SAMClient(SAMConfig(connection_timeout=60, **config).model_copy(update={"host": host}))
        for host in (host_a, host_b)
    )
    async with here.session("serving", "TRANSIENT", **HOPS) as session:
        serving = asyncio.create_task(serve(session))
        async with here.connection() as asking:
            found = await session.conn.naming_lookup("ME")
            address = found.value
            del asking
        tell("serving")
        if sys.argv[5] == "i2psam":
            heard = await ask_with_i2psam(there, address)
        else:
            heard = await ask_with_txi2p(host_b, port, address)
        tell("asked")
        serving.cancel()
        print(json.dumps(heard), flush=True)


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    loop.run_until_complete(main())
