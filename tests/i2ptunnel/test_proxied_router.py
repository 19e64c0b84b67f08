"""``router.ntcp2.proxy`` from the YAML to the wire: a router that is reached only through it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.api import Router
from i2ptunnel.config.loader import load_text
from i2ptunnel.router_setup import router_config
from tests.support.forward_proxy import ForwardProxy
from tests.support.waiting import until

ONE_HOP = "{length: 1, quantity: 1}"


def _router(directory: Path, options: str) -> Router:
    text = (
        f"router: {{data_dir: {directory}, network_id: 77, allow_private_addresses: true, "
        f"exploratory: {{inbound: {ONE_HOP}, outbound: {ONE_HOP}}}, {options}}}\n"
    )
    return Router(router_config(load_text(text).configuration.router))


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_every_connection_takes_the_proxy(tmp_path: Path, scheme: str) -> None:
    async def main() -> None:
        proxy = ForwardProxy(scheme, "ann", "word")
        url = await proxy.start()
        far = _router(tmp_path / "far", "host: 127.92.1.1, bind: 127.92.1.1")
        await far.start()
        near = _router(tmp_path / "near", f'ntcp2: {{proxy: "{url}"}}')
        await near.start()
        near.import_routers([far.router_info])
        await until("a link", lambda: near.status().links.total and far.status().links.total, 15)
        assert {target.rpartition(":")[0] for target in proxy.targets} == {"127.92.1.1"}
        assert far.status().links.ntcp2 == near.status().links.ntcp2 == len(proxy.targets) == 1
        await near.stop()
        await far.stop()
        proxy.stop()

    asyncio.run(main())
