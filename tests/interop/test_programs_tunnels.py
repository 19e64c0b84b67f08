"""git, ssh, mail, apt, curl and python-socks over a network of our own routers.

One router has the services, another the tunnels that the programs use.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import mailbox
import os
import re
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import asyncssh
import pytest
from python_socks import ProxyError, ProxyType
from python_socks.sync import Proxy

from i2ptunnel.config.client_models import (
    ClientTunnelSection,
    HttpClientSection,
    Pop3ClientSection,
    SmtpClientSection,
    SocksSection,
)
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import HttpServerSection, ServerTunnelSection
from i2ptunnel.demo import free_port
from tests.support import apt, curl, fetch_curl, fetch_mail, fetch_ssh
from tests.support.git_servers import git, http_server, make_repository, ssh_server
from tests.support.mail import PASSWORD, USER, MailServer
from tests.support.origin import Origin, body_of, digest_of
from tests.support.own_network import TWO_HOPS, b32_of, own_network

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

LARGE = 1_500_000
SIZE = 200_000


@dataclass
class Village:
    """What runs: names of the services and ports on 127.0.0.1 of the tunnels to them."""

    root: Path
    ports: dict[str, int]
    names: dict[str, str]

    def socks(self, scheme: str) -> str:
        return f"{scheme}://127.0.0.1:{self.ports['socks']}"

    def url(self, service: str, path: str = "/") -> str:
        return f"http://{self.names[service]}{path}"


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """The routers run in a thread, so that programs can be waited for."""
    root = tmp_path_factory.mktemp("village")
    made = Village(root, {}, {})
    with ExitStack() as stack:
        origin = stack.enter_context(Origin())
        make_repository(root, {"large": body_of(LARGE), "read.me": b"hello\n"})
        repositories = stack.enter_context(http_server(root))
        serving = threading.Thread(target=repositories.serve_forever)
        serving.start()
        stack.callback(serving.join)
        stack.callback(repositories.shutdown)
        began, ending = threading.Event(), asyncio.Event()
        faults: list[BaseException] = []
        loops: list[asyncio.AbstractEventLoop] = []

        async def main() -> None:
            loops.append(asyncio.get_running_loop())
            try:
                async with AsyncExitStack() as running:
                    await _start(made, running, origin.port, repositories.server_address[1])
                    began.set()
                    await ending.wait()
            except BaseException as fault:
                faults.append(fault)
            finally:
                began.set()

        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        stack.callback(thread.join)
        stack.callback(lambda: loops[0].call_soon_threadsafe(ending.set))
        began.wait()
        if faults:
            raise faults[0]
        yield made
    assert not faults, faults


async def _start(made: Village, stack: AsyncExitStack, origin: int, repositories: int) -> None:
    root = made.root
    network = await stack.enter_async_context(own_network(root / "net", 6, ends=2))
    mail = MailServer(root / "mail")
    await mail.start()
    stack.push_async_callback(mail.stop)
    keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("host", "user")}
    ssh = await ssh_server(root, keys["host"], keys["user"])
    stack.push_async_callback(ssh.wait_closed)
    stack.callback(ssh.close)
    keys["user"].write_private_key(root / "user.key")
    (root / "user.key").chmod(0o600)

    def target(port: int) -> tuple[Endpoint, ...]:
        return (Endpoint("127.0.0.1", port),)

    serving = await network.run(
        network.routers[-1],
        {
            "site": HttpServerSection(target=target(origin), **TWO_HOPS),
            "git": HttpServerSection(target=target(repositories), **TWO_HOPS),
            "apt": HttpServerSection(docroot=root / "docroot", **TWO_HOPS),
            "ssh": ServerTunnelSection(target=target(ssh.get_port()), **TWO_HOPS),
            "smtp": ServerTunnelSection(target=target(mail.smtp_port), **TWO_HOPS),
            "pop3": ServerTunnelSection(target=target(mail.pop3_port), **TWO_HOPS),
        },
    )
    apt.make_repository(root / "docroot" / "repo")
    await network.until_ready(serving)
    for name in ("site", "git", "apt", "ssh", "smtp", "pop3"):
        made.names[name] = b32_of(serving, name)

    def listen(name: str) -> Endpoint:
        made.ports[name] = free_port("127.0.0.1", 0)
        return Endpoint("127.0.0.1", made.ports[name])

    def destination(name: str) -> tuple[DestinationName, ...]:
        return (DestinationName(made.names[name]),)

    using = await network.run(
        network.routers[-2],
        {
            "web": HttpClientSection(listen=listen("web"), **TWO_HOPS),
            "socks": SocksSection(listen=listen("socks"), **TWO_HOPS),
            **{
                name: ClientTunnelSection(
                    listen=listen(name),
                    destination=destination(name),
                    **TWO_HOPS,
                )
                for name in ("ssh", "smtp", "pop3")
            },
            "send": SmtpClientSection(
                listen=listen("send"),
                destination=destination("smtp"),
                **TWO_HOPS,
            ),
            "fetch": Pop3ClientSection(
                listen=listen("fetch"),
                destination=destination("pop3"),
                **TWO_HOPS,
            ),
        },
    )
    await network.until_ready(using)
    host_key = keys["host"].export_public_key().decode().strip()
    known = f"[127.0.0.1]:{made.ports['ssh']} {host_key}\n"
    (root / "known_hosts").write_text(known)
    web = f"http://127.0.0.1:{made.ports['web']}"
    got = await asyncio.to_thread(curl.fetch_with_retry, made.url("site"), proxy=web)
    assert got.status == 200, got


# curl and python-socks


@pytest.mark.parametrize("scheme", ["socks4a", "socks5h"])
def test_curl_over_socks_by_name(village: Village, scheme: str) -> None:
    got = curl.fetch(village.url("site", f"/bytes/{SIZE}"), proxy=village.socks(scheme))
    assert (got.exit_code, got.status, got.digest) == (0, 200, digest_of(SIZE)), got.error


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
def test_curl_over_socks_by_address(village: Village, scheme: str) -> None:
    """An address that stands for the name works, any other one is refused."""
    address = _resolve(village.ports["socks"], village.names["site"])
    url = f"http://{address}/bytes/{SIZE}"
    got = curl.fetch(url, proxy=village.socks(scheme))
    assert (got.exit_code, got.status, got.digest) == (0, 200, digest_of(SIZE)), got.error
    refused = curl.fetch("http://192.0.2.1/", proxy=village.socks(scheme))
    assert (refused.exit_code, refused.status) == (97, 0), refused.error


def _resolve(port: int, name: str) -> str:
    """What Tor's RESOLVE says, as tor-resolve asks it."""
    with socket.create_connection(("127.0.0.1", port), 30) as asking:
        asking.sendall(b"\5\1\0")
        assert asking.recv(2) == b"\5\0"
        host = name.encode()
        asking.sendall(b"\5\xf0\0\3" + bytes((len(host),)) + host + b"\0\0")
        answer = asking.recv(100)
    assert answer[:4] == b"\5\0\0\1", answer
    return socket.inet_ntoa(answer[4:8])


