# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Native twins of SSU2's header protection and of the packets of its data phase.

Each has the interface, the results and the errors of the class or function of its name, in
core/crypto/chacha20 and core/transport/ssu2, where the protocol is explained; tests run both on
the same input.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from core.base.errors import LocalError
from i2ptunnel_native.octets cimport byte, data_of, new_bytes, read16, read32, read64
from i2ptunnel_native.openssl cimport (
    CHACHA20,
    CHACHA20_POLY1305,
    CipherContext,
    EVP_CipherInit_ex2,
    open,
    seal,
)

cdef enum:
    TAG = 16
    HEADER = 16
    NONCE = 12
    PAYLOAD_MIN = 8
    PACKET_MIN = 40
    DATA = 6


cdef class ChaChaMask:
    cdef CipherContext _cipher

    def __init__(self, bytes key not None):
        if len(key) != 32:
            raise LocalError(f"ChaCha20 key of {len(key)} bytes")
        self._cipher = CipherContext.make(CHACHA20, data_of(key), True)

    cdef inline int mask(
        self, const byte *nonce, const byte *data, Py_ssize_t size, byte *out
    ) except -1:
        """``out`` may be ``data``, but not ``nonce``."""
        cdef byte start[16]
        # The number of the first block, little endian.
        start[0] = 1
        start[1] = start[2] = start[3] = 0
        memcpy(start + 4, nonce, NONCE)
        if EVP_CipherInit_ex2(self._cipher.context, NULL, NULL, start, 1, NULL) != 1:
            raise RuntimeError("libcrypto failed")
        self._cipher.update(out, data, <int>size)
        return 0

    def xor(self, bytes nonce not None, bytes data not None):
        cdef Py_ssize_t size = len(data)
        cdef bytes out
        if len(nonce) != NONCE:
            raise ValueError("nonce must be 12 bytes")
        out = new_bytes(size)
        if size:
            self.mask(data_of(nonce), data_of(data), size, data_of(out))
        return out


def read_destination(bytes packet not None, ChaChaMask key_1 not None):
    cdef Py_ssize_t size = len(packet)
    cdef bytes out
    if size < PACKET_MIN:
        raise LocalError(f"packet of {size} bytes")
    out = new_bytes(8)
    key_1.mask(data_of(packet) + size - 24, data_of(packet), 8, data_of(out))
    return out


cdef class PacketSealer:
    cdef CipherContext _cipher
    cdef ChaChaMask _mask_1
    cdef ChaChaMask _mask_2
    cdef byte _destination[8]
    cdef public uint64_t next_number

    def __init__(self, keys):
        cdef bytes key = keys.send_key
        cdef bytes destination = keys.send_connection_id.to_bytes(8, "big")
        if len(key) != 32:
            raise LocalError(f"AEAD key of {len(key)} bytes")
        self._cipher = CipherContext.make(CHACHA20_POLY1305, data_of(key), True)
        self._mask_1 = ChaChaMask(keys.send_header_key_1)
        self._mask_2 = ChaChaMask(keys.send_header_key_2)
        memcpy(self._destination, data_of(destination), 8)
        self.next_number = 1 if keys.is_initiator else 0

    def seal(self, bytes payload not None, int flags=0):
        cdef Py_ssize_t size = len(payload)
        cdef uint64_t number = self.next_number
        cdef byte *out
        cdef byte *end
        cdef bytes made
        if size < PAYLOAD_MIN or number > 0xFFFFFFFF or not 0 <= flags <= 0xFF:
            raise LocalError(f"packet {number} with {size} bytes and flags {flags}")
        self.next_number = number + 1
        made = new_bytes(HEADER + size + TAG)
        out = data_of(made)
        end = out + HEADER + size + TAG
        memcpy(out, self._destination, 8)
        out[8] = <byte>(number >> 24)
        out[9] = <byte>(number >> 16)
        out[10] = <byte>(number >> 8)
        out[11] = <byte>number
        out[12] = DATA
        out[13] = <byte>flags
        out[14] = out[15] = 0
        seal(
            self._cipher, NULL, number, out, HEADER, data_of(payload), <int>size, out + HEADER
        )
        self._mask_1.mask(end - 24, out, 8, out)
        self._mask_2.mask(end - 12, out + 8, 8, out + 8)
        return made


cdef class PacketOpener:
    cdef CipherContext _cipher
    cdef ChaChaMask _mask_2
    cdef byte _destination[8]

    def __init__(self, keys):
        cdef bytes key = keys.receive_key
        cdef bytes destination = keys.receive_connection_id.to_bytes(8, "big")
        if len(key) != 32:
            raise LocalError(f"AEAD key of {len(key)} bytes")
        self._cipher = CipherContext.make(CHACHA20_POLY1305, data_of(key), False)
        self._mask_2 = ChaChaMask(keys.receive_header_key_2)
        memcpy(self._destination, data_of(destination), 8)

    cdef int _second_half(self, const byte *packet, Py_ssize_t size, byte *out) except -1:
        if size < PACKET_MIN:
            raise LocalError(f"packet of {size} bytes")
        self._mask_2.mask(packet + size - 12, packet + 8, 8, out)
        return 0

    def is_data(self, bytes datagram not None):
        cdef byte second[8]
        self._second_half(data_of(datagram), len(datagram), second)
        return second[4] == DATA

    def read(self, bytes datagram not None):
        cdef Py_ssize_t size = len(datagram)
        cdef Py_ssize_t at = 0, start = 0, end
        cdef const byte *packet = data_of(datagram)
        cdef byte header[HEADER]
        cdef bytes payload
        cdef const byte *data
        cdef uint32_t number
        cdef int kind
        cdef list messages = [], keys = [], others = []
        memcpy(header, self._destination, 8)
        self._second_half(packet, size, header + 8)
        number = read32(header + 8)
        end = size - HEADER - TAG
        payload = new_bytes(end)
        data = data_of(payload)
        if not open(
            self._cipher,
            NULL,
            number,
            header,
            HEADER,
            packet + HEADER,
            <int>(size - HEADER),
            data_of(payload),
        ):
            return None
        if header[12] != DATA:
            return None
        while at + 3 <= end:
            kind = data[at]
            start = at + 3
            at = start + read16(data + at + 1)
            if at > end:
                break
            if kind == 3 and at - start >= 9:
                messages.append(PyBytes_FromStringAndSize(<const char *>data + start, at - start))
                keys.append(read64(data + start))
            elif kind != 254:
                others.append(
                    (kind, PyBytes_FromStringAndSize(<const char *>data + start, at - start))
                )
        return number, header[13], messages, keys, others, at == end
