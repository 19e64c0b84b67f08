"""What a client session is told when it opens."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.data.private_keys import PrivateKeys
from core.streaming.options import StreamingOptions
from core.tunnel.shape import TunnelShape


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """One local destination. ``keys`` None: a new destination that dies with the session."""

    name: str
    keys: PrivateKeys | None = None
    inbound: TunnelShape = field(default_factory=TunnelShape)
    outbound: TunnelShape = field(default_factory=TunnelShape)
    publish: bool = False
    """Publish the lease set in the netDb (servers); clients bundle it to whom they talk to."""
    streaming: StreamingOptions = field(default_factory=StreamingOptions)
