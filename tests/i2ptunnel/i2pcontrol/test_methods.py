"""The methods of I2PControl on a running program."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.api import Router
from core.data.address_ranges import AddressRange
from core.data.encoding import b64encode
from core.io.status import LinkedRouter
from core.tunnel.requests import WaitingRequest
from i2ptunnel import commands
from i2ptunnel.answer_texts import log_lines
from i2ptunnel.app import App
from i2ptunnel.config.loader import load, read_source
from i2ptunnel.demo import free_port
from i2ptunnel.i2pcontrol.access import Access
from i2ptunnel.i2pcontrol.methods import Methods
from i2ptunnel.i2pcontrol.router_info import KEYS
from i2ptunnel.i2pcontrol.rpc import RpcError
from i2ptunnel.logs import RECENT
from i2ptunnel.passwords import seal
from tests.support.running_app import running_app

PASSWORD = "correct horse"
ADDRESS = "a" * 52 + ".b32.i2p"
A, B, C = (bytes([number]) * 32 for number in range(3))
RANGE = AddressRange.parse("192.0.2.0/24")
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
        async with running_app(app, lambda: app.services.status() and app.manager.counts[1]):
            said = await methods.call("", "Authenticate", {"API": 1, "Password": PASSWORD})

            async def call(name: str, /, **params: Any) -> dict[str, Any]:
                given = {key.replace("__", "."): value for key, value in params.items()}
                return await methods.call("", name, {"Token": said["Token"], **given})

            methods.sample()
            await use(call, app)

    asyncio.run(main())
    return before, path.read_text()


def own_router(app: App) -> Router:
    assert isinstance(app.router, Router)
    return app.router


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
        for unknown in ("news", "logs.clear", "net.tunnels.queue"):
            key = f"i2p.router.{unknown}".replace(".", "__")
            assert await code_of(call("RouterInfo", **{key: ""})) == -32602
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


def test_tunnel_builds_are_told_in_percent_with_the_requests_that_wait(tmp_path: Path) -> None:
    async def use(call: Call, app: App) -> None:
        keys = ("successrate", "totalsuccessrate", "tbmqueue")
        asked = {f"i2p.router.net.tunnels.{key}".replace(".", "__"): "" for key in keys}
        tunnels = own_router(app)._engine.tunnels
        tunnels.builder.started, tunnels.builder.succeeded = 8, 6
        for link in (bytes(32), bytes([1]) * 32):
            tunnels.requests.put(WaitingRequest(25, b"", link, (link, 0)), app.router.now())
        assert list((await call("RouterInfo", **asked)).values()) == [75.0, 75.0, 2]

    run(tmp_path, may_write=False, use=use)


def test_links_are_told_with_their_directions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = [LinkedRouter(A, "ssu2", True, 1.5), LinkedRouter(B, "ntcp2", False, 0.0)]

    async def use(call: Call, app: App) -> None:
        monkeypatch.setattr(app.router, "linked_routers", lambda: links)
        told = await call(
            "RouterInfo",
            i2p__router__netdb__activepeers__list="",
            i2p__router__netdb__activepeers__stats="",
        )
        assert list(told.values()) == [
            [b64encode(A), b64encode(B)],
            [
                {"hash": b64encode(A), "activeTransport": "SSU2", "inbound": False, "idleRx": 1500},
                {"hash": b64encode(B), "activeTransport": "NTCP2", "inbound": True, "idleRx": 0},
            ],
        ]

    run(tmp_path, may_write=False, use=use)


def test_bans_are_told_with_what_the_user_has_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(call: Call, app: App) -> None:
        router = own_router(app)
        router._engine.links.bans.ban(A, router.now() + 60.0, "another network")
        router._engine.links.bans.ban(B, router.now() - 1.0, "over")
        blocked = {"blocked_routers": frozenset([C]), "blocked_addresses": (RANGE,)}
        router.reconfigure(replace(router.config, **blocked))
        key = "i2p.router.netdb.bannedpeers"
        told = (await call("RouterInfo", i2p__router__netdb__bannedpeers=""))[key]
        assert 55_000 < told[b64encode(A)].pop("expires") <= 60_000
        by_user = {"cause": "blocked by the user", "expires": None}
        assert told == {
            b64encode(A): {"cause": "another network"},
            b64encode(C): by_user,
            "192.0.2.0/24": by_user,
        }
        monkeypatch.setattr("i2ptunnel.i2pcontrol.router_info.BANNED_MAX", 2)
        assert await code_of(call("RouterInfo", i2p__router__netdb__bannedpeers="")) == -32603

    run(tmp_path, may_write=False, use=use)


def test_the_log_is_that_of_the_command(tmp_path: Path) -> None:
    async def use(call: Call, app: App) -> None:
        record = logging.LogRecord("core.test", logging.WARNING, "", 0, "what %s", ("was",), None)
        RECENT.emit(record)
        told = (await call("RouterInfo", i2p__router__logs=""))["i2p.router.logs"]
        assert told == list(log_lines(await commands.logs(app)))
        assert told[-1].endswith(" warning core.test: what was")

    run(tmp_path, may_write=False, use=use)


def test_subscriptions_are_written_into_the_file(tmp_path: Path) -> None:
    async def use(call: Call, app: App) -> None:
        keys = {
            "i2p__router__addressbook__subscriptions": "",
            "i2p__router__addressbook__config": "",
        }
        path = str(tmp_path / "my.yaml")
        assert list((await call("RouterInfo", **keys)).values()) == [
            {"path": path, "entries": []},
            {"path": path, "entries": {"update_delay": "12"}},
        ]
        feeds = ["x.i2p", "http://y.i2p/new.txt"]
        said = await call("AddressBook", SetSubscriptions=feeds)
        assert said == {"success": True, "message": f"modified: {path}"}
        app.naming.books.subscribe("http://z.i2p/hosts.txt")
        await call("AddressBook", SetConfig={"update_delay": "24"})
        urls = ["http://x.i2p/hosts.txt", "http://y.i2p/new.txt"]
        assert list(app.loaded.configuration.naming.subscriptions) == urls
        assert list((await call("RouterInfo", **keys)).values()) == [
            {"path": path, "entries": [*urls, "http://z.i2p/hosts.txt"]},
            {"path": path, "entries": {"update_delay": "24"}},
        ]
        said = await call("AddressBook", SetSubscriptions=urls[:1])
        assert said["message"].endswith("; 1 of `i2ptunnel address subscribe` stay")
        for code, wrong in (
            (-32602, {"SetSubscriptions": "x.i2p"}),
            (-32602, {"SetSubscriptions": [1]}),
            (-32603, {"SetSubscriptions": ["http://clear.example/hosts.txt"]}),
            (-32602, {"SetConfig": {}}),
            (-32602, {"SetConfig": {"update_delay": "-1"}}),
            (-32602, {"SetConfig": {"update_delay": "24", "log": "/etc/passwd"}}),
            (-32603, {"SetConfig": {"update_delay": "0"}}),
        ):
            assert await code_of(call("AddressBook", **wrong)) == code

    _, text = run(tmp_path, may_write=True, use=use)
    assert "http://x.i2p/hosts.txt" in text and "y.i2p" not in text and "# my router" in text
    assert "interval: 24h" in text


def test_nothing_is_changed_without_leave(tmp_path: Path) -> None:
    async def use(call: Call, app: App) -> None:
        setting = {"i2p__router__net__bw__in": "100"}
        for asked in (
            call("TunnelManager", Name="web", Action="stop"),
            call("TunnelManager", Name="new", Action="create", Type="httpclient", Port=4444),
            call("AddressBook", Type="local", Hostname="x.i2p", Destination=ADDRESS),
            call("AddressBook", SetSubscriptions=["x.i2p"]),
            call("AddressBook", SetConfig={"update_delay": "24"}),
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
        async with running_app(app, app.services.status):
            access = Access(seal(PASSWORD, bytes(16)), lambda: 0.0)
            methods = Methods(app, access, path, app.request_stop, may_write=False)
            methods.sample()
            said = await methods.call("", "Authenticate", {"API": 1, "Password": PASSWORD})
            token = {"Token": said["Token"]}
            known = await methods.call("", "RouterInfo", {**token, "i2p.router.uptime": ""})
            assert known["i2p.router.uptime"] > 0
            for key in (
                *("i2p.router.info", "i2p.router.id", "i2p.router.net.tunnels.successrate"),
                *("i2p.router.net.tunnels.totalsuccessrate", "i2p.router.net.tunnels.tbmqueue"),
                *("i2p.router.netdb.activepeers.list", "i2p.router.netdb.activepeers.stats"),
                "i2p.router.netdb.bannedpeers",
            ):
                assert await code_of(methods.call("", "RouterInfo", {**token, key: ""})) == -32603

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
