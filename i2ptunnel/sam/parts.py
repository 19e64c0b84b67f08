"""What the connections of a bridge share."""

from __future__ import annotations

from dataclasses import dataclass

from core.base.ports import Entropy
from i2ptunnel.sam.context import Figures
from i2ptunnel.sam.datagrams import Sender
from i2ptunnel.sam.names import Names
from i2ptunnel.sam.sessions import Sessions
from i2ptunnel.sam.users import UserStore


@dataclass(frozen=True, slots=True)
class BridgeParts:
    """Made once for each life of the bridge."""

    entropy: Entropy
    figures: Figures
    users: UserStore
    names: Names
    sessions: Sessions
    sender: Sender
