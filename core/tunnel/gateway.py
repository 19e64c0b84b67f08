"""The entrance of a tunnel: messages in, tunnel messages out (tunnel-message.md "Preprocessing").

Nothing is delayed: what was put since the last flush is packed together at the flush, so a batch
read from one socket shares tunnel messages and a single message leaves at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from core.base.native import accelerated
from core.base.ports import Entropy
from core.tunnel.constants import IV_BYTES, PAYLOAD_BYTES_MAX
from core.tunnel.delivery import DeliveryTuple
from core.tunnel.fragments import pack

_PADDING_POOL_BYTES = 3 * PAYLOAD_BYTES_MAX


@accelerated
class Preprocessor:
    """Turns payloads into plaintext tunnel messages: IV, checksum, non-zero padding, zero byte.

    The padding pool belongs to one tunnel: bytes reused over tunnels would tell an endpoint that
    two of them have the same creator.
    """

    __slots__ = ("_entropy", "_pool", "_position")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._pool = b""
        self._position = 0

    def wrap(self, payloads: list[bytes]) -> list[bytes]:
        """``IV || data``, 1024 bytes for each payload of at most 1003 bytes."""
        ivs = self._entropy.random_bytes(IV_BYTES * len(payloads))
        messages: list[bytes] = []
        at = 0
        for payload in payloads:
            end = at + IV_BYTES
            iv = ivs[at:end]
            at = end
            checksum = sha256(payload + iv).digest()[:4]
            missing = PAYLOAD_BYTES_MAX - len(payload)
            if missing:
                zero = self._padding(missing) + b"\0"
                messages.append(b"".join((iv, checksum, zero, payload)))
            else:
                messages.append(b"".join((iv, checksum, b"\0", payload)))
        return messages

    def _padding(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._pool):
            raw = self._entropy.random_bytes(_PADDING_POOL_BYTES)
            self._pool = raw.translate(None, b"\0")
            while len(self._pool) < PAYLOAD_BYTES_MAX:
                self._pool += self._entropy.random_bytes(PAYLOAD_BYTES_MAX).translate(None, b"\0")
            end = count
        self._position = end
        return self._pool[end - count : end]


class Gateway:
    """Messages waiting for the next flush of one tunnel."""

    __slots__ = ("_pending", "_preprocessor")

    def __init__(self, entropy: Entropy) -> None:
        self._preprocessor = Preprocessor(entropy)
        self._pending: list[DeliveryTuple] = []

    def put(self, delivery: DeliveryTuple) -> None:
        """Queue one message for the next :meth:`take`."""
        self._pending.append(delivery)

    def extend(self, deliveries: Iterable[DeliveryTuple]) -> None:
        """Queue several, in order."""
        self._pending.extend(deliveries)

    def take(self) -> list[bytes]:
        """Plaintext tunnel messages (1024 bytes each) for all that was put; LocalError as pack."""
        pending = self._pending
        if not pending:
            return []
        self._pending = []
        return self._preprocessor.wrap(pack(pending))
