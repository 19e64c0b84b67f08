# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Native twins of core/transport/ntcp2: frames, and the cutting of frames into blocks.

Each has the interface, the results and the errors of the class or function of its name there, where
the protocol is explained; tests run both on the same input.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from core.base.errors import LocalError, PeerError
from i2ptunnel_native.octets cimport byte, data_of, new_bytes
from i2ptunnel_native.openssl cimport CHACHA20_POLY1305, CipherContext, open, seal

cdef enum:
    TAG = 16
    FRAME_MAX = 65535
    FRAME_PAYLOAD = 16384
    CARRY_PIECES_MAX = 64
    FRAMING_ERROR = 9
    AEAD_FAILURE = 4


# SipHash-2-4 of 8 bytes


cdef inline uint64_t _rotated(uint64_t word, int count) noexcept nogil:
    return (word << count) | (word >> (64 - count))


cdef inline void _round(uint64_t *v) noexcept nogil:
    v[0] += v[1]
    v[1] = _rotated(v[1], 13) ^ v[0]
    v[0] = _rotated(v[0], 32)
    v[2] += v[3]
    v[3] = _rotated(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = _rotated(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = _rotated(v[1], 17) ^ v[2]
    v[2] = _rotated(v[2], 32)


cdef uint64_t _siphash(uint64_t k1, uint64_t k2, uint64_t word) noexcept nogil:
    cdef uint64_t v[4]
    cdef int count
    v[0] = k1 ^ 0x736F6D6570736575ULL
    v[1] = k2 ^ 0x646F72616E646F6DULL
    v[2] = k1 ^ 0x6C7967656E657261ULL
    v[3] = k2 ^ 0x7465646279746573ULL
    v[3] ^= word
    for count in range(2):
        _round(v)
    v[0] ^= word
    word = <uint64_t>8 << 56
    v[3] ^= word
    for count in range(2):
        _round(v)
    v[0] ^= word
    v[2] ^= 0xFF
    for count in range(4):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef uint64_t _little_endian(const byte *data) noexcept:
    cdef uint64_t word = 0
    cdef int at
    for at in range(8):
        word |= <uint64_t>data[at] << (8 * at)
    return word


cdef class _Direction:
    """Keys, nonce and length masks of one direction."""

    cdef CipherContext _cipher
    cdef uint64_t _k1
    cdef uint64_t _k2
    cdef uint64_t _mask

    cdef int _start(self, keys, bint is_sending) except -1:
        cdef bytes cipher = keys.cipher, siphash = keys.siphash, iv = keys.siphash_iv
        if len(cipher) != 32 or len(siphash) != 16 or len(iv) != 8:
            raise LocalError("NTCP2 needs keys of 32 and 16 bytes and 8 bytes of IV")
        self._cipher = CipherContext.make(CHACHA20_POLY1305, data_of(cipher), is_sending)
        self._k1 = _little_endian(data_of(siphash))
        self._k2 = _little_endian(data_of(siphash) + 8)
        self._mask = _little_endian(data_of(iv))
        return 0

    cdef inline int _next_mask(self) noexcept:
        self._mask = _siphash(self._k1, self._k2, self._mask)
        return <int>(self._mask & 0xFFFF)


cdef class FrameSealer(_Direction):
    cdef readonly uint64_t frames

    def __init__(self, keys):
        self._start(keys, True)
        self.frames = 0

    cdef int _finish(self, byte *frame, Py_ssize_t size) except -1:
        """Seal the ``size`` bytes behind the length in place; room for the tag is behind them."""
        cdef int length
        seal(self._cipher, NULL, self.frames, NULL, 0, frame + 2, <int>size, frame + 2)
        self.frames += 1
        length = <int>(size + TAG) ^ self._next_mask()
        frame[0] = length >> 8
        frame[1] = length & 0xFF
        return 0

    def seal(self, bytes payload not None):
        cdef Py_ssize_t size = len(payload)
        cdef bytes made
        if size + TAG > FRAME_MAX:
            raise LocalError(f"frame payload of {size} bytes")
        made = new_bytes(size + 2 + TAG)
        memcpy(data_of(made) + 2, data_of(payload), size)
        self._finish(data_of(made), size)
        return made

    def seal_messages(self, messages, padding):
        cdef Py_ssize_t room = 0, count = 0, length, size = 0
        cdef bytes message, pad
        cdef list held = list(messages)
        cdef byte *frame
        cdef byte *base
        for message in held:
            if message is None or PyBytes_GET_SIZE(message) + 3 + TAG > FRAME_MAX:
                raise LocalError("message too large for a frame")
            room += PyBytes_GET_SIZE(message) + 3
            count += 1
        if not count:
            return b""
        # A frame that is not the last is more than half full, or one message is.
        room += (2 * (room // FRAME_PAYLOAD) + 2) * (2 + 3 + 64 + TAG)
        cdef bytes out = new_bytes(room)
        base = frame = data_of(out)
        for message in held:
            length = PyBytes_GET_SIZE(message)
            if size + length + 3 > FRAME_PAYLOAD and size:
                frame = self._close(frame, size, padding(size), base + room)
                size = 0
            if frame + 2 + size + 3 + length > base + room:
                raise LocalError("frames outgrew their estimate")
            frame[2 + size] = 3
            frame[3 + size] = length >> 8
            frame[4 + size] = length & 0xFF
            memcpy(frame + 5 + size, data_of(message), length)
            size += length + 3
        frame = self._close(frame, size, padding(size), base + room)
        return out[: frame - base]

    cdef byte *_close(
        self, byte *frame, Py_ssize_t size, bytes pad, const byte *end
    ) except NULL:
        cdef Py_ssize_t extra = len(pad)
        if frame + 2 + size + extra + TAG > end or size + extra + TAG > FRAME_MAX:
            raise LocalError("frames outgrew their estimate")
        memcpy(frame + 2 + size, data_of(pad), extra)
        self._finish(frame, size + extra)
        return frame + 2 + size + extra + TAG


cdef class FrameOpener(_Direction):
    cdef readonly list _carry
    cdef Py_ssize_t _carry_bytes
    cdef Py_ssize_t _length
    cdef readonly uint64_t frames

    def __init__(self, keys):
        self._start(keys, False)
        self._carry = []
        self._carry_bytes = 0
        self._length = -1
        self.frames = 0

    @property
    def is_inside_frame(self):
        return self._carry_bytes > 0 or self._length >= 0

    def open(self, const byte[:] data, list payloads not None):
        cdef bytes joined = None, payload
        cdef const byte *at
        cdef Py_ssize_t left = data.shape[0]
        cdef Py_ssize_t length
        if left == 0:
            return
        if not data.is_c_contig():
            raise LocalError("data of a socket is contiguous")
        at = &data[0]
        if self._carry_bytes:
            self._carry.append(PyBytes_FromStringAndSize(<const char *>at, left))
            self._carry_bytes += left
            if self._carry_bytes < self._length or self._carry_bytes < 2:
                if len(self._carry) >= CARRY_PIECES_MAX:
                    self._carry = [b"".join(self._carry)]
                return
            joined = b"".join(self._carry)
            self._carry = []
            self._carry_bytes = 0
            at = data_of(joined)
            left = len(joined)
        while True:
            if self._length < 0:
                if left < 2:
                    break
                self._length = (at[0] << 8 | at[1]) ^ self._next_mask()
                at += 2
                left -= 2
                if self._length < TAG:
                    raise PeerError(f"frame of {self._length} bytes", FRAMING_ERROR)
            length = self._length
            if length > left:
                break
            payload = new_bytes(length - TAG)
            if not open(
                self._cipher, NULL, self.frames, NULL, 0, at, <int>length, data_of(payload)
            ):
                raise PeerError("forged frame", AEAD_FAILURE)
            payloads.append(payload)
            self.frames += 1
            at += length
            left -= length
            self._length = -1
        if left:
            self._carry.append(PyBytes_FromStringAndSize(<const char *>at, left))
            self._carry_bytes = left


def split_blocks(bytes payload not None, list messages not None, list others not None):
    cdef const byte *data = data_of(payload)
    cdef Py_ssize_t end = len(payload), at = 0, start, size
    while at + 3 <= end:
        size = data[at + 1] << 8 | data[at + 2]
        start = at + 3
        if start + size > end:
            return False
        if data[at] == 3:
            if size < 9:
                return False
            messages.append(PyBytes_FromStringAndSize(<const char *>data + start, size))
        elif data[at] != 254:
            others.append((data[at], PyBytes_FromStringAndSize(<const char *>data + start, size)))
        at = start + size
    return at == end