@pytest.mark.parametrize("kind", ["4a", "5"])
def test_python_socks(village: Village, kind: str) -> None:
    proxy = Proxy(
        ProxyType.SOCKS5 if kind == "5" else ProxyType.SOCKS4,
        "127.0.0.1",
        village.ports["socks"],
        rdns=True,
    )
    with proxy.connect(village.names["site"], 80, timeout=30) as sock:
        assert _get(sock, village.names["site"]) == digest_of(SIZE)
    for host in ("unknown-name.i2p", "example.com", "localhost", "10.0.0.1"):
        with pytest.raises(ProxyError):
            proxy.connect(host, 80, timeout=30)


def test_python_socks_4(village: Village) -> None:
    proxy = Proxy(ProxyType.SOCKS4, "127.0.0.1", village.ports["socks"], rdns=False)
    address = _resolve(village.ports["socks"], village.names["site"])
    with proxy.connect(address, 80, timeout=30) as sock:
        assert _get(sock, village.names["site"]) == digest_of(SIZE)
    with pytest.raises(ProxyError):
        proxy.connect("192.0.2.1", 80, timeout=30)


def _get(sock: socket.socket, host: str) -> str:
    """The digest of a page."""
    request = f"GET /bytes/{SIZE} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    sock.sendall(request.encode())
    answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return hashlib.sha256(body).hexdigest()


