# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Native twins of core/tunnel/hop_cipher.

Each has the interface, the results and the errors of the class or function of its name there, where
the protocol is explained; tests run both on the same input.
"""

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from core.base.errors import LocalError
from i2ptunnel_native.octets cimport byte, data_of, new_bytes
from i2ptunnel_native.openssl cimport AES_CBC, AES_ECB, CipherContext

cdef enum:
    IV = 16
    DATA = 1008
    LAYER = 1024
    SHORT_IV_AT = 13
    SHORT_DATA = 1037
    BATCH = 16


cdef inline int _check(bytes message, Py_ssize_t size) except -1:
    if message is None or PyBytes_GET_SIZE(message) != size:
        raise LocalError(f"tunnel layer of {-1 if message is None else len(message)} bytes")
    return 0


cdef int _check_keys(bytes layer_key, bytes iv_key) except -1:
    if len(layer_key) != 32 or len(iv_key) != 32:
        raise LocalError(f"AES-256 keys of {len(layer_key)} and {len(iv_key)} bytes")
    return 0


cdef inline void _xor_block(byte *target, const byte *other) noexcept:
    cdef uint64_t mine[2]
    cdef uint64_t others[2]
    memcpy(mine, target, 16)
    memcpy(others, other, 16)
    mine[0] ^= others[0]
    mine[1] ^= others[1]
    memcpy(target, mine, 16)


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
            iv = new_bytes(IV)
            data = new_bytes(DATA)
            result.append((iv, data))
            self._put(&batch, data_of(message) + offset, data_of(iv), data_of(data))
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
            made = new_bytes(SHORT_DATA)
            result.append(made)
            target = data_of(made)
            target[0] = 0x12
            memcpy(target + 1, data_of(ids) + at, 4)
            memcpy(target + 5, data_of(message) + 5 if expires == NULL else expires, 4)
            memcpy(target + 9, tunnel_id, 4)
            target += SHORT_IV_AT
            self._put(&batch, data_of(message) + offset, target, target + IV)
            at += 4
        self._finish(&batch)
        return result

    def emit(self, messages, bytes ids not None, bytes tail not None, list out not None):
        if len(tail) != 8:
            raise LocalError("expiration and tunnel id are 8 bytes")
        out += self._short_forms(list(messages), 0, ids, data_of(tail), data_of(tail) + 4)


cdef class HopEncryptor(_Layer):
    cdef CipherContext _cbc
    cdef CipherContext _blocks
    cdef CipherContext _ecb
    cdef byte _last[16]

    def __init__(self, bytes layer_key not None, bytes iv_key not None):
        _check_keys(layer_key, iv_key)
        self._cbc = CipherContext.make(AES_CBC, data_of(layer_key), True)
        self._blocks = CipherContext.make(AES_ECB, data_of(layer_key), True)
        self._ecb = CipherContext.make(AES_ECB, data_of(iv_key), True)
        memset(self._last, 0, IV)

    cdef int apply(self, _Batch *batch) except -1:
        cdef byte inners[BATCH * IV]
        cdef int number
        for number in range(batch.count):
            memcpy(inners + number * IV, batch.sources[number], IV)
        self._ecb.update(inners, inners, batch.count * IV)
        if batch.count == 1:
            self._chain(inners, batch.sources[0] + IV, batch.datas[0])
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
        out += self._short_forms(list(messages), SHORT_IV_AT, ids, NULL, data_of(next_id))


cdef class LayerDecryptor(_Layer):
    cdef list _cbcs
    cdef list _ecbs

    def __init__(self, keys):
        cdef bytes layer_key, iv_key
        self._cbcs = []
        self._ecbs = []
        for layer_key, iv_key in keys:
            _check_keys(layer_key, iv_key)
            self._cbcs.append(CipherContext.make(AES_CBC, data_of(layer_key), False))
            self._ecbs.append(CipherContext.make(AES_ECB, data_of(iv_key), False))

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
