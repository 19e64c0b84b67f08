# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Native twins of core/tunnel: gateway and fragments (packing), endpoint.

Each has the interface, the results and the errors of the class or function of its name there, where
the protocol is explained; tests run both on the same input.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp, memcpy

from core.base.errors import DecodeError, LocalError
from i2ptunnel_native.octets cimport byte, data_of, new_bytes, read16, read32
from i2ptunnel_native.openssl cimport SHA256_CTX, SHA256_Final, SHA256_Init, SHA256_Update

cdef enum:
    IV = 16
    DATA = 1008
    LAYER = 1024
    PAYLOAD_MAX = 1003
    FOLLOW_ON_DATA_MAX = 996
    FIRST_EXTRA = 6
    FRAGMENT_NUMBER_MAX = 63
    MESSAGE_MAX = 62708
    STANDARD_HEADER = 16
    FIRST_HEADER_MAX = 43


# Packing


cdef class _Page:
    """The payload that is being filled."""

    cdef byte data[PAYLOAD_MAX]
    cdef int size

    cdef inline void put(self, const byte *source, int size) noexcept:
        memcpy(self.data + self.size, source, size)
        self.size += size

    cdef inline void put16(self, int value) noexcept:
        self.data[self.size] = value >> 8
        self.data[self.size + 1] = value & 0xFF
        self.size += 2

    cdef bytes take(self):
        cdef bytes made = PyBytes_FromStringAndSize(<char *>self.data, self.size)
        self.size = 0
        return made


cdef bint _is_split_better(int target_size, int length, int room) noexcept:
    cdef int overhead = target_size + FIRST_EXTRA
    cdef int first = room - overhead
    cdef int split, fresh
    if first <= 0:
        return False
    split = (length - first + FOLLOW_ON_DATA_MAX - 1) // FOLLOW_ON_DATA_MAX
    if split > FRAGMENT_NUMBER_MAX or target_size + 2 + length <= PAYLOAD_MAX:
        return False
    fresh = 1 + (
        (length - (PAYLOAD_MAX - overhead) + FOLLOW_ON_DATA_MAX - 1) // FOLLOW_ON_DATA_MAX
    )
    return split < fresh


def pack(deliveries):
    from core.tunnel.delivery import write_target

    cdef list payloads = []
    cdef _Page page = _Page()
    cdef bytes message, target = b""
    cdef object kind, router_hash, tunnel_id
    cdef object last_kind = None, last_hash = None, last_id = None
    cdef byte message_id[4]
    cdef const byte *source
    cdef int length, whole, size, at, number, target_size = 0
    for kind, router_hash, tunnel_id, message in deliveries:
        length = <int>min(PyBytes_GET_SIZE(message), MESSAGE_MAX + 1)
        if not 16 <= length <= MESSAGE_MAX:
            raise LocalError(f"tunnel message of {len(message)} bytes")
        if router_hash is not last_hash or kind != last_kind or tunnel_id != last_id:
            target = write_target(kind, router_hash, tunnel_id)
            target_size = <int>len(target)
            last_kind, last_hash, last_id = kind, router_hash, tunnel_id
        source = data_of(message)
        whole = target_size + 2 + length
        if (
            whole > PAYLOAD_MAX - page.size
            and page.size
            and not _is_split_better(target_size, length, PAYLOAD_MAX - page.size)
        ):
            payloads.append(page.take())
        if whole <= PAYLOAD_MAX - page.size:
            page.put(data_of(target), target_size)
            page.put16(length)
            page.put(source, length)
            continue
        memcpy(message_id, source + 1, 4)
        if read32(message_id) == 0:
            message_id[3] = 1
        size = PAYLOAD_MAX - page.size - target_size - FIRST_EXTRA
        page.put(data_of(target), target_size)
        page.data[page.size - target_size] |= 0x08
        page.put(message_id, 4)
        page.put16(size)
        page.put(source, size)
        at = size
        number = 0
        while at < length:
            payloads.append(page.take())
            number += 1
            size = min(length - at, FOLLOW_ON_DATA_MAX)
            page.data[0] = 0x80 | number << 1 | (at + size == length)
            page.size = 1
            page.put(message_id, 4)
            page.put16(size)
            page.put(source + at, size)
            at += size
    if page.size:
        payloads.append(page.take())
    return payloads


cdef inline void _checksum(
    const byte *payload, size_t size, const byte *iv, byte *digest
) noexcept:
    cdef SHA256_CTX context
    SHA256_Init(&context)
    SHA256_Update(&context, payload, size)
    SHA256_Update(&context, iv, IV)
    SHA256_Final(digest, &context)


