"""May this router be talked to? The checks of a RouterInfo shown in a handshake or a block.

specs/ntcp2, message 3 notes, and specs/ssu2, SessionConfirmed notes; the ages are i2pd's, the
strictest on the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.base.errors import DecodeError, PeerError
from core.data.router_info import RouterInfo
from core.transport.reasons import TerminationReason

#: i2pd: older or younger ones are refused in a handshake.
AGE_MAX_S = 90 * 60
FUTURE_MAX_S = 2 * 60


class ForeignRouterError(PeerError):
    """A correctly signed RouterInfo of another network."""

    def __init__(self, router_hash: bytes, network_id: int | None) -> None:
        super().__init__(f"router of network {network_id}", TerminationReason.MESSAGE_3_ERROR)
        self.router_hash = router_hash
        self.network_id = network_id


def check_signed(raw: bytes, network_id: int) -> RouterInfo:
    """Parse and verify; PeerError with the wire reason if it is not a RouterInfo of our network."""
    try:
        router_info = RouterInfo.parse(raw)
    except DecodeError as error:
        raise PeerError(
            f"unreadable router info: {error}", TerminationReason.PAYLOAD_FORMAT_ERROR
        ) from None
    if not router_info.identity.signature_length:
        raise PeerError(
            "router info with an unknown type of signature",
            TerminationReason.INCOMPATIBLE_SIGNATURE_TYPE,
        )
    if not router_info.verify():
        raise PeerError("router info with a bad signature", TerminationReason.BAD_SIGNATURE)
    if router_info.network_id != network_id:
        raise ForeignRouterError(router_info.hash, router_info.network_id)
    return router_info


def is_violation(error: PeerError) -> bool:
    """Whether who sends such a RouterInfo in a session of its own breaks the protocol.

    One that is not understood may be of a newer kind.
    """
    return error.reason == TerminationReason.BAD_SIGNATURE or isinstance(error, ForeignRouterError)


def check_handshake(
    raw: bytes,
    remote_static: bytes,
    static_keys: Callable[[RouterInfo], Iterable[bytes]],
    network_id: int,
    wall_s: float,
    find_router: Callable[[bytes], RouterInfo | None],
) -> RouterInfo:
    """The initiator's RouterInfo; PeerError unless it proves who holds ``remote_static``.

    ``static_keys``: those that a RouterInfo publishes for the transport. ``find_router`` answers
    from our netdb: a newer one there must carry the same static key, otherwise somebody replays an
    old RouterInfo with an old key.
    """
    router_info = check_signed(raw, network_id)
    age_s = wall_s - router_info.published_ms / 1000
    if not -FUTURE_MAX_S <= age_s <= AGE_MAX_S:
        raise PeerError(
            f"router info published {age_s:.0f} s ago", TerminationReason.MESSAGE_3_ERROR
        )
    newest = router_info
    known = find_router(router_info.hash)
    if known is not None and known.published_ms > router_info.published_ms:
        newest = known
    if remote_static not in static_keys(newest):
        raise PeerError(
            "static key is not in the router info", TerminationReason.STATIC_KEY_MISMATCH
        )
    return router_info
