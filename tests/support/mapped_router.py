"""A router that maps its port: ``python -m tests.support.mapped_router DIR BIND PORT METHOD…``.

BIND is an address, or empty for all of the machine. It prints its ``port_mapping`` status as a line
of JSON whenever that changes, until SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from core.api import Router, RouterConfig, new_event_loop


async def main(directory: str, bind: str, port: str, *methods: str) -> None:
    config = RouterConfig(
        data_dir=Path(directory),
        network_id=77,
        bind=bind or (),
        port=int(port),
        port_mapping=methods,
    )
    router = Router(config)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await router.start()
    told = None
    while not stopped.is_set():
        status = router.status().port_mapping
        shown = [(one.protocol, one.address, one.port, one.by) for one in status.mapped]
        if (shown, status.reason) != told:
            told = shown, status.reason
            print(json.dumps(asdict(status)), flush=True)
        await asyncio.wait([asyncio.create_task(stopped.wait())], timeout=0.1)
    await router.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
