# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Native twins of core/tunnel: sorter, hop_cipher, gateway and fragments (packing), endpoint.

Each has the interface, the results and the errors of the class or function of its name there, where
the protocol is explained; tests run both on the same input.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy, memset

from core.base.errors import DecodeError, LocalError
from i2ptunnel_native.openssl cimport (
    AES_CBC,
    AES_ECB,
    CipherContext,
    SHA256_CTX,
    SHA256_Final,
    SHA256_Init,
    SHA256_Update,
)

ctypedef unsigned char byte

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *place) noexcept nogil

cdef enum:
    IV = 16
    DATA = 1008
    LAYER = 1024
    PAYLOAD_MAX = 1003
    SHORT_IV_AT = 13
    SHORT_DATA = 1037
    FOLLOW_ON = 7
    FOLLOW_ON_DATA_MAX = 996
    FIRST_EXTRA = 6
    FRAGMENT_NUMBER_MAX = 63
    MESSAGE_MAX = 62708
    STANDARD_HEADER = 16
    FIRST_HEADER_MAX = 43


cdef inline byte *_data(bytes held) noexcept:
    return <byte *>PyBytes_AS_STRING(held)


cdef inline bytes _new(Py_ssize_t size):
    return PyBytes_FromStringAndSize(NULL, size)


cdef inline int _check(bytes message, Py_ssize_t size) except -1:
    if message is None or PyBytes_GET_SIZE(message) != size:
        raise LocalError(f"tunnel layer of {-1 if message is None else len(message)} bytes")
    return 0


cdef inline uint32_t _read32(const byte *at) noexcept:
    return (<uint32_t>at[0] << 24) | (at[1] << 16) | (at[2] << 8) | at[3]


cdef inline int _read16(const byte *at) noexcept:
    return (at[0] << 8) | at[1]


cdef int _check_keys(bytes layer_key, bytes iv_key) except -1:
    if len(layer_key) != 32 or len(iv_key) != 32:
        raise LocalError(f"AES-256 keys of {len(layer_key)} and {len(iv_key)} bytes")
    return 0


cdef inline uint64_t _read64(const byte *at) noexcept:
    return <uint64_t>_read32(at) << 32 | _read32(at + 4)


# Arrival


cdef class _Names:
    """A set of 64-bit numbers in 16 bytes for each, in places that the sender cannot foresee."""

    cdef uint64_t *_places
    cdef uint64_t _factor
    cdef int _shift
    cdef Py_ssize_t size
    cdef bint _has_zero

    def __cinit__(self):
        self._shift = 64 - 10
        self._places = <uint64_t *>calloc(1 << 10, sizeof(uint64_t))
        if self._places == NULL:
            raise MemoryError
        # Python's own secret against numbers made to collide.
        self._factor = <uint64_t>hash(b"tunnel data") | 1

    def __dealloc__(self):
        free(self._places)

    cdef inline void fetch(self, uint64_t name) noexcept:
        """Have the place at hand soon."""
        prefetch(self._places + (name * self._factor >> self._shift))

    cdef inline uint64_t *_place(self, uint64_t name) noexcept:
        """Where ``name``, not 0, is or would be."""
        cdef uint64_t last = (<uint64_t>1 << (64 - self._shift)) - 1
        cdef uint64_t at = name * self._factor >> self._shift
        while self._places[at] and self._places[at] != name:
            at = (at + 1) & last
        return self._places + at

    cdef inline bint has(self, uint64_t name) noexcept:
        return self._place(name)[0] != 0 if name else self._has_zero

    cdef inline int add(self, uint64_t name) except -1:
        cdef uint64_t *place
        if name == 0:
            self.size += not self._has_zero
            self._has_zero = True
            return 0
        place = self._place(name)
        if place[0] == 0:
            place[0] = name
            self.size += 1
            if self.size << 1 > <Py_ssize_t>1 << (64 - self._shift):
                self._grow()
        return 0

    cdef int _grow(self) except -1:
        cdef uint64_t *old = self._places
        cdef Py_ssize_t count = <Py_ssize_t>1 << (64 - self._shift), at
        cdef uint64_t *larger = <uint64_t *>calloc(2 * count, sizeof(uint64_t))
        if larger == NULL:
            raise MemoryError
        self._places = larger
        self._shift -= 1
        for at in range(count):
            if old[at]:
                self._place(old[at])[0] = old[at]
        free(old)
        return 0


