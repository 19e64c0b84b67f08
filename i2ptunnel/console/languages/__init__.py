"""The words of the console in other languages: English text -> translation, one module each.

English is the key, as in :mod:`i2ptunnel.protocols.languages`, which has the sentences that the
proxies' pages show, too.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import import_module

from i2ptunnel.protocols import languages as common

LANGUAGES = common.LANGUAGES
choose_language = common.choose_language


@cache
def texts(language: str) -> dict[str, str]:
    """The console's own texts in a language; a module is loaded when it is first asked for."""
    if language == "en":
        return {}
    found: dict[str, str] = import_module(f"{__name__}.{language}").TEXTS
    return found


@cache
def reason_texts(language: str) -> dict[str, str]:
    """What the program gives as a reason, in a language; values are ``{places}``."""
    if language == "en":
        return {}
    found: dict[str, str] = import_module(f"{__name__}.reasons.{language}").TEXTS
    return found


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Of the reasons with values in them; the one that says most comes first."""
    found = []
    for text, translated in reason_texts(language).items():
        if "{" in text:
            parts = re.split(r"\{(\w+)\}", text)
            parts[::2] = map(re.escape, parts[::2])
            parts[1::2] = [
                f"(?P<{name}>{'.' if name in _LONG else '[^;]'}+?)" for name in parts[1::2]
            ]
            found.append((re.compile("".join(parts), re.DOTALL), translated))
    return sorted(found, key=lambda one: -len(one[0].pattern))


_CHARACTERS_MAX = 1000
_DEPTH_MAX = 6
#: places of reasons that may hold several things; a semicolon ends the others
_LONG = frozenset(("why", "changes", "words"))
#: places that have words of ours in them
_WORDS = frozenset(("why", "state"))


@lru_cache(maxsize=1024)
def translate_reason(text: str, language: str, depth: int = _DEPTH_MAX) -> str:
    """What the program has put together in English, such as an error; the values in it stay.

    ``depth``: how often something within it is looked at; what is too long stays as it is.
    """
    if language == "en" or not depth or len(text) > _CHARACTERS_MAX:
        return text
    known = reason_texts(language).get(text) or translate(text, language)
    if known != text:
        return known
    for pattern, translated in _patterns(language):
        if match := pattern.fullmatch(text):
            values = match.groupdict()
            for name in _WORDS & values.keys():
                values[name] = translate_reason(values[name], language, depth - 1)
            return translated.format(**values)
    for mark in ("; ", ": "):  # reasons one after the other, or of something with a name
        head, found, tail = text.partition(mark)
        if found:
            own = translate_reason(head, language, depth - 1) if mark == "; " else head
            return f"{own}{mark}{translate_reason(tail, language, depth - 1)}"
    return text


def translate(text: str, language: str) -> str:
    """``text`` in a language of :data:`LANGUAGES`."""
    found = texts(language).get(text)
    return common.translate(text, language) if found is None else found
