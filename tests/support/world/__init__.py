"""Routers, sites and visitors in virtual time, deterministic from one seed; see ``World``."""

from tests.support.world.machine import Machine
from tests.support.world.models import LinkModel
from tests.support.world.world import World

__all__ = ["LinkModel", "Machine", "World"]
