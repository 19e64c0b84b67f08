"""Host names in I2P: how they are written, and which ones an address book may hold.

The rules are those of the naming document ("Naming Rules"). Looking a name up enforces nothing: a
name that breaks the rules is in no book.
"""

from __future__ import annotations

import re

from core.base.errors import DecodeError

NAME_LENGTH_MAX = 67
#: the conversion takes time that grows with the square of the length
_CONVERTED_LENGTH_MAX = 255
_SUFFIX = ".i2p"
_LABELS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_BASE64 = re.compile(r"[A-Za-z0-9~-]{516,}={0,2}")
# Looks like a base 32 address that lost a part of its suffix.
_LIKE_B32 = re.compile(r"([^.]+\.)*[a-z2-7]{52}\.i2p")
#: kept for what routers and proxies answer themselves
RESERVED = ("b32.i2p", "proxy.i2p", "router.i2p", "console.i2p", "mail.i2p")


def normalise(text: str) -> str:
    """A name as it stands in address books: lower case, ASCII, without ``.alt`` (RFC 9476).

    Names in other scripts get their ``xn--`` form. A base64 destination is returned as it is, and
    so is what cannot be a name.
    """
    text = text.strip()
    if _BASE64.fullmatch(text):
        return text
    name = text.lower().removesuffix(".")
    if name.endswith(".i2p.alt"):
        name = name.removesuffix(".alt")
    if not name.isascii():
        if len(name) > _CONVERTED_LENGTH_MAX:
            return text
        try:
            name = name.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return text
    return name


def displayed(name: str) -> str:
    """``name`` with its ``xn--`` labels in their own script, for people; never for comparing."""
    if "xn--" not in name or len(name) > _CONVERTED_LENGTH_MAX:
        return name
    try:
        return name.encode("ascii").decode("idna")
    except UnicodeError:
        return name


def is_reserved(name: str) -> bool:
    """Whether ``name`` or a parent of it is kept for routers themselves."""
    return any(name == other or name.endswith("." + other) for other in RESERVED)


def is_host_name(name: str) -> bool:
    """Whether ``name`` can stand in an address book. It must be normalised."""
    if not name.endswith(_SUFFIX) or not len(_SUFFIX) < len(name) <= NAME_LENGTH_MAX:
        return False
    if not _LABELS.fullmatch(name) or _LIKE_B32.fullmatch(name) or is_reserved(name):
        return False
    return all("--" not in label or label.startswith("xn--") for label in name.split("."))


def check_ascii_name(name: str) -> None:
    """Raise DecodeError that says what is wrong with a name from elsewhere; converts nothing."""
    if not is_host_name(name):
        raise DecodeError(_fault_of(name) if name.isascii() else "the name is not ASCII")


def check_name(text: str) -> str:
    """The name as an address book holds it; raises DecodeError that says what is wrong."""
    name = normalise(text)
    if not is_host_name(name):
        raise DecodeError(_fault_of(name))
    return name


def suggestion(text: str) -> str | None:
    """The name that somebody probably meant who left out ``.i2p`` or pasted a URL."""
    name = normalise(text)
    host = re.sub(r"^[a-z]+://", "", name).partition("/")[0].partition(":")[0]
    meant = host if host.endswith(_SUFFIX) else host + _SUFFIX
    return meant if meant != name and is_host_name(meant) else None


def _fault_of(name: str) -> str:
    """Why a normalised text is no name; without the text, which may be long."""
    if (meant := suggestion(name)) is not None:
        return f"a name is like site.i2p; did you mean {meant}?"
    if name.endswith(".b32.i2p") or _BASE64.fullmatch(name):
        return "this is an address, not a name"
    if is_reserved(name):
        return "this name is reserved for the router itself"
    if len(name) > NAME_LENGTH_MAX:
        return f"a name has at most {NAME_LENGTH_MAX} characters"
    if _LIKE_B32.fullmatch(name):
        return "this looks like a .b32.i2p address without its .b32"
    if not name.endswith(_SUFFIX):
        return "a name ends in .i2p"
    return "a name has letters, digits, single hyphens and dots"


def parent_of(name: str) -> str | None:
    """``a.i2p`` of ``www.a.i2p``, else None: sites are often written with the prefix."""
    rest = name.removeprefix("www.")
    return rest if rest != name and rest.count(".") >= 1 else None


def is_below(name: str, parent: str) -> bool:
    """Whether ``name`` is a subdomain of ``parent``."""
    return len(name) > len(parent) + 1 and name.endswith("." + parent)
