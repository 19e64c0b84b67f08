"""A router that knows as many others as the network has: what that costs of memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.io.database import Database
from core.io.router import DATABASE_FILE
from i2ptunnel.control import ask
from tests.io.test_large_netdb import copies, signed_infos
from tests.support.appliance import Appliance
from tests.support.i2pd_net import NETWORK_ID, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(300)]

KNOWN = 50_000
HOSTS = 500
MEMORY_MAX_MB = 250


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Appliance]:
    """Its netDb on the disk has invented routers of the usual size, which nobody has proven."""
    appliance = Appliance(tmp_path / "r", "127.153.0.1", 20153)
    appliance.write_router_info_once()
    now_ms = int(time.time() * 1000)
    database = Database(appliance.data_dir / DATABASE_FILE)
    for number, info in enumerate(signed_infos(HOSTS, now_ms, 7, NETWORK_ID)):
        database.save_routers(copies(info, KNOWN // HOSTS, now_ms, number))
    assert database.flush(60)
    database.close()
    try:
        appliance.start()
        yield appliance
    finally:
        appliance.stop(kill=True)


def test_fifty_thousand_routers_cost_little_memory(router: Appliance) -> None:
    def known() -> int:
        status = ask(router.data_dir / "control.sock", "status")
        return int(status["router"]["routers"])

    router.wait_up()
    wait_until("all of them", lambda: known() >= KNOWN, 60)
    memory_mb = router.memory_mb()
    print(f"{known()} routers, {memory_mb:.0f} MB")
    assert memory_mb <= MEMORY_MAX_MB
    assert "Traceback" not in router.log
