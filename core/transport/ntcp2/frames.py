"""Data-phase frames: an obfuscated 16-bit length, then one ChaCha20-Poly1305 ciphertext.

specs/ntcp2, "SipHash obfuscated length". Keys never change: the nonce has 64 bits, so a session
lasts as long as its TCP connection. The contexts live as long as the session; making one costs as
much as sealing a small frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.base.errors import PeerError
from core.base.native import accelerated
from core.crypto.aead import TAG_LENGTH, ChaChaPoly, InvalidTag
from core.crypto.siphash import LengthMask
from core.transport.ntcp2.blocks import BLOCK_HEADER, RUN_MIN, BlockType
from core.transport.ntcp2.keys import DirectionKeys
from core.transport.reasons import TerminationReason

FRAME_BYTES_MAX = 65535
#: i2pd starts a new frame after 16 KB too; larger ones only delay the receiver.
FRAME_PAYLOAD_BYTES = 16384
CARRY_PIECES_MAX = 64
PAYLOAD_BYTES_MAX = FRAME_BYTES_MAX - TAG_LENGTH


@accelerated
class FrameSealer:
    """The sending direction."""

    __slots__ = ("_mask", "_seal", "frames")

    def __init__(self, keys: DirectionKeys) -> None:
        self._seal = ChaChaPoly(keys.cipher).raw_seal
        self._mask = LengthMask(keys.siphash, keys.siphash_iv).next
        #: sealed so far; also the next nonce
        self.frames = 0

    def seal(self, payload: bytes) -> bytes:
        """A whole frame; ``payload`` at most PAYLOAD_BYTES_MAX bytes."""
        nonce = self.frames
        self.frames = nonce + 1
        sealed = self._seal((nonce << 32).to_bytes(12, "little"), payload, b"")
        return (len(sealed) ^ self._mask()).to_bytes(2, "big") + sealed

    def seal_messages(self, messages: Sequence[bytes], padding: Callable[[int], bytes]) -> bytes:
        """Frames with these short-form messages, each at most 65,436 bytes, joined.

        ``padding`` yields the padding block, at most 67 bytes, for the bytes of a frame.
        """
        header = BLOCK_HEADER.pack
        frames: list[bytes] = []
        if len(messages) >= RUN_MIN and len(set(map(len, messages))) == 1:
            # Tunnel data, or packets of one stream: the header between two is always the same.
            length = len(messages[0])
            count = max(1, FRAME_PAYLOAD_BYTES // (length + 3))
            block = header(BlockType.I2NP, length)
            for at in range(0, len(messages), count):
                payload = block.join((b"", *messages[at : at + count]))
                frames.append(self.seal(payload + padding(len(payload))))
            return frames[0] if len(frames) == 1 else b"".join(frames)
        parts: list[bytes] = []
        size = 0
        for message in messages:
            length = len(message)
            if size + length + 3 > FRAME_PAYLOAD_BYTES and parts:
                parts.append(padding(size))
                frames.append(self.seal(b"".join(parts)))
                parts = []
                size = 0
            parts.append(header(3, length))
            parts.append(message)
            size += length + 3
        if parts:
            parts.append(padding(size))
            frames.append(self.seal(b"".join(parts)))
        return frames[0] if len(frames) == 1 else b"".join(frames)


@accelerated
class FrameOpener:
    """The receiving direction; keeps at most one incomplete frame."""

    __slots__ = ("_carry", "_carry_bytes", "_length", "_mask", "_open", "frames")

    def __init__(self, keys: DirectionKeys) -> None:
        self._open = ChaChaPoly(keys.cipher).raw_open
        self._mask = LengthMask(keys.siphash, keys.siphash_iv).next
        self._carry: list[bytes] = []
        self._carry_bytes = 0
        self._length = -1
        #: valid frames so far; also the next nonce
        self.frames = 0

    @property
    def is_inside_frame(self) -> bool:
        """True if part of a frame has come and the rest has not."""
        return self._carry_bytes > 0 or self._length >= 0

    def open(self, data: bytes | memoryview, payloads: list[bytes]) -> None:
        """Append the payload of every frame completed by ``data``.

        PeerError if a length is too short or a frame is forged; frames before it are kept, and
        the opener must not be used again.
        """
        if self._carry_bytes:
            self._carry.append(bytes(data))
            self._carry_bytes += len(data)
            if self._carry_bytes < self._length or self._carry_bytes < 2:
                if len(self._carry) >= CARRY_PIECES_MAX:
                    # A peer that sends single bytes must not cost an object for each.
                    self._carry = [b"".join(self._carry)]
                return
            data = b"".join(self._carry)
            self._carry = []
            self._carry_bytes = 0
        position = 0
        end = len(data)
        length = self._length
        nonce = self.frames
        open_frame = self._open
        mask = self._mask
        try:
            while True:
                if length < 0:
                    if end - position < 2:
                        break
                    length = (data[position] << 8 | data[position + 1]) ^ mask()
                    position += 2
                    if length < TAG_LENGTH:
                        raise PeerError(f"frame of {length} bytes", TerminationReason.FRAMING_ERROR)
                stop = position + length
                if stop > end:
                    break
                payloads.append(
                    open_frame(
                        (nonce << 32).to_bytes(12, "little"),
                        data[position:stop],  # type: ignore[arg-type]
                        b"",
                    )
                )
                nonce += 1
                position = stop
                length = -1
        except InvalidTag:
            raise PeerError("forged frame", TerminationReason.AEAD_FAILURE) from None
        finally:
            self._length = length
            self.frames = nonce
        if position < end:
            self._carry.append(bytes(data[position:]))
            self._carry_bytes = end - position
