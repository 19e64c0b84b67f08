# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Native twins of core/crypto: the hash chains of the ratchet and the AEAD with a key for once.

Each has the interface, the results and the errors of the function of its name there; tests run both
on the same input.
"""

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.string cimport memcpy, memset

from core.base.errors import LocalError
from i2ptunnel_native.octets cimport byte, data_of, new_bytes
from i2ptunnel_native.openssl cimport (
    CHACHA20_POLY1305,
    CipherContext,
    SHA256_CTX,
    SHA256_Final,
    SHA256_Init,
    SHA256_Update,
    open,
    seal,
)

cdef enum:
    HASH = 32
    BLOCK = 64


cdef void _start_hmac(
    const byte *key, SHA256_CTX *inner, SHA256_CTX *outer
) noexcept:
    """Both contexts behind their pads, for a key of 32 bytes."""
    cdef byte pad[BLOCK]
    cdef int at
    memset(pad, 0x36, BLOCK)
    for at in range(HASH):
        pad[at] ^= key[at]
    SHA256_Init(inner)
    SHA256_Update(inner, pad, BLOCK)
    for at in range(BLOCK):
        pad[at] ^= 0x36 ^ 0x5C
    SHA256_Init(outer)
    SHA256_Update(outer, pad, BLOCK)


cdef void _finish_hmac(SHA256_CTX *inner, SHA256_CTX *outer, byte *digest) noexcept:
    SHA256_Final(digest, inner)
    SHA256_Update(outer, digest, HASH)
    SHA256_Final(digest, outer)


cdef class _ChainStep:
    cdef bytes _ikm
    cdef bytes _info

    def __call__(self, bytes key not None):
        cdef SHA256_CTX inner, outer, inner_2, outer_2
        cdef byte digest[HASH]
        cdef byte counter
        cdef bytes first, second
        if len(key) != HASH:
            raise LocalError(f"chain key of {len(key)} bytes")
        first = new_bytes(HASH)
        second = new_bytes(HASH)
        _start_hmac(data_of(key), &inner, &outer)
        SHA256_Update(&inner, data_of(self._ikm), PyBytes_GET_SIZE(self._ikm))
        _finish_hmac(&inner, &outer, digest)
        _start_hmac(digest, &inner, &outer)
        inner_2 = inner
        outer_2 = outer
        counter = 1
        SHA256_Update(&inner, data_of(self._info), PyBytes_GET_SIZE(self._info))
        SHA256_Update(&inner, &counter, 1)
        _finish_hmac(&inner, &outer, data_of(first))
        counter = 2
        SHA256_Update(&inner_2, data_of(first), HASH)
        SHA256_Update(&inner_2, data_of(self._info), PyBytes_GET_SIZE(self._info))
        SHA256_Update(&inner_2, &counter, 1)
        _finish_hmac(&inner_2, &outer_2, data_of(second))
        return first, second


def chain_step(bytes ikm not None, bytes info not None):
    cdef _ChainStep step = _ChainStep()
    step._ikm = ikm
    step._info = info
    return step


cdef byte _no_key[32]
memset(_no_key, 0, 32)
cdef CipherContext _cipher = CipherContext.make(CHACHA20_POLY1305, _no_key, True)


def seal_once(
    bytes key not None, unsigned long long number, bytes plaintext not None, bytes ad not None
):
    cdef Py_ssize_t size = len(plaintext)
    cdef bytes made
    if len(key) != HASH:
        raise LocalError(f"AEAD key of {len(key)} bytes")
    made = new_bytes(size + 16)
    seal(
        _cipher, data_of(key), number, data_of(ad), <int>len(ad), data_of(plaintext), <int>size,
        data_of(made),
    )
    return made


def open_once(
    bytes key not None,
    unsigned long long number,
    bytes message not None,
    Py_ssize_t start,
    bytes ad not None,
):
    from core.crypto.aead import AuthenticationError

    cdef Py_ssize_t size = len(message) - start
    cdef bytes made
    if len(key) != HASH:
        raise LocalError(f"AEAD key of {len(key)} bytes")
    if start < 0 or size < 16:
        raise AuthenticationError("AEAD authentication failed")
    made = new_bytes(size - 16)
    if not open(
        _cipher, data_of(key), number, data_of(ad), <int>len(ad), data_of(message) + start, <int>size,
        data_of(made),
    ):
        raise AuthenticationError("AEAD authentication failed")
    return made
