"""Who we are: the router's private keys, and the RouterInfo that we sign and publish.

The key file starts with the standard private-key format (identity, X25519 key, signing key), so
tools that know it can read it; behind it stand the keys of the transports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.base.wire import Reader, Writer
from core.crypto.x25519 import X25519Key
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.router.config import RouterConfig
from core.transport.ports import Endpoint

#: The I2P API version that peers judge us by. i2pd: floodfills and hops need at least 0.9.59.
#: network-wide API version: tunnels are tested, long padding of NTCP2 is accepted
ROUTER_VERSION = "0.9.69"

_MAGIC = b"I2PTUNNEL1"
#: What a hidden router tells of a transport: what its handshakes need.
_CONCEALED_OPTIONS = {"NTCP2": ("s", "v", "pq"), "SSU2": ("s", "i", "v", "mtu", "pq")}
_COST_CONCEALED = 14
#: Upper bounds of the bandwidth classes in KB/s (Java: K < 12, L < 48, ...); above the last: X.
_BANDWIDTH_CLASSES = ((12, "K"), (48, "L"), (64, "M"), (128, "N"), (256, "O"), (2000, "P"))


@dataclass(frozen=True, slots=True, repr=False)
class RouterKeys:
    """Every secret of the router. ``ntcp2_iv`` has 16 bytes, ``ssu2_intro`` 32."""

    keys: PrivateKeys
    ntcp2_static: X25519Key
    ntcp2_iv: bytes
    ssu2_static: X25519Key
    ssu2_intro: bytes
    crypto: X25519Key = field(init=False)
    """The key of the identity: tunnel build records and router garlic are sealed to it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "crypto", X25519Key(self.keys.crypto_private))

    @property
    def hash(self) -> bytes:
        """Our router hash."""
        return self.keys.hash

    @property
    def mapping_secret(self) -> bytes:
        """What the nonces of port mappings are made from: the same after a restart."""
        return sha256(b"port mapping" + self.ssu2_intro).digest()

    @classmethod
    def generate(cls, entropy: Entropy) -> RouterKeys:
        """A new router."""
        return cls(
            PrivateKeys.generate_router(entropy),
            X25519Key.generate(entropy),
            entropy.random_bytes(16),
            X25519Key.generate(entropy),
            entropy.random_bytes(32),
        )

    @classmethod
    def parse(cls, data: bytes) -> RouterKeys:
        """Read the key file; DecodeError if it is damaged."""
        keys = PrivateKeys.parse(data)
        if not keys.identity.is_x25519:
            raise DecodeError("router keys without an X25519 key")
        reader = Reader(data, len(keys.write()))
        if reader.take(len(_MAGIC)) != _MAGIC:
            raise DecodeError("router keys without transport keys")
        found = cls(
            keys,
            X25519Key(reader.take(32)),
            reader.take(16),
            X25519Key(reader.take(32)),
            reader.take(32),
        )
        reader.expect_end()
        return found

    def write(self) -> bytes:
        """The key file."""
        return (
            Writer()
            .raw(self.keys.write())
            .raw(_MAGIC)
            .raw(self.ntcp2_static.private)
            .raw(self.ntcp2_iv)
            .raw(self.ssu2_static.private)
            .raw(self.ssu2_intro)
            .finish()
        )

    def __repr__(self) -> str:
        return f"RouterKeys({self.keys!r})"


def build_router_info(
    keys: RouterKeys,
    config: RouterConfig,
    endpoints: Sequence[Endpoint],
    published_ms: int,
    known: tuple[int, int] | None = None,
    congestion: str = "",
    *,
    is_elected: bool = False,
) -> RouterInfo:
    """Sign what we publish: each transport contributes its addresses and options.

    ``known``: how many routers and lease sets our netDb has; floodfills say so (Java, i2pd).
    ``congestion``: see :mod:`core.router.congestion`. ``is_elected``: we are a floodfill although
    the settings do not say so.
    """
    is_published = any(endpoint.is_reachable for endpoint in endpoints)
    is_published &= not config.hidden
    is_floodfill = bool(config.floodfill) or is_elected
    capabilities = _capabilities(config, is_published, congestion, is_floodfill)
    options = {
        "caps": capabilities,
        "netId": str(config.network_id),
        "router.version": ROUTER_VERSION,
    }
    if config.family is not None and not config.hidden:
        options |= config.family.options(keys.hash)
    for endpoint in endpoints:
        options |= endpoint.options()
    if known is not None and "f" in capabilities:
        options["netdb.knownRouters"], options["netdb.knownLeaseSets"] = map(str, known)
    return RouterInfo.build(keys.keys, published_ms, addresses_of(config, endpoints), options)


def conceal(addresses: Iterable[RouterAddress]) -> list[RouterAddress]:
    """What is left of our addresses when we are hidden: one for each transport, with its keys.

    i2pd and Java: who calls must show the static key in an address of that transport. Nothing says
    where we are, neither ourselves nor who introduces us, nor that we test or introduce others.
    """
    found: dict[str, RouterAddress] = {}
    for address in addresses:
        kept = _CONCEALED_OPTIONS.get(address.style, ())
        options = {key: value for key, value in address.options.items() if key in kept}
        before = found.get(address.style)
        options["caps"] = _families([*([before] if before is not None else []), address])
        found[address.style] = RouterAddress(_COST_CONCEALED, 0, address.style, options)
    return list(found.values())


def _families(addresses: Iterable[RouterAddress]) -> str:
    """The families that we dial from, ``4``, ``6`` or ``46``, by what stands in addresses."""
    found = ""
    for address in addresses:
        host, caps = address.options.get("host", ""), address.options.get("caps", "")
        found += ("6" if ":" in host else "4") if host else caps
    return "".join(family for family in "46" if family in found) or "4"


def addresses_of(config: RouterConfig, endpoints: Sequence[Endpoint]) -> list[RouterAddress]:
    """What the transports say, as it stands in a RouterInfo."""
    addresses = [address for endpoint in endpoints for address in endpoint.addresses()]
    return conceal(addresses) if config.hidden else addresses


def _capabilities(
    config: RouterConfig, is_published: bool, congestion: str, is_floodfill: bool
) -> str:
    """Bandwidth class, floodfill, reachability, congestion, in the order Java writes them.

    Java: a hidden router says L whatever its bandwidth is, and nothing of congestion.
    """
    if config.hidden:
        return "LHU"
    rate = min(config.inbound_bytes_s, config.outbound_bytes_s) * config.share / 1000
    letter = next((name for limit, name in _BANDWIDTH_CLASSES if rate < limit), "X")
    # i2pd and Java: nobody picks a router with G as a hop; the honest way to refuse transit
    if not config.transit:
        congestion = "G"
    return (
        letter
        + ("f" if is_floodfill and is_published else "")
        + ("R" if is_published else "U")
        + congestion
    )
