"""Bytes of Python as C sees them, and numbers in network order."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t

ctypedef unsigned char byte


cdef inline byte *data_of(bytes held) noexcept:
    return <byte *>PyBytes_AS_STRING(held)


cdef inline bytes new_bytes(Py_ssize_t size):
    """To be filled before anybody else sees it."""
    return PyBytes_FromStringAndSize(NULL, size)


cdef inline int read16(const byte *at) noexcept:
    return (at[0] << 8) | at[1]


cdef inline uint32_t read32(const byte *at) noexcept:
    return (<uint32_t>at[0] << 24) | (at[1] << 16) | (at[2] << 8) | at[3]


cdef inline uint64_t read64(const byte *at) noexcept:
    return <uint64_t>read32(at) << 32 | read32(at + 4)
