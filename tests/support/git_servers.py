"""git repositories over HTTP (``git http-backend``) and over SSH (asyncssh)."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncssh

_SERVICES = {"git-upload-pack": "upload-pack", "git-receive-pack": "receive-pack"}


def git(*arguments: str, **environment: str) -> str:
    """Run git with nobody's configuration; raises CalledProcessError with what it said."""
    program = shutil.which("git")
    if program is None:
        raise RuntimeError("git is missing on this machine")
    plain = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        **{
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "A"), ("EMAIL", "a@mail.i2p"))
        },
    }
    done = subprocess.run(
        [program, *arguments],
        env={**plain, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"git {arguments}: {done.stdout}{done.stderr}")
    return done.stdout


def make_repository(root: Path, content: dict[str, bytes]) -> Path:
    """A bare repository that takes pushes, with one commit."""
    work, bare = root / "work", root / "repo.git"
    git("init", "-q", "-b", "main", str(work))
    for name, data in content.items():
        (work / name).write_bytes(data)
    git("-C", str(work), "add", ".")
    git("-C", str(work), "commit", "-q", "-m", "first")
    git("clone", "-q", "--bare", str(work), str(bare))
    git("-C", str(bare), "config", "http.receivepack", "true")
    return bare


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        body = self._body()
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": self.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
        )
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that go away are part of the tests."""


def http_server(root: Path) -> ThreadingHTTPServer:
    """A server of the repositories in ``root``; its ``serve_forever`` is the caller's."""
    handler = type("_Rooted", (_Handler,), {"root": str(root)})
    return _Server(("127.0.0.1", 0), handler)


async def _pump(reader: Any, writer: Any) -> None:
    """Carry everything, and the end."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def ssh_server(
    root: Path, host_key: asyncssh.SSHKey, client_key: asyncssh.SSHKey
) -> asyncssh.SSHAcceptor:
    """A server on 127.0.0.1 for one key, whose only commands are git's."""

    async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
        words = shlex.split(process.command or "")
        if len(words) != 2 or words[0] not in _SERVICES:
            process.stderr.write(b"only git\n")
            process.exit(1)
            return
        running: Any = await asyncio.create_subprocess_exec(
            "git",
            _SERVICES[words[0]],
            str(root / Path(words[1]).name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        reading = asyncio.create_task(_pump(process.stdin, running.stdin))
        await _pump(running.stdout, process.stdout)
        reading.cancel()
        process.exit(await running.wait())

    keys = asyncssh.import_authorized_keys(client_key.export_public_key().decode())
    return await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=keys,
        process_factory=serve,
        encoding=None,
    )