# apt


@pytest.mark.parametrize("place", ["./", "./sub/../"])
def test_apt_updates_and_downloads_from_a_docroot(
    village: Village, tmp_path: Path, place: str
) -> None:
    proxy = f"http://127.0.0.1:{village.ports['web']}"
    source = f"deb [trusted=yes] {village.url('apt', '/repo')} {place}"
    first = apt.run(tmp_path, source, proxy, "update")
    assert "Packages" in first
    # Nothing has changed, and the site says so.
    assert "Hit:" in apt.run(tmp_path, source, proxy, "update")
    apt.run(tmp_path, source, proxy, "download", apt.PACKAGE)
    (got,) = tmp_path.glob("*.deb")
    assert got.read_bytes() == (village.root / "docroot" / "repo" / got.name).read_bytes()


# git


def test_git_over_http(village: Village, tmp_path: Path) -> None:
    proxy = f"http://127.0.0.1:{village.ports['web']}"
    _clone_and_push(village, tmp_path, village.url("git", "/repo.git"), http_proxy=proxy)


def test_git_over_http_and_socks(village: Village, tmp_path: Path) -> None:
    proxy = village.socks("socks5h")
    _clone_and_push(village, tmp_path, village.url("git", "/repo.git"), http_proxy=proxy)


def test_git_over_ssh(village: Village, tmp_path: Path) -> None:
    ssh = [
        *fetch_ssh.command(),
        *("-F", "/dev/null", "-i", str(village.root / "user.key")),
        *("-o", f"UserKnownHostsFile={village.root / 'known_hosts'}"),
        *("-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes"),
    ]
    url = f"ssh://git@127.0.0.1:{village.ports['ssh']}/repo.git"
    _clone_and_push(village, tmp_path, url, GIT_SSH_COMMAND=shlex.join(ssh))


def _clone_and_push(village: Village, root: Path, url: str, **environment: str) -> None:
    """Clone, commit what does not compress, push, and see it in the repository."""
    clone = root / "clone"
    git("clone", "-q", url, str(clone), **environment)
    assert (clone / "large").read_bytes() == body_of(LARGE)
    size = LARGE + len(root.name)
    (clone / root.name).write_bytes(body_of(size))
    git("-C", str(clone), "add", ".")
    git("-C", str(clone), "commit", "-q", "-m", "more")
    git("-C", str(clone), "push", "-q", "origin", "HEAD:main", **environment)
    bare = str(village.root / "repo.git")
    assert git("-C", bare, "rev-parse", "main") == git("-C", str(clone), "rev-parse", "HEAD")
    git("-C", bare, "fsck", "--strict")


# Mail


def test_mail_through_client_tunnels(village: Village, tmp_path: Path) -> None:
    smtp, pop3 = (f"{name}://127.0.0.1:{village.ports[name]}" for name in ("smtp", "pop3"))
    _mail(tmp_path, smtp, pop3)


def test_mail_through_the_socks_proxy(village: Village, tmp_path: Path) -> None:
    smtp, pop3 = (f"{name}://{village.names[name]}" for name in ("smtp", "pop3"))
    _mail(tmp_path, smtp, pop3, "-x", village.socks("socks5h"))


def _mail(root: Path, smtp: str, pop3: str, *options: str) -> None:
    """Send a mail with something attached, find it in the box, fetch it, delete it."""
    attached = root / "attached.bin"
    attached.write_bytes(body_of(SIZE))
    sender = ("--mail-from", "bob@mail.i2p", "--mail-rcpt", f"{USER}@mail.i2p")
    content = ("-F", "=Hello.\n.\n..", "-F", f"file=@{attached};encoder=base64")
    _curl(*options, smtp, *sender, *content, "-H", "Subject: From I2P")
    login = ("-u", f"{USER}:{PASSWORD}")
    assert _curl(*options, f"{pop3}/", *login).split()[0] == b"1"
    got = _curl(*options, f"{pop3}/1", *login)
    assert b"Subject: From I2P\r\n" in got
    assert b"Hello.\r\n.\r\n..\r\n" in got
    text = _base64_of(body_of(SIZE))
    assert text in got.replace(b"\r\n", b"")
    _curl(*options, f"{pop3}/1", *login, "-X", "DELE", "-I")
    assert not _curl(*options, f"{pop3}/", *login).split()


