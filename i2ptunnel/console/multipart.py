"""Forms with files: ``multipart/form-data`` (RFC 7578), as browsers send them."""

from __future__ import annotations

import re

PARTS_MAX = 32
CONTENT_TYPE = "multipart/form-data"
_BOUNDARY = re.compile(rf"""{CONTENT_TYPE};\s*boundary="?([\w'()+,./:=?-]{{1,70}})"?""", re.ASCII)
_HEAD_BYTES_MAX = 4096
_NAME = re.compile(rb'\bname="([^"\r\n]*)"')
_FILE_NAME = re.compile(rb"\bfilename\*?=")


def parse_multipart(body: bytes, content_type: str) -> tuple[dict[str, str], dict[str, bytes]]:
    """Fields, and contents of files that were chosen, by name; the last counts.

    Raises ValueError. The names of files are for nobody.
    """
    found = _BOUNDARY.fullmatch(content_type)
    if found is None:
        raise ValueError("no boundary")
    delimiter = b"\r\n--" + found[1].encode()
    first, *parts = (b"\r\n" + body).split(delimiter, PARTS_MAX + 1)
    if first or not parts or not parts[-1].startswith(b"--") or len(parts) > PARTS_MAX:
        raise ValueError("not in parts")
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in parts[:-1]:
        name, content, is_file = _part(part)
        if not is_file:
            fields[name] = content.decode()
        elif content:
            files[name] = content
    return fields, files


def _part(part: bytes) -> tuple[str, bytes, bool]:
    """Name, content, and whether that is a file's."""
    end = part.find(b"\r\n\r\n", 0, _HEAD_BYTES_MAX)
    lines = part[:end].split(b"\r\n") if end >= 0 else []
    for line in lines[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-disposition":
            without_file, *more = _FILE_NAME.split(value, maxsplit=1)
            name = _NAME.search(without_file)
            if name is not None and lines[0] == b"":
                return name[1].decode(), part[end + 4 :], bool(more)
    raise ValueError("a part without a name")
