"""The kinds of NTCP2 handshake: plain, and hybrid with ML-KEM (specs/ntcp2-hybrid).

A router publishes one hybrid variant at most, as ``pq`` in its address, and takes plain ones at the
same port. Alice marks a hybrid message 1 by the top bit of her ephemeral key, which no key has.
ML-KEM-512 is left out: the specification calls it too weak, and nobody prefers it.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.crypto.hfs import e1_length, ekem1_length
from core.crypto.mlkem import ML_KEM_768, ML_KEM_1024, ParameterSet

HEAD_BYTES = 64
#: Java and i2pd before API 0.9.69: a plain message 1 or 2 above 287 bytes is refused; Java sends 0
#: to 63. i2pd 2.59 also refuses more than 223 in a hybrid message 2.
SHORT_PADDING_MAX = 63
LONG_PADDING_VERSION_MIN = (0, 9, 69)


@dataclass(frozen=True, slots=True)
class Variant:
    """Lengths are bytes. ``number``: what ``pq`` says, 0 if plain; ``kem``: None if plain.

    ``request_length`` and ``created_length``: messages 1 and 2 without padding.
    ``request_padding_max`` and ``created_padding_max``: what routers of API 0.9.69 take;
    ``padding_accepted_max``: what we take. ``old_padding_max``: no router before 0.9.69 sends more
    in message 1.
    """

    number: int
    protocol_name: bytes
    kem: ParameterSet | None
    request_length: int
    created_length: int
    request_padding_max: int
    created_padding_max: int
    padding_accepted_max: int
    old_padding_max: int

    @property
    def kem_name(self) -> str | None:
        """``ML-KEM-768`` and so on; None if plain."""
        return None if self.kem is None else self.kem.name

    def request_padding_sent_max(self, peer_version: tuple[int, ...]) -> int:
        """The longest padding of message 1 for a router of this API version."""
        is_new = peer_version >= LONG_PADDING_VERSION_MIN
        return self.request_padding_max if is_new else SHORT_PADDING_MAX

    def created_padding_sent_max(self, request_padding: int) -> int:
        """The longest padding of message 2, where only what Alice sent tells her version."""
        is_new = request_padding > self.old_padding_max
        return self.created_padding_max if is_new else SHORT_PADDING_MAX


def _hybrid(number: int, kem: ParameterSet, created_padding_max: int) -> Variant:
    size = kem.name.removeprefix("ML-KEM-")
    request_length = HEAD_BYTES + e1_length(kem)
    created_length = HEAD_BYTES + ekem1_length(kem)
    return Variant(
        number,
        f"Noise_XKhfsaesobfse+hs2+hs3_25519+MLKEM{size}_ChaChaPoly_SHA256".encode(),
        kem,
        request_length,
        created_length,
        request_length,
        created_padding_max,
        max(request_length, created_length),
        # i2pd 2.59: a message 1 has at most 1871 bytes, whatever the variant.
        1871 - request_length,
    )


PLAIN = Variant(
    0,
    b"Noise_XKaesobfse+hs2+hs3_25519_ChaChaPoly_SHA256",
    None,
    HEAD_BYTES,
    HEAD_BYTES,
    880,
    848,
    1024,
    256,
)
#: specs/ntcp2-hybrid, "Maximum Padding", counts 32 bytes too few for message 2: Java takes no more.
HYBRID_768 = _hybrid(4, ML_KEM_768, 1136)
HYBRID_1024 = _hybrid(5, ML_KEM_1024, 1616)
HYBRIDS = {variant.number: variant for variant in (HYBRID_768, HYBRID_1024)}
"""By what ``pq`` says."""
