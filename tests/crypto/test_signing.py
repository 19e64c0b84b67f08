"""Every signature type: published vectors, both directions, and junk."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import LocalError
from core.crypto.signing import (
    PRIVATE_KEY_LENGTH,
    PUBLIC_KEY_LENGTH,
    SIGNATURE_LENGTH,
    SigningKey,
    SigningType,
    verify,
    verify_file_hash,
)
from tests.support.deterministic import SeededEntropy

SIGNABLE = [0, 1, 2, 3, 7, 8, 11]
RSA_TYPES = [4, 5, 6]
RSA_PRIMES = json.loads((Path(__file__).parents[1] / "vectors" / "rsa_primes.json").read_text())
RSA_HASHES = {4: hashes.SHA256(), 5: hashes.SHA384(), 6: hashes.SHA512()}
KEYS = {t: SigningKey.generate(SeededEntropy(f"signing {t}"), t) for t in SIGNABLE}

RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("private", "public", "message", "signature"), RFC_8032)
def test_ed25519_rfc_8032(private: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(7, bytes.fromhex(private))
    assert key.public.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert verify(7, key.public, bytes.fromhex(message), bytes.fromhex(signature))


def test_ed25519ph_rfc_8032() -> None:
    key = SigningKey(
        8, bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
    )
    assert key.sign(b"abc").hex() == (
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
    )


RFC_6979 = [
    (
        1,
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
        "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
        "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ),
    (
        2,
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8"
        "96D5724E4C70A825F872C9EA60D2EDF5",
        "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64"
        "DEF8F0EA9055866064A254515480BC13"
        "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1"
        "288B231C3AE0D4FE7344FD2533264720",
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C"
        "81A648152E44ACF96E36DD1E80FABE46"
        "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F"
        "A329C145786E679E7B82C71A38628AC8",
    ),
    (
        3,
        "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75"
        "CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B8"
        "3538",
        "01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD"
        "371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F50"
        "23A4"
        "00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A"
        "28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFD"
        "FCF5",
        "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F"
        "174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E3"
        "77FA"
        "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF"
        "282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4"
        "A67A",
    ),
]


@pytest.mark.parametrize(("signing_type", "private", "public", "signature"), RFC_6979)
def test_ecdsa_rfc_6979(signing_type: int, private: str, public: str, signature: str) -> None:
    key = SigningKey(signing_type, bytes.fromhex(private))
    assert key.public == bytes.fromhex(public)
    assert key.sign(b"sample") == bytes.fromhex(signature)
    assert verify(signing_type, key.public, b"sample", bytes.fromhex(signature))


@pytest.mark.parametrize("signing_type", SIGNABLE)
def test_sign_and_verify(signing_type: int) -> None:
    key = KEYS[signing_type]
    assert len(key.private) == PRIVATE_KEY_LENGTH[signing_type]
    assert len(key.public) == PUBLIC_KEY_LENGTH[signing_type]
    signature = key.sign(b"message")
    assert len(signature) == SIGNATURE_LENGTH[signing_type]
    assert signature == SigningKey(signing_type, key.private).sign(b"message")
    assert verify(signing_type, key.public, b"message", signature)
    assert not verify(signing_type, key.public, b"other message", signature)
    for position in (0, 19, len(signature) - 1):
        changed = bytearray(signature)
        changed[position] ^= 1
        assert not verify(signing_type, key.public, b"message", bytes(changed))
    other = SigningKey.generate(SeededEntropy("other"), signing_type)
    assert not verify(signing_type, other.public, b"message", signature)


def test_reddsa_signatures_verify_as_ed25519() -> None:
    key = KEYS[11]
    assert verify(7, key.public, b"message", key.sign(b"message"))


def rsa_key(signing_type: int) -> rsa.RSAPrivateKey:
    p, q = (int(RSA_PRIMES[str(signing_type)][name], 16) for name in "pq")
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@pytest.mark.parametrize("signing_type", RSA_TYPES)
def test_rsa_standard_signatures(signing_type: int) -> None:
    key = rsa_key(signing_type)
    length = PUBLIC_KEY_LENGTH[signing_type]
    modulus = key.public_key().public_numbers().n.to_bytes(length, "big")
    signature = key.sign(b"message", padding.PKCS1v15(), RSA_HASHES[signing_type])
    assert len(signature) == SIGNATURE_LENGTH[signing_type]
    assert verify(signing_type, modulus, b"message", signature)
    assert not verify(signing_type, modulus, b"massage", signature)
    assert not verify_file_hash(signing_type, modulus, b"message", signature)


@pytest.mark.parametrize("signing_type", RSA_TYPES)
def test_rsa_signatures_of_files(signing_type: int) -> None:
    numbers = rsa_key(signing_type).private_numbers()
    n, length = numbers.public_numbers.n, PUBLIC_KEY_LENGTH[signing_type]
    modulus = n.to_bytes(length, "big")

    def signed(block: bytes) -> bytes:
        return pow(int.from_bytes(block, "big"), numbers.d, n).to_bytes(length, "big")

    digest = hashlib.new(RSA_HASHES[signing_type].name, b"file").digest()
    fill = length - len(digest) - 3
    good = signed(b"\0\1" + b"\xff" * fill + b"\0" + digest)
    assert verify_file_hash(signing_type, modulus, b"file", good)
    assert not verify_file_hash(signing_type, modulus, b"fils", good)
    assert not verify(signing_type, modulus, b"file", good)
    # Only the end of the block is right: whoever compares no more than that accepts forgeries.
    for block in (
        bytes(length - len(digest)) + digest,
        b"\0\1" + b"\xff" * (fill - 1) + b"\0\xff" + digest,
    ):
        assert not verify_file_hash(signing_type, modulus, b"file", signed(block))
    too_big = (int.from_bytes(good, "big") + n) % (1 << 8 * length)
    assert not verify_file_hash(signing_type, modulus, b"file", too_big.to_bytes(length, "big"))


def test_file_hashes_are_for_rsa_only() -> None:
    assert not verify_file_hash(7, bytes(32), b"", bytes(64))
    assert not verify_file_hash(6, bytes(511), b"", bytes(512))


@settings(max_examples=120, deadline=None)
@given(st.integers(-1, 300), st.binary(max_size=140), st.binary(max_size=140))
def test_verify_never_raises(signing_type: int, public_key: bytes, signature: bytes) -> None:
    assert verify(signing_type, public_key, b"message", signature) is False


@pytest.mark.parametrize("signing_type", list(SigningType))
def test_verify_of_malformed_input_of_the_right_length(signing_type: int) -> None:
    entropy = SeededEntropy(signing_type)
    public_length = PUBLIC_KEY_LENGTH[signing_type]
    signature_length = SIGNATURE_LENGTH[signing_type]
    good_key = KEYS[signing_type].public if signing_type in KEYS else bytes(public_length)
    for fill in (b"\x00", b"\x01", b"\x7f", b"\xff"):
        for public in (fill * public_length, entropy.random_bytes(public_length), good_key):
            for signature in (fill * signature_length, entropy.random_bytes(signature_length)):
                assert verify(signing_type, public, b"message", signature) is False


def test_lengths_cover_every_type() -> None:
    for table in (PUBLIC_KEY_LENGTH, PRIVATE_KEY_LENGTH, SIGNATURE_LENGTH):
        assert set(table) == set(SigningType)


def test_bad_private_keys_are_our_fault() -> None:
    for signing_type in SIGNABLE:
        with pytest.raises(LocalError):
            SigningKey(signing_type, bytes(PRIVATE_KEY_LENGTH[signing_type] - 1))
    for signing_type in (0, 1, 2, 3, 11):
        with pytest.raises(LocalError):
            SigningKey(signing_type, bytes(PRIVATE_KEY_LENGTH[signing_type]))
    for signing_type in (1, 2, 3):
        with pytest.raises(LocalError):
            SigningKey(signing_type, b"\xff" * PRIVATE_KEY_LENGTH[signing_type])
    for signing_type in (*RSA_TYPES, 9, 10, 99):
        with pytest.raises(LocalError):
            SigningKey(signing_type, bytes(PRIVATE_KEY_LENGTH.get(signing_type, 32)))
        with pytest.raises(LocalError):
            SigningKey.generate(SeededEntropy(0), signing_type)


def test_generate_is_reproducible_and_defaults_to_ed25519() -> None:
    first, again = (SigningKey.generate(SeededEntropy(3)) for _ in range(2))
    assert first.signing_type == 7
    assert first.private == again.private


@pytest.mark.parametrize("signing_type", SIGNABLE)
def test_repr_shows_no_secret(signing_type: int) -> None:
    key = KEYS[signing_type]
    assert key.public.hex() in repr(key)
    assert key.private.hex() not in repr(key)
    assert repr(key.private) not in repr(key)