cdef inline uint64_t _name(const byte *message) noexcept:
    return _read64(message + SHORT_IV_AT) ^ _read64(message + SHORT_IV_AT + IV)


cdef class TunnelDataSorter:
    cdef double _period_s
    cdef Py_ssize_t _generation_max
    cdef _Names _current
    cdef _Names _previous
    cdef double _rotate_at
    cdef bint _is_begun

    def __init__(self, double period_s, Py_ssize_t generation_max):
        self._period_s = period_s
        self._generation_max = generation_max
        self._current = _Names()
        self._previous = _Names()
        self._is_begun = False

    cdef int _rotate(self, double now) except -1:
        """As core.base.filters.DuplicateFilter.generations."""
        if not self._is_begun:
            self._is_begun = True
            self._rotate_at = now + self._period_s
        elif now >= self._rotate_at or self._current.size >= self._generation_max:
            self._previous = (
                self._current if now - self._rotate_at < self._period_s else _Names()
            )
            self._current = _Names()
            self._rotate_at = now + self._period_s
        return 0

    def sort(
        self,
        list messages not None,
        dict receivers not None,
        long long oldest,
        long long newest,
        double now,
    ):
        cdef dict groups = {}
        cdef bytes message
        cdef const byte *at
        cdef object tunnel_id, group
        cdef uint64_t name
        cdef int malformed = 0, expired = 0, unknown = 0, duplicate = 0
        self._rotate(now)
        for message in messages:
            if len(message) == SHORT_DATA:
                name = _name(_data(message))
                self._current.fetch(name)
                self._previous.fetch(name)
        for message in messages:
            if len(message) != SHORT_DATA:
                malformed += 1
                continue
            at = _data(message)
            if not oldest <= _read32(at + 5) <= newest:
                expired += 1
                continue
            tunnel_id = _read32(at + 9)
            if tunnel_id not in receivers:
                unknown += 1
                continue
            name = _name(at)
            if self._current.has(name) or self._previous.has(name):
                self._current.add(name)
                duplicate += 1
                continue
            self._current.add(name)
            group = groups.get(tunnel_id)
            if group is None:
                groups[tunnel_id] = [message]
            else:
                (<list>group).append(message)
        return groups, (malformed, expired, unknown, duplicate)


# Layers


cdef inline void _xor_block(byte *target, const byte *other) noexcept:
    cdef uint64_t mine[2]
    cdef uint64_t others[2]
    memcpy(mine, target, 16)
    memcpy(others, other, 16)
    mine[0] ^= others[0]
    mine[1] ^= others[1]
    memcpy(target, mine, 16)


cdef enum:
    BATCH = 16
    SIDE_BY_SIDE_MIN = 2


# Layers that are done at once: ``IV || data`` (1024 bytes), and where both go.
cdef struct _Batch:
    const byte *sources[BATCH]
    byte *ivs[BATCH]
    byte *datas[BATCH]
    int count


