# cython: language_level=3
"""libcrypto's contexts, and the AEAD of NTCP2, SSU2 and the ratchet."""

from libc.stdint cimport uint64_t
from libc.string cimport memset


cdef class CipherContext:
    def __dealloc__(self):
        EVP_CIPHER_CTX_free(self.context)

    @staticmethod
    cdef CipherContext make(EVP_CIPHER *cipher, const unsigned char *key, bint is_encryption):
        cdef CipherContext made = CipherContext()
        cdef unsigned char zeros[16]
        memset(zeros, 0, 16)
        made.context = EVP_CIPHER_CTX_new()
        if made.context == NULL:
            raise MemoryError
        if EVP_CipherInit_ex2(made.context, cipher, key, zeros, is_encryption, NULL) != 1:
            raise RuntimeError("libcrypto failed")
        EVP_CIPHER_CTX_set_padding(made.context, 0)
        return made


cdef EVP_CIPHER *_fetch(const char *name) except NULL:
    cdef EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL)
    if cipher == NULL:
        raise ImportError("libcrypto lacks a cipher")
    return cipher


AES_CBC = _fetch("AES-256-CBC")
AES_ECB = _fetch("AES-256-ECB")
CHACHA20 = _fetch("ChaCha20")
CHACHA20_POLY1305 = _fetch("ChaCha20-Poly1305")


cdef inline void _nonce(uint64_t number, unsigned char *nonce) noexcept:
    """4 zero bytes, then the number, little endian (ntcp2.md "AEAD")."""
    cdef int at
    memset(nonce, 0, 4)
    for at in range(8):
        nonce[4 + at] = number >> (8 * at) & 0xFF


cdef int seal(
    CipherContext cipher,
    const unsigned char *key,
    unsigned long long number,
    const unsigned char *ad,
    int ad_size,
    const unsigned char *data,
    int size,
    unsigned char *out,
) except -1:
    """``size + 16`` bytes to ``out``, which may be ``data``. A NULL key keeps the last one."""
    cdef unsigned char nonce[12]
    cdef int written = 0
    cdef EVP_CIPHER_CTX *context = cipher.context
    _nonce(number, nonce)
    if EVP_CipherInit_ex2(context, NULL, key, nonce, 1, NULL) != 1:
        raise RuntimeError("libcrypto failed")
    if ad_size and EVP_CipherUpdate(context, NULL, &written, ad, ad_size) != 1:
        raise RuntimeError("libcrypto failed")
    if (
        EVP_CipherUpdate(context, out, &written, data, size) != 1
        or EVP_CipherFinal_ex(context, out + size, &written) != 1
        or EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, out + size) != 1
    ):
        raise RuntimeError("libcrypto failed")
    return 0


cdef int open(
    CipherContext cipher,
    const unsigned char *key,
    unsigned long long number,
    const unsigned char *ad,
    int ad_size,
    const unsigned char *data,
    int size,
    unsigned char *out,
) except -1:
    """``size - 16`` bytes to ``out``; 0 if the tag (the last 16 bytes of ``data``) is wrong."""
    cdef unsigned char nonce[12]
    cdef int written = 0
    cdef EVP_CIPHER_CTX *context = cipher.context
    if size < 16:
        return 0
    _nonce(number, nonce)
    if (
        EVP_CipherInit_ex2(context, NULL, key, nonce, 0, NULL) != 1
        or EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, <void *>(data + size - 16)) != 1
    ):
        raise RuntimeError("libcrypto failed")
    if ad_size and EVP_CipherUpdate(context, NULL, &written, ad, ad_size) != 1:
        raise RuntimeError("libcrypto failed")
    if EVP_CipherUpdate(context, out, &written, data, size - 16) != 1:
        return 0
    return EVP_CipherFinal_ex(context, out + size - 16, &written) == 1
