"""The gzip wrapping of Data messages."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.data.payload import unwrap, wrap


def test_layout_of_a_stored_payload() -> None:
    wrapped = wrap(6, 0x0102, 0x0304, b"hello")
    assert wrapped[:15].hex() == "1f8b0800" + "0102" + "0304" + "02" + "06" + "01" + "0500faff"
    assert wrapped[15:20] == b"hello"
    assert wrapped[20:] == zlib.crc32(b"hello").to_bytes(4, "little") + b"\x05\0\0\0"


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("data", [b"", b"x", b"abc" * 700, bytes(65535)])
def test_what_is_wrapped_is_valid_gzip_and_comes_back(data: bytes, compress: bool) -> None:
    wrapped = wrap(18, 65535, 7, data, compress=compress)
    assert gzip.decompress(wrapped) == data
    assert unwrap(wrapped) == (18, 65535, 7, data)


def test_compressing_pays_only_if_shorter() -> None:
    deflated = wrap(6, 0, 0, bytes(1000), compress=True)
    assert len(deflated) < 100
    assert (deflated[8], wrap(6, 0, 0, b"x")[8]) == (0, 2), "as i2pd marks them"
    noise = bytes(range(256))
    assert wrap(6, 0, 0, noise, compress=True) == wrap(6, 0, 0, noise)


def test_real_deflate_of_a_peer_is_read() -> None:
    data = b"GET / HTTP/1.1\r\n" * 50
    member = bytearray(gzip.compress(data, mtime=0))
    member[4:8] = bytes.fromhex("00501f90")
    member[9] = 6
    assert unwrap(bytes(member)) == (6, 80, 8080, data)


def test_bombs_are_refused() -> None:
    member = gzip.compress(bytes(10_000_000), mtime=0)
    with pytest.raises(DecodeError, match="more than"):
        unwrap(member)
    with pytest.raises(DecodeError, match="100 bytes"):
        unwrap(wrap(6, 0, 0, bytes(100)), limit=99)


def test_too_much_to_wrap() -> None:
    with pytest.raises(LocalError):
        wrap(6, 0, 0, bytes(65536))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.booleans(), st.integers(0, 79), st.integers(0, 255))
def test_junk_gives_decode_errors_only(
    data: bytes, compress: bool, position: int, value: int
) -> None:
    mutated = bytearray(wrap(6, 1, 2, data, compress=compress))
    mutated[position % len(mutated)] = value
    for junk in (data, bytes(mutated), bytes(mutated[:position])):
        try:
            unwrap(junk)
        except DecodeError:
            pass


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=9), st.binary(max_size=9), st.booleans())
def test_a_payload_inside_something_larger(
    data: bytes, before: bytes, behind: bytes, compress: bool
) -> None:
    wrapped = wrap(6, 1, 2, data * 9, compress=compress)
    whole = before + wrapped + behind
    end = len(before) + len(wrapped)
    assert unwrap(whole, start=len(before), end=end) == unwrap(wrapped)
    with pytest.raises(DecodeError):
        unwrap(whole, start=len(before), end=end - 12)
