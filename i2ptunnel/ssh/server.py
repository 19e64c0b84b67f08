"""The SSH console as a service: listeners, host keys, who may log in, and nothing else of SSH."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from functools import partial
from typing import Any

import asyncssh

from core.base.errors import I2PError
from core.base.rates import WindowCounter
from i2ptunnel.commands import Program
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.router_model import SshSection
from i2ptunnel.finishing import begin
from i2ptunnel.relay.activation import Take, take_none
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.relay.last_answer import LAST_ANSWER_S
from i2ptunnel.relay.listener import Accepted, Listener, ListenerLimits
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.ssh.console import Console
from i2ptunnel.ssh.keys import host_key_file, load_authorized, load_host_key
from i2ptunnel.ssh.words import LINE_CHARACTERS_MAX

CONNECTIONS_MAX, CONNECTIONS_PER_CLIENT = 32, 8
SESSIONS_PER_CONNECTION = 8
LOGIN_TIMEOUT_S = 30.0
#: keys that one connection may try: an agent offers all it has
KEYS_TRIED_MAX = 10
#: keys that are not authorised, from one address in a minute, until it is not heard for its rest
FAILURES_MAX, FAILURES_PERIOD_S = 30, 60.0
KEEPALIVE_S = 30.0
_SERVER_NAME = "i2ptunnel"

_log = logging.getLogger("i2ptunnel.ssh")


class _Socket(LocalChannel):
    """A connection that asyncssh reads and writes itself, once it has taken it."""

    def __init__(self) -> None:
        super().__init__()
        self._socket: socket.socket | None = None

    async def adopt(self, sock: socket.socket) -> None:
        """Keep the socket as it is."""
        self._socket = sock

    def take(self) -> socket.socket | None:
        """The socket, which from now on is the caller's; None if it was closed."""
        sock, self._socket = self._socket, None
        return sock

    def reset(self) -> None:
        """Close it, unless it was taken: then the task that serves it is cancelled, and does."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def is_half_closed(self) -> bool:
        """Nobody looks."""
        return False


class _Listener(Listener):
    def make_channel(self) -> LocalChannel:
        return _Socket()


class _Door:
    """One way in, with a host key of its own."""

    def __init__(self, endpoint: Endpoint, key: asyncssh.SSHKey, listener: _Listener) -> None:
        self.endpoint = endpoint
        self.key = key
        self.listener = listener

    @property
    def fingerprint(self) -> str:
        """As ``ssh`` shows it."""
        return self.key.get_fingerprint()


class SshConsole:
    """A service (:mod:`i2ptunnel.services`)."""

    def __init__(
        self,
        section: SshSection,
        program: Program,
        budget: ConnectionBudget,
        take: Take = take_none,
    ) -> None:
        self._section = section
        self._program = program
        self._budget = budget
        self._take = take
        self._doors: list[_Door] = []
        self._failures = WindowCounter(FAILURES_PERIOD_S)
        self.logins = self.refused = 0
        # asyncssh tells of every command that runs, names of sites in it.
        asyncssh.set_log_level(logging.ERROR)

    async def start(self) -> None:
        """Listen; raises Unavailable or FileFault, also without an authorised key."""
        await asyncio.to_thread(load_authorized, self._section.authorized_keys)
        try:
            for endpoint in self._section.listen:
                await self._open(endpoint)
        except BaseException:
            await self.stop()
            raise

    async def _open(self, endpoint: Endpoint) -> None:
        path = host_key_file(self._program.loaded.data_dir, endpoint)
        key = await asyncio.to_thread(load_host_key, path)
        # From this machine come visitors through a tunnel, and the user, who is never shut out.
        most = CONNECTIONS_MAX if endpoint.is_loopback else CONNECTIONS_PER_CLIENT
        limits = ListenerLimits(CONNECTIONS_MAX, most)
        serve = partial(self._serve, key)
        listener = _Listener(
            endpoint, serve, limits, self._section.allow, budget=self._budget, take=self._take
        )
        listener.start()
        door = _Door(endpoint, key, listener)
        self._doors.append(door)
        _log.info("SSH console at %s, host key %s", endpoint, door.fingerprint)

    async def stop(self) -> None:
        """May be called in any state."""
        doors, self._doors = self._doors, []
        for door in doors:
            await door.listener.stop()

    async def check(self) -> None:
        """Raise Unavailable if nobody can reach a listener any more."""
        for door in self._doors:
            door.listener.check()

    @property
    def ports(self) -> list[int]:
        """The ports of its listeners, in their order."""
        return [door.listener.port for door in self._doors]

    def status(self) -> dict[str, Any]:
        """Where it listens, with which host keys, and how many are connected."""
        return {
            "listen": ", ".join(str(endpoint) for endpoint in self._section.listen),
            "host_keys": {str(door.endpoint): door.fingerprint for door in self._doors},
            "connections_open": sum(door.listener.open_connections for door in self._doors),
            "logins": self.logins,
            "refused": self.refused,
        }

    # One connection

    async def _serve(self, key: asyncssh.SSHKey, accepted: Accepted) -> None:
        channel = accepted.channel
        assert isinstance(channel, _Socket)
        if self._is_locked_out(accepted.client):
            self.refused += 1
            channel.reset()
            return
        try:
            keys = await asyncio.to_thread(load_authorized, self._section.authorized_keys)
        except I2PError as error:
            _log.error("nobody can log in: %s", error)
            channel.reset()
            return
        visit = _Visit(self, accepted.client)
        connection = await self._shake_hands(channel, key, keys, visit)
        if connection is None:
            return
        try:
            accepted.establish()
            self.logins += 1
            _log.info("somebody has logged in")
            await connection.wait_closed()
        finally:
            # Not waited for: a reload stops this console, and its own answer is still to come.
            begin(visit.end(connection))

    async def _shake_hands(
        self,
        channel: _Socket,
        key: asyncssh.SSHKey,
        keys: asyncssh.SSHAuthorizedKeys,
        visit: _Visit,
    ) -> asyncssh.SSHServerConnection | None:
        """The connection once a key has opened it; None if none did."""
        sock = channel.take()
        if sock is None:
            return None
        try:
            return await asyncssh.run_server(
                sock,
                server_factory=lambda: visit,
                server_host_keys=[key],
                authorized_client_keys=keys,
                process_factory=visit.serve,
                **_NOTHING_ELSE,
            )
        except (asyncssh.Error, OSError):
            return None
        finally:
            if not visit.has_transport:
                sock.close()

    def failed(self, client: str) -> None:
        """A key that is not authorised."""
        self.refused += 1
        self._failures.count(client, time.monotonic())

    def _is_locked_out(self, client: str) -> bool:
        """Never who comes from this machine: it is the user, or a visitor through a tunnel."""
        if not client or Endpoint(client, 0).is_loopback:
            return False
        return self._failures.counted(client, time.monotonic()) >= FAILURES_MAX

    def session(self, process: asyncssh.SSHServerProcess[str]) -> Console:
        """One session, not begun."""
        return Console(self._program, process)


#: what SSH can do besides running our commands, switched off one by one
_NOTHING_ELSE: dict[str, Any] = {
    "config": (),
    "server_version": _SERVER_NAME,
    "public_key_auth": True,
    "password_auth": False,
    "kbdint_auth": False,
    "host_based_auth": False,
    "gss_kex": False,
    "gss_auth": False,
    "gss_host": None,
    "agent_forwarding": False,
    "x11_forwarding": False,
    "allow_scp": False,
    "sftp_factory": None,
    "rdns_lookup": False,
    "errors": "replace",
    "line_editor": True,
    "line_history": 200,
    "max_line_length": LINE_CHARACTERS_MAX,
    "login_timeout": LOGIN_TIMEOUT_S,
    "keepalive_interval": KEEPALIVE_S,
    "keepalive_count_max": 3,
}


class _Visit(asyncssh.SSHServer):
    """What one connection may ask for: a session. Requests to forward are refused by default."""

    def __init__(self, console: SshConsole, client: str) -> None:
        self._console = console
        self._client = client
        self._tried = 0
        #: whether asyncssh closes the socket
        self.has_transport = False
        self._sessions: dict[asyncio.Task[None], Console] = {}
        self._is_over = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """See :class:`asyncssh.SSHServer`."""
        self.has_transport = True

    def begin_auth(self, username: str) -> bool:
        """Always with a key; there is one account, whatever its name."""
        return True

    def public_key_auth_supported(self) -> bool:
        """The only way."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Asked for a key that is not authorised."""
        self._tried += 1
        self._console.failed(self._client)
        if self._tried >= KEYS_TRIED_MAX:
            raise asyncssh.PermissionDenied("too many keys")
        return False

    def serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
        """Start a session."""
        if self._is_over or len(self._sessions) >= SESSIONS_PER_CONNECTION:
            process.stderr.write("too many sessions\n")
            process.exit(1)
            return
        session = self._console.session(process)
        task = asyncio.create_task(self._run(process, session))
        self._sessions[task] = session
        task.add_done_callback(self._sessions.pop)

    async def _run(self, process: asyncssh.SSHServerProcess[str], session: Console) -> None:
        gone = asyncio.create_task(process.channel.wait_closed())
        running = asyncio.create_task(session.run())
        try:
            await asyncio.wait({gone, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done() and not running.cancelled():
                process.exit(running.result())
        finally:
            for task in (gone, running):
                task.cancel()
            await asyncio.gather(gone, running, return_exceptions=True)
            with contextlib.suppress(OSError):
                process.close()

    async def end(self, connection: asyncssh.SSHServerConnection) -> None:
        """Nothing new begins; a command that is being carried out is answered first."""
        self._is_over = True
        sessions = dict(self._sessions)
        busy = [task for task, session in sessions.items() if session.leave()]
        try:
            for task in sessions.keys() - set(busy):
                task.cancel()
            if busy:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_ANSWER_S):
                        await asyncio.wait(busy)
                        await connection.wait_closed()
        finally:
            connection.abort()
            for task in busy:
                task.cancel()
            await asyncio.gather(*sessions, return_exceptions=True)
