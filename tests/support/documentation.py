"""The commands that the documentation shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: what a command of the pages begins with; blocks of code of other kinds hold none
_WORDS = (
    *("i2ptunnel", "apt", "systemctl", "sudoedit", "make", "mkdir", "pipx", "pip", "python3"),
    *("~/.local", "/opt/", "export", "ln", "install", "systemd-sysusers", "systemd-tmpfiles"),
    *("echo", "nft", "ufw", "firewall-cmd", "git", "rm", "curl", "ssh", "bitcoind"),
)


def blocks(page: Path, heading: str = "") -> Iterator[list[str]]:
    """The lines of each block of code that says no language; below a heading, if one is given."""
    language, lines = None, list[str]()
    text = page.read_text()
    if heading:
        text = text.partition(f"\n{heading}\n")[2]
        assert text, heading
    for line in text.splitlines():
        fence = re.match(r"\s*```(\w*)", line)
        if fence is None:
            lines.append(line)
        elif language is None:
            language, lines = fence[1], []
        else:
            if not language:
                yield lines
            language = None


def commands() -> list[tuple[str, str]]:
    """(page, command) of each, without ``sudo`` and comments; of alternatives one each.

    A command goes on over lines while a quotation is open.
    """
    found = []
    for page in PAGES:
        for lines in blocks(page):
            whole = ""
            for line in lines:
                whole = f"{whole}\n{line}" if whole else re.sub(r"^(\$ |sudo )", "", line)
                if whole.count("'") % 2 or not whole.startswith(_WORDS):
                    whole = whole if whole.startswith(_WORDS) else ""
                    continue
                command = whole.partition("  #")[0].strip()
                found += [(page.name, one) for one in _alternatives(command)]
                whole = ""
    return found


def shown(page: Path, heading: str) -> list[str]:
    """The commands of the first block below a heading, without ``sudo`` and comments."""
    lines = next(blocks(page, heading))
    return [re.sub(r"^(\$ |sudo )", "", line.partition("  #")[0].strip()) for line in lines]


def _alternatives(command: str) -> list[str]:
    """``pause|resume NAME`` is two commands; what is optional is there."""
    command = (
        re.sub(r"\[([^\]]*)\]", r"\1", command) if command.startswith("i2ptunnel") else command
    )
    match = re.search(r"\b(\w+(?:\|\w+)+)\b", command)
    if match is None:
        return [command]
    return [command.replace(match[1], word) for word in match[1].split("|")]
