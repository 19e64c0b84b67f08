"""What a reload changes, and what it cannot: said before it is done, and true.

Tunnels are added, changed, restarted and removed while the program runs, and the limits of
bandwidth and transit, the blocklist and the role of a floodfill hold at once. The rest of the
``router`` section is read once, at the start: its changes are named, one by one, as needing a
restart of the program.
A server whose keys change gets another public address; both are shown.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from core.base.errors import I2PError, Unavailable
from core.data.blinded_address import BlindedAddress
from i2ptunnel.config.client_models import ListeningSection, UdpClientSection
from i2ptunnel.config.interfaces_model import SamSection, interface_sections
from i2ptunnel.config.loader import Loaded
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.own_files import key_file_of
from i2ptunnel.config.router_model import RouterSection, service_sections
from i2ptunnel.config.server_models import ServerSection, StreamrServerSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.keyfiles import read_keys
from i2ptunnel.relay.listener import Listener, ListenerLimits

CanUpdate = Callable[[str, TunnelSection], bool]
NEW_ADDRESS = "a new address"
#: options and sections of the router that the running one takes
_LIVE = ("bandwidth", "blocklist", "blocklist_file", "floodfill", "transit")


@dataclass(slots=True)
class Plan:
    """Names of tunnels by what becomes of them, and what else changes."""

    add: list[str] = field(default_factory=list)
    change: list[str] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    """Options outside of tunnels that take effect at once, such as ``control.metrics.listen``."""
    router: list[str] = field(default_factory=list)
    """Options that take effect when the program is started anew, such as ``router.port``."""
    addresses: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Tunnel -> its public address before and after."""


def make_plan(
    started: RouterSection, old: Loaded, new: Loaded, data_dir: Path, can_update: CanUpdate
) -> Plan:
    """From ``old`` to ``new``. ``started``: the router section that the program started with."""
    plan = Plan()
    before, after = old.configuration, new.configuration
    for name, tunnel in after.tunnels.items():
        known = before.tunnels.get(name)
        if known is None:
            plan.add.append(name)
        elif known == tunnel:
            plan.keep.append(name)
        elif can_update(name, tunnel):
            plan.change.append(name)
        else:
            plan.restart.append(name)
            addresses = address_of(name, known, data_dir), address_of(name, tunnel, data_dir)
            if addresses[0] != addresses[1]:
                plan.addresses[name] = addresses[0] or "none", addresses[1] or "none"
    plan.remove = [name for name in before.tunnels if name not in after.tunnels]
    live = {one: getattr(after.router, one) for one in _LIVE}
    plan.router = list(changed_options(replace(started, **live), after.router, "router"))
    for name in _LIVE:
        pair = getattr(before.router, name), live[name]
        plan.settings += changed_options(*pair, f"router.{name}")
    for section in ("control", "naming", "interfaces", "torrents"):
        pair = getattr(before, section), getattr(after, section)
        plan.settings += changed_options(*pair, section)
    return plan


def changed_options(old: Any, new: Any, path: str) -> Iterator[str]:
    """The paths of the options that differ."""
    if old == new:
        return
    if is_dataclass(old) and type(old) is type(new):
        for one in fields(old):
            pair = getattr(old, one.name), getattr(new, one.name)
            yield from changed_options(*pair, f"{path}.{one.name}")
    else:
        yield path


def address_of(name: str, tunnel: TunnelSection, data_dir: Path) -> str | None:
    """The public address of a server's keys; None for what has none."""
    if not isinstance(tunnel, ServerSection):
        return None
    file = key_file_of(name, tunnel)
    assert file is not None
    try:
        keys = read_keys(data_dir / file)
        if keys is None:
            return f"{NEW_ADDRESS}, with keys made in {file}"
        if not tunnel.encrypted.enabled:
            return keys.destination.b32
        return str(
            BlindedAddress.of(
                keys.destination,
                needs_secret=bool(tunnel.encrypted.secret),
                needs_client_key=bool(tunnel.encrypted.clients),
            )
        )
    except I2PError as error:
        return f"unknown ({error})"


def check_listeners(
    old: Configuration,
    new: Configuration,
    failed: Collection[str],
    is_had: Callable[[Endpoint], bool] = lambda _: False,
) -> None:
    """Raise Unavailable if a new listener cannot be had.

    ``failed``: paths of what should listen and does not, such as ``tunnels.web``; it may go on
    failing. ``is_had``: whether a socket for it is there already. What another program takes in the
    moment between this and the reload fails later. UDP is not tried.
    """
    before = {one.path: one for one in listeners_of(old) if one.kind == socket.SOCK_STREAM}
    held = {str(one.endpoint) for path, one in before.items() if path not in failed}
    for one in listeners_of(new):
        if one.kind != socket.SOCK_STREAM or is_had(one.endpoint):
            continue
        if not getattr(one.section, "enabled", True) or str(one.endpoint) in held:
            continue
        if one.path in before and before[one.path].section == one.section:
            continue
        listener = Listener(one.endpoint, _never, ListenerLimits(1, 1))
        try:
            listener.bind()
        except Unavailable as error:
            raise Unavailable(f"{one.path}: {error}", error.code) from None
        finally:
            listener.close()


@dataclass(frozen=True, slots=True)
class Listening:
    """An address of the configuration. ``path``: of the option's section."""

    path: str
    endpoint: Endpoint
    section: Any
    kind: socket.SocketKind = socket.SOCK_STREAM


def listeners_of(configuration: Configuration) -> Iterator[Listening]:
    """Where tunnels, services and interfaces of a configuration listen."""
    for name, section in service_sections(configuration.control):
        for index, endpoint in enumerate(section.endpoints):
            path = f"control.{name}.listen[{index}]" if index else f"control.{name}"
            yield Listening(path, endpoint, section)
    for name, interface in interface_sections(configuration.interfaces):
        yield Listening(f"interfaces.{name}", interface.listen, interface)
        if isinstance(interface, SamSection) and interface.udp is not None:
            yield Listening(f"interfaces.{name}.udp", interface.udp, interface, socket.SOCK_DGRAM)
    for name, tunnel in configuration.tunnels.items():
        if isinstance(tunnel, ListeningSection):
            yield Listening(f"tunnels.{name}", tunnel.listen, tunnel)
        elif isinstance(tunnel, UdpClientSection | StreamrServerSection):
            yield Listening(f"tunnels.{name}", tunnel.listen, tunnel, socket.SOCK_DGRAM)


async def _never(_: object) -> None:
    """Nothing is accepted."""