@pytest.mark.parametrize("program", ["msmtp", "swaks", "neomutt"])
def test_mail_programs_tell_nothing_of_this_machine(
    village: Village, tmp_path: Path, program: str
) -> None:
    """Each sends a file; mpop fetches it through ``pop3client``, byte for byte."""
    attached = tmp_path / "attached.bin"
    attached.write_bytes(body_of(SIZE))
    _send_with(program, village.ports["send"], attached)
    box = tmp_path / "box"
    arguments = ("--port", str(village.ports["fetch"]), "--user", USER, "--tls=off", "--auth=user")
    password = ("--passwordeval", f"echo {PASSWORD}", "--uidls-file", str(tmp_path / "uidls"))
    delivery = ("--delivery", f"mbox,{box}", "--keep=off", "--received-header=off")
    _run(
        *fetch_mail.installed().command("usr/bin/mpop"),
        *("--host", "127.0.0.1", *arguments, *password, *delivery),
    )
    with closing(mailbox.mbox(box)) as letters:
        (letter,) = letters
    got = letter.as_bytes()
    _, file = letter.get_payload()
    assert file.get_payload(decode=True) == body_of(SIZE)
    written = {name.lower() for name in letter if not name.startswith("X-")}  # by the mail server
    kept = {"from", "to", "subject", "date", "message-id", "mime-version", "content-type"}
    assert written <= kept | {"content-disposition", "content-transfer-encoding"}, written
    assert letter["Date"] is None or letter["Date"].endswith(" +0000")
    for word in (socket.gethostname(), program, "127.0.0.1", "localhost"):
        header = got.split(b"\n\n", 1)[0].split(b"X-Peer")[0].lower()
        # A short host name may stand in a random boundary by chance.
        assert not re.search(rb"\b" + re.escape(word.lower().encode()) + rb"\b", header), word


def _send_with(program: str, port: int, attached: Path) -> None:
    programs, root = fetch_mail.installed(), attached.parent
    sender, recipient = "bob@mail.i2p", f"{USER}@mail.i2p"
    if program == "swaks":
        _run(
            *programs.command("usr/bin/perl"),
            str(programs.root / "usr/bin/swaks"),
            *("--server", f"127.0.0.1:{port}", "--from", sender, "--to", recipient),
            *("--attach-type", "application/octet-stream", "--attach", f"@{attached}"),
            environment={"PERL5LIB": programs.perl_libraries},
        )
        return
    if program == "neomutt":
        (root / "muttrc").write_text(
            f"set from={sender}\nset smtp_url=smtp://127.0.0.1:{port}\nset ssl_force_tls=no\n"
            "set copy=no\nset user_agent=yes\n"
        )
        _run(
            *programs.command("usr/bin/neomutt"),
            *(
                "-n",
                "-F",
                str(root / "muttrc"),
                "-s",
                "A file",
                "-a",
                str(attached),
                "--",
                recipient,
            ),
            given=b"Hello.\n",
            environment={"HOME": str(root)},
        )
        return
    letter = EmailMessage()
    letter["From"], letter["To"], letter["User-Agent"] = sender, recipient, "msmtp"
    letter.set_content("Hello.\n")
    letter.add_attachment(
        attached.read_bytes(), maintype="application", subtype="octet-stream", filename="a"
    )
    arguments = (
        "--host=127.0.0.1",
        f"--port={port}",
        "--tls=off",
        "--auth=off",
        f"--from={sender}",
    )
    _run(*programs.command("usr/bin/msmtp"), *arguments, recipient, given=bytes(letter))


def _run(*command: str, given: bytes = b"", environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr)


def _base64_of(data: bytes) -> bytes:
    return base64.b64encode(data)


def _curl(*arguments: str) -> bytes:
    done = subprocess.run(
        [*fetch_curl.command(), "-sS", "--max-time", "60", *arguments],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
