"""Our router starts again while real i2pd routers have tunnels through it: nobody is refused."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from i2ptunnel.control import ControlFault, NotRunning, ask
from tests.interop.conftest import own_tunnels, router_name
from tests.support import curl
from tests.support.appliance import Appliance
from tests.support.fake_systemd import FakeSystemd
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet, wait_until
from tests.support.origin import Origin

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]


class Caller(threading.Thread):
    """Calls the router's port again and again; ``outcomes`` counts what became of it."""

    def __init__(self, endpoint: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self.endpoint = endpoint
        self.connected = 0
        self.refused = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.wait(0.02):
            with socket.socket() as sock:
                sock.settimeout(1)
                try:
                    sock.connect(self.endpoint)
                    self.connected += 1
                except ConnectionRefusedError:
                    self.refused += 1
                except OSError:
                    pass

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self.is_over.set()
            self.join()


def links(appliance: Appliance) -> int:
    """Links to other routers, whoever made them; 0 while it does not answer."""
    try:
        status = ask(appliance.data_dir / "control.sock", "status")
    except (NotRunning, ControlFault):
        return 0
    links = status["router"]["links"]
    return int(links["ntcp2"] + links["ssu2"])


@dataclass
class Scene:
    """Four i2pd routers, one with a site, and ours, whose listener a service manager keeps."""

    net: I2pdNet
    ours: Appliance
    page: str
    systemd: FakeSystemd


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(Origin())
        net = I2pdNet(tmp_path, [new, old, new, old], first_octet=141)
        web = own_tunnels("127.151.0.1", origin.port)["web"]
        web |= {"inbound": {"length": 2, "quantity": 3}, "outbound": {"length": 2, "quantity": 3}}
        ours = Appliance(
            tmp_path / "ours", "127.151.0.1", 20151, {"web": web}, ssu2={"enabled": True}
        )
        net.prepare(foreign=[ours.write_router_info_once()])
        # The site's tunnels do not lead through ours: i2pd takes minutes to see that they ended.
        hop = router_name(net.router_infos()[0])
        net.routers[3].tunnels = (
            f"[site]\ntype = http\nhost = 127.0.0.1\nport = {origin.port}\nkeys = site.dat\n"
            f"inbound.length = 1\noutbound.length = 1\nexplicitPeers = {hop}\n"
        )
        ours.import_router_infos(net.router_infos())
        systemd = FakeSystemd(tmp_path / "notify")
        stack.callback(systemd.close)
        stack.enter_context(systemd.serving())
        ours.environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        stack.callback(net.stop)
        stack.callback(ours.stop, kill=True)
        net.start()
        ours.start()
        ours.wait_ready("web")
        yield Scene(net, ours, f"http://{net.routers[3].local_b32('site')}/", systemd)


def test_a_restart_refuses_nobody_and_links_come_back(scene: Scene) -> None:
    ours, proxy = scene.ours, f"http://{scene.ours.address}:4444"
    got = curl.fetch_with_retry(scene.page, proxy=proxy, within_s=60)
    assert got.status == 200, got
    assert sorted(name for name, _ in scene.systemd.stored) == ["ntcp2", "ssu2"]
    caller = Caller((ours.address, int(ours.config["router"]["port"])))
    with caller.calling():
        time.sleep(0.2)
        ours.stop()
        ours.handed_over = list(scene.systemd.stored)
        ours.start()
        began = time.monotonic()
        # Either side dials first; i2pd only if it was not refused.
        wait_until("all four linked again", lambda: links(ours) >= 4, 60)
        print(f"all four linked {time.monotonic() - began:.1f} s after the start")
    print(f"{caller.connected} calls, {caller.refused} refused")
    assert caller.connected > 20 and caller.refused == 0
    got = curl.fetch_with_retry(scene.page, proxy=proxy, within_s=60)
    took_s = time.monotonic() - began
    print(f"page {took_s:.1f} s after the start")
    assert got.status == 200, got
    assert "Traceback" not in ours.log
