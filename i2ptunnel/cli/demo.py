"""``demo``: a private I2P network on this machine in one command."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from i2ptunnel.cli.exits import CommandFault, Exit
from i2ptunnel.config.log_levels import LEVELS, LogLevel
from i2ptunnel.logs import LogLevels, configure_logging
from i2ptunnel.printable import size_text

if TYPE_CHECKING:
    from i2ptunnel.demo import Demo

_ATTEMPTS = 10
_STOP_TIMEOUT_S = 2.0


def add_demo(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel demo``, which needs no configuration."""
    parser.description = _demo.__doc__
    parser.add_argument("--once", action="store_true", help="end after the page was fetched")
    parser.add_argument("--log-level", choices=LEVELS, default="error", metavar="L")
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    """Start routers, an eepsite and an HTTP proxy on loopback, fetch the page through them."""
    configure_logging("text", dict(os.environ))
    LogLevels([LogLevel(arguments.log_level)]).apply()
    with tempfile.TemporaryDirectory(prefix="i2ptunnel-demo-") as root:
        asyncio.run(_run(Path(root), arguments.once))
    return Exit.OK


async def _run(root: Path, once: bool) -> None:
    """The demo, ended early by a signal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(_serve(root, once))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    serving.cancel()
    await asyncio.wait((serving,), timeout=_STOP_TIMEOUT_S)
    if serving.done() and not serving.cancelled():
        serving.result()


async def _serve(root: Path, once: bool) -> None:
    # Imported late: --help needs no router.
    from i2ptunnel.demo import demo_network

    async with demo_network(root) as demo:
        await _show(demo)
        if once:
            return
        print(f"\nSet {demo.proxy} as HTTP proxy in a browser profile and open")
        print(f"  {demo.url}\n  http://proxy.i2p/ (whether the proxy works)\nor run")
        print(f"  curl -x http://{demo.proxy} {demo.url}\nCtrl-C ends it.", flush=True)
        await asyncio.Event().wait()  # until cancelled


async def _show(demo: Demo) -> None:
    """Fetch the page and the sample file through the proxy, and tell about it."""
    count = len(demo.routers)
    print(f"{count} routers, an eepsite and a proxy are ready after {demo.ready_s:.1f} s")
    for _ in range(_ATTEMPTS):
        page = await demo.fetch()
        if page.status == 200:
            break
        await asyncio.sleep(1)
    else:
        raise CommandFault(f"the proxy answered {page.status}")
    print(f"fetched {demo.url}")
    print(f"  {page.status}, {size_text(page.body_bytes)}: {_title(page.body)!r}")
    print(f"  first byte after {page.first_byte_s * 1000:.0f} ms")
    print(f"  hops, by one of its ways: {' > '.join(demo.path())}")
    sample = await demo.fetch("/sample.bin", keep=0)
    if sample.status != 200 or sample.digest != demo.sample_digest:
        raise CommandFault(f"the sample file came back wrong: {size_text(sample.body_bytes)}")
    speed = sample.body_bytes / sample.seconds / 1e6
    print(f"  {sample.body_bytes / 1e6:.0f} MB in {sample.seconds:.1f} s: {speed:.1f} MB/s")


def _title(page: bytes) -> str:
    found = re.search(rb"<h1>(.*?)</h1>", page)
    return found[1].decode("utf-8", "replace") if found else ""
