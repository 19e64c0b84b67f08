"""The interfaces of the configuration, as services to run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.api import AnyRouter, Router, SystemEntropy
from i2ptunnel.config.loader import Loaded
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.i2cp_service import I2cpContext, I2cpService
from i2ptunnel.naming_service import NamingService
from i2ptunnel.relay.activation import Take
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.sam.bridge import SamBridge
from i2ptunnel.sam.context import SamContext
from i2ptunnel.services import Wanted

#: services that are doors for other programs; all others belong to ``control:``
INTERFACES = ("sam", "i2cp", "i2pcontrol")
#: the service that has a section of its own
TORRENTS = "torrents"


def path_of(service: str) -> str:
    """Where a service stands in the configuration: ``interfaces.sam``, ``control.metrics``."""
    if service == TORRENTS:
        return service
    return f"{'interfaces' if service in INTERFACES else 'control'}.{service}"


def wanted_interfaces(
    loaded: Loaded,
    router: AnyRouter,
    naming: NamingService,
    own_doors: Callable[[], OwnDoors],
    budget: ConnectionBudget,
    taker: Callable[..., Take],
) -> dict[str, Wanted]:
    """What is on. ``own_doors``: nobody is led there; ``budget``: descriptors, shared by all.

    ``taker``: of a service's name and addresses, how it takes sockets that are made already.
    """
    wanted = {}
    sam = loaded.configuration.interfaces.sam
    if sam is not None:
        data_dir = loaded.data_dir
        context = SamContext(data_dir, SystemEntropy(), router, naming, own_doors, budget)
        take = taker("sam", sam.listen, *([] if sam.udp is None else [sam.udp]))
        wanted["sam"] = Wanted(partial(SamBridge, sam, context, take), sam)
    i2cp = loaded.configuration.interfaces.i2cp
    if i2cp is not None and isinstance(router, Router):
        own = I2cpContext(loaded.data_dir, router, naming, budget)
        wanted["i2cp"] = Wanted(partial(I2cpService, i2cp, own, taker("i2cp", i2cp.listen)), i2cp)
    return wanted
