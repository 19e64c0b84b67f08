"""What a client session is told when it opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.base.ports import Entropy
from core.crypto.x25519 import KEY_LENGTH
from core.data.encryption_keys import EncryptionKeys
from core.data.lease_set_layers import ClientAuthorisation, DailyKey
from core.data.private_keys import PrivateKeys
from core.garlic.suites import usable_types
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
class MetaOptions:
    """The session is one of several machines that have one address together."""

    keys: PrivateKeys = field(repr=False)
    """Of the common address, or transient ones that were authorised by it."""
    machines: tuple[tuple[bytes, int], ...]
    """All of them: the hash of the destination of each, and its cost (0 to 255, lower first)."""


PEER_ORDER_BYTES = 32


@dataclass(frozen=True, slots=True)
class LastingKeys:
    """What a destination should keep over restarts besides its identity.

    With another encryption key after each start, whoever holds the lease set from before would
    send what nobody can read, until it looks for a newer one. With another order of peers, a hop
    could compare the orders and learn who else is in the tunnels. Java: ``leaseSetPrivateKey`` and
    ``randomKey``, saved by I2PTunnel.
    """

    encryption: bytes = field(repr=False)
    """The X25519 private key of the lease set, 32 bytes; keys of other types come from it."""
    peer_order: bytes = field(repr=False)
    """What the order of hops is derived from, 32 bytes."""

    @classmethod
    def generate(cls, entropy: Entropy) -> LastingKeys:
        """Fresh ones, for a destination that is new."""
        return cls(entropy.random_bytes(KEY_LENGTH), entropy.random_bytes(PEER_ORDER_BYTES))


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
    is_multihomed: bool = False
    """Other routers are the same destination, too: publish often. Floodfills keep the newest lease
    set only, and visitors of a router that is gone wait for one of another router."""
    meta: MetaOptions | None = None
    """Publish a meta lease set as well; then the session publishes often, too."""
    lasting: LastingKeys | None = None
    """What was kept from the last time, for ``keys`` only; None: new ones."""
    lease_set_options: Mapping[str, str] = field(default_factory=dict)
    """What the lease set says besides, such as service records; at most 255 bytes each."""
    encryption_types: tuple[int, ...] = ()
    """For which encryption types the lease set has keys: 4 is X25519, 6 and 7 are hybrids with
    ML-KEM, 0 is ElGamal, for visitors that have nothing else. What the router cannot do is left
    out; without one that it can do, the defaults: 6 and 4, or 4 where the library has no
    ML-KEM."""


def encryption_secret(config: SessionConfig, entropy: Entropy) -> bytes:
    """What the keys of the lease set come from: what was kept, or fresh bytes."""
    return config.lasting.encryption if config.lasting else entropy.random_bytes(KEY_LENGTH)


def encryption_keys(config: SessionConfig, secret: bytes) -> EncryptionKeys:
    """The keys of the lease set."""
    return EncryptionKeys.derive(usable_types(config.encryption_types), secret)
