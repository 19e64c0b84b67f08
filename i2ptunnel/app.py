"""The appliance as a whole: router, tunnels, control socket and systemd, started and stopped.

Start: the router first (it holds the data directory's lock), then the control socket, then the
tunnels, each on its own. A reload changes the tunnels only, and only if the whole new
configuration is valid. Stop: tunnels, then the router; never longer than a few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from core.api import AnyRouter, FileFault, ForeignRouter, RouterConfig, TraceFile, share_turn
from core.base.errors import Unavailable
from core.data.router_info import RouterInfo
from i2ptunnel.announcements import ChangeLog, announce_place, introduce
from i2ptunnel.commands import COMMANDS, call, snapshot
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import Loaded
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.config.own_files import OwnFiles
from i2ptunnel.config.router_model import SshSection
from i2ptunnel.console.service import ConsoleService
from i2ptunnel.control import ControlServer
from i2ptunnel.finishing import begin, finish
from i2ptunnel.health import Facts, Health, assess
from i2ptunnel.hiding import HiddenMode
from i2ptunnel.i2pcontrol.server import I2pControlServer
from i2ptunnel.interfaces import TORRENTS, path_of, wanted_interfaces
from i2ptunnel.joining import show_joining
from i2ptunnel.logs import LogLevels
from i2ptunnel.manager import Manager, TunnelClasses
from i2ptunnel.naming_service import NamingService
from i2ptunnel.netdb_files import forget_pending, take_pending
from i2ptunnel.notify import ListenerKeeper, ServiceNotifier
from i2ptunnel.plan import Plan, check_listeners, listeners_of, make_plan
from i2ptunnel.printable import counted
from i2ptunnel.relay.activation import ActivatedSockets, Take
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.reseeding import Reseeding
from i2ptunnel.router_setup import i2cp_facts, make_router, reseed_section, router_config
from i2ptunnel.services import Service, Services, Wanted
from i2ptunnel.sessions import SessionPool
from i2ptunnel.torrents.client import TorrentClient
from i2ptunnel.tunnels.base import end_task
from i2ptunnel.tunnels.table import TUNNEL_CLASSES

CONTROL_SOCKET = "control.sock"
_CONTROL = "control"
_STATUS_INTERVAL_S = 5.0
#: how long a reload waits to see whether its tunnels come up
_SETTLE_S = 3.0
#: long enough for a tunnel that is started anew, with what its router tunnels cost
_SESSION_LINGER_S = 3.0

_log = logging.getLogger("i2ptunnel.app")


class App:
    """One running appliance. ``reread`` loads the configuration again for a reload."""

    def __init__(
        self,
        loaded: Loaded,
        reread: Callable[[], Loaded],
        classes: TunnelClasses = TUNNEL_CLASSES,
        levels: LogLevels | None = None,
        trace: TraceFile | None = None,
        show: Callable[[str], None] | None = None,
    ) -> None:
        """``show``: replaces the line below the log on a terminal, None without one."""
        self.loaded = loaded
        self._reread = reread
        self._levels = levels
        self._started_with = loaded.configuration.router
        self._notifier = ServiceNotifier(dict(os.environ))
        keeper = ListenerKeeper(self._notifier, os.environ)
        self._sockets = ActivatedSockets(keeper.others)
        section = loaded.configuration.router
        self.hidden_mode = HiddenMode(section)
        self.router: AnyRouter = make_router(
            section,
            self.hidden_mode,
            lambda: keeper,
            trace,
        )
        data_dir = loaded.data_dir
        sessions = SessionPool(self.router.open_session, data_dir, _SESSION_LINGER_S)
        section = reseed_section(loaded.configuration.router)
        self._has_terminal = show is not None
        self._show = show or (lambda _: None)
        self._joining: asyncio.Task[None] | None = None
        self.reseeding = Reseeding(
            section, data_dir, self.router, status=self.router.status, show=self._show
        )
        self.naming = NamingService(
            loaded.configuration, data_dir, sessions.open, sessions.release, facts=self._facts
        )
        self._budget = ConnectionBudget(self.router.descriptors.local)
        self.manager = Manager(
            classes,
            sessions,
            self.naming.resolver,
            data_dir,
            facts=self._facts,
            budget=self._budget,
            sockets=self._sockets,
        )
        self.services = Services()
        self.torrents = TorrentClient(data_dir, self.router, self.naming, self._budget)
        self._started_at = time.monotonic()
        self._stop = asyncio.Event()
        self._is_started = False
        self._changes = ChangeLog()
        self.editing, self._applying = asyncio.Lock(), asyncio.Lock()

    # Life

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises FileFault, Unavailable or OSError if the start fails."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))
        for warning in self.loaded.warnings:
            _log.warning("%s", warning)
        await self._start_router()
        try:
            if not isinstance(self.router, ForeignRouter):
                await self._import_pending()
                await self.reseeding.import_files()
            await self._apply_services()
            if (fault := self.services.failed.get(_CONTROL)) is not None:
                raise Unavailable(f"the control socket cannot be made: {fault}", "cannot_listen")
            self.manager.on_change(self._tell)
            self._protect()
            await self.manager.apply(self.loaded.configuration.tunnels)
            self.naming.start()
            self.reseeding.start()
            announce_place(self.loaded)
            self._is_started = True
            self._notifier.ready(self._status_line())
            introduce(self.loaded, self.router)
            self._name_unused_sockets()
            _log.info("i2ptunnel is up, process %d", os.getpid())
            if self._has_terminal:
                self._joining = asyncio.create_task(show_joining(self._facts, self._show))
            await self._until_stopped()
        finally:
            self._notifier.stopping()
            await end_task(self._joining)
            await self._shut_down()

    def _name_unused_sockets(self) -> None:
        listeners = [(one.endpoint, one.kind) for one in listeners_of(self.loaded.configuration)]
        for address in self._sockets.unused(listeners):
            _log.warning("the service manager listens at %s, but nothing here does", address)

    async def _start_router(self) -> None:
        try:
            await self.router.start()
        except OSError as error:
            config = self.router.config
            where = config.listening_at(config.port)
            reason = (error.strerror or str(error)).lower()
            raise Unavailable(
                f"the router cannot listen on {where}: {reason}", code="cannot_listen"
            ) from None

    def request_stop(self) -> None:
        """End :meth:`run`."""
        self._stop.set()

    async def _until_stopped(self) -> None:
        interval_s = self._notifier.watchdog_interval_s or _STATUS_INTERVAL_S
        while not self._stop.is_set():
            self._notifier.watchdog()
            self._tell()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(interval_s, _STATUS_INTERVAL_S)):
                    await self._stop.wait()

    async def _shut_down(self) -> None:
        """Stop everything in turn; what hangs may take none of the time of the rest."""
        self._stop.set()
        for what, stopping, timeout_s in (
            ("reseeding", self.reseeding.stop(), 0.2),
            ("torrents", self.torrents.stop(), 1.0),
            ("services", self.services.stop(), 0.4),
            ("address book", self.naming.stop(), 0.3),
            ("tunnels", self.manager.stop_all(), 1.6),
            ("router", self.router.stop(), 1.0),
        ):
            try:
                async with asyncio.timeout(timeout_s):
                    await stopping
            except TimeoutError:
                _log.warning("the %s took too long to stop", what)
            except Exception as error:
                _log.error("the %s did not stop cleanly: %s", what, type(error).__name__)
                _log.debug("internal error", exc_info=True)
        self.naming.close()

    async def _import_pending(self) -> None:
        """Take what ``netdb import`` kept for this start."""
        data_dir = self.loaded.data_dir
        pending = await asyncio.to_thread(take_pending, data_dir)
        if pending:
            await self._import(pending)
            await self.router.save()
        await asyncio.to_thread(forget_pending, data_dir)

    async def _import(self, infos: Iterable[RouterInfo]) -> int:
        """Like ``Router.import_routers``, over as many turns of the loop as it takes."""
        taken = 0
        for info in infos:
            await share_turn()
            taken += self.router.import_routers([info])
        return taken

    # State

    def _facts(self) -> Facts:
        router = self.router.status()
        ready, running = self.manager.counts
        return Facts(
            routers=router.routers,
            links=router.links.total,
            is_cut_off=router.cut_off,
            clock_skew_s=router.clock_skew_s,
            builds_started=router.builds_started,
            builds_succeeded=router.builds_succeeded,
            tunnels_ready=ready,
            tunnels=running,
            failed=self.manager.failed,
            is_started=self._is_started,
            is_stopping=self._stop.is_set(),
            reseed=self.reseeding.facts(),
            i2cp=i2cp_facts(router.i2cp),
            storage=router.storage,
        )

    def health(self) -> Health:
        """How the appliance is."""
        return assess(self._facts())

    @property
    def uptime_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at

    def reread(self) -> Loaded:
        """The configuration as it is on the disk now; raises ConfigError."""
        return self._reread()

    def _status_line(self) -> str:
        ready, running = self.manager.counts
        return f"{self.health()} ({ready} of {running} tunnels ready)"

    def _tell(self) -> None:
        """Say how we are to systemd, and to the log when that has become something else."""
        if self._is_started:
            self._changes.health(self.health())
        self._hide()
        clock = self.router.status().clock
        self._changes.clock(clock.correction_s, clock.source)
        if self._notifier.is_active:
            self._notifier.status(self._status_line())

    def _hide(self) -> None:
        """Our address may be known now, and with it the country."""
        before = self.hidden_mode.now
        hiding = self.hidden_mode.decide(self.router.own_hosts())
        config = self.router.config
        if hiding.hidden != config.hidden:
            self.router.reconfigure(replace(config, hidden=hiding.hidden))
        if hiding != before:
            _log.info("%s: %s", "hidden" if hiding.hidden else "not hidden", hiding.why)

    # Reload

    def _on_hangup(self) -> None:
        self.services.check()
        begin(self._reload())

    async def _reload(self) -> None:
        try:
            async with self.editing:  # what was read last is what runs
                await self.apply(await asyncio.to_thread(self.reread))
        except ConfigError as error:
            self._notifier.status(f"reload refused: {counted(len(error.faults), 'fault')}")
            for fault in error.faults[:20]:
                _log.error("reload refused: %s", fault)
        except Unavailable as error:
            self._notifier.status("reload refused")
            _log.error("reload refused: %s", error)

    async def apply(self, loaded: Loaded) -> dict[str, str]:
        """Returns the tunnels that do not come up, with the reason. Unavailable: nothing is done.

        All or nothing as far as it can be known: what another program holds refuses the reload.
        """
        return await finish(self._apply(loaded))

    async def _apply(self, loaded: Loaded) -> dict[str, str]:
        async with self._applying:
            return await self._carry_out(loaded)

    async def _carry_out(self, loaded: Loaded) -> dict[str, str]:
        plan = self.plan(loaded)
        config = await self._next_config(loaded, plan)
        if self._stop.is_set():
            raise Unavailable("the program stops", "stopping")
        self.check_listeners(loaded)
        self._notifier.reloading()
        for option in plan.router:
            _log.warning("%s has changed: it takes effect after a restart of the program", option)
        for name, (before, after) in plan.addresses.items():
            _log.warning("tunnel %s gets another address: from %s to %s", name, before, after)
        self.loaded = loaded
        if self._levels is not None:
            self._levels.apply(loaded.configuration.control.log)
        if config is not None:
            self.router.reconfigure(replace(config, hidden=self.hidden_mode.now.hidden))
        self.naming.configure(loaded.configuration)
        await self._apply_services()
        self._protect()
        await self.manager.apply(loaded.configuration.tunnels)
        touched = {*plan.add, *plan.change, *plan.restart}
        await self.manager.settle(touched, _SETTLE_S)
        self._notifier.ready(self._status_line())
        _log.info("reloaded")
        return {name: why for name, why in self.manager.failed.items() if name in touched}

    async def _next_config(self, loaded: Loaded, plan: Plan) -> RouterConfig | None:
        """What the running router is to take, None if nothing changes for it; raises Unavailable.

        It is made beside the loop: a blocklist may have half a million lines.
        """
        router = loaded.configuration.router
        is_told = any(option.startswith("router.") for option in plan.settings)
        if router.blocklist_file is None and not is_told:
            return None
        try:
            return await asyncio.to_thread(router_config, router, self.hidden_mode)
        except FileFault as fault:
            raise Unavailable(str(fault), "bad_file") from None

    def _protect(self) -> None:
        """Tell the tunnels which files and listeners are ours."""
        configuration, data_dir = self.loaded.configuration, self.loaded.data_dir
        files = OwnFiles.of(configuration, data_dir, self.loaded.files)
        self.manager.protect(files, self._own_doors())

    async def _apply_services(self) -> None:
        """A taken port keeps nothing else from running."""
        path = self.loaded.data_dir / CONTROL_SOCKET
        commands = {name: partial(call, self, name) for name in COMMANDS}
        wanted = {_CONTROL: Wanted(lambda: ControlServer(path, commands))}
        metrics = self.loaded.configuration.control.metrics
        if metrics is not None:
            from i2ptunnel.metrics import metrics_server

            take = self._taker("metrics", metrics.listen)
            make = partial(metrics_server, metrics, partial(snapshot, self), take)
            wanted["metrics"] = Wanted(make, metrics)
        ssh = self.loaded.configuration.control.ssh
        if ssh is not None:
            wanted["ssh"] = Wanted(partial(self._ssh_console, ssh), ssh)
        wanted |= wanted_interfaces(
            self.loaded, self.router, self.naming, self._own_doors, self._budget, self._taker
        )
        console = self.loaded.configuration.control.console
        if console is not None:
            take = self._taker("console", console.listen)
            wanted["console"] = Wanted(partial(ConsoleService, console, self, take), console)
        i2pcontrol = self.loaded.configuration.interfaces.i2pcontrol
        if i2pcontrol is not None:
            take = self._taker("i2pcontrol", i2pcontrol.listen)
            server = partial(I2pControlServer, i2pcontrol, self, self.request_stop, take)
            wanted["i2pcontrol"] = Wanted(server, i2pcontrol)
        torrents = self.loaded.configuration.torrents
        if torrents is not None:
            wanted[TORRENTS] = self.torrents.wanted(torrents)
        await self.services.apply(wanted)
        await self.torrents.apply_limits()

    def _ssh_console(self, section: SshSection) -> Service:
        # Imported late: most have none, and it brings a library of its own.
        from i2ptunnel.ssh.server import SshConsole

        return SshConsole(section, self, self._budget, self._taker("ssh", *section.listen))

    def _taker(self, service: str, *listen: Endpoint) -> Take:
        """Sockets that the service manager made for a service, by its path."""
        return self._sockets.of(path_of(service), *listen)

    def _own_doors(self) -> OwnDoors:
        return OwnDoors.of(self.loaded.configuration, self.loaded.data_dir, self.router.port)

    def check_listeners(self, loaded: Loaded) -> None:
        """Raise Unavailable if a listener of another configuration cannot be had."""
        before, after = self.loaded.configuration, loaded.configuration
        try:
            failed = [f"tunnels.{name}" for name in self.manager.failed]
            failed += map(path_of, self.services.failed)
            check_listeners(before, after, failed, self._sockets.has)
        except Unavailable as error:
            raise Unavailable(f"{error}; nothing was changed", error.code) from None

    def plan(self, loaded: Loaded) -> Plan:
        """What a reload would do."""
        return make_plan(
            self._started_with,
            self.loaded,
            loaded,
            self.router.config.data_dir,
            self.manager.can_update,
        )
