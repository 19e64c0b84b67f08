"""The kinds of SSU2 handshake: plain, and hybrid with ML-KEM-768 (specs/ssu2-hybrid).

The version in the long header says which: the address publishes it as ``pq``. The keys of
ML-KEM-1024 do not fit into a datagram; ML-KEM-512 is left out, as for NTCP2.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.crypto.hfs import e1_length, ekem1_length
from core.crypto.mlkem import ML_KEM_768, ParameterSet
from core.transport.ssu2.header import VERSION
from core.transport.ssu2.path_mtu import MTU_MIN

IPV4_HEADERS = 20 + 8
IPV6_HEADERS = 40 + 8
#: specs/ssu2-hybrid: 10 bytes of payload, for DateTime and an empty block
_MTU_MIN_IPV4 = 1318
_MTU_MIN_IPV6 = 1338


@dataclass(frozen=True, slots=True)
class Variant:
    """``version``: in long headers; ``kem``: None if plain."""

    version: int
    protocol_name: bytes
    kem: ParameterSet | None

    @property
    def e1_length(self) -> int:
        """Bytes that SessionRequest has more than a plain one."""
        return 0 if self.kem is None else e1_length(self.kem)

    @property
    def ekem1_length(self) -> int:
        """Bytes that SessionCreated has more than a plain one."""
        return 0 if self.kem is None else ekem1_length(self.kem)

    def mtu_min(self, is_ipv6: bool) -> int:
        """What both ends must carry: bytes of IP packets."""
        if self.kem is None:
            return MTU_MIN
        return _MTU_MIN_IPV6 if is_ipv6 else _MTU_MIN_IPV4

    def room(self, mtu: int, is_ipv6: bool) -> int:
        """The largest UDP payload of a handshake packet, where ``mtu`` is what is known."""
        headers = IPV6_HEADERS if is_ipv6 else IPV4_HEADERS
        return max(mtu, self.mtu_min(is_ipv6)) - headers


PLAIN = Variant(VERSION, b"Noise_XKchaobfse+hs1+hs2+hs3_25519_ChaChaPoly_SHA256", None)
HYBRID_768 = Variant(
    4, b"Noise_XKhfschaobfse+hs1+hs2+hs3_25519+MLKEM768_ChaChaPoly_SHA256", ML_KEM_768
)
HYBRIDS = {HYBRID_768.version: HYBRID_768}
"""By version."""
VERSIONS = (2, 3, 4)
"""Those that the network knows; where a version says nothing, each of them is accepted."""
