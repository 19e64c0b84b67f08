# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Native twin of core/tunnel/sorter.

It has the interface, the results and the errors of the class of its name there, where the protocol
is explained; tests run both on the same input.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from i2ptunnel_native.octets cimport byte, data_of, read32, read64

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *place) noexcept nogil

cdef enum:
    IV = 16
    SHORT_IV_AT = 13
    SHORT_DATA = 1037


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
    return read64(message + SHORT_IV_AT) ^ read64(message + SHORT_IV_AT + IV)


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
                name = _name(data_of(message))
                self._current.fetch(name)
                self._previous.fetch(name)
        for message in messages:
            if len(message) != SHORT_DATA:
                malformed += 1
                continue
            at = data_of(message)
            if not oldest <= read32(at + 5) <= newest:
                expired += 1
                continue
            tunnel_id = read32(at + 9)
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
