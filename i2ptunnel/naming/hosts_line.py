"""One line of a ``hosts.txt`` or of a subscription feed (specs/subscription.md).

Plain: ``name=destination``. With properties: ``name=destination#!key=value#key=value``. Commands
that take something away have properties only: ``#!action=remove#…``. A signed line carries ``sig``
(by the destination) and, when an older destination must agree, ``oldsig`` (by ``olddest``), made
over the line without them, with its properties in the order of their keys.

Java: a line with properties counts only if it is signed; names are lower-cased before a signature
is checked; a property without a value spoils its line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from core.base.errors import DecodeError, LocalError
from core.data.encoding import b64decode, b64encode
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from i2ptunnel.naming.names import check_ascii_name
from i2ptunnel.text_files import BYTE_ORDER_MARK

LINE_CHARACTERS_MAX = 8192
DESTINATION_CHARACTERS_MIN = 516
#: longer ones cannot be of any known type
DESTINATION_CHARACTERS_MAX = 1100
PROPERTIES_MAX = 32
_BASE64 = re.compile(r"[A-Za-z0-9~-]+={0,2}")
_MARK = "#!"
_OUTER, _INNER = "sig", "oldsig"
_SECONDS_MAX = 1 << 40


class Action(Enum):
    """What a line asks for; ``ADD`` is the one without ``action=``."""

    ADD = ""
    ADD_NAME = "addname"
    ADD_DESTINATION = "adddest"
    ADD_SUBDOMAIN = "addsubdomain"
    CHANGE_NAME = "changename"
    CHANGE_DESTINATION = "changedest"
    UPDATE = "update"
    REMOVE = "remove"
    REMOVE_ALL = "removeall"


#: what takes something away stands alone in its line
REMOVING = frozenset((Action.REMOVE, Action.REMOVE_ALL))
#: properties that must be there
_NEEDED = {
    Action.ADD_NAME: ("oldname",),
    Action.CHANGE_NAME: ("oldname",),
    Action.ADD_DESTINATION: ("olddest", _INNER),
    Action.CHANGE_DESTINATION: ("olddest", _INNER),
    Action.ADD_SUBDOMAIN: ("oldname", "olddest", _INNER),
}


@dataclass(frozen=True, slots=True)
class HostsLine:
    """A well-formed line. Nothing is verified yet: see :meth:`is_signed_properly`.

    ``name`` is lower case; for :attr:`Action.REMOVE_ALL` it is advisory and may be empty.
    ``head`` is ``name=destination`` as it came (empty for removals), ``text`` the whole line; only
    the case of the name may differ.
    """

    name: str
    destination: Destination
    action: Action = Action.ADD
    properties: dict[str, str] = field(default_factory=dict, hash=False)
    head: str = ""
    text: str = ""
    old_name: str = ""
    old_destination: Destination | None = None

    @property
    def date(self) -> int | None:
        """When its owner made it, Unix seconds."""
        return _seconds(self.properties.get("date"))

    @property
    def expires(self) -> int | None:
        """Until when it counts, Unix seconds."""
        return _seconds(self.properties.get("expires"))

    @property
    def has_signature(self) -> bool:
        """Whether it claims to be signed; nothing was verified."""
        return _OUTER in self.properties

    def signed_part(self, *, is_inner: bool = False) -> bytes:
        """What ``sig``, or with ``is_inner`` ``oldsig``, is made over."""
        left_out = (_OUTER, _INNER) if is_inner else (_OUTER,)
        properties = {k: v for k, v in self.properties.items() if k not in left_out}
        return (self.head + _write_properties(properties)).encode()

    def is_signed_properly(self) -> bool:
        """Whether every signature that its action needs is there and right."""
        if not self._verify(self.destination, _OUTER):
            return False
        if _INNER not in _NEEDED.get(self.action, ()):
            return True
        old = self.old_destination
        return old is not None and self._verify(old, _INNER)

    def _verify(self, destination: Destination, key: str) -> bool:
        try:
            signature = b64decode(self.properties.get(key, ""))
        except DecodeError:
            return False
        return destination.verify(self.signed_part(is_inner=key == _INNER), signature)


def parse_line(line: str) -> HostsLine | None:
    """The line, None for an empty line or a comment. Raises DecodeError."""
    line = without_mark(line.strip())
    if not line or is_comment(line):
        return None
    if len(line) > LINE_CHARACTERS_MAX:
        raise DecodeError("the line is too long")
    head, hash_sign, rest = line.partition("#")
    properties: dict[str, str] = {}
    tail = ""
    if hash_sign and rest.startswith("!") and rest[1:].strip():
        properties = _read_properties(rest[1:].strip())
        tail = "#" + rest
    action = _read_action(properties)
    if not head:
        if action not in REMOVING:
            raise DecodeError("a command without name and destination")
        name, text = properties.get("name", ""), properties.get("dest", "")
        if action is Action.REMOVE or name:
            check_ascii_name(name)
    else:
        if action in REMOVING:
            raise DecodeError("a removal with name and destination before it")
        name, equals, text = head.partition("=")
        name, text = name.strip().lower(), text.strip()
        if not equals:
            raise DecodeError("there is no name=destination")
        check_ascii_name(name)
    for key in _NEEDED.get(action, ()):
        if key not in properties:
            raise DecodeError(f"a command without {key}")
    canonical = f"{name}={text}" if head else ""
    made = HostsLine(
        name,
        read_destination(text),
        action,
        properties,
        canonical,
        canonical + tail if head else line,
        old_name=properties.get("oldname", ""),
        old_destination=(
            read_destination(properties["olddest"]) if "olddest" in properties else None
        ),
    )
    if made.old_name:
        check_ascii_name(made.old_name)
    return made


def without_mark(line: str) -> str:
    """A stripped line without the byte order mark that editors and joined files put before it."""
    return line.lstrip(BYTE_ORDER_MARK).lstrip() if line.startswith(BYTE_ORDER_MARK) else line


def is_comment(line: str) -> bool:
    """Whether a stripped line says nothing."""
    if line[0] == ";" or line == _MARK:
        return True
    return line[0] == "#" and not line.startswith(_MARK)


def read_destination(text: str) -> Destination:
    """A destination in base64, within the bounds that address books have; raises DecodeError."""
    if not DESTINATION_CHARACTERS_MIN <= len(text) <= DESTINATION_CHARACTERS_MAX:
        what = "an address, not a destination" if text.endswith(".i2p") else "of wrong length"
        raise DecodeError(f"what follows the name is {what}")
    if not _BASE64.fullmatch(text):
        raise DecodeError("what follows the name is not base64")
    return Destination.from_base64(text)


def make_line(
    action: Action,
    name: str,
    keys: PrivateKeys,
    *,
    date: int | None = None,
    old_name: str = "",
    old_keys: PrivateKeys | None = None,
    extra: dict[str, str] | None = None,
) -> HostsLine:
    """A signed line: ``keys`` are those of the (new) destination, ``old_keys`` of the older one.

    Raises LocalError if something is missing, or if keys cannot sign for their destination.
    """
    properties = dict(extra or {})
    if action is not Action.ADD:
        properties["action"] = action.value
    if date is not None:
        properties["date"] = str(date)
    needed = _NEEDED.get(action, ())
    if "oldname" in needed:
        properties["oldname"] = old_name
    if "olddest" in needed:
        if old_keys is None:
            raise LocalError(f"{action.value} needs the keys of the older destination")
        properties["olddest"] = old_keys.destination.b64
    if action in REMOVING:
        properties |= {"name": name, "dest": keys.destination.b64}
    head = "" if action in REMOVING else f"{name}={keys.destination.b64}"
    line = HostsLine(name, keys.destination, action, properties, head)
    if old_keys is not None and _INNER in needed:
        properties[_INNER] = _signature(old_keys, line.signed_part(is_inner=True))
    properties[_OUTER] = _signature(keys, line.signed_part())
    try:
        made = parse_line(head + _write_properties(properties))
    except DecodeError as error:
        raise LocalError(str(error)) from None
    assert made is not None
    return made


def _signature(keys: PrivateKeys, message: bytes) -> str:
    if keys.offline is not None:
        raise LocalError("a transient key cannot sign for an address book")
    return b64encode(keys.sign(message))


def _write_properties(properties: dict[str, str]) -> str:
    if not properties:
        return ""
    return _MARK + "#".join(f"{key}={properties[key]}" for key in sorted(properties))


def _read_properties(text: str) -> dict[str, str]:
    properties: dict[str, str] = {}
    for part in text.split("#"):
        key, equals, value = part.partition("=")
        if not key or not equals or not value:
            raise DecodeError("a property without key or value")
        if key in properties:
            raise DecodeError("a property that is there twice")
        properties[key] = value
        if len(properties) > PROPERTIES_MAX:
            raise DecodeError("too many properties")
    return properties


def _read_action(properties: dict[str, str]) -> Action:
    if "action" not in properties:
        return Action.ADD
    word = properties["action"]
    try:
        action = Action(word)
    except ValueError:
        raise DecodeError("an unknown action") from None
    if action is Action.ADD:
        raise DecodeError("an empty action")
    return action


def _seconds(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 13:
        return None
    return min(int(text), _SECONDS_MAX)
