"""The methods of I2PControl, each a face of :mod:`i2ptunnel.commands`.

Every value is true. What this program does not have is an error, never made up. Changes go through
the same transactional reload as the YAML, and only where the owner allowed them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from core.api import FileFault, SystemEntropy, write_atomic
from core.base.errors import I2PError
from i2ptunnel import commands
from i2ptunnel.answer_texts import log_lines
from i2ptunnel.editing import ConfigurationEditor, setting
from i2ptunnel.i2pcontrol.access import Access, check_may_write
from i2ptunnel.i2pcontrol.address_book import AddressBook
from i2ptunnel.i2pcontrol.rates import PERIOD_MAX_S, BuildHistory, RateHistory
from i2ptunnel.i2pcontrol.router_info import KEYS, Facts
from i2ptunnel.i2pcontrol.rpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    Params,
    RpcError,
)
from i2ptunnel.i2pcontrol.tunnels import TunnelManager
from i2ptunnel.passwords import PASSWORD_CHARACTERS_MIN, seal

_SALT_BYTES = 16
#: Java's names of what is measured -> rates of :class:`RateHistory` that are added up
_STATS = {"bw.recvRate": (0,), "bw.sendRate": (1,), "bw.combined": (0, 1)}
_KILO = 1000
_LOG = "i2p.router.logs"


class Methods:
    """``reset_password``: where another password is written; ``stop``: ends the program."""

    def __init__(
        self,
        program: commands.Program,
        access: Access,
        password_file: Path,
        stop: Callable[[], None],
        *,
        may_write: bool,
    ) -> None:
        self._program = program
        self._access = access
        self._password_file = password_file
        self._stop = stop
        self._may_write = may_write
        self._rates = RateHistory()
        self._builds = BuildHistory()
        self._editor = ConfigurationEditor(program)
        self._tunnels = TunnelManager(program, self._editor, may_write=may_write)
        self._names = AddressBook(program, self._editor, may_write=may_write)
        self._methods: dict[str, Callable[[Params], Awaitable[dict[str, Any]]]] = {
            "Echo": self._echo,
            "GetRate": self._get_rate,
            "I2PControl": self._settings,
            "RouterInfo": self._router_info,
            "RouterManager": self._router_manager,
            "NetworkSetting": self._network_setting,
            "ClientServicesInfo": self._client_services,
            "TunnelManager": self._tunnels.call,
            "AddressBook": self._names.call,
        }
        #: keys of RouterInfo that commands answer
        self._readers = {**self._names.readers, _LOG: self._log}

    def sample(self) -> None:
        """Once a second, for the rates."""
        router, now = self._program.router, time.monotonic()
        self._rates.sample(router.traffic(), now)
        if self._builds.is_due(now):
            status = router.status()
            self._builds.sample(status.builds_started, status.builds_succeeded, now)

    async def call(self, client: str, name: str, params: Params) -> dict[str, Any]:
        """One request of ``client``, an address; raises RpcError."""
        if name == "Authenticate":
            return await self._access.authenticate(params, client)
        self._access.check(params)
        method = self._methods.get(name)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, f"there is no method {name!r}")
        try:
            return await method(params)
        except (I2PError, OSError) as error:
            raise RpcError(INTERNAL_ERROR, str(error)) from None

    # Methods that look

    async def _echo(self, params: Params) -> dict[str, Any]:
        if "Echo" not in params:
            raise RpcError(INVALID_PARAMS, "the parameter Echo is missing")
        return {"Result": params["Echo"]}

    async def _get_rate(self, params: Params) -> dict[str, Any]:
        stat, period_ms = params.get("Stat"), params.get("Period")
        parts = _STATS.get(stat) if isinstance(stat, str) else None
        if parts is None:
            raise RpcError(INVALID_PARAMS, f"Stat is one of {', '.join(_STATS)}")
        if isinstance(period_ms, bool) or not isinstance(period_ms, int):
            raise RpcError(INVALID_PARAMS, "Period is a whole number of milliseconds")
        if not 0 < period_ms <= PERIOD_MAX_S * 1000:
            raise RpcError(INVALID_PARAMS, "Period is up to an hour")
        rates = self._rates.rates(period_ms / 1000)
        rate = sum(rates[part] for part in parts)
        # The specification names it in two ways.
        return {"Result": rate, "Rate": rate}

    async def _router_info(self, params: Params) -> dict[str, Any]:
        wanted = [key for key in params if key != "Token"]
        unknown = [key for key in wanted if key not in KEYS and key not in self._readers]
        if unknown:
            raise RpcError(INVALID_PARAMS, f"not known here: {', '.join(unknown)}")
        facts = Facts(
            commands.snapshot(self._program), self._rates, self._builds, self._program.router
        )
        try:
            result = {key: KEYS[key](facts) for key in wanted if key in KEYS}
        except KeyError as error:
            raise RpcError(INVALID_PARAMS, f"the router does not tell {error}") from None
        for key in wanted:
            if key in self._readers:
                result[key] = await self._readers[key]()
        return result

    async def _log(self) -> list[str]:
        """What ``i2ptunnel logs`` shows."""
        return list(log_lines(await commands.logs(self._program)))

    async def _client_services(self, params: Params) -> dict[str, Any]:
        services = _services(commands.snapshot(self._program))
        wanted = [key for key in params if key != "Token"]
        unknown = [key for key in wanted if key not in services]
        if unknown:
            raise RpcError(INVALID_PARAMS, f"not known here: {', '.join(unknown)}")
        return {key: services[key] for key in wanted}

    # Methods that change

    async def _settings(self, params: Params) -> dict[str, Any]:
        """``I2PControl``: another password; where it listens is written in the file alone."""
        wanted = {key: value for key, value in params.items() if key != "Token"}
        if set(wanted) != {"i2pcontrol.password"}:
            raise RpcError(INVALID_PARAMS, "only i2pcontrol.password can be set from here")
        check_may_write(may_write=self._may_write)
        password = wanted["i2pcontrol.password"]
        if not isinstance(password, str) or len(password) < PASSWORD_CHARACTERS_MIN:
            wrong = f"a password has {PASSWORD_CHARACTERS_MIN} characters or more"
            raise RpcError(INVALID_PARAMS, wrong)
        salt = SystemEntropy().random_bytes(_SALT_BYTES)
        sealed = await asyncio.to_thread(seal, password, salt)
        try:
            line = f"{sealed}\n".encode()
            await asyncio.to_thread(write_atomic, self._password_file, line, 0o600)
        except FileFault as fault:
            raise RpcError(INTERNAL_ERROR, str(fault)) from None
        self._access.replace(sealed)
        return {"i2pcontrol.password": None, "SettingsSaved": True, "RestartNeeded": False}

    async def _router_manager(self, params: Params) -> dict[str, Any]:
        wanted = [key for key in params if key != "Token"]
        if len(wanted) != 1 or wanted[0] not in ("Shutdown", "Reseed"):
            known = "Shutdown or Reseed; restarts and updates are the service manager's"
            raise RpcError(INVALID_PARAMS, f"one of {known}")
        check_may_write(may_write=self._may_write)
        if wanted[0] == "Reseed":
            return {"Reseed": await commands.netdb_reseed(self._program)}
        # Once the answer is on its way.
        asyncio.get_running_loop().call_later(1.0, self._stop)
        return {"Shutdown": None}

    async def _network_setting(self, params: Params) -> dict[str, Any]:
        known = _network_settings(self._program)
        wanted = {key: value for key, value in params.items() if key != "Token"}
        unknown = [key for key in wanted if key not in known]
        if unknown:
            raise RpcError(INVALID_PARAMS, f"not known here: {', '.join(unknown)}")
        changes = {key: value for key, value in wanted.items() if value is not None}
        plan: dict[str, Any] = {"router": []}
        if changes:
            check_may_write(may_write=self._may_write)
            options = [_network_option(key, value) for key, value in changes.items()]
            plan = await self._editor.edit(setting(*options))
        now = _network_settings(self._program)
        shown = {key: now[key] for key in wanted}
        return {**shown, "SettingsSaved": bool(changes), "RestartNeeded": bool(plan["router"])}


def _services(status: dict[str, Any]) -> dict[str, Any]:
    """What listens for other programs, in the form of i2pd."""
    tunnels = status["tunnels"]

    def listening(kind: str) -> dict[str, Any]:
        found = [one for one in tunnels if one["type"] == kind and one["state"] != "stopped"]
        return {"enabled": bool(found), **({"address": found[0].get("b32")} if found else {})}

    interfaces = status.get("interfaces", {})
    shown = {
        word: {"enabled": name in interfaces, **interfaces.get(name, {})}
        for word, name in (("SAM", "sam"), ("I2CP", "i2cp"))
    }
    sides = {
        side: {
            one["name"]: {"address": one.get("b32")}
            for one in tunnels
            if one["type"].endswith("server") == (side == "server")
        }
        for side in ("client", "server")
    }
    return {
        "I2PTunnel": sides,
        "HTTPProxy": listening("httpclient"),
        "SOCKS": listening("sockstunnel"),
        "BOB": {"enabled": False},
        **shown,
    }


def _network_settings(program: commands.Program) -> dict[str, str | None]:
    """The values are texts, as Java's are."""
    router, port = program.loaded.configuration.router, str(program.router.port)
    return {
        "i2p.router.net.ntcp.port": port if router.ntcp2.enabled else None,
        "i2p.router.net.ssu.port": port if router.ssu2.enabled else None,
        "i2p.router.net.upnp": str(router.port_mapping in ("auto", "upnp")).lower(),
        "i2p.router.net.bw.share": str(round(router.bandwidth.share * 100)),
        "i2p.router.net.bw.in": str(router.bandwidth.inbound // _KILO),
        "i2p.router.net.bw.out": str(router.bandwidth.outbound // _KILO),
    }


def _network_option(key: str, value: Any) -> tuple[tuple[str, ...], Any]:
    """Where a setting stands in the file, and what is written there."""
    text = str(value).lower()
    if key == "i2p.router.net.upnp" and text in ("true", "false"):
        return ("router", "port_mapping"), "auto" if text == "true" else "off"
    if not text.isascii() or not text.isdigit():
        raise RpcError(INVALID_PARAMS, f"{key}: {value!r} is no number")
    if key.endswith(".bw.share"):
        return ("router", "bandwidth", "share"), f"{int(text)}%"
    for ending, option in ((".bw.in", "inbound"), (".bw.out", "outbound")):
        if key.endswith(ending):
            return ("router", "bandwidth", option), f"{int(text)}kB/s"
    return ("router", "port"), int(text)
