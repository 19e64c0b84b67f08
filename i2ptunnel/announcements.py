"""What the log says by itself: who we are at the start, and each change of how we are."""

from __future__ import annotations

import logging
import os
import shlex
from pathlib import Path

from core.api import AnyRouter, FileFault, ForeignRouter, write_atomic
from i2ptunnel import __version__
from i2ptunnel.config.client_models import HttpClientSection
from i2ptunnel.config.loader import Loaded
from i2ptunnel.control import RUNNING_FILE
from i2ptunnel.health import CLOCK_ERROR_TOLD_S, Health, State, clock_warning

_log = logging.getLogger("i2ptunnel.app")


def introduce(loaded: Loaded, router: AnyRouter) -> None:
    """What the user needs to know where this program is concerned, once."""
    files = ", ".join(map(str, loaded.files)) or "a profile"
    _log.info("i2ptunnel %s with %s; data directory %s", __version__, files, loaded.data_dir)
    if isinstance(router, ForeignRouter):
        address = router.i2cp_status().address
        _log.info("the tunnels run over the router at %s, by I2CP", address)
    if router.port:
        config = router.config
        kinds = ["TCP"] * config.listens_tcp + ["UDP"] * config.listens_udp
        kinds.append("published" if config.hosts and not config.hidden else "not published")
        where = config.listening_at(router.port)
        _log.info("the router listens at %s (%s)", where, ", ".join(kinds))
    for name, tunnel in loaded.configuration.tunnels.items():
        if isinstance(tunnel, HttpClientSection) and tunnel.enabled:
            text = "set %s as HTTP proxy in the browser and open http://proxy.i2p/ (tunnel %s)"
            _log.info(text, tunnel.listen, name)
    if loaded.configuration.control.console is not None:
        place = [] if loaded.is_default_dir else ["--data-dir", str(loaded.data_dir)]
        _log.info("the console is opened by: i2ptunnel %s", shlex.join(["console", *place]))


def announce_place(loaded: Loaded) -> None:
    """Tell root's commands, which lack the service's environment, where the data are."""
    directory = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if not directory.startswith("/"):
        return
    lines = [str(path) for path in (loaded.data_dir, *loaded.files)]
    try:
        text = os.fsencode("".join(f"{line}\n" for line in lines))
        write_atomic(Path(directory) / RUNNING_FILE, text, 0o644)
    except FileFault as fault:
        _log.warning("%s", fault)


class ChangeLog:
    """Says how the appliance and its clock are, each time that has become something else."""

    def __init__(self) -> None:
        self._kind: tuple[str, str] = ("", "")
        self._correction_s = 0.0

    def health(self, health: Health) -> None:
        """Log it if its kind is another than the last one's."""
        if health.kind != self._kind:
            self._kind = health.kind
            level = logging.WARNING if health.state is State.DEGRADED else logging.INFO
            _log.log(level, "%s", health)

    def clock(self, correction_s: float, source: str | None) -> None:
        """Log a correction of the wire clock that came, went or has changed much."""
        is_over = bool(self._correction_s) and not correction_s
        if is_over or abs(correction_s - self._correction_s) >= CLOCK_ERROR_TOLD_S:
            self._correction_s = correction_s
            warning = clock_warning(correction_s, source)
            if warning is None:
                _log.info("the system's clock is right now")
            else:
                _log.warning("%s", warning)
