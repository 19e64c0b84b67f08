from __future__ import annotations

import gzip
import zlib

import pytest

from core.base.errors import DecodeError
from core.data.gzipped import compress, decompress
from tests.support.deterministic import SeededEntropy

LIMIT = 4096
DATA = SeededEntropy("gzipped").random_bytes(700) + bytes(200)


def test_form() -> None:
    packed = compress(DATA)
    assert packed[:10].hex() == "1f8b08000000000002ff"
    assert packed == compress(DATA)
    assert gzip.decompress(packed) == decompress(packed, LIMIT) == DATA
    assert decompress(gzip.compress(DATA), LIMIT) == DATA
    assert decompress(compress(DATA, 0), LIMIT) == DATA
    assert decompress(packed + b"behind", LIMIT) == DATA


def test_refuses() -> None:
    packed = compress(b"x" * 3000)
    bomb = compress(bytes(100_000))
    for bad in (b"", packed[:-1], b"x" + packed, packed[:-8] + bytes(8), bomb, zlib.compress(b"x")):
        with pytest.raises(DecodeError):
            decompress(bad, LIMIT)
    assert len(decompress(bomb, 100_000)) == 100_000
