"""Commands as every face calls them: arguments are checked, results are plain values."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pytest

from core.base.errors import I2PError
from i2ptunnel.app import App
from i2ptunnel.commands import COMMANDS, CommandRefused, Program, call
from i2ptunnel.config.loader import load_text
from i2ptunnel.torrents.commands import TORRENT_COMMANDS
from tests.support.running_app import running_app

CONFIGURATION = """
router: {{data_dir: {0}, network_id: 78, host: 127.78.7.1, bind: 127.78.7.1, port: 17800,
         allow_private_addresses: true}}
interfaces: {{sam: {{listen: "unix:{0}/sam", udp: null}}}}
tunnels: {{web: {{type: httpclient, listen: "unix:{0}/web"}}}}
"""
ADDRESS = "a" * 52 + ".b32.i2p"


def made(data_dir: Path) -> App:
    loaded = load_text(CONFIGURATION.format(data_dir))
    return App(loaded, lambda: loaded)


async def with_app(app: App, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """The results of commands to a running program, or the faults they raised."""
    async with running_app(app, lambda: app.services.status() and app.manager.counts[1]):
        results: list[Any] = []
        for name, arguments in calls:
            try:
                result = await call(app, name, arguments)
                results.append(list(result) if hasattr(result, "__next__") else result)
            except I2PError as error:
                results.append(error)
        return results


def test_every_command_of_a_running_program(tmp_path: Path) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("status", {}),
        ("tunnels", {}),
        ("tunnel-stop", {"name": "web"}),
        ("tunnel-start", {"name": "web"}),
        ("tunnel-restart", {"name": "nobody"}),
        ("plan", {}),
        ("reload", {"origins": ["/elsewhere.yaml"]}),
        ("address-add", {"name": "a.i2p", "target": ADDRESS, "notes": "mine"}),
        ("address-lookup", {"name": "a.i2p"}),
        ("address-lookup", {"name": ADDRESS}),
        ("address-list", {"part": "a.i"}),
        ("address-list", {"book": "private", "part": ""}),
        ("address-remove", {"name": "a.i2p"}),
        ("address-status", {}),
        ("address-conflicts", {}),
        ("netdb-list", {}),
        ("netdb-export", {}),
        ("netdb-import", {"routers": ["no base64!", ""]}),
        ("netdb-reseed", {}),
        ("ping", {"destination": "unknown.i2p", "wait_s": 1}),
        ("why", {"url": f"http://{ADDRESS}/", "wait_s": 1}),
        ("address-list", {"book": "nowhere"}),
        ("doctor", {}),
        ("logs", {"lines": 5}),
        ("console-open", {}),
    ]
    app = made(tmp_path)
    found = asyncio.run(with_app(app, *calls))
    json.dumps([one for one in found if not isinstance(one, Exception)])
    status, tunnels, stopped, started, nobody, plan, reload = found[:7]
    assert status["services"]["control"]["state"] == "listening"
    sam = status["interfaces"]["sam"]
    assert (sam["state"], sam["listen"], sam["last_error"]) == (
        "listening",
        f"unix:{tmp_path}/sam",
        None,
    )
    assert (sam["sessions"], sam["streams"]) == (0, 0)
    assert "sam" not in status["services"]
    assert status["tunnels"][0]["name"] == tunnels[0]["name"] == "web"
    assert stopped is None and started is None
    assert "no tunnel 'nobody'" in str(nobody)
    assert plan["keep"] == ["web"]
    assert "start it anew" in str(reload)
    added, by_name, by_address, listed, private, removed, books, conflicts = found[7:15]
    assert added["address"] == ADDRESS and added["notes"] == "mine"
    assert by_name == by_address == listed == [added]
    assert private == [] and removed == ["local"]
    assert books["names"] and conflicts == []
    known, exported, taken, reseeded, ping, why, nowhere, findings, lines, opened = found[15:]
    assert {"clock", "reload"} & {finding["subject"] for finding in findings}
    assert len(lines) <= 5
    assert "the console is off" in str(opened)
    assert known == [] and len(exported) == 1 and taken == 0
    assert "set router.reseed.urls" in str(reseeded)
    assert "address book" in str(ping)
    # No tunnels: why there are none is what status says of the program.
    assert [one["ok"] for one in why["stages"]] == [True, False, None, None, None]
    assert why["failure"] == f"{status['reason']} {status['remedy']}"
    assert why["stages"][1]["seconds"] < 5  # nobody waits for what will not come
    assert "no book 'nowhere'" in str(nowhere)
    elsewhere = {"address-fetch", "console-open", *TORRENT_COMMANDS}
    assert {name for name, _ in calls} | elsewhere == set(COMMANDS)


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("status", {"x": 1}, "status has no argument 'x'"),
        ("tunnel-start", {}, "tunnel-start needs name"),
        ("tunnel-start", {"name": 5}, "tunnel-start: name is no str"),
        ("address-fetch", {"urls": ["a", 5]}, r"address-fetch: urls is no list\[str\]"),
        ("ping", {"destination": "a.i2p", "wait_s": True}, "ping: wait_s is no float"),
        ("logs", {"lines": True}, "logs: lines is no int"),
        ("address-lookup", {"name": "\ud800.i2p"}, "address-lookup: name is no str"),
        ("address-list", {"part": "\udcff"}, "address-list: part is no str"),
        ("address-fetch", {"urls": ["\ud800"]}, r"address-fetch: urls is no list\[str\]"),
        ("address-add", {"name": "a", "target": "b", "replace": 1}, "replace is no bool"),
    ],
)
def test_arguments_from_outside_are_checked(
    name: str, arguments: dict[str, Any], fault: str
) -> None:
    with pytest.raises(CommandRefused, match=fault):
        call(cast(Program, None), name, arguments)
