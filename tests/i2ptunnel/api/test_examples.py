"""The examples of the documentation, on a private network with an eepsite."""

from __future__ import annotations

import ast
import asyncio
import runpy
import sys
from pathlib import Path

import httpx
import pytest

from i2ptunnel.config.server_models import HttpServerSection
from tests.support.api_network import api_network
from tests.support.examples import EXAMPLES, NAMES, load_examples
from tests.support.own_network import TWO_HOPS, b32_of

PAGE = b"<h1>a page of I2P</h1>" * 20_000


@pytest.mark.long
def test_examples_work(tmp_path: Path) -> None:
    examples = load_examples()

    async def main() -> None:
        async with api_network(tmp_path) as network, network.embedded(tmp_path / "own") as own:
            site = tmp_path / "site"
            site.mkdir()
            (site / "index.html").write_bytes(PAGE)
            serving = await network.own.run(
                network.own.routers[0], {"site": HttpServerSection(docroot=site, **TWO_HOPS)}
            )
            await network.own.until_ready(serving)
            host = b32_of(serving, "site")
            url = f"http://{host}/"
            sam, i2cp = (network.router(kind, tmp_path) for kind in ("sam", "i2cp"))
            async with sam as sam, i2cp as i2cp:
                for router in (own, sam, i2cp):
                    assert await examples["httpx_client"].main(router, url, 1) == (200, PAGE)
                    assert await examples["aiohttp_client"].main(router, url, 1) == (200, PAGE)
                    line = await examples["asyncio_streams"].main(router, host, 1)
                    assert line == b"HTTP/1.1 200 OK\r\n"
                    answer = await examples["datagrams"].main(router, hops=1)
                    assert answer.startswith(b"time? ")
                    with pytest.raises(httpx.ConnectError):
                        await examples["httpx_client"].main(router, "http://example.com/", 1)
                    with pytest.raises(httpx.UnsupportedProtocol):
                        await examples["httpx_client"].main(router, f"https://{host}/", 1)
                address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
                echoing = asyncio.create_task(
                    examples["echo_server"].main(own, tmp_path / "echo.dat", address.set_result, 1)
                )
                await asyncio.wait({echoing, address}, return_when=asyncio.FIRST_COMPLETED)
                for router in (sam, i2cp):
                    question = b"x" * 100_000
                    assert await examples["echo_client"].main(router, await address, question) == (
                        question
                    )
                    assert await examples["echo_client"].main(router, "nobody.i2p") is None
                echoing.cancel()
                await asyncio.gather(echoing, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), 110))


@pytest.mark.parametrize("name", NAMES)
def test_examples_start_from_the_command_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert not ended.value.code and "--data-dir" in capsys.readouterr().out


def test_examples_import_nothing_else_of_ours() -> None:
    for path in EXAMPLES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                ("core", "i2ptunnel")
            ):
                names = [alias.name for alias in node.names]
                assert (node.module, names) == ("i2ptunnel", ["api"]), path.name