cdef class _Layer:
    """What the creator and the hop do alike: batches in, pairs or short-form messages out."""

    cdef int apply(self, _Batch *batch) except -1:
        """The cipher itself, for a batch that is not empty."""
        return 0

    cdef inline int _put(
        self, _Batch *batch, const byte *source, byte *iv, byte *data
    ) except -1:
        batch.sources[batch.count] = source
        batch.ivs[batch.count] = iv
        batch.datas[batch.count] = data
        batch.count += 1
        if batch.count == BATCH:
            self._finish(batch)
        return 0

    cdef inline int _finish(self, _Batch *batch) except -1:
        if batch.count:
            self.apply(batch)
        batch.count = 0
        return 0

    cdef list _pairs(self, list messages, Py_ssize_t offset):
        cdef list result = []
        cdef bytes message, iv, data
        cdef _Batch batch
        batch.count = 0
        for message in messages:
            _check(message, offset + LAYER)
        for message in messages:
            iv = _new(IV)
            data = _new(DATA)
            result.append((iv, data))
            self._put(&batch, _data(message) + offset, _data(iv), _data(data))
        self._finish(&batch)
        return result

    cdef list _short_forms(
        self,
        list messages,
        Py_ssize_t offset,
        bytes ids,
        const byte *expires,
        const byte *tunnel_id,
    ):
        """Layers start at ``offset``; without ``expires`` every message keeps its own."""
        cdef list result = []
        cdef bytes message, made
        cdef byte *target
        cdef Py_ssize_t at = 0
        cdef _Batch batch
        batch.count = 0
        for message in messages:
            _check(message, offset + LAYER)
        if PyBytes_GET_SIZE(ids) < 4 * len(messages):
            raise LocalError("too few message ids")
        for message in messages:
            made = _new(SHORT_DATA)
            result.append(made)
            target = _data(made)
            target[0] = 0x12
            memcpy(target + 1, _data(ids) + at, 4)
            memcpy(target + 5, _data(message) + 5 if expires == NULL else expires, 4)
            memcpy(target + 9, tunnel_id, 4)
            target += SHORT_IV_AT
            self._put(&batch, _data(message) + offset, target, target + IV)
            at += 4
        self._finish(&batch)
        return result

    def emit(self, messages, bytes ids not None, bytes tail not None, list out not None):
        if len(tail) != 8:
            raise LocalError("expiration and tunnel id are 8 bytes")
        out += self._short_forms(list(messages), 0, ids, _data(tail), _data(tail) + 4)


cdef class HopEncryptor(_Layer):
    cdef CipherContext _cbc
    cdef CipherContext _blocks
    cdef CipherContext _ecb
    cdef byte _last[16]

    def __init__(self, bytes layer_key not None, bytes iv_key not None):
        _check_keys(layer_key, iv_key)
        self._cbc = CipherContext.make(AES_CBC, _data(layer_key), True)
        self._blocks = CipherContext.make(AES_ECB, _data(layer_key), True)
        self._ecb = CipherContext.make(AES_ECB, _data(iv_key), True)
        memset(self._last, 0, IV)

    cdef int apply(self, _Batch *batch) except -1:
        cdef byte inners[BATCH * IV]
        cdef int number
        for number in range(batch.count):
            memcpy(inners + number * IV, batch.sources[number], IV)
        self._ecb.update(inners, inners, batch.count * IV)
        if batch.count < SIDE_BY_SIDE_MIN:
            for number in range(batch.count):
                self._chain(inners + number * IV, batch.sources[number] + IV, batch.datas[number])
        else:
            self._chains(inners, batch)
        self._ecb.update(inners, inners, batch.count * IV)
        for number in range(batch.count):
            memcpy(batch.ivs[number], inners + number * IV, IV)
        return 0

    cdef int _chain(self, const byte *inner, const byte *source, byte *target) except -1:
        memcpy(target, source, DATA)
        _xor_block(target, inner)
        _xor_block(target, self._last)
        self._cbc.update(target, target, DATA)
        memcpy(self._last, target + DATA - IV, IV)
        return 0

    cdef int _chains(self, const byte *inners, _Batch *batch) except -1:
        """CBC of several messages side by side, one block of each in a step. In a chain every
        block waits for the one before it; a processor does several in the time of one."""
        cdef byte blocks[BATCH * IV]
        cdef int number, at
        memcpy(blocks, inners, batch.count * IV)
        for at in range(0, DATA, IV):
            for number in range(batch.count):
                _xor_block(blocks + number * IV, batch.sources[number] + IV + at)
            self._blocks.update(blocks, blocks, batch.count * IV)
            for number in range(batch.count):
                memcpy(batch.datas[number] + at, blocks + number * IV, IV)
        return 0

    def encrypt(self, messages):
        return self._pairs(list(messages), 0)

    def encrypt_at(self, messages, Py_ssize_t offset):
        return self._pairs(list(messages), offset)

    def relay(self, messages, bytes ids not None, bytes next_id not None, list out not None):
        if len(next_id) != 4:
            raise LocalError("a tunnel id is 4 bytes")
        out += self._short_forms(list(messages), SHORT_IV_AT, ids, NULL, _data(next_id))


