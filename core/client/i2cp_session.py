"""One local destination that lives on a foreign router, reached by I2CP.

Streams, datagrams and the signed lease set are ours; the ratchet and the router tunnels are the
router's, which gets the key of the lease set. The connection may end and be made anew: identity,
streams and what the application holds stay. The key of the lease set does while streams are open.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from core.base.bounded import BoundedMap
from core.base.errors import LocalError
from core.base.ports import AdjustableClock, Entropy
from core.client.config import SessionConfig, encryption_keys, encryption_secret
from core.client.events import Event, FoundDestination, LeaseSetFound, ReadyChanged
from core.client.i2cp_network import I2cpNetwork
from core.client.meta_publisher import MetaPublisher
from core.client.multiplexer import Multiplexer
from core.client.own_lease_set import OwnLeaseSet
from core.crypto.blinding import BLINDED_TYPE
from core.crypto.x25519 import KEY_LENGTH, X25519Key
from core.data.blinded_address import BlindedTarget
from core.data.certificate import CryptoType
from core.data.encoding import b64encode
from core.data.identity import Destination
from core.data.lease_set import Lease
from core.data.lease_set_layers import CLIENTS_MAX, AuthScheme, ClientAuthorisation
from core.data.private_keys import PrivateKeys
from core.datagram.manager import DatagramManager
from core.garlic.suites import usable_types
from core.i2cp.client import (
    ClientConnection,
    ClockTold,
    Failed,
    LeasesOffered,
    LookupEnded,
    PayloadArrived,
    Phase,
)
from core.i2cp.lookup_messages import LookupResult
from core.i2cp.options import hashes_text
from core.streaming.connection import Stream
from core.streaming.manager import StreamManager
from core.tunnel.shape import TunnelShape

#: Java: 10 s and more are recommended for a lookup by hash.
LOOKUP_S = 20.0
LOOKUPS_MAX = 256
BLINDING_LIFE_S = 24 * 3600
#: a difference of clocks up to here may be the time that the answer took
CLOCK_TOLERANCE_S = 5.0
#: as many hashes as a value of 255 bytes holds
EXPLICIT_PEERS_MAX = 5
_ENCRYPTED_TYPE, _PLAIN_TYPE = "5", "3"

_WHY: dict[int, str] = {
    LookupResult.SECRET_REQUIRED: "secret_required",
    LookupResult.KEY_REQUIRED: "client_key_required",
    LookupResult.SECRET_AND_KEY_REQUIRED: "secret_required",
    LookupResult.DECRYPTION_FAILED: "client_key_refused",
}
#: what a router says of an encrypted address that it did not find, or cannot look up
BLINDED_NOT_FOUND = "blinded_lookup_failed"
NAME_NOT_FOUND = "unknown_name"

#: what a router is asked for; text is a host name
Target = bytes | BlindedTarget | str


def with_encryption(config: SessionConfig) -> SessionConfig:
    """With X25519 alone unless more is asked for: what the router can do is not known.

    i2pd: it has ML-KEM only with OpenSSL 3.5 or newer, and does not say whether it has. Of a lease
    set with a key that it cannot use others may choose just that key.
    """
    types = usable_types(config.encryption_types, (CryptoType.X25519,))
    return replace(config, encryption_types=types)


def with_router(
    authorisation: ClientAuthorisation | None, own: X25519Key
) -> tuple[ClientAuthorisation | None, bytes | None]:
    """Who may read our lease set, the router among them, and the private key by which it does.

    Java: its router ends the connection over a lease set that it cannot open itself.
    """
    if authorisation is None or not authorisation.keys:
        return authorisation, None
    if authorisation.scheme is AuthScheme.PSK:
        return authorisation, authorisation.keys[0]
    if len(authorisation.keys) >= CLIENTS_MAX:
        return authorisation, None
    keys = (*authorisation.keys, own.public)
    return ClientAuthorisation(authorisation.scheme, keys), own.private


def reader_options(secret: str, key: bytes | None) -> dict[str, str]:
    """What opens our encrypted lease set for the router."""
    options = {}
    if secret:
        options["i2cp.leaseSetSecret"] = b64encode(secret.encode())
    if key is not None:
        options["i2cp.leaseSetPrivKey"] = b64encode(key)
    return options


def session_options(config: SessionConfig, reader: bytes | None = None) -> dict[str, str]:
    """What the router is told of a session when it is created.

    ``reader``: the private key by which it reads our encrypted lease set.
    """
    options = {
        "i2cp.fastReceive": "true",
        "i2cp.messageReliability": "none",
        "i2cp.leaseSetEncType": ",".join(str(kind) for kind in config.encryption_types),
        "i2cp.leaseSetType": _ENCRYPTED_TYPE if config.encrypted is not None else _PLAIN_TYPE,
        **shape_options(config.inbound, config.outbound),
    }
    if config.encrypted is not None:
        options |= reader_options(config.encrypted.secret, reader)
    if not config.publish:
        # i2pd: it publishes all sessions; "false" would keep it from doing so, as of 2.59.
        options["i2cp.dontPublishLeaseSet"] = "true"
    return options


def shape_options(inbound: TunnelShape, outbound: TunnelShape) -> dict[str, str]:
    """How its tunnels should be. i2pd reads ``explicitPeers`` without a direction."""
    options: dict[str, str] = {}
    for name, shape in (("inbound", inbound), ("outbound", outbound)):
        options[f"{name}.length"] = str(shape.length)
        options[f"{name}.quantity"] = str(shape.quantity)
        options[f"{name}.lengthVariance"] = str(shape.length_variance)
        options[f"{name}.backupQuantity"] = str(shape.backup_quantity)
        if shape.explicit_peers:
            options["explicitPeers"] = hashes_text(shape.explicit_peers[:EXPLICIT_PEERS_MAX])
    return options


class I2cpEngine:
    """See the module. The counterpart of :class:`~core.client.session.ClientEngine`."""

    def __init__(
        self,
        config: SessionConfig,
        keys: PrivateKeys,
        wall: AdjustableClock,
        entropy: Entropy,
        *,
        user_name: str = "",
        password: str = "",
    ) -> None:
        self.config = config = with_encryption(config)
        self.keys = keys
        self.owner = keys.hash
        self.streams = StreamManager(keys, config.streaming, wall, entropy)
        self.datagrams = DatagramManager(keys, wall)
        self.is_ready = False
        self.meta: MetaPublisher | None = None
        self.failure = ""
        """Why the last connection ended."""
        self.router_version = ""
        self.network = I2cpNetwork(self._search)
        self._encryption = encryption_keys(config, encryption_secret(config, entropy))
        self._is_key_used = False
        self._reader = X25519Key.generate(entropy)
        encrypted, reader = config.encrypted, None
        if encrypted is not None:
            authorisation, reader = with_router(encrypted.authorisation, self._reader)
            encrypted = replace(encrypted, authorisation=authorisation)
        self.own = OwnLeaseSet(
            keys,
            self._encryption.public,
            config.publish,
            wall,
            entropy,
            encrypted,
            said=config.lease_set_options,
        )
        self._wall = wall
        self._entropy = entropy
        self._credentials = user_name, password
        self._options = session_options(config, reader)
        self._events: deque[Event] = deque()
        self._mux = Multiplexer(self.streams, self.datagrams, self.network, self._events)
        self._leases: tuple[Lease, ...] = ()
        self._lookups: BoundedMap[int, Target] = BoundedMap(LOOKUPS_MAX)
        self._wanted: dict[Target, None] = {}
        self.streams.on_remote = self.network.learn

    @property
    def destination(self) -> Destination:
        """Our own public identity."""
        return self.keys.destination

    @property
    def why_not_ready(self) -> str:
        """What keeps the session from carrying traffic, for the user."""
        if self.failure:
            return self.failure
        return "the router that is reached over I2CP is still building them"

    # What the application asks

    def lookup(self, target: bytes | BlindedTarget, now: float) -> None:
        """Find a destination by hash or encrypted address; LeaseSetFound follows."""
        self._lookup(target)

    def set_serving(self, is_serving: bool, now: float) -> None:
        """The foreign router publishes what it has been given, as long as the session lasts."""

    def note_unreachable(self, destination_hash: bytes, now: float) -> None:
        """The foreign router knows what stands behind an address."""

    def lookup_name(self, name: str, now: float) -> None:
        """Find who has a host name in the router's address book; LeaseSetFound follows."""
        self._lookup(name)

    def _lookup(self, target: Target) -> None:
        connection = self.network.connection
        if connection is None or connection.phase is not Phase.OPEN:
            self._events.append(LeaseSetFound(target, None, "lease_set_not_found"))
            return
        self._wanted[target] = None
        if target not in self._lookups.values():
            self._ask(connection, target)

    def ping(self, remote_hash: bytes, payload: bytes, to_port: int, now: float) -> None:
        """Send an echo request; a Pong event follows, or nothing."""
        self.streams.ping(remote_hash, now, payload=payload, to_port=to_port)

    def authorise(self, authorisation: ClientAuthorisation | None, now: float) -> None:
        """Change who may read our encrypted lease set; LocalError if it is not encrypted."""
        readers, reader = with_router(authorisation, self._reader)
        self.own.authorise(readers, now)
        self._reconfigure(reader_options("", reader))

    def reshape(self, inbound: TunnelShape, outbound: TunnelShape) -> None:
        """Ask the router for other tunnels."""
        self.config = replace(self.config, inbound=inbound, outbound=outbound)
        self._reconfigure(shape_options(inbound, outbound))

    def _reconfigure(self, options: dict[str, str]) -> None:
        if not options:
            return
        self._options |= options
        if self.network.connection is not None:
            self.network.connection.reconfigure(self._options)

    # The connection

    def connected(self, now: float) -> None:
        """There is a new socket to the router, which has none of our ratchet sessions any more."""
        if self._is_key_used and not any(map(_is_worth_keeping, self.streams.streams)):
            self._change_keys()
        self._is_key_used = True
        name, password = self._credentials
        self.network.connection = ClientConnection(
            self.keys, self._options, self._wall, now, user_name=name, password=password
        )

    def _change_keys(self) -> None:
        """A lease set with other keys tells correspondents that the ratchet sessions are lost.

        i2pd: for two minutes it refuses to replace the session of a key, and answers through it.
        Its open streams stay with theirs until another one of the same key replaces it.
        """
        self._encryption = encryption_keys(self.config, self._entropy.random_bytes(KEY_LENGTH))
        self.own.use_encryption_keys(self._encryption.public)

    def receive(self, data: bytes, now: float) -> None:
        """The socket brought bytes; none: it has ended."""
        connection = self.network.connection
        if connection is None:
            return
        if data:
            connection.receive(data, now)
        else:
            connection.receive_end()

    def take_output(self) -> bytes:
        """What is to be written to the socket."""
        connection = self.network.connection
        return b"" if connection is None else connection.take_output()

    def disconnected(self, reason: str) -> None:
        """The socket is gone, or could not be had."""
        self.failure = reason
        self.network.disconnected()
        self._leases = ()
        for target in list(self._wanted):
            self._tell(target, None, "lease_set_not_found")
        self._lookups.clear()
        self._set_ready(False)

    def close(self) -> None:
        """The session is over."""
        if self.network.connection is not None:
            self.network.connection.close()

    # The turn

    def run(self, now: float) -> None:
        """Handle what arrived and what is due, then send what there is to send."""
        connection = self.network.connection
        if connection is not None:
            connection.handle_timer(now)
            while (event := connection.next_event()) is not None:
                self._on_connection(connection, event, now)
        if self.own.due_at is not None and self.own.due_at <= now:
            self._sign(now)
        self._mux.run(now)

    @property
    def has_failed(self) -> bool:
        """True if the socket should be closed: :attr:`failure` says why."""
        connection = self.network.connection
        return connection is not None and connection.phase is Phase.ENDED

    def next_event(self) -> Event | None:
        """The next thing the application should know."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float | None:
        """When :meth:`run` has something to do without new input."""
        connection = self.network.connection
        deadlines = (
            self._mux.next_timer(),
            self.own.due_at if self._leases else None,
            None if connection is None else connection.next_timer(),
        )
        return min((one for one in deadlines if one is not None), default=None)

    def _on_connection(
        self,
        connection: ClientConnection,
        event: ClockTold | LeasesOffered | PayloadArrived | LookupEnded | Failed,
        now: float,
    ) -> None:
        match event:
            case PayloadArrived(payload):
                self._mux.receive(None, payload, 0, len(payload))
            case LeasesOffered(leases):
                self._leases = leases
                self._sign(now)
            case LookupEnded():
                self._on_lookup(event)
            case ClockTold(wall_s, version):
                difference_s = wall_s - self._wall.now()
                if abs(difference_s) > CLOCK_TOLERANCE_S:
                    self._wall.correction_s += difference_s
                if connection.phase is Phase.GREETING:
                    self.router_version = version
                    connection.begin(now)
            case Failed(reason):
                self.failure = reason

    def _sign(self, now: float) -> None:
        """Sign a lease set over the router's tunnels, and give it back."""
        connection = self.network.connection
        if connection is None or not self._leases:
            self.own.due_at = None
            return
        lease_set = self.own.build_over(self._leases, now)
        published = self.own.published
        if lease_set is None or published is None:
            return
        connection.publish(published, self._encryption.private)
        self.failure = ""
        self._set_ready(True)

    def _set_ready(self, is_ready: bool) -> None:
        if is_ready != self.is_ready:
            self.is_ready = is_ready
            self._events.append(ReadyChanged(is_ready))

    # Lookups

    def _search(self, remote_hash: bytes) -> None:
        connection = self.network.connection
        if connection is not None:
            self._ask(connection, remote_hash)

    def _ask(self, connection: ClientConnection, target: Target) -> None:
        name: bytes | str
        if isinstance(target, BlindedTarget):
            name = target.address.host
            if target.secret or target.client_key is not None:
                connection.tell_blinding(
                    (target.address.signing_type, target.address.signing_key),
                    BLINDED_TYPE,
                    target.secret or None,
                    target.client_key,
                    is_psk=False,  # the lease set says which scheme it is
                    life_s=BLINDING_LIFE_S,
                )
        else:
            name = target
        try:
            gone = self._lookups.put(connection.lookup(name, LOOKUP_S), target)
        except LocalError:
            return
        if gone is not None:
            self._ended(gone[1], None, "lease_set_not_found")

    def _on_lookup(self, event: LookupEnded) -> None:
        target = self._lookups.pop(event.request_id)
        if target is None:
            return
        destination = event.destination if event.result == LookupResult.SUCCESS else None
        if destination is not None and not _is_of(destination, target):
            destination = None
        if destination is None:
            default = "lease_set_not_found"
            if not isinstance(target, bytes):
                default = NAME_NOT_FOUND if isinstance(target, str) else BLINDED_NOT_FOUND
            self._ended(target, None, _WHY.get(event.result, default))
        else:
            self._ended(target, FoundDestination(destination, event.options or {}), "")

    def _ended(self, target: Target, found: FoundDestination | None, why: str) -> None:
        if found is not None:
            self.network.learn(found.destination)
        elif isinstance(target, bytes):
            self.network.give_up(target)
        self._tell(target, found, why)

    def _tell(self, target: Target, found: FoundDestination | None, why: str) -> None:
        if target in self._wanted:
            del self._wanted[target]
            self._events.append(LeaseSetFound(target, found, why))


def _is_worth_keeping(stream: Stream) -> bool:
    """Whether the peer has answered, and we have more to say or it has not arrived."""
    return bool(stream.remote_id and (stream.writable_bytes or not stream.has_arrived))


def _is_of(destination: Destination, target: Target) -> bool:
    """Whether the router answered what it was asked, as far as that can be seen."""
    if isinstance(target, str):
        return True
    if isinstance(target, BlindedTarget):
        return target.address.is_of(destination)
    return destination.hash == target
