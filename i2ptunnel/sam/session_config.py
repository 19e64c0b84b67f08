"""What a session of the bridge asks of the router: its options, in the router's words."""

from __future__ import annotations

from core.api import (
    EncryptedLeaseSetOptions,
    LastingKeys,
    SessionConfig,
    StreamingOptions,
    TunnelShape,
    has_ml_kem,
)
from core.data.lease_set_layers import AuthScheme, ClientAuthorisation
from i2ptunnel.printable import printable
from i2ptunnel.sam.protocol.session_options import (
    HYBRID_TYPES,
    PLAIN_TYPES,
    Encryption,
    SessionOptions,
    Shape,
)
from i2ptunnel.sam.session import SamSession

#: those that the router can do
ENCRYPTION_TYPES = PLAIN_TYPES + HYBRID_TYPES if has_ml_kem() else PLAIN_TYPES
_NAME_CHARACTERS_MAX = 40


def session_config(session: SamSession, lasting: LastingKeys | None) -> SessionConfig:
    """``lasting``: the keys of one that comes back after a restart."""
    options = session.options
    nickname = session.request.options.get("inbound.nickname") or session.id
    return SessionConfig(
        name=f"sam {printable(nickname, _NAME_CHARACTERS_MAX)}",
        keys=session.keys,
        inbound=_tunnel_shape(options.inbound),
        outbound=_tunnel_shape(options.outbound),
        publish=options.publish,
        streaming=_streaming(options),
        encrypted=_encrypted(options.encrypted),
        lasting=lasting,
        lease_set_options=options.lease_set_options,
        encryption_types=options.encryption_types,
    )


def _tunnel_shape(shape: Shape) -> TunnelShape:
    return TunnelShape(
        shape.length, shape.quantity, shape.variance, shape.backup, shape.explicit_peers
    )


def _streaming(options: SessionOptions) -> StreamingOptions:
    usual = StreamingOptions()
    return StreamingOptions(
        answer_pings=options.answer_pings,
        window_max=options.window_max or usual.window_max,
        keepalive_s=usual.keepalive_s if options.inactivity_s is None else options.inactivity_s,
        ends_inactive=options.ends_inactive,
        resend_max=options.resend_max or usual.resend_max,
        peer_streams_per_minute=options.peer_streams_per_minute,
    )


def _encrypted(encryption: Encryption | None) -> EncryptedLeaseSetOptions | None:
    if encryption is None:
        return None
    authorisation = None
    if encryption.is_restricted:
        scheme = AuthScheme.DH if encryption.is_dh else AuthScheme.PSK
        authorisation = ClientAuthorisation(scheme, encryption.keys)
    return EncryptedLeaseSetOptions(encryption.secret, authorisation)
