"""The text formats of both routers: i2pd's INI files, and Java I2P's properties."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.api import FileFault, read_limited
from core.base.errors import DecodeError
from i2ptunnel.text_files import decode_text

FILE_BYTES_MAX = 4 * 1024 * 1024
SECTIONS_MAX = 2000


@dataclass(slots=True)
class Ini:
    """Sections in their order; options before the first one are in ``""``. ``faults``: lines."""

    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def read_text(path: Path) -> str:
    """The text of a configuration file; raises FileFault."""
    try:
        return decode_text(read_limited(path, FILE_BYTES_MAX), "replace")
    except DecodeError as error:
        raise FileFault(path, str(error)) from None


def parse_ini(source: str, *, has_trailing_comments: bool = False) -> Ini:
    """Sections of ``key = value``, however far in; a line that begins with # or ; is a comment.

    ``has_trailing_comments``: also what follows a # (i2pd.conf, but not tunnels.conf).
    """
    found = Ini({"": {}})
    current = found.sections[""]
    for number, raw in enumerate(source.splitlines(), 1):
        line = raw.strip()
        if has_trailing_comments:
            line = line.partition("#")[0].strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            name = line[1:-1].strip()
            if name in found.sections and name:
                found.faults.append(f"line {number}: section [{name}] is there twice")
            if len(found.sections) >= SECTIONS_MAX:
                found.faults.append(f"line {number}: more than {SECTIONS_MAX} sections")
                break
            current = found.sections.setdefault(name, {})
            continue
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals or not key:
            found.faults.append(f"line {number}: no option = value")
        elif key in current:
            found.faults.append(f"line {number}: {key} is there twice; the first counts")
        else:
            current[key] = value.strip()
    return found


def parse_properties(source: str) -> dict[str, str]:
    """``key=value`` lines of Java I2P: no escapes; # anywhere, and ; in front, begin a comment."""
    found: dict[str, str] = {}
    for raw in source.splitlines():
        if raw.startswith(";"):
            continue
        key, equals, value = raw.partition("#")[0].partition("=")
        if equals and key.strip():
            found[key.strip()] = value.strip()
    return found
