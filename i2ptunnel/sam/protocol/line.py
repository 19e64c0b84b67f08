"""Lines of SAM: commands in, replies out (samv3.md, "Encoding and Escaping").

A command is one or two words and ``key=value`` pairs. A value in double quotes may hold spaces;
``\\"`` and ``\\\\`` stand for the character itself. Words count in any case, keys and values as
they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: longest line without its end; a SESSION CREATE with an offline key of the largest type fits
LINE_BYTES_MAX = 16384
HELLO = b"HELLO"
_ONE_WORD = frozenset(("PING", "PONG", "QUIT", "STOP", "EXIT", "HELP"))


class LineFault(Exception):
    """A line that is no command. ``head`` begins the reply; the message is for its MESSAGE."""

    def __init__(self, head: str, message: str) -> None:
        super().__init__(message)
        self.head = head


@dataclass(frozen=True, slots=True)
class Command:
    """One line. ``text``: of PING and PONG, everything behind the word; they have no options."""

    verb: str
    action: str = ""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)

    @property
    def head(self) -> str:
        """How the reply to it begins."""
        return head_of(self.verb)


def head_of(verb: str) -> str:
    """How the reply to a command begins: ``STREAM STATUS`` for STREAM, and so on."""
    if verb in ("HELLO", "NAMING", "DEST"):
        return f"{verb} REPLY"
    if verb in ("STREAM", "DATAGRAM", "RAW", "AUTH"):
        return f"{verb} STATUS"
    return "SESSION STATUS"


def may_be_hello(start: bytes) -> bool:
    """Whether a connection that begins like this may go on: its first line must be a HELLO.

    Web pages can make a browser send other first lines only.
    """
    word = start[: len(HELLO)].upper()
    if not HELLO.startswith(word):
        return False
    return len(start) <= len(HELLO) or start[len(HELLO) : len(HELLO) + 1] in b" \r\n"


def parse_line(raw: bytes) -> Command | None:
    """The command of a line without its ``\\n``; None if it is empty. Raises LineFault."""
    try:
        text = raw.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        head = head_of(raw.split(b" ", 1)[0].decode("ascii", "replace").upper())
        raise LineFault(head, "the line is not UTF-8") from None
    verb, _, rest = text.lstrip(" ").partition(" ")
    verb = verb.upper()
    if not verb:
        return None
    if verb in ("PING", "PONG"):
        return Command(verb, text=rest)
    if verb in _ONE_WORD:
        return Command(verb)
    head = head_of(verb)
    words = _words(rest, head)
    if not words:
        return Command(verb)
    options: dict[str, str] = {}
    for word in words[1:]:
        key, _, value = word
        if not key:
            raise LineFault(head, "a value has no key")
        if key in options:
            raise LineFault(head, f"{key} is given twice")
        options[key] = value
    action, mark, _ = words[0]
    if mark:
        raise LineFault(head, "the command has no second word")
    return Command(verb, action.upper(), options)


def _words(text: str, head: str) -> list[tuple[str, str, str]]:
    """Each word as (key, "=" or "", value), with quotes and escapes resolved."""
    words: list[tuple[str, str, str]] = []
    at, end = 0, len(text)
    while True:
        while at < end and text[at] == " ":
            at += 1
        if at >= end:
            return words
        start = at
        while at < end and text[at] not in " =":
            at += 1
        key = text[start:at]
        if at >= end or text[at] == " ":
            words.append((key, "", ""))
            continue
        value, at = _value(text, at + 1, head)
        words.append((key, "=", value))


def _value(text: str, at: int, head: str) -> tuple[str, int]:
    """The value that begins at ``at``, and where it ends."""
    stop = text.find(" ", at)
    plain = text[at : len(text) if stop < 0 else stop]
    if '"' not in plain and "\\" not in plain:
        return plain, at + len(plain)
    parts: list[str] = []
    is_quoted = False
    end = len(text)
    while at < end:
        character = text[at]
        if character == "\\" and text[at + 1 : at + 2] in ('"', "\\"):
            parts.append(text[at + 1])
            at += 2
            continue
        if character == '"':
            is_quoted = not is_quoted
        elif character == " " and not is_quoted:
            break
        else:
            parts.append(character)
        at += 1
    if is_quoted:
        raise LineFault(head, "a quote is not closed")
    return "".join(parts), at


def quoted(value: str) -> str:
    """A value in double quotes; what would end the line becomes a space."""
    flat = value.replace("\n", " ").replace("\r", " ")
    return '"' + flat.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shown(key: str, value: str) -> str:
    is_plain = value.isprintable() and not any(one in value for one in ' "\\') and value
    return f"{key}={value if is_plain and key != 'MESSAGE' else quoted(value)}"


def format_line(head: str, values: Mapping[str, str]) -> bytes:
    """A line of ours, with its end; values are quoted where that is needed."""
    pairs = (_shown(key, value) for key, value in values.items())
    return " ".join((head, *pairs)).encode() + b"\n"


def format_result(head: str, result: str, message: str = "") -> bytes:
    """A reply that has a RESULT, and a MESSAGE for people if there is something to say."""
    values = {"RESULT": result}
    if message:
        values["MESSAGE"] = message
    return format_line(head, values)
