"""Every cryptographic primitive of the router; the only room that imports cryptography or nacl.

==============  ==================================================================================
module          what it holds
==============  ==================================================================================
aead            ChaCha20-Poly1305 with a persistent context, bare ChaCha20
aes             AES-256: ECB and CBC, one-shot and persistent (tunnel layers)
x25519          key pairs and Diffie-Hellman
elligator2      X25519 public keys that look like random bytes (ratchet handshakes)
hkdf            HMAC-SHA256 and HKDF-SHA256
hfs             what ML-KEM adds to Noise: hybrid forward secrecy
mlkem           ML-KEM-768 and -1024, where the library has them
siphash         SipHash-2-4 and the NTCP2 frame length mask
noise           the symmetric state of every Noise handshake I2P has
signing         signature types of I2P: one ``verify`` and one ``SigningKey`` for all
reddsa          scalars, blinding and signatures of Red25519 (type 11)
blinding        the signing key of a destination, blinded for one UTC day
dsa             DSA-SHA1 in I2P's group (type 0, legacy destinations)
==============  ==================================================================================

Where from: the cryptography, ntcp2, ecies, common-structures and red25519 specifications.

What always holds:

* No function keeps a clock or a source of randomness (except ``mlkem.encapsulate``, whose library
  takes none); entropy is an argument. Signatures are deterministic in every type, so a replayed
  run gives the same bytes.
* Forged or broken input raises :class:`core.base.errors.DecodeError` (an AEAD failure the subclass
  :class:`core.crypto.aead.AuthenticationError`) or makes ``verify`` return False; a key or a length
  that our own side got wrong raises :class:`core.base.errors.LocalError`.
* No object shows a secret in its ``repr``.
* Nothing here is shared between threads: persistent contexts belong to one owner.
"""
