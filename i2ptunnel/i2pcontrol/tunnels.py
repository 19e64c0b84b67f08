"""``TunnelManager``: tunnels looked at, started and stopped, and client tunnels written down.

The parameters are those of I2P proposal 170, which are Java's words; each stands for an option of
our YAML. What has no counterpart is an error, never dropped. Whoever has the password may not make
this machine serve or listen to more than its owner wrote: targets, document roots and listeners
beyond loopback come from the file alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from core.base.authority import authority
from i2ptunnel import commands
from i2ptunnel.config.document import Document
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS
from i2ptunnel.editing import ConfigurationEditor
from i2ptunnel.i2pcontrol.access import check_may_write
from i2ptunnel.i2pcontrol.rpc import INVALID_PARAMS, Params, RpcError

ACTIONS_ON_ALL = ("get", "start", "stop", "restart")
#: Java's short words
_TYPES = {"socks": "sockstunnel", "socksirc": "socksirctunnel"}
_SHAPE = {
    "TunnelLength": "length",
    "TunnelVariance": "length_variance",
    "TunnelQuantity": "quantity",
    "TunnelBackupQuantity": "backup_quantity",
}
_ASIDE = ("Token", "Name", "Action", "All", "Type", "Port", "ReachableBy")
_FROM_FILE_ONLY = ("TargetHost", "Host", "TargetPort", "PrivKeyFile")

Path = tuple[str, ...]


def _proxies(value: Any) -> list[str]:
    """Java's list of hosts by comma; they are HTTP proxies in I2P."""
    names = [name.strip() for name in _text(value).split(",") if name.strip()]
    urls = [name if "://" in name else f"http://{name}" for name in names]
    if not all((urlsplit(url).hostname or "").endswith(".i2p") for url in urls):
        raise ValueError("proxies outside I2P are written in the file alone")
    return urls


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("write a text")
    return value.strip()


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("write a whole number")
    return value


#: parameter -> where it stands in a tunnel's section, and how it is read
_OPTIONS: dict[str, tuple[Path, Callable[[Any], Any]]] = {
    "TargetDestination": (("destination",), _text),
    "Destination": (("destination",), _text),
    "StartOnLoad": (("enabled",), _flag),
    "DelayOpen": (("delay_open",), _flag),
    "Shared": (("shared",), _flag),
    "ProxyList": (("outproxies",), _proxies),
    "SSLProxies": (("https_outproxies",), _proxies),
    "MaxConcurrentConns": (("max_connections",), _number),
    **{parameter: (("inbound", option), _number) for parameter, option in _SHAPE.items()},
}


class TunnelManager:
    """``may_write``: whether this client may change anything."""

    def __init__(
        self, program: commands.Program, editor: ConfigurationEditor, *, may_write: bool
    ) -> None:
        self._program = program
        self._editor = editor
        self._may_write = may_write

    async def call(self, params: Params) -> dict[str, Any]:
        """One request; raises RpcError or what the commands raise."""
        action = params.get("Action")
        if "All" in params:
            return await self._on_all(action)
        name = params.get("Name")
        if not isinstance(name, str) or not name.strip():
            raise RpcError(INVALID_PARAMS, "Name is missing: which tunnel?")
        name = name.strip()
        if action == "get":
            return {"status": "success", "tunnel": self._known(name)}
        check_may_write(may_write=self._may_write)
        if action in ("start", "restart"):
            await commands.start_tunnel(self._program, name=name)
        elif action == "stop":
            await commands.stop_tunnel(self._program, name=name)
        elif action == "delete":
            self._known(name)
            await self._editor.edit(lambda text: _removed(text, name))
        elif action == "create":
            section = _section(params)
            if name in self._program.loaded.configuration.tunnels:
                raise RpcError(INVALID_PARAMS, f"there is a tunnel {name!r} already")
            await self._editor.edit(lambda text: _changed(text, name, section))
        elif action == "edit":
            self._known(name)
            options = _options(params)
            await self._editor.edit(lambda text: _changed(text, name, options))
        else:
            actions = "create, edit, get, start, stop, restart or delete"
            raise RpcError(INVALID_PARAMS, f"Action is {actions}")
        return {"status": "success", "tunnel": name}

    async def _on_all(self, action: Any) -> dict[str, Any]:
        if action not in ACTIONS_ON_ALL:
            raise RpcError(INVALID_PARAMS, f"with All, Action is {' or '.join(ACTIONS_ON_ALL)}")
        tunnels = await commands.tunnels(self._program)
        if action == "get":
            return {"status": "success", "tunnels": tunnels}
        check_may_write(may_write=self._may_write)
        turn = commands.stop_tunnel if action == "stop" else commands.start_tunnel
        for tunnel in tunnels:
            await turn(self._program, name=tunnel["name"])
        return {"status": "success", "results": [tunnel["name"] for tunnel in tunnels]}

    def _known(self, name: str) -> dict[str, Any]:
        for tunnel in self._program.manager.status():
            if tunnel["name"] == name:
                return tunnel
        raise RpcError(INVALID_PARAMS, f"there is no tunnel {name!r}")


def _section(params: Params) -> dict[str, Any]:
    """A new tunnel's section."""
    kind = params.get("Type")
    kind = _TYPES.get(str(kind), kind)
    model = TUNNEL_MODELS.get(str(kind))
    if model is None:
        raise RpcError(INVALID_PARAMS, f"Type is one of {', '.join(sorted(TUNNEL_MODELS))}")
    if str(kind).endswith("server"):
        raise RpcError(INVALID_PARAMS, "what this machine serves is written in its file alone")
    return {"type": kind, **_options(params)}


def _options(params: Params) -> dict[str, Any]:
    """Options of a section, by the parameters; raises RpcError that names the wrong one."""
    section: dict[str, Any] = {}
    for parameter, value in params.items():
        if parameter in _ASIDE:
            continue
        if parameter in _FROM_FILE_ONLY:
            raise RpcError(INVALID_PARAMS, f"{parameter} is written in the file alone")
        if parameter not in _OPTIONS:
            raise RpcError(INVALID_PARAMS, f"{parameter} has no counterpart here")
        path, read = _OPTIONS[parameter]
        try:
            plain = read(value)
        except ValueError as error:
            raise RpcError(INVALID_PARAMS, f"{parameter}: {error}") from None
        if path[0] == "inbound":
            for way in ("inbound", "outbound"):
                section.setdefault(way, {})[path[1]] = plain
        else:
            section[path[0]] = plain
    if "Port" in params or "ReachableBy" in params:
        section["listen"] = _listen(params)
    return section


def _listen(params: Params) -> str:
    host, port = params.get("ReachableBy", "127.0.0.1"), params.get("Port")
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        wrong = "ReachableBy: a listener beyond loopback is written in the file alone"
        raise RpcError(INVALID_PARAMS, wrong)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise RpcError(INVALID_PARAMS, "Port is 1 to 65535")
    return authority(host, port)


def _changed(text: str, name: str, options: dict[str, Any]) -> str:
    document = Document(text)
    if not document.is_mapping("tunnels", name):
        document.set(("tunnels", name), options)
        return str(document)
    for key, value in options.items():
        if isinstance(value, dict) and document.is_mapping("tunnels", name, key):
            for inner, plain in value.items():
                document.set(("tunnels", name, key, inner), plain)
        else:
            document.set(("tunnels", name, key), value)
    return str(document)


def _removed(text: str, name: str) -> str:
    document = Document(text)
    document.remove(("tunnels", name))
    if not document.keys("tunnels"):
        document.remove(("tunnels",))
        if not document.keys("router"):
            document.set(("router",), {})
    return str(document)
