"""What the Debian package asks."""

from __future__ import annotations

import re
from pathlib import Path

from i2ptunnel.protocols.languages import LANGUAGES

TEMPLATES = Path(__file__).parents[2] / ".ci/release/debian_files/templates"


def test_the_question_at_purge_is_in_every_language() -> None:
    text = TEMPLATES.read_text(encoding="utf-8")
    translated = re.findall(r"^Description-([a-z]+)(?:_[A-Z]+)?\.UTF-8: \S", text, re.MULTILINE)
    assert {"en", *translated} == set(LANGUAGES)
    assert max(map(len, text.splitlines())) <= 80
