"""The methods of I2PControl on a running program."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from core.data.encoding import b64encode
from i2ptunnel.app import App
from i2ptunnel.config.loader import load, read_source
from i2ptunnel.demo import free_port
from i2ptunnel.i2pcontrol.access import Access
from i2ptunnel.i2pcontrol.methods import Methods
from i2ptunnel.i2pcontrol.router_info import KEYS
from i2ptunnel.i2pcontrol.rpc import RpcError
from i2ptunnel.passwords import seal

PASSWORD = "correct horse"
ADDRESS = "a" * 52 + ".b32.i2p"
CONFIGURATION = """\
# my router
router:
  data_dir: {0}/data
  network_id: 78
  host: 127.78.7.3
  bind: 127.78.7.3
  port: {1}
  allow_private_addresses: true
  bandwidth: {{inbound: 2MB/s}}  # the line
tunnels:
  web: {{type: httpclient, listen: "unix:{0}/web"}}
  # what I show
  site: {{type: httpserver, target: "127.0.0.1:9", enabled: false}}
"""

Call = Callable[..., Awaitable[dict[str, Any]]]


def run(
    directory: Path, *, may_write: bool, use: Callable[[Call, App], Awaitable[None]]
) -> tuple[str, str]:
    """Use the methods of a running program; the configuration file before and afterwards."""
    path = directory / "my.yaml"
    before = CONFIGURATION.format(directory, free_port("127.78.7.3", 0))
    path.write_text(before)

    async def main() -> None:
        app = App(load([read_source(path)]), lambda: load([read_source(path)]))
        access = Access(seal(PASSWORD, bytes(16)), lambda: 0.0)
        methods = Methods(
            app, access, directory / "password", app.request_stop, may_write=may_write
        )
        running = asyncio.create_task(app.run())
        try:
            async with asyncio.timeout(20):
                while not app.services.status() or app.manager.counts[1] == 0:
                    await asyncio.sleep(0.01)
                    if running.done():
                        running.result()
            said = await methods.call("", "Authenticate", {"API": 1, "Password": PASSWORD})

            async def call(name: str, /, **params: Any) -> dict[str, Any]:
                given = {key.replace("__", "."): value for key, value in params.items()}
                return await methods.call("", name, {"Token": said["Token"], **given})

            methods.sample()
            await use(call, app)
        finally:
            app.request_stop()
            await running

    asyncio.run(main())
    return before, path.read_text()


async def code_of(asked: Awaitable[Any]) -> int:
    with pytest.raises(RpcError) as caught:
        await asked
    return caught.value.code


def test_what_is_told_is_true_and_what_is_not_known_is_an_error(tmp_path: Path) -> None:
    async def use(call: Call, app: App) -> None:
        assert await call("Echo", Echo=[1, "two"]) == {"Result": [1, "two"]}
        info = await call("RouterInfo", **{key.replace(".", "__"): None for key in KEYS})
        assert list(info) == list(KEYS)
        assert info["i2p.router.id"] == b64encode(app.router.hash)
        assert info["i2p.router.netdb.knownpeers"] == info["i2p.router.netdb.activepeers"] == 0
        assert info["i2p.router.net.status"] == 13
        assert "o other router" in info["i2p.router.status"]
        assert info["i2p.router.uptime"] > 0
        assert await code_of(call("RouterInfo", i2p__router__news="")) == -32602
        assert await code_of(call("AdvancedSettings")) == -32601
        services = await call("ClientServicesInfo", I2PTunnel="", HTTPProxy="", BOB="")
        assert list(services["I2PTunnel"]["client"]) == ["web"]
        assert list(services["I2PTunnel"]["server"]) == ["site"]
        assert services["HTTPProxy"]["enabled"] and not services["BOB"]["enabled"]
        assert (await call("GetRate", Stat="bw.combined", Period=1000))["Result"] == 0.0
        assert await code_of(call("GetRate", Stat="made.up", Period=1000)) == -32602
        setting = await call("NetworkSetting", i2p__router__net__bw__in=None)
        assert setting == {
            "i2p.router.net.bw.in": "2000",
            "SettingsSaved": False,
            "RestartNeeded": False,
        }

    run(tmp_path, may_write=False, use=use)


def test_nothing_is_changed_without_leave(tmp_path: Path) -> None:
    async def use(call: Call, app: App) -> None:
        setting = {"i2p__router__net__bw__in": "100"}
        for asked in (
            call("TunnelManager", Name="web", Action="stop"),
            call("TunnelManager", Name="new", Action="create", Type="httpclient", Port=4444),
            call("AddressBook", Type="local", Hostname="x.i2p", Destination=ADDRESS),
            call("I2PControl", i2pcontrol__password="another password"),
            call("NetworkSetting", **setting),
            call("RouterManager", Shutdown=None),
            call("RouterManager", Reseed=None),
        ):
            assert await code_of(asked) == -32602
        assert len(app.manager.status()) == 2

    before, after = run(tmp_path, may_write=False, use=use)
    assert after == before


def test_changes_are_written_where_the_user_would(tmp_path: Path) -> None:
    async def use(call: Call, app: App) -> None:
        await call(
            "TunnelManager", Name="irc", Action="create", Type="ircclient", Port=16668,
            TargetDestination=ADDRESS, TunnelLength=1, StartOnLoad=False,
        )  # fmt: skip
        assert app.loaded.configuration.tunnels["irc"].inbound.length == 1
        await call("TunnelManager", Name="irc", Action="edit", TunnelQuantity=3)
        assert app.loaded.configuration.tunnels["irc"].outbound.quantity == 3
        said = await call("TunnelManager", Name="irc", Action="get")
        assert said["tunnel"]["type"] == "ircclient"
        saved = await call("NetworkSetting", i2p__router__net__bw__out="500")
        assert saved["SettingsSaved"] and not saved["RestartNeeded"]
        assert app.router.status().bandwidth.limit_outbound_bytes_s == 500_000
        await call("TunnelManager", Name="site", Action="delete")
        assert await call("TunnelManager", All=True, Action="stop") == {
            "status": "success",
            "results": ["web", "irc"],
        }
        await call("AddressBook", Type="local", Hostname="x.i2p", Destination=ADDRESS)
        books = await call("RouterInfo", i2p__router__addressbook__local__list="")
        assert books["i2p.router.addressbook.local.list"] == {"x.i2p": ADDRESS}
        await call("AddressBook", Type="local", Hostname="x.i2p", Delete=True)
        await call("I2PControl", i2pcontrol__password="another password")
        assert await code_of(call("Echo", Echo="")) == -32003

    _, text = run(tmp_path, may_write=True, use=use)
    assert "# my router" in text and "inbound: 2MB/s" in text and "outbound: 500kB/s" in text
    assert "site" not in text
    assert (tmp_path / "password").read_text().startswith("scrypt:")


@pytest.mark.parametrize(
    "params",
    [
        {"Type": "httpserver", "TargetPort": 80},
        {"Type": "httpclient", "Port": 4445, "ReachableBy": "0.0.0.0"},
        {"Type": "httpclient", "Port": 4445, "PrivKeyFile": "/etc/passwd"},
        {"Type": "httpclient", "Port": 4445, "ProxyList": "socks5://192.0.2.1"},
        {"Type": "httpclient", "Port": 4445, "MadeUp": True},
        {"Type": "httpclient", "Port": 0},
        {"Type": "nothing", "Port": 4445},
    ],
)
def test_what_only_the_owner_may_write_is_refused(tmp_path: Path, params: dict[str, Any]) -> None:
    async def use(call: Call, app: App) -> None:
        assert await code_of(call("TunnelManager", Name="new", Action="create", **params)) == -32602

    before, after = run(tmp_path, may_write=True, use=use)
    assert after == before


def test_a_change_that_cannot_be_carried_out_leaves_the_file_alone(tmp_path: Path) -> None:
    async def use(call: Call, app: App) -> None:
        port = app.router.port
        asked = call("TunnelManager", Name="irc", Action="create", Type="ircclient", Port=port)
        assert await code_of(asked) == -32603  # a destination is missing
        assert [one["name"] for one in app.manager.status()] == ["web", "site"]

    before, after = run(tmp_path, may_write=True, use=use)
    assert after == before


def test_over_a_foreign_router_what_it_alone_knows_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    text = "router: {{data_dir: {0}/data, i2cp: '127.0.0.1:9'}}\n"
    path.write_text(text.format(tmp_path))

    async def main() -> None:
        app = App(load([read_source(path)]), lambda: load([read_source(path)]))
        running = asyncio.create_task(app.run())
        try:
            async with asyncio.timeout(20):
                while not app.services.status():
                    await asyncio.sleep(0.01)
            access = Access(seal(PASSWORD, bytes(16)), lambda: 0.0)
            methods = Methods(app, access, path, app.request_stop, may_write=False)
            methods.sample()
            said = await methods.call("", "Authenticate", {"API": 1, "Password": PASSWORD})
            token = {"Token": said["Token"]}
            known = await methods.call("", "RouterInfo", {**token, "i2p.router.uptime": ""})
            assert known["i2p.router.uptime"] > 0
            for key in ("i2p.router.info", "i2p.router.id"):
                assert await code_of(methods.call("", "RouterInfo", {**token, key: ""})) == -32603
        finally:
            app.request_stop()
            await running

    asyncio.run(main())


def test_what_the_system_refuses_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    async def use(call: Call, _: App) -> None:
        monkeypatch.setattr("i2ptunnel.commands.snapshot", full)
        assert await code_of(call("ClientServicesInfo", BOB="")) == -32603
        monkeypatch.undo()

    run(tmp_path, may_write=False, use=use)
