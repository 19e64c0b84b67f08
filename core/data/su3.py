"""su3: the container of signed files (updates.md "SU3 File Specification").

A header of 40 bytes, version, signer, content, signature. The signature covers everything before
it. RSA signatures are PKCS #1 v1.5 over the bare hash, without DigestInfo.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from core.base.errors import DecodeError
from core.base.wire import Reader

_MAGIC = b"I2Psu3"
_FORMAT = 0
_VERSION_BYTES_MIN = 16
_RESERVED_BYTES = 12


class FileType(IntEnum):
    """What the content looks like; there are more."""

    ZIP = 0


class ContentType(IntEnum):
    """What the content is for; there are more."""

    ROUTER_UPDATE = 1
    RESEED = 3
    NEWS = 4


@dataclass(frozen=True, slots=True)
class SignedFile:
    """One su3 file. ``signer`` is a mail address; ``signed`` is what the signature covers."""

    signing_type: int
    file_type: int
    content_type: int
    version: str
    signer: str
    content: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> SignedFile:
        """The whole file; nothing may follow it. Raises DecodeError."""
        reader = Reader(data)
        if reader.take(len(_MAGIC)) != _MAGIC:
            raise DecodeError("not an su3 file")
        reader.skip(1)
        if (form := reader.u8()) != _FORMAT:
            raise DecodeError(f"su3 file of format {form}")
        signing_type, signature_bytes = reader.u16(), reader.u16()
        reader.skip(1)
        version_bytes = reader.u8()
        reader.skip(1)
        signer_bytes = reader.u8()
        content_bytes = reader.u64()
        reader.skip(1)
        file_type = reader.u8()
        reader.skip(1)
        content_type = reader.u8()
        reader.skip(_RESERVED_BYTES)
        if version_bytes < _VERSION_BYTES_MIN:
            raise DecodeError(f"su3 version of {version_bytes} bytes")
        version = _text(reader.take(version_bytes))
        signer = _text(reader.take(signer_bytes))
        content = reader.take(content_bytes)
        signed = reader.since(0)
        signature = reader.take(signature_bytes)
        reader.expect_end()
        return cls(
            signing_type, file_type, content_type, version, signer, content, signed, signature
        )


def _text(raw: bytes) -> str:
    """UTF-8 up to the first NUL, of printable characters only."""
    try:
        text = raw.partition(b"\0")[0].decode()
    except UnicodeDecodeError:
        raise DecodeError("su3 text that is not UTF-8") from None
    if not text.isprintable():
        raise DecodeError("su3 text with control characters")
    return text
