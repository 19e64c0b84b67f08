"""The words of the console in other languages: English text -> translation, one module each.

English is the key, as in :mod:`i2ptunnel.protocols.languages`, which has the sentences that the
proxies' pages show, too.
"""

from __future__ import annotations

from functools import cache
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


def translate(text: str, language: str) -> str:
    """``text`` in a language of :data:`LANGUAGES`."""
    found = texts(language).get(text)
    return common.translate(text, language) if found is None else found
