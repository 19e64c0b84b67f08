"""Real IRC programs as processes: ngircd, WeeChat and irssi, each with a directory of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from pathlib import Path

from tests.support.fetch_irc import IrcPrograms
from tests.support.i2pd_net import wait_until


class Process:
    """A program that is ended by its own id."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process: subprocess.Popen[bytes] | None = None
        root.mkdir(parents=True)

    def launch(self, command: list[str], **environment: str) -> None:
        with (self.root / "output").open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "HOME": str(self.root), **environment},
            )

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


class Ngircd(Process):
    """An IRC server that believes WEBIRC from this machine. ``dns``: it looks users up."""

    PASSWORD = "webirc-password"

    def __init__(self, programs: IrcPrograms, root: Path, port: int, *, dns: bool = True) -> None:
        super().__init__(root)
        self.port = port
        config = root / "ngircd.conf"
        config.write_text(
            f"[Global]\nName = irc.test\nListen = 127.0.0.1\nPorts = {port}\n"
            "MotdPhrase = hello\n[Limits]\nMaxConnectionsIP = 0\n"
            f"[Options]\nDNS = {'yes' if dns else 'no'}\nIdent = no\nPAM = no\n"
            f"WebircPassword = {self.PASSWORD}\n"
        )
        self.launch([*programs.command("usr/sbin/ngircd"), "-n", "-f", str(config)])

    @property
    def log(self) -> str:
        return (self.root / "output").read_text(errors="replace")


class WeeChat(Process):
    """WeeChat without a screen, told what to do through its fifo."""

    def __init__(self, programs: IrcPrograms, root: Path, port: int, nick: str) -> None:
        super().__init__(root)
        commands = [
            f"/server add t 127.0.0.1/{port} -notls",
            f"/set irc.server.t.nicks {nick}",
            "/set irc.server.t.anti_flood 0",
            "/set logger.file.flush_delay 0",
            "/set xfer.network.own_ip 127.0.0.1",
            "/set xfer.file.auto_accept_files on",
            f"/set xfer.file.download_path {root}/got",
            "/connect t",
        ]
        arguments = [word for command in commands for word in ("-r", command)]
        self.launch(
            [*programs.command("usr/bin/weechat-headless"), "-d", str(root), *arguments],
            WEECHAT_EXTRA_LIBDIR=str(programs.weechat_libraries),
        )

    def say(self, buffer: str, text: str) -> None:
        """Type into a buffer, such as ``irc.t.#room``; commands begin with ``/``."""
        assert self.process is not None
        fifo = self.root / f"weechat_fifo_{self.process.pid}"
        wait_until("WeeChat's fifo", fifo.exists, 20)
        with fifo.open("w") as out:
            out.write(f"{buffer} *{text}\n")

    def log(self, buffer: str) -> str:
        """What a buffer has shown."""
        path = self.root / "logs" / f"{buffer}.weechatlog"
        return path.read_text(errors="replace") if path.exists() else ""


class Irssi(Process):
    """irssi on a terminal of its own."""

    def __init__(self, programs: IrcPrograms, root: Path, port: int, nick: str) -> None:
        super().__init__(root)
        config = root / "config"
        config.write_text(
            'servers = ( { address = "127.0.0.1"; chatnet = "t"; '
            f'port = "{port}"; autoconnect = "yes"; }} );\n'
            'chatnets = { t = { type = "IRC"; }; };\n'
            'settings = {\n  core = { real_name = "Alice Liddell"; user_name = "root"; '
            f'nick = "{nick}"; }};\n'
            '  "irc/dcc" = { dcc_autoget = "yes"; dcc_autoget_lowports = "no"; '
            f'dcc_download_path = "{root}/got"; }};\n'
            f'  "fe-text" = {{ actlist_sort = "refnum"; }};\n'
            f'  "fe-common/core" = {{ autolog = "yes"; autolog_path = "{root}/log/$0.log"; }};\n'
            "};\n"
        )
        (root / "got").mkdir()
        master, slave = pty.openpty()
        self._terminal = master
        command = [*programs.command("usr/bin/irssi"), f"--home={root}", f"--config={config}"]
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={
                **os.environ,
                "HOME": str(root),
                "TERM": "xterm",
                "TERMINFO": str(programs.terminfo),
            },
        )
        os.close(slave)
        os.set_blocking(master, False)
        self._screen = b""

    def say(self, text: str) -> None:
        """Type a line."""
        os.write(self._terminal, text.encode() + b"\n")
        time.sleep(0.05)
        self.screen()

    def screen(self) -> bytes:
        """All that was ever drawn; must be read at times, or irssi stands still."""
        try:
            while data := os.read(self._terminal, 65536):
                self._screen += data
        except (BlockingIOError, OSError):
            pass
        return self._screen

    def stop(self) -> None:
        super().stop()
        os.close(self._terminal)
