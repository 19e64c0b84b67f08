"""The words of our pages in other languages: English text -> translation, one module each.

English is the key, so a text that nobody has translated is shown in English.
"""

from __future__ import annotations

import re

from i2ptunnel.protocols.languages import de, es, fr, ru, zh

_TEXTS = {"de": de.TEXTS, "es": es.TEXTS, "fr": fr.TEXTS, "ru": ru.TEXTS, "zh": zh.TEXTS}
LANGUAGES = ("en", *_TEXTS)

_HEADER_CHARACTERS_MAX = 256
_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,32})?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*"
)


def translate(text: str, language: str) -> str:
    """``text`` in a language of :data:`LANGUAGES`."""
    return _TEXTS.get(language, {}).get(text, text)


def choose_language(accept_language: str | None) -> str:
    """The best of :data:`LANGUAGES` for an ``Accept-Language`` header (RFC 9110 12.5.4)."""
    best, best_quality = "en", 0.0
    for part in (accept_language or "")[:_HEADER_CHARACTERS_MAX].split(","):
        match = _RANGE.fullmatch(part)
        if not match or match[1].lower() not in LANGUAGES:
            continue
        quality = float(match[2]) if match[2] else 1.0
        if quality > best_quality:
            best, best_quality = match[1].lower(), quality
    return best
