"""The SSH console of a running program, with asyncssh and with OpenSSH's client."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.router_model import SshSection
from i2ptunnel.demo import free_port
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.ssh import server
from i2ptunnel.ssh.server import CONNECTIONS_MAX
from tests.support.ssh_console import Console, console
from tests.support.torrents import TRACKER, make_torrent, until


def use(root: Path, work: Callable[[Console], Awaitable[None]], ways: int = 1) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), console(root, *ways * ["127.0.0.1"]) as running:
            await work(running)

    asyncio.run(main())


def test_commands_with_openssh(tmp_path: Path) -> None:
    async def work(running: Console) -> None:
        status, out, err = await running.openssh("status")
        assert (status, err) == (0, "") and "web  httpclient" in out and "data  " in out
        status, out, _ = await running.openssh("status --json")
        found = json.loads(out)
        assert status == 0 and found["services"]["ssh"]["logins"] == 2
        assert (await running.openssh("tunnels", "stop", "web"))[:2] == (0, "done\n")
        assert "web  httpclient  stopped" in (await running.openssh("tunnels", "list"))[1]
        assert (await running.openssh("tunnels start web"))[0] == 0
        status, out, err = await running.openssh("tunnels restart nobody")
        assert (status, out, err) == (1, "", "there is no tunnel 'nobody'\n")
        status, out, _ = await running.openssh("doctor")
        assert status == 0 and "\n             " in out and "clock" in out
        status, out, _ = await running.openssh("logs --lines 2 --level warning")
        assert status == 0 and len(out.splitlines()) <= 2
        assert (await running.openssh("logs --level loud"))[0] == 1
        status, out, _ = await running.openssh("why nobody.i2p --wait-s 1s")
        assert status == 0 and "nobody.i2p" not in out.splitlines()[0] and "✗" in out
        assert "= keep     web" in (await running.openssh("plan"))[1]
        assert (await running.openssh("netdb list"))[1] == "0 routers\n"
        assert (await running.openssh("reload"))[0] == 0
        address = "a" * 52 + ".b32.i2p"
        added = await running.openssh(f"address add site.i2p {address} --notes mine")
        assert added[0] == 0 and "site.i2p" in added[1]
        assert address in (await running.openssh("address lookup site.i2p"))[1]
        assert "site.i2p" in (await running.openssh("address list sit"))[1]
        assert (await running.openssh("address remove site.i2p"))[1] == "local\n"
        status, out, err = await running.openssh("help")
        assert status == 0 and "address lookup NAME" in out
        several = await running.openssh(stdin=b"tunnels\nnonsense\nhelp\nexit\nstatus\n")
        assert several[0] == 0 and "web  httpclient" in several[1] and "mapping" not in several[1]
        assert several[2] == "there is no command 'nonsense'; help lists them\n"

    use(tmp_path, work)


def test_torrents(tmp_path: Path) -> None:
    """Whose client is real, and off at first."""

    async def work(running: Console) -> None:
        status, out, err = await running.openssh("torrents list")
        assert (status, out) == (1, "") and "there is no torrent client" in err
        running.text += "torrents: {}\n"
        assert (await running.openssh("reload"))[0] == 0
        assert (await running.openssh("torrents list"))[1] == "no torrents\n"
        made = make_torrent(tmp_path / "data/downloads", {"film.bin": b"x" * 99}, [TRACKER])
        name = (await running.app.torrents.add(file=made, paused=True))["id"]
        await until("it is there", running.app.torrents.list)
        out = (await running.openssh("torrents list"))[1]
        assert out.startswith(f"{name[:8]}  paused") and out.endswith("  film.bin\n")
        assert str(tmp_path) not in (await running.openssh("torrents list --json"))[1]
        assert (await running.openssh("torrents", "resume", name[:6]))[:2] == (0, f"{name}\n")
        await until("it goes on", lambda: running.app.torrents.list()[0]["state"] == "seeding")
        assert (await running.openssh("torrents pause film.bin"))[0] == 0
        status, _, err = await running.openssh("torrents remove nobody")
        assert (status, err) == (1, "no torrent has this ID or name\n")
        assert (await running.openssh(f"torrents remove {name}"))[0] == 0
        assert (await running.openssh("torrents list"))[1] == "no torrents\n"
        assert (tmp_path / "data/downloads/film.bin").exists()
        assert (await running.openssh("torrents add /etc/passwd"))[0] == 2

    use(tmp_path, work)


def test_who_may_not(tmp_path: Path) -> None:
    async def work(running: Console) -> None:
        other = asyncssh.generate_private_key("ssh-ed25519")
        stranger = tmp_path / "stranger"
        stranger.write_bytes(other.export_private_key())
        stranger.chmod(0o600)
        status, out, err = await running.openssh("status", key=str(stranger))
        assert (status, out) == (255, "") and "(publickey)" in err
        for refused in ({"client_keys": [other]}, {"client_keys": None, "password": "x"}):
            with pytest.raises(asyncssh.PermissionDenied):
                await running.connect(**refused)
        many = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(12)]
        with pytest.raises(asyncssh.PermissionDenied):
            await running.connect(client_keys=[*many, running.key])
        assert running.status["refused"] >= 10
        # From this machine nobody is ever shut out by that.
        for _ in range(3):
            with pytest.raises(asyncssh.PermissionDenied):
                await running.connect(client_keys=many)
        assert (await running.openssh("tunnels"))[0] == 0
        # A key that is taken out does not get in any more, and others still do.
        running.authorized.write_bytes(other.export_public_key())
        assert (await running.openssh("tunnels"))[0] == 255
        assert (await running.openssh("tunnels", key=str(stranger)))[0] == 0
        running.authorized.chmod(0o666)
        assert (await running.openssh("tunnels", key=str(stranger)))[0] == 255

    use(tmp_path, work)


def test_nothing_but_commands(tmp_path: Path) -> None:
    async def work(running: Console) -> None:
        for line in ("bash", "/bin/sh -c id", "cat /etc/passwd", "scp -t /tmp", "keys show a.dat"):
            status, out, err = await running.openssh(line)
            assert (status, out) == (2, "") and "no command" in err, line
        refused = [
            await running.openssh("tunnels", options=options)
            for options in (
                ("-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"),
                ("-o", "ExitOnForwardFailure=yes", "-o", "Tunnel=yes"),
            )
        ]
        assert all(status == 255 for status, _, _ in refused), refused
        assert (await running.openssh("-s", "sftp"))[0] != 0
        assert (await running.openssh("-s", "anything"))[0] != 0
        status, out, err = await running.openssh(
            options=("-W", f"127.0.0.1:{running.port}"), stdin=b"x"
        )
        assert status == 255 and out == "" and "forwarding failed" in err
        # Files go nowhere with OpenSSH's own programs for them, old protocol and new one.
        taken, sent = tmp_path / "taken", tmp_path / "id"
        for program in ("sftp", "scp", "scp -O"):
            name, *option = program.split()
            port, place = ("-P", str(running.port)), "admin@127.0.0.1"
            for way in ((f"{place}:data/router.keys", str(taken)), (str(sent), f"{place}:new")):
                files = way if name == "scp" else (f"{place}:data/router.keys", str(taken))
                status, out, err = await running.program(name, *option, *port, *files)
                assert status != 0 and not taken.exists(), (program, out, err)
        # What a client offers of its own is not taken: an agent, a display.
        for offered in ("ForwardAgent=yes", "ForwardX11=yes"):
            assert (await running.openssh("tunnels", options=("-o", offered)))[0] == 0
        async with await running.connect() as client:
            with pytest.raises(asyncssh.ChannelOpenError):
                await client.open_connection("127.0.0.1", running.port)
            with pytest.raises(asyncssh.ChannelOpenError):
                await client.open_unix_connection(str(tmp_path / "data" / "control.sock"))
            with pytest.raises(asyncssh.ChannelListenError):
                await client.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 1)
            with pytest.raises(asyncssh.ChannelOpenError):
                await client.start_sftp_client()
            with pytest.raises(asyncssh.ChannelOpenError):
                await client.run("tunnels", x11_forwarding=True, x11_display=":9")
            done = await client.run("tunnels", env={"LD_PRELOAD": "/x"}, check=True)
            assert "web" in str(done.stdout)

    use(tmp_path, work)


async def _until(reader: asyncssh.SSHReader[str], text: str) -> str:
    got = ""
    while text not in got:
        part = await reader.read(1000)
        assert part, got
        got += part
    return got


def test_a_terminal_with_completion_and_watch(tmp_path: Path) -> None:
    async def work(running: Console) -> None:
        async with await running.connect() as client:
            process: asyncssh.SSHClientProcess[Any] = await client.create_process(
                term_type="xterm", term_size=(100, 30)
            )
            stdin, stdout = process.stdin, process.stdout
            await _until(stdout, "i2ptunnel> ")
            stdin.write("tunn\tsto\tw\t")
            await _until(stdout, "tunnels stop web ")
            stdin.write("\r")
            await _until(stdout, "done")
            stdin.write("address l\t")
            assert "list  lookup" in await _until(stdout, "lookup")
            stdin.write("\x15watch 1 tunnels\r")  # Ctrl-U: the line is empty again
            first = await _until(stdout, "stopped")
            assert "\x1b[2J" in first
            await _until(stdout, "stopped")
            stdin.write("\x03")
            await _until(stdout, "i2ptunnel> ")
            stdin.write("nonsense\r")
            assert "help lists them" in await _until(process.stderr, "\n")
            stdin.write("exit\r")
            await process.wait_closed()
            assert process.exit_status == 2, "of the last command"

    use(tmp_path, work)


def test_each_way_in_has_a_host_key_that_stays(tmp_path: Path) -> None:
    keys: list[dict[str, str]] = []

    async def work(running: Console) -> None:
        keys.append(running.status["host_keys"])
        for path in (tmp_path / "data").glob("ssh-*.key"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    use(tmp_path, work, 2)
    assert len(set(keys[0].values())) == 2
    files = sorted((tmp_path / "data").glob("ssh-*.key"))
    assert len(files) == 2
    kept = [path.read_bytes() for path in files]
    use(tmp_path, work, 2)
    assert [path.read_bytes() for path in files] == kept


def test_logs_tell_nothing_of_what_was_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def work(running: Console) -> None:
        await running.openssh("address lookup secret-site.i2p")

    use(tmp_path, work)
    assert "somebody has logged in" in caplog.messages
    assert "secret-site" not in caplog.text and "admin" not in caplog.text


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (b"", 0o600, "there is no key in it"),
        (b"# none\n\n", 0o600, "there is no key in it"),
        (b"ssh-ed25519 nonsense\n", 0o600, "line 1 is no public key"),
        (None, 0o600, "No such file"),
        (b"x", 0o622, "others can write it"),
    ],
)
def test_a_file_without_good_keys_opens_nothing(
    tmp_path: Path, text: bytes | None, mode: int, told: str
) -> None:
    async def work(running: Console) -> None:
        if text is None:
            running.authorized.unlink()
        else:
            running.authorized.write_bytes(text)
            running.authorized.chmod(mode)
        services = running.app.services
        wanted = services._entries["ssh"].wanted  # type: ignore[attr-defined]
        service = wanted.make()
        with pytest.raises(Exception, match=told):
            await service.start()

    use(tmp_path, work)


def test_silent_connections_keep_nobody_out(tmp_path: Path) -> None:
    async def work(running: Console) -> None:
        silent = [
            await asyncio.open_connection("127.0.0.1", running.port)
            for _ in range(CONNECTIONS_MAX + 8)
        ]
        assert (await running.openssh("tunnels"))[0] == 0
        assert running.status["connections_open"] <= CONNECTIONS_MAX
        for _, writer in silent:
            writer.close()
        async with await running.connect() as client:
            assert (await client.run("tunnels")).exit_status == 0

    use(tmp_path, work)


def test_who_does_not_log_in_in_time_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(server._NOTHING_ELSE, "login_timeout", 0.05)

    async def work(running: Console) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        assert (await reader.read()).startswith(b"SSH-2.0-i2ptunnel\r\n")
        writer.close()

    use(tmp_path, work)


def test_wrong_keys_shut_out_another_machine_for_a_minute(tmp_path: Path) -> None:
    section = SshSection(authorized_keys=tmp_path)
    service = server.SshConsole(section, None, ConnectionBudget())  # type: ignore[arg-type]
    for client in ("192.168.1.9", "127.0.0.1", "::1", ""):
        for _ in range(server.FAILURES_MAX):
            assert not service._is_locked_out(client)
            service.failed(client)
    assert service._is_locked_out("192.168.1.9") and not service._is_locked_out("192.168.1.8")
    assert not any(map(service._is_locked_out, ("127.0.0.1", "::1", "")))


def test_a_unix_socket_and_what_a_stop_ends(tmp_path: Path) -> None:
    async def work(running: Console) -> None:
        path = tmp_path / "console"
        section = SshSection(listen=(Endpoint(path=str(path)),), authorized_keys=running.authorized)
        service = server.SshConsole(section, running.app, ConnectionBudget())
        await service.start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, str(path))
        client = await asyncssh.connect(
            sock=sock, client_keys=[running.key], known_hosts=None, username="x", config=None
        )
        watching = await client.create_process("watch 1 tunnels")
        assert "web" in await _until(watching.stdout, "web")
        await service.stop()
        await client.wait_closed()
        assert not path.exists() and service.status()["connections_open"] == 0

    use(tmp_path, work)


def test_a_reload_that_closes_the_console_is_carried_out_and_answered(tmp_path: Path) -> None:
    async def work(running: Console) -> None:
        port = free_port("127.0.0.1", 0)
        running.text = running.text.replace(f'"127.0.0.1:{running.port}"', f'"127.0.0.1:{port}"')
        running.text += f'  more: {{type: httpclient, listen: "unix:{tmp_path}/more"}}\n'
        async with await running.connect() as idle:
            waiting = await idle.create_process()
            watching = await idle.create_process("watch 60 tunnels")
            assert "web" in await watching.stdout.readline()
            status, out, err = await running.openssh("reload")
            assert (status, err) == (0, "") and "more" in out
            # Who only waits for a prompt, or for the next round, has nothing to come.
            await asyncio.gather(waiting.wait_closed(), watching.wait_closed())
        moved = replace(running, ports=[port])
        async with asyncio.timeout(20):
            while (await moved.openssh("tunnels"))[0]:
                await asyncio.sleep(0.1)
        assert "more  httpclient" in (await moved.openssh("tunnels"))[1]
        assert running.app.loaded.configuration.control.ssh.listen[0].port == port

    use(tmp_path, work)
