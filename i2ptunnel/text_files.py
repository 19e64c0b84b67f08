"""Text files from people and other programs: UTF-8, with or without a byte order mark.

Editors on Windows put the mark in front, where it would become a part of the first word.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from core.api import read_limited
from core.base.errors import DecodeError

#: of a file whose first line alone counts
_FILE_BYTES_MAX = 65536

#: the mark as text; joined files have it in the middle
BYTE_ORDER_MARK = "\ufeff"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_encoding(data: bytes | bytearray) -> None:
    """Raise DecodeError if this is UTF-16 or UTF-32 text, or no text at all."""
    if data.startswith(_UTF16_MARKS):
        raise DecodeError("this is UTF-16, not UTF-8 text; save it as UTF-8")
    if b"\0" in data[:4]:
        raise DecodeError("this is not UTF-8 text")


def decode_text(data: bytes | bytearray, errors: str = "strict") -> str:
    """The text without its byte order mark; raises DecodeError if it is not UTF-8.

    ``errors="replace"`` bears wrong bytes in between, as :meth:`bytes.decode` does.
    """
    check_encoding(data)
    try:
        return data.decode("utf-8", errors).removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError:
        raise DecodeError("this is not UTF-8 text") from None


def first_line(path: Path) -> str:
    """The first line of a file, without the spaces around it; raises FileFault or DecodeError."""
    return decode_text(read_limited(path, _FILE_BYTES_MAX).split(b"\n")[0]).strip()
