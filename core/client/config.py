"""What a client session is told when it opens."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.data.lease_set_layers import ClientAuthorisation, DailyKey
from core.data.private_keys import PrivateKeys
from core.streaming.options import StreamingOptions
from core.tunnel.shape import TunnelShape


@dataclass(frozen=True, slots=True)
class EncryptedLeaseSetOptions:
    """Publish the lease set encrypted: only who has the b33 address can read it.

    The destination's signing type must be Ed25519 or Red25519 (11, recommended for new ones).
    """

    secret: str = field(default="", repr=False)
    """Clients must know it besides the address. i2pd clients cannot use one."""
    authorisation: ClientAuthorisation | None = None
    """The clients that may read it; None: everybody with the address. Changed at run time by
    ``ClientSession.authorise``."""
    daily_keys: tuple[DailyKey, ...] = field(default=(), repr=False)
    """For a destination whose signing key is offline: made by
    ``core.data.lease_set_layers.authorise_days`` where that key is, one for each day."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """One local destination. ``keys`` None: a new destination that dies with the session."""

    name: str
    keys: PrivateKeys | None = None
    inbound: TunnelShape = field(default_factory=TunnelShape)
    outbound: TunnelShape = field(default_factory=TunnelShape)
    publish: bool = False
    """Publish the lease set in the netDb (servers); clients bundle it to whom they talk to, while
    they do."""
    streaming: StreamingOptions = field(default_factory=StreamingOptions)
    encrypted: EncryptedLeaseSetOptions | None = None
    """How a published lease set is encrypted; None: it is readable for everybody."""
