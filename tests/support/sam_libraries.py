"""Older SAM libraries for Python at work, as a program of its own; runs on Python 3.7.

``HOST_A HOST_B PORT LIBRARY``: LIBRARY, ``leaflet`` or ``i2plib``, serves at A and asks from B. The
last line is JSON with what it got. i2plib 0.0.14 hands event loops around: Python 3.10 forbids it.
"""

import asyncio
import json
import sys
import threading
import time

HOPS = {
    "inbound.length": 2,
    "outbound.length": 2,
    "i2cp.leaseSetEncType": "4",
}
TRIES = 6


def with_leaflet(host_a, host_b, port):  # type: ignore[no-untyped-def]
    """Blocking sockets, a thread that serves."""
    from leaflet import Controller  # type: ignore[import-not-found]

    here, there = (Controller(sam_api=(host, port)) for host in (host_a, host_b))
    serving = here.create_dest(name="leaflet-a", i2cp=dict(HOPS))

    def serve() -> None:
        stream = serving.register_accept()
        stream.parse_headers()
        stream.sendall(stream.recv(100).upper())

    threading.Thread(target=serve, daemon=True).start()
    asking = there.create_dest(name="leaflet-b", i2cp=dict(HOPS))
    for _ in range(TRIES):
        try:
            stream = asking.connect(serving.base32 + ".b32.i2p")
            stream.parse_headers()
            break
        except Exception as error:
            print(type(error).__name__, error, flush=True)
            time.sleep(2)
    stream.sendall(b"leaflet")
    return stream.recv(100).decode()


async def with_i2plib(host_a, host_b, port):  # type: ignore[no-untyped-def]
    """Its context managers."""
    import i2plib  # type: ignore[import-not-found]

    here, there = (host_a, port), (host_b, port)
    keys = await i2plib.new_destination(sam_address=here)

    async def serve() -> None:
        async with i2plib.StreamAcceptor("i2plib-a", sam_address=here) as stream:
            await stream.reader.readline()  # who it is
            stream.write((await stream.read(100)).upper())

    serving = i2plib.Session("i2plib-a", sam_address=here, destination=keys, options=HOPS)
    asking = i2plib.Session("i2plib-b", sam_address=there, options=HOPS)
    await asyncio.gather(serving.__aenter__(), asking.__aenter__())
    answering = asyncio.ensure_future(serve())
    for _ in range(TRIES):
        try:
            found = await i2plib.dest_lookup(keys.base32 + ".b32.i2p", sam_address=there)
            async with i2plib.StreamConnection("i2plib-b", found, sam_address=there) as stream:
                stream.write(b"i2plib")
                heard = await stream.read(100)
                answering.cancel()
                return heard.decode()
        except Exception as error:
            print(type(error).__name__, error, flush=True)
            await asyncio.sleep(2)
    raise RuntimeError("no stream")


if __name__ == "__main__":
    first, second, number, library = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    if library == "leaflet":
        print(json.dumps(with_leaflet(first, second, number)), flush=True)
    else:
        loop = asyncio.new_event_loop()
        print(json.dumps(loop.run_until_complete(with_i2plib(first, second, number))), flush=True)
