"""The live streams of a session, by our number and by what their peers call them."""

from __future__ import annotations

from core.streaming.connection import Stream


class StreamTable:
    """``by_id``: all that live, by their local id."""

    __slots__ = ("_inbound", "by_id")

    def __init__(self) -> None:
        self.by_id: dict[int, Stream] = {}
        #: streams opened by peers: the peer's stream id, then its hash
        self._inbound: dict[int, dict[bytes, Stream]] = {}

    def add(self, stream: Stream, remote_id: int) -> None:
        """A stream begins. ``remote_id``: the peer's number for it; 0 if we open it."""
        self.by_id[stream.local_id] = stream
        if remote_id:
            self._inbound.setdefault(remote_id, {})[stream.remote_hash] = stream

    def remove(self, stream: Stream) -> bool:
        """A stream has ended; False if that is known."""
        if self.by_id.pop(stream.local_id, None) is None:
            return False
        if stream.is_inbound:
            peers = self._inbound.get(stream.remote_id, {})
            peers.pop(stream.remote_hash, None)
            if not peers:
                self._inbound.pop(stream.remote_id, None)
        return True

    def find_inbound(self, peer: object, remote_id: int) -> Stream | None:
        """The stream that ``peer``, a destination hash, opened under that number.

        If unknown who that is: the only one of that number.
        """
        peers = self._inbound.get(remote_id)
        if not peers:
            return None
        if peer is not None:
            return peers.get(peer) if isinstance(peer, bytes) else None
        return next(iter(peers.values())) if len(peers) == 1 else None
