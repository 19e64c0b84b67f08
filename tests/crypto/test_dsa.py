"""DSA-SHA1: RFC 6979's vector in its group, and I2P's group."""

from __future__ import annotations

import hashlib

import pytest

from core.base.errors import LocalError
from core.crypto import dsa
from tests.support.deterministic import SeededEntropy

RFC_6979_GROUP = dsa.Group(
    p=int(
        "86F5CA03DCFEB225063FF830A0C769B9DD9D6153AD91D7CE27F787C43278B447"
        "E6533B86B18BED6E8A48B784A14C252C5BE0DBF60B86D6385BD2F12FB763ED88"
        "73ABFD3F5BA2E0A8C0A59082EAC056935E529DAF7C610467899C77ADEDFC846C"
        "881870B7B19B2B58F9BE0521A17002E3BDD6B86685EE90B3D9A1B02B782B1779",
        16,
    ),
    q=int("996F967F6C8E388D9E28D01E205FBA957A5698B1", 16),
    g=int(
        "07B0F92546150B62514BB771E2A0C0CE387F03BDA6C56B505209FF25FD3C133D"
        "89BBCD97E904E09114D9A7DEFDEADFC9078EA544D2E401AEECC40BB9FBBF78FD"
        "87995A10A1C27CB7789B594BA7EFB5C4326A9FE59A070E136DB77175464ADCA4"
        "17BE5DCE2F40D10A46A3A3943F26AB7FD9C0398FF8C76EE0A56826A8A88F1DBD",
        16,
    ),
)


def test_rfc_6979_appendix_a_2_1() -> None:
    private = bytes.fromhex("411602CB19A6CCC34494D79D98EF1E7ED5AF25F7")
    public = dsa.derive_public(private, RFC_6979_GROUP)
    assert public.hex().upper() == (
        "5DF5E01DED31D0297E274E1691C192FE5868FEF9E19A84776454B100CF16F653"
        "92195A38B90523E2542EE61871C0440CB87C322FC4B4D2EC5E1E7EC766E1BE8D"
        "4CE935437DC11C3C8FD426338933EBFE739CB3465F4D3668C5E473508253B1E6"
        "82F65CBDC4FAE93C2EA212390E54905A86E2223170B44EAA7DA5DD9FFCFB7F3B"
    )
    signature = dsa.sign(private, b"sample", RFC_6979_GROUP)
    assert signature.hex().upper() == (
        "2E1A0C2562B2912CAAF89186FB0F42001585DA5529EFB6B0AFF2D7A68EB70CA313022253B9A88DF5"
    )
    assert dsa.verify(public, b"sample", signature, RFC_6979_GROUP)
    assert not dsa.verify(public, b"sample", signature)


def test_the_group_of_i2p_is_a_group() -> None:
    p, q, g = dsa.I2P_GROUP
    assert p.bit_length() == 1024
    assert q.bit_length() == 160
    assert (p - 1) % q == 0
    assert pow(g, q, p) == 1
    assert g > 1


def test_r_and_s_must_be_below_q_and_above_0() -> None:
    private = dsa.generate_private(SeededEntropy(1))
    public = dsa.derive_public(private)
    signature = dsa.sign(private, b"m")
    assert dsa.verify(public, b"m", signature)
    r, s = (int.from_bytes(part, "big") for part in (signature[:20], signature[20:]))
    for bad_r, bad_s in ((0, s), (r, 0), (dsa.I2P_GROUP.q, s), (r, dsa.I2P_GROUP.q)):
        bad = bad_r.to_bytes(20, "big") + bad_s.to_bytes(20, "big")
        assert not dsa.verify(public, b"m", bad)


def test_public_keys_that_would_make_any_signature_hold_are_refused() -> None:
    for y in (0, 1, dsa.I2P_GROUP.p):
        assert not dsa.verify(y.to_bytes(128, "big"), b"m", bytes(19) + b"\1" + bytes(19) + b"\1")
    # With y = 1 the equation r = g^(h / s) is easy to satisfy without any private key.
    r = dsa.I2P_GROUP.g % dsa.I2P_GROUP.q
    h = int.from_bytes(hashlib.sha1(b"m").digest(), "big") % dsa.I2P_GROUP.q
    forged = r.to_bytes(20, "big") + h.to_bytes(20, "big")
    assert not dsa.verify((1).to_bytes(128, "big"), b"m", forged)


def test_bad_private_keys_are_our_fault() -> None:
    for private in (bytes(20), bytes(19), b"\xff" * 20):
        with pytest.raises(LocalError):
            dsa.derive_public(private)
        with pytest.raises(LocalError):
            dsa.sign(private, b"")