cdef class Preprocessor:
    cdef object _random_bytes
    cdef bytes _pool
    cdef Py_ssize_t _position

    def __init__(self, entropy):
        self._random_bytes = entropy.random_bytes
        self._pool = b""
        self._position = 0

    def wrap(self, list payloads not None):
        cdef bytes ivs = self._random_bytes(IV * len(payloads))
        cdef bytes payload, made
        cdef list messages = []
        cdef byte digest[32]
        cdef byte *target
        cdef const byte *iv = data_of(ivs)
        cdef Py_ssize_t size, missing
        for payload in payloads:
            size = len(payload)
            if size > PAYLOAD_MAX:
                raise LocalError(f"tunnel payload of {size} bytes")
            missing = PAYLOAD_MAX - size
            made = new_bytes(LAYER)
            target = data_of(made)
            memcpy(target, iv, IV)
            _checksum(data_of(payload), size, iv, digest)
            memcpy(target + IV, digest, 4)
            if missing:
                self._pad(target + IV + 4, missing)
            target[IV + 4 + missing] = 0
            memcpy(target + IV + 5 + missing, data_of(payload), size)
            messages.append(made)
            iv += IV
        return messages

    cdef int _pad(self, byte *target, Py_ssize_t count) except -1:
        cdef Py_ssize_t end = self._position + count
        if end > len(self._pool):
            self._pool = self._random_bytes(3 * PAYLOAD_MAX).translate(None, b"\0")
            while len(self._pool) < PAYLOAD_MAX:
                self._pool += self._random_bytes(PAYLOAD_MAX).translate(None, b"\0")
            end = count
        self._position = end
        memcpy(target, data_of(self._pool) + end - count, count)
        return 0


# Endpoint


cdef class Endpoint:
    cdef readonly object reassembler
    cdef readonly int malformed

    def __init__(self, reassembler=None):
        if reassembler is None:
            from core.tunnel.fragments import Reassembler

            reassembler = Reassembler()
        self.reassembler = reassembler
        self.malformed = 0

    def receive(self, layers, double now):
        cdef list complete = []
        cdef bytes iv, data
        cdef byte digest[32]
        cdef const byte *start
        for iv, data in layers:
            start = NULL
            if len(iv) == IV and len(data) == DATA:
                # The checksum may contain zeros, the padding may not.
                start = <const byte *>memchr(data_of(data) + 4, 0, DATA - 4)
            if start != NULL:
                start += 1
                _checksum(start, DATA - (start - data_of(data)), data_of(iv), digest)
            if start == NULL or memcmp(digest, data_of(data), 4) != 0:
                self.malformed += 1
                continue
            if not self._split(data, start - data_of(data), now, complete):
                self.malformed += 1
        return complete

    cdef bint _split(self, bytes data, Py_ssize_t position, double now, list complete) except -1:
        """The fragments of one message; False from a malformed one on."""
        cdef const byte *at
        cdef Py_ssize_t end = DATA, start
        cdef int flag, size
        cdef object message_id = None, target = None, delivery
        cdef bytes piece, message
        while position < end:
            at = data_of(data) + position
            flag = at[0]
            start = 0
            size = 0
            if end - position < FIRST_HEADER_MAX:
                start = 0
            elif flag >= 0x82:
                message_id = read32(at + 1)
                start = 7
            elif flag == 0x28:
                target = (1, PyBytes_FromStringAndSize(<char *>at + 5, 32), read32(at + 1))
                message_id = read32(at + 37)
                start = 43
            elif flag == 0x08:
                target = (0, None, None)
                message_id = read32(at + 1)
                start = 7
            elif flag == 0:
                target = (0, None, None)
                start = 3
            elif flag == 0x20:
                target = (1, PyBytes_FromStringAndSize(<char *>at + 5, 32), read32(at + 1))
                start = 39
            if start:
                size = read16(at + start - 2)
                start += position
                position = start + size
                if position > end or size == 0:
                    return False
                piece = PyBytes_FromStringAndSize(<char *>data_of(data) + start, size)
                if flag >= 0x82:
                    delivery = self.reassembler.add_next(
                        message_id, flag >> 1 & 0x3F, flag & 1 == 1, piece, now
                    )
                elif flag & 8:
                    delivery = self.reassembler.add_first(message_id, target, piece, now)
                else:
                    delivery = (*target, piece)
            else:
                # Near the end, or a rare header.
                from core.tunnel.delivery import parse_fragment

                try:
                    fragment, position = parse_fragment(data, position)
                except DecodeError:
                    return False
                delivery = self.reassembler.add(fragment, now)
            if delivery is not None:
                message = delivery[3]
                if (
                    len(message) < STANDARD_HEADER
                    or read16(data_of(message) + 13) > len(message) - STANDARD_HEADER
                ):
                    return False
                complete.append(delivery)
        return True
