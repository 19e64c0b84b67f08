"""What the kernel drops of a UDP socket before it queues it (Linux, "socket filter").

A program in classic BPF, which any user may attach to a socket of his own. It tells senders apart
by a keyed hash of where they are, so that nobody finds an address that passes for another one.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys
from collections.abc import Iterable, Sequence

from core.base.ports import Entropy
from core.transport.ssu2.framing import SocketAddress

_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27

_LOAD_WORD, _LOAD_HALF, _LOAD_X, _STORE = 0x20, 0x28, 0x61, 0x02
_MULTIPLY, _ADD_X = 0x24, 0x0C
_JUMP, _EQUAL, _GREATER, _NOT_LESS = 0x05, 0x15, 0x25, 0x35
_RETURN = 0x06
#: where the kernel has the IP header, and a random number
_NETWORK = -0x100000
_RANDOM = -0x1000 + 56
_SOURCE_AT = {False: (12,), True: (8, 12, 16, 20)}
_LEAF_MAX = 16
_PASS, _DROP = 0xFFFFFFFF, 0
_WORD = 1 << 32

Instruction = tuple[int, int, int, int]


class PacketFilter:
    """Who passes: ``peers`` always; ``heavy`` hosts one time in ``heavy_share``; of the others, and
    of what heavy ones have left, a ``share`` (0.0 to 1.0) that is drawn packet by packet."""

    def __init__(
        self,
        entropy: Entropy,
        peers: Iterable[SocketAddress],
        heavy: Iterable[str],
        heavy_share: float,
        share: float,
    ) -> None:
        draw = entropy.random_bytes(4 * 5)
        self._factors = [int.from_bytes(draw[at : at + 4], "big") | 1 for at in range(0, 20, 4)]
        self._peers = [(":" in one.host, self._key(one.host, one.port)) for one in peers]
        self._heavy = [(":" in host, self._key(host, 0)) for host in heavy]
        self._heavy_share = heavy_share
        self._share = share

    def _key(self, host: str, port: int) -> int:
        packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        words = struct.unpack(f">{len(packed) // 4}I", packed)
        parts = (word * factor for word, factor in zip(words, self._factors, strict=False))
        return int(sum(parts) + port * self._factors[4]) % _WORD

    def program(self, is_ipv6: bool) -> list[Instruction]:
        """The instructions for a socket of one family."""
        code: list[Instruction] = []
        for number, at in enumerate(_SOURCE_AT[is_ipv6]):
            code += [
                (_LOAD_WORD, 0, 0, (_NETWORK + at) % _WORD),
                (_MULTIPLY, 0, 0, self._factors[number]),
            ]
            code += [(_LOAD_X, 0, 0, 0), (_ADD_X, 0, 0, 0)] if number else []
            code.append((_STORE, 0, 0, 0))
        heavy = _search([key for family, key in self._heavy if family == is_ipv6])
        if heavy:
            heavy = [*heavy, (_JUMP, 0, 0, 3), *_draw(self._heavy_share)]
        find_port = [
            (_LOAD_HALF, 0, 0, 0),
            (_MULTIPLY, 0, 0, self._factors[4]),
            (_LOAD_X, 0, 0, 0),
            (_ADD_X, 0, 0, 0),
        ]
        peers = _search([key for family, key in self._peers if family == is_ipv6])
        if peers:
            peers = [*find_port, *peers, (_JUMP, 0, 0, 1), (_RETURN, 0, 0, _PASS)]
        code += peers
        if heavy:
            code += [(0x60, 0, 0, 0), *heavy]  # the host alone
        return [*code, *_draw(self._share), (_RETURN, 0, 0, _PASS)]

    def attach(self, sock: socket.socket, is_ipv6: bool) -> bool:
        """Have the kernel use it instead of any before; False if it does not."""
        if sys.platform != "linux":
            return False
        program = b"".join(struct.pack("HBBI", *one) for one in self.program(is_ipv6))
        held = ctypes.create_string_buffer(program, len(program))
        reference = struct.pack("HP", len(program) // 8, ctypes.addressof(held))
        for is_last in (False, True):
            try:
                sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, reference)
            except OSError:
                if is_last:
                    return False
                detach(sock)  # older kernels have no room for two at a time
            else:
                return True
        return False


def detach(sock: socket.socket) -> None:
    """Have the kernel queue everything again."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def _draw(share: float) -> list[Instruction]:
    """Go on for a ``share`` of packets, drop the others."""
    if share >= 1.0:
        return []
    return [
        (_LOAD_WORD, 0, 0, _RANDOM % _WORD),
        (_NOT_LESS, 0, 1, max(1, int(share * _WORD))),
        (_RETURN, 0, 0, _DROP),
    ]


def _search(keys: Sequence[int]) -> list[Instruction]:
    """Look the accumulator up in ``keys``: the next instruction if it is not there, the one behind
    that if it is. Empty without keys."""
    code = _tree(sorted(set(keys)))
    # Which of the two ends a leaf jumps to; how far only the whole says.
    end = len(code)
    return [
        (kind, yes, no, end - at - 1 + value) if kind == _JUMP and value < 2 else one
        for at, one in enumerate(code)
        for kind, yes, no, value in (one,)
    ]


def _tree(keys: Sequence[int]) -> list[Instruction]:
    if not keys:
        return []
    if len(keys) <= _LEAF_MAX:
        tests = [(_EQUAL, len(keys) - at, 0, key) for at, key in enumerate(keys)]
        return [*tests, (_JUMP, 0, 0, 0), (_JUMP, 0, 0, 1)]
    middle = len(keys) // 2
    low, high = _tree(keys[:middle]), _tree(keys[middle:])
    return [(_GREATER, 0, 1, keys[middle - 1]), (_JUMP, 0, 0, len(low)), *low, *high]
