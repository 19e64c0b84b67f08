"""The one door to the router: what applications may use.

A program makes a :class:`RouterConfig`, starts a :class:`Router` in its event loop, and opens a
:class:`ClientSession` for each destination it wants to be. Sessions connect and accept
:class:`Stream` objects. Everything runs in that one loop; nothing here is thread-safe.

Errors: :class:`core.base.errors.Unavailable` with a ``code`` (``tunnels_not_ready``,
``lease_set_not_found``, ``encryption_unsupported`` (its lease set has no key of a type we know),
``connect_timeout``, ``stream_reset``, ``closed``, ``too_many_streams``, ``in_use`` (a session of
this destination, or a receiver of these datagrams, is there already), for encrypted lease sets
also ``secret_required``, ``client_key_required``, ``client_key_refused``); :class:`StreamReset` is
one of them. :class:`FileFault` names a file and what to do about it.
"""

from core.client.config import EncryptedLeaseSetOptions, LastingKeys, MetaOptions, SessionConfig
from core.crypto.mlkem import is_available as has_ml_kem
from core.crypto.passphrase import WrongPassphrase, open_stream, seal_stream
from core.crypto.signer_certificate import SignerCertificate
from core.io.backlog import Backlog
from core.io.certificates import ensure_certificate
from core.io.counters import counter_descriptions
from core.io.datagrams import Datagram, DatagramReceiver
from core.io.files import (
    AlreadyRunning,
    DataDirectoryLock,
    FileFault,
    check_private,
    create_key_file,
    give_to_owner,
    make_directory,
    read_key_file,
    read_limited,
    read_router_files,
    write_atomic,
)
from core.io.foreign_router import AnyRouter, ForeignRouter
from core.io.i2cp_client import I2cpAddress, I2cpSessions
from core.io.i2cp_lookups import LookupService
from core.io.i2cp_server import I2cpServer
from core.io.key_sums import check_key_sum, check_not_lost, keep_key_sum
from core.io.listeners import ListenerStore
from core.io.loop import new_event_loop, turn_figures
from core.io.router import Router
from core.io.session import ClientSession
from core.io.sqlite_file import SqliteFile
from core.io.sqlite_salvage import Readable
from core.io.stages import Stages, begin_stage, end_stage, noting_stages
from core.io.status import (
    BandwidthStatus,
    ClockStatus,
    I2cpStatus,
    LinkCounts,
    LinkedRouter,
    MappedPort,
    PortMappingStatus,
    RouterStatus,
    TrafficTotals,
    TunnelPath,
)
from core.io.stream import Stream, StreamReset
from core.io.system import SystemEntropy, SystemWallClock
from core.io.time_servers import PUBLIC_SERVERS as PUBLIC_TIME_SERVERS
from core.io.tracing import RouterLog, TraceFile
from core.io.turns import TURN_BOUNDS_S, share_turn
from core.netdb.bundle import Bundle, BundleFault, BundleRefused, open_bundle, open_signed
from core.netdb.imports import ZIP_BYTES_MAX, Imported, parse_zip
from core.router.config import RouterConfig
from core.streaming.options import StreamingOptions
from core.tunnel.shape import TunnelShape

__all__ = [
    "PUBLIC_TIME_SERVERS",
    "TURN_BOUNDS_S",
    "ZIP_BYTES_MAX",
    "AlreadyRunning",
    "AnyRouter",
    "Backlog",
    "BandwidthStatus",
    "Bundle",
    "BundleFault",
    "BundleRefused",
    "ClientSession",
    "ClockStatus",
    "DataDirectoryLock",
    "Datagram",
    "DatagramReceiver",
    "EncryptedLeaseSetOptions",
    "FileFault",
    "ForeignRouter",
    "I2cpAddress",
    "I2cpServer",
    "I2cpSessions",
    "I2cpStatus",
    "Imported",
    "LastingKeys",
    "LinkCounts",
    "LinkedRouter",
    "ListenerStore",
    "LookupService",
    "MappedPort",
    "MetaOptions",
    "PortMappingStatus",
    "Readable",
    "Router",
    "RouterConfig",
    "RouterLog",
    "RouterStatus",
    "SessionConfig",
    "SignerCertificate",
    "SqliteFile",
    "Stages",
    "Stream",
    "StreamReset",
    "StreamingOptions",
    "SystemEntropy",
    "SystemWallClock",
    "TraceFile",
    "TrafficTotals",
    "TunnelPath",
    "TunnelShape",
    "WrongPassphrase",
    "begin_stage",
    "check_key_sum",
    "check_not_lost",
    "check_private",
    "counter_descriptions",
    "create_key_file",
    "end_stage",
    "ensure_certificate",
    "give_to_owner",
    "has_ml_kem",
    "keep_key_sum",
    "make_directory",
    "new_event_loop",
    "noting_stages",
    "open_bundle",
    "open_signed",
    "open_stream",
    "parse_zip",
    "read_key_file",
    "read_limited",
    "read_router_files",
    "seal_stream",
    "share_turn",
    "turn_figures",
    "write_atomic",
]
