"""I2PControl as programs use it: configured, over HTTPS, with curl."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.app import App
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load, read_source
from i2ptunnel.demo import free_port
from tests.support import fetch_curl
from tests.support.running_app import running_app

CONFIGURATION = """\
router:
  data_dir: {0}/data
  network_id: 78
  host: 127.78.7.4
  bind: 127.78.7.4
  port: {2}
  allow_private_addresses: true
interfaces:
  i2pcontrol: {{listen: "127.0.0.1:{1}", password_file: {0}/password}}
"""


def post(port: int, certificate: Path, body: Any) -> tuple[int, Any]:
    """HTTP status and JSON of the answer; the certificate is checked."""
    done = subprocess.run(
        [
            *fetch_curl.command(), "-sS", "--max-time", "20", "--cacert", str(certificate),
            "-w", "\n%{http_code}", "-d", json.dumps(body), f"https://localhost:{port}/jsonrpc",
        ],
        capture_output=True,
        check=True,
    )  # fmt: skip
    text, _, code = done.stdout.rpartition(b"\n")
    return int(code), json.loads(text) if text.startswith((b"{", b"[")) else None


def request(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def is_listening(app: App) -> bool:
    return bool(app.services.status().get("i2pcontrol", {}).get("state") == "listening")


def test_a_program_logs_in_and_asks(tmp_path: Path) -> None:
    port = free_port("127.0.0.1", 0)
    path = tmp_path / "my.yaml"
    path.write_text(CONFIGURATION.format(tmp_path, port, free_port("127.78.7.4", 0)))
    (tmp_path / "password").write_text("correct horse\n")

    async def main() -> None:
        app = App(load([read_source(path)]), lambda: load([read_source(path)]))
        certificate = tmp_path / "data" / "i2pcontrol.pem"
        async with running_app(app, lambda: is_listening(app)):
            ask = lambda body: asyncio.to_thread(post, port, certificate, body)  # noqa: E731
            said = await ask(request("Authenticate", API=1, Password="correct horse"))
            token = said[1]["result"]["Token"]
            assert (await ask(request("Echo", Token=token, Echo="hi")))[1]["result"] == {
                "Result": "hi"
            }
            assert (await ask(request("Echo", Echo="hi")))[1]["error"]["code"] == -32002
            both = await ask([request("Echo", Token=token, Echo=one) for one in "ab"])
            assert [one["result"]["Result"] for one in both[1]] == ["a", "b"]
            notification = request("Echo", Token=token, Echo="")
            del notification["id"]
            assert await ask(notification) == (204, None)
            assert (await ask("x" * 70_000))[0] == 413

    asyncio.run(main())
    assert "correct horse" not in (tmp_path / "password").read_text()


def test_a_reload_that_moves_it_is_answered(tmp_path: Path) -> None:
    port, other = free_port("127.0.0.1", 0), free_port("127.0.0.1", 0)
    path = tmp_path / "my.yaml"
    text = CONFIGURATION.format(tmp_path, port, free_port("127.78.7.4", 0))
    path.write_text(text.replace("password_file", "write: true, password_file"))
    (tmp_path / "password").write_text("correct horse\n")

    async def main() -> None:
        app = App(load([read_source(path)]), lambda: load([read_source(path)]))
        certificate = tmp_path / "data" / "i2pcontrol.pem"
        async with running_app(app, lambda: is_listening(app)):
            login = request("Authenticate", API=1, Password="correct horse")
            token = (await asyncio.to_thread(post, port, certificate, login))[1]["result"]["Token"]
            path.write_text(path.read_text().replace(f"127.0.0.1:{port}", f"127.0.0.1:{other}"))
            change = request("NetworkSetting", Token=token, **{"i2p.router.net.bw.in": "500"})
            code, said = await asyncio.to_thread(post, port, certificate, change)
            assert code == 200
            assert said["result"]["SettingsSaved"]
            assert (await asyncio.to_thread(post, other, certificate, login))[0] == 200
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(main())


def test_without_a_password_nothing_is_started(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    text = CONFIGURATION.format(tmp_path, 7650, 9000)
    path.write_text(text.replace(f", password_file: {tmp_path}/password", ""))
    with pytest.raises(ConfigError, match="password_file"):
        load([read_source(path)])
