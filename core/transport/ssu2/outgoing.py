"""What waits to be sent in a session, and how it is put into packets.

First what was lost, then blocks of the session's own, then messages. A message that no packet takes
is cut when its turn comes, so that its fragments have the size that the path takes then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from core.transport.ssu2.fragments import FIRST, FOLLOW_ON, MESSAGE_BYTES_MAX, cut
from core.transport.ssu2.framing import BLOCK_HEADER, BLOCK_HEADER_BYTES, BlockType
from core.transport.ssu2.recovery import SentPacket
from core.transport.stats import LinkStats

_I2NP = int(BlockType.I2NP)
_HEADER = BLOCK_HEADER.pack


class Outgoing:
    """``bytes``: of the messages and fragments that wait. ``stats`` counts what cannot be sent:
    messages beyond 64 KiB, and cut ones whose fragments a path does not take any more."""

    __slots__ = ("_blocks", "_messages", "_stats", "bytes")

    def __init__(self, stats: LinkStats) -> None:
        self._stats = stats
        self._blocks: deque[bytes] = deque()
        self._messages: deque[bytes] = deque()
        self.bytes = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits here; what is to be resent does not count."""
        return not self._messages and not self._blocks

    def push(self, messages: Sequence[bytes]) -> None:
        """Queue messages in short form."""
        for message in messages:
            if len(message) > MESSAGE_BYTES_MAX:
                self._stats.dropped_malformed += 1
                continue
            self._messages.append(message)
            self.bytes += len(message)

    def push_block(self, block: bytes) -> None:
        """Queue a whole block, before all messages."""
        self._blocks.append(block)
        self.bytes += len(block)

    def next_content(self, resend: deque[SentPacket], room: int, payload_max: int) -> bytes:
        """Blocks for one packet, at most ``room`` bytes; empty if nothing fits or nothing waits.

        ``payload_max``: what a packet with nothing else takes.
        """
        parts: list[bytes] = []
        if resend:
            room = self._take_lost(resend, parts, room, payload_max)
            if resend:
                return b"".join(parts)
        blocks = self._blocks
        while blocks:
            block = blocks[0]
            size = len(block)
            if size > room:
                if size > payload_max:
                    self._drop_block()
                    continue
                return b"".join(parts)
            self.bytes -= size
            room -= size
            parts.append(blocks.popleft())
        messages = self._messages
        while messages:
            message = messages[0]
            size = len(message)
            if size + BLOCK_HEADER_BYTES <= room:
                messages.popleft()
                self.bytes -= size
                room -= size + BLOCK_HEADER_BYTES
                parts.append(_HEADER(_I2NP, size))
                parts.append(message)
            elif size + BLOCK_HEADER_BYTES > payload_max:
                if parts:
                    break
                messages.popleft()
                self.bytes -= size
                first, *others = cut(message, payload_max)
                self.bytes += sum(map(len, others))
                blocks.extend(others)
                if len(first) <= room:
                    return first
                blocks.appendleft(first)
                self.bytes += len(first)
                return b""
            else:
                break
        return b"".join(parts)

    def _take_lost(
        self, resend: deque[SentPacket], parts: list[bytes], room: int, payload_max: int
    ) -> int:
        while resend:
            packet = resend[0]
            content = packet.content
            size = len(content)
            if size > payload_max:
                resend.popleft()
                packet.content = b""
                self._recut(content, payload_max)
                continue
            if size > room:
                break
            resend.popleft()
            if content:
                packet.content = b""
                parts.append(content)
                room -= size
        return room

    def _recut(self, content: bytes, payload_max: int) -> None:
        """The path takes smaller packets than this one: its blocks wait one by one."""
        offset = 0
        while offset < len(content):
            block_type, size = BLOCK_HEADER.unpack_from(content, offset)
            end = offset + BLOCK_HEADER_BYTES + size
            block = content[offset:end]
            offset = end
            if len(block) <= payload_max:
                self._blocks.append(block)
                self.bytes += len(block)
            elif block_type == _I2NP:
                self._messages.appendleft(block[BLOCK_HEADER_BYTES:])
                self.bytes += size
            else:
                # A fragment keeps its length, so the rest of its message is of no use either.
                self._forget_fragments(block)
                self._stats.dropped_path += 1

    def _drop_block(self) -> None:
        block = self._blocks.popleft()
        self.bytes -= len(block)
        self._forget_fragments(block)
        self._stats.dropped_path += 1

    def _forget_fragments(self, block: bytes) -> None:
        message_id = _message_id(block)
        if message_id is None:
            return
        kept = [one for one in self._blocks if _message_id(one) != message_id]
        self.bytes -= sum(map(len, self._blocks)) - sum(map(len, kept))
        self._blocks = deque(kept)

    def clear(self) -> None:
        """Nothing is sent any more."""
        self._blocks.clear()
        self._messages.clear()
        self.bytes = 0


def _message_id(block: bytes) -> bytes | None:
    """Of which message a block is a fragment."""
    return block[4:8] if block[0] in (FIRST, FOLLOW_ON) else None
