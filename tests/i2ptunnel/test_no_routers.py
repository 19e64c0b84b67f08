"""A program that knows no router says so at once, and with the same words everywhere."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from core.base.errors import Unavailable
from i2ptunnel import commands, health
from i2ptunnel.health import Facts, ReseedFacts, why_waiting_is_vain
from i2ptunnel.keyfiles import generate_keys
from tests.support.console import console


def test_who_asks_is_told_at_once_what_the_status_says(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            program = visitor.program
            name, target = "known.i2p", generate_keys().destination.b64
            await commands.address_add(program, name=name, target=target)
            said = program.health().words
            assert said.startswith("No other router is known")
            begun = time.monotonic()
            with pytest.raises(Unavailable) as caught:
                await commands.ping(program, destination=name, wait_s=30.0)
            assert str(caught.value) == f"no tunnels yet: {said}"
            found = await commands.why(program, url=f"http://{name}/")
            assert found["failure"] == said
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "web"))
            writer.write(f"GET http://{name}/ HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            async with asyncio.timeout(10):
                answer = (await reader.read()).decode()
            writer.close()
            assert answer.startswith("HTTP/1.1 503")
            assert "No other router is known" in answer
            assert time.monotonic() - begun < 10  # the proxies wait 20 s for tunnels

    asyncio.run(main())


@pytest.mark.parametrize(
    ("facts", "is_vain"),
    [
        (Facts(), True),
        (Facts(reseed=ReseedFacts(remedy=health.CHECK_ONLINE)), True),
        (Facts(reseed=ReseedFacts(is_running=True)), False),
        (Facts(is_started=False), False),
        (Facts(routers=50), False),
        (Facts(routers=50, links=3), False),
        (Facts(routers=50, links=3, is_cut_off=True), True),
        (Facts(routers=50, links=3, clock_skew_s=3600), True),
        (Facts(i2cp=health.I2cpFacts("127.0.0.1:7654", "refused")), False),
    ],
)
def test_when_waiting_is_vain(facts: Facts, is_vain: bool) -> None:
    assert (why_waiting_is_vain(facts) is not None) == is_vain