cdef class LayerDecryptor(_Layer):
    cdef list _cbcs
    cdef list _ecbs

    def __init__(self, keys):
        cdef bytes layer_key, iv_key
        self._cbcs = []
        self._ecbs = []
        for layer_key, iv_key in keys:
            _check_keys(layer_key, iv_key)
            self._cbcs.append(CipherContext.make(AES_CBC, _data(layer_key), False))
            self._ecbs.append(CipherContext.make(AES_ECB, _data(iv_key), False))

    cdef int apply(self, _Batch *batch) except -1:
        cdef byte layers[BATCH * LAYER]
        cdef byte heads[BATCH * IV]
        cdef Py_ssize_t hop
        cdef int number
        for number in range(batch.count):
            memcpy(heads + number * IV, batch.sources[number], IV)
            memcpy(layers + number * LAYER, batch.sources[number], LAYER)
        for hop in range(len(self._cbcs)):
            (<CipherContext>self._ecbs[hop]).update(heads, heads, batch.count * IV)
            for number in range(batch.count):
                memcpy(layers + number * LAYER, heads + number * IV, IV)
            # What came before each IV spoils only the block that is dropped.
            (<CipherContext>self._cbcs[hop]).update(layers, layers, batch.count * LAYER)
            (<CipherContext>self._ecbs[hop]).update(heads, heads, batch.count * IV)
        for number in range(batch.count):
            memcpy(batch.ivs[number], heads + number * IV, IV)
            memcpy(batch.datas[number], layers + number * LAYER + IV, DATA)
        return 0

    def decrypt(self, messages):
        return self._pairs(list(messages), 0)

    def decrypt_at(self, messages, Py_ssize_t offset):
        return self._pairs(list(messages), offset)


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
        source = _data(message)
        whole = target_size + 2 + length
        if (
            whole > PAYLOAD_MAX - page.size
            and page.size
            and not _is_split_better(target_size, length, PAYLOAD_MAX - page.size)
        ):
            payloads.append(page.take())
        if whole <= PAYLOAD_MAX - page.size:
            page.put(_data(target), target_size)
            page.put16(length)
            page.put(source, length)
            continue
        memcpy(message_id, source + 1, 4)
        if _read32(message_id) == 0:
            message_id[3] = 1
        size = PAYLOAD_MAX - page.size - target_size - FIRST_EXTRA
        page.put(_data(target), target_size)
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
        cdef const byte *iv = _data(ivs)
        cdef Py_ssize_t size, missing
        for payload in payloads:
            size = len(payload)
            if size > PAYLOAD_MAX:
                raise LocalError(f"tunnel payload of {size} bytes")
            missing = PAYLOAD_MAX - size
            made = _new(LAYER)
            target = _data(made)
            memcpy(target, iv, IV)
            _checksum(_data(payload), size, iv, digest)
            memcpy(target + IV, digest, 4)
            if missing:
                self._pad(target + IV + 4, missing)
            target[IV + 4 + missing] = 0
            memcpy(target + IV + 5 + missing, _data(payload), size)
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
        memcpy(target, _data(self._pool) + end - count, count)
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
                start = <const byte *>memchr(_data(data) + 4, 0, DATA - 4)
            if start != NULL:
                start += 1
                _checksum(start, DATA - (start - _data(data)), _data(iv), digest)
            if start == NULL or memcmp(digest, _data(data), 4) != 0:
                self.malformed += 1
                continue
            if not self._split(data, start - _data(data), now, complete):
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
            at = _data(data) + position
            flag = at[0]
            start = 0
            size = 0
            if end - position < FIRST_HEADER_MAX:
                start = 0
            elif flag >= 0x82:
                message_id = _read32(at + 1)
                start = 7
            elif flag == 0x28:
                target = (1, PyBytes_FromStringAndSize(<char *>at + 5, 32), _read32(at + 1))
                message_id = _read32(at + 37)
                start = 43
            elif flag == 0x08:
                target = (0, None, None)
                message_id = _read32(at + 1)
                start = 7
            elif flag == 0:
                target = (0, None, None)
                start = 3
            elif flag == 0x20:
                target = (1, PyBytes_FromStringAndSize(<char *>at + 5, 32), _read32(at + 1))
                start = 39
            if start:
                size = _read16(at + start - 2)
                start += position
                position = start + size
                if position > end or size == 0:
                    return False
                piece = PyBytes_FromStringAndSize(<char *>_data(data) + start, size)
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
                    or _read16(_data(message) + 13) > len(message) - STANDARD_HEADER
                ):
                    return False
                complete.append(delivery)
        return True
