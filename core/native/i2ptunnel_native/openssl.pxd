"""What the native twins use of libcrypto, and its contexts as Python objects that free themselves."""

cdef extern from "openssl/evp.h" nogil:
    ctypedef struct EVP_CIPHER
    ctypedef struct EVP_CIPHER_CTX
    enum:
        EVP_CTRL_AEAD_GET_TAG
        EVP_CTRL_AEAD_SET_TAG
    EVP_CIPHER *EVP_CIPHER_fetch(void *library, const char *name, const char *properties)
    EVP_CIPHER_CTX *EVP_CIPHER_CTX_new()
    void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context)
    int EVP_CIPHER_CTX_set_padding(EVP_CIPHER_CTX *context, int padding)
    int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int kind, int size, void *data)
    int EVP_CipherInit_ex2(
        EVP_CIPHER_CTX *context,
        const EVP_CIPHER *cipher,
        const unsigned char *key,
        const unsigned char *iv,
        int is_encryption,
        const void *params,
    )
    int EVP_CipherUpdate(
        EVP_CIPHER_CTX *context,
        unsigned char *out,
        int *out_size,
        const unsigned char *data,
        int size,
    )
    int EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_size)


cdef extern from "openssl/sha.h" nogil:
    ctypedef struct SHA256_CTX:
        pass
    int SHA256_Init(SHA256_CTX *context)
    int SHA256_Update(SHA256_CTX *context, const void *data, size_t size)
    int SHA256_Final(unsigned char *digest, SHA256_CTX *context)


cdef class CipherContext:
    """A keyed cipher; the padding of block ciphers is off."""

    cdef EVP_CIPHER_CTX *context

    @staticmethod
    cdef CipherContext make(EVP_CIPHER *cipher, const unsigned char *key, bint is_encryption)

    cdef inline int update(
        self, unsigned char *out, const unsigned char *data, int size
    ) except -1:
        """Whole blocks in, as many out; ``out`` may be ``data``."""
        cdef int written = 0
        if EVP_CipherUpdate(self.context, out, &written, data, size) != 1 or written != size:
            raise RuntimeError("libcrypto failed")
        return 0


cdef EVP_CIPHER *AES_CBC
cdef EVP_CIPHER *AES_ECB
cdef EVP_CIPHER *CHACHA20
cdef EVP_CIPHER *CHACHA20_POLY1305

cdef int seal(
    CipherContext cipher,
    const unsigned char *key,
    unsigned long long number,
    const unsigned char *ad,
    int ad_size,
    const unsigned char *data,
    int size,
    unsigned char *out,
) except -1

cdef int open(
    CipherContext cipher,
    const unsigned char *key,
    unsigned long long number,
    const unsigned char *ad,
    int ad_size,
    const unsigned char *data,
    int size,
    unsigned char *out,
) except -1
