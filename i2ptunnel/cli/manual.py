"""Writes the manual pages from the command line and the options of the file.

``python -m i2ptunnel.cli.manual docs/man`` writes i2ptunnel(1) and i2ptunnel.yaml(5). A
test compares them with the program.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from i2ptunnel.cli.main import build_parser
from i2ptunnel.cli.tree import Argument, Command, command_tree
from i2ptunnel.config.profiles import profiles
from i2ptunnel.config.reference import reference_parts

_STATUSES = (
    "All is well.",
    "It failed.",
    "Wrong usage.",
    "The configuration is invalid.",
    "The program does not run.",
    "It is not ready.",
)
_FILES = (
    ("~/.local/share/i2ptunnel", "Keys and state of a program that a user starts."),
    ("/etc/i2ptunnel/i2ptunnel.yaml", "The configuration of the systemd service."),
    ("/var/lib/i2ptunnel", "Keys and state of the systemd service."),
)
_ENVIRONMENT = (
    ("I2PTUNNEL_NATIVE", "0 leaves the compiled native extra out."),
    ("I2PTUNNEL_TRACE", "1 shows where an internal error comes from."),
    ("NO_COLOR", "If it is set, nothing is coloured."),
)
_HEAD = r""".\" Made by: python -m i2ptunnel.cli.manual man
"""


def _roff(text: str) -> str:
    """Text that troff does not take for a request."""
    made = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    made = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in made)
    return f"\\&{made}" if made.startswith((".", "'")) else made


def _sentence(text: str) -> str:
    """A help text as a sentence."""
    return text if not text else text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield ".PP"
        yield _roff(" ".join(paragraph.split()))


# i2ptunnel(1)


def program_page() -> str:
    """``i2ptunnel.1``."""
    root = command_tree(build_parser())
    lines = [
        '.TH I2PTUNNEL 1 "" "i2ptunnel" "User Commands"',
        ".SH NAME",
        "i2ptunnel \\- an I2P router with I2PTunnel's proxies and servers",
        ".SH SYNOPSIS",
        ".B i2ptunnel",
        ".I COMMAND",
        ".RI [ OPTION \\|.\\|.\\|.]",
        ".SH DESCRIPTION",
        "One YAML file declares an I2P router and its tunnels, and one program runs them: HTTP and",
        "SOCKS proxies for sites in I2P, web sites and other services of your own, and doors for",
        "programs that speak SAM or I2CP. The file is described in",
        ".BR i2ptunnel.yaml (5).",
        ".PP",
        "Without a file, the profile",
        ".B browser",
        "is run: an HTTP proxy at 127.0.0.1:4444 and a SOCKS proxy at 127.0.0.1:4447.",
        "Open http://proxy.i2p/ through it to see whether it works.",
        "Ready configurations:",
        _roff(", ".join(sorted(profiles())) + "."),
        ".PP",
        "\\fBi2ptunnel\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR lists the options of a command,",
        "\\fBi2ptunnel \\-\\-version\\fR tells the version.",
        ".SH COMMANDS",
    ]
    for child in root.children:
        lines += [".TP", f".B {_roff(child.path[0])}", _roff(_sentence(child.help))]
    lines.append(".SH COMMANDS IN DETAIL")
    for command in root.walk():
        if command.path and not command.children:
            lines += _detail(command)
    lines.append(".SH EXIT STATUS")
    for number, text in enumerate(_STATUSES):
        lines += [".TP", f".B {number}", text]
    lines.append(".SH FILES")
    for path, text in _FILES:
        lines += [".TP", f".I {_roff(path)}", text]
    lines += [
        ".PP",
        "Keep copies of",
        ".I router.keys",
        "and of each",
        ".IR *.dat ,",
        "for instance with",
        '.BR "i2ptunnel backup" :',
        "with a lost key file, the address of a site is lost.",
        ".SH ENVIRONMENT",
    ]
    for name, text in _ENVIRONMENT:
        lines += [".TP", f".B {name}", text]
    lines += [".SH SEE ALSO", ".BR i2ptunnel.yaml (5),", ".BR systemctl (1),", ".BR journalctl (1)"]
    return _HEAD + "\n".join(lines) + "\n"


def _detail(command: Command) -> Iterator[str]:
    words = " ".join(("i2ptunnel", *command.path))
    for one in command.positionals:
        words += f" [{one.value}]" if one.is_optional else f" {one.value}"
    yield f'.SS "{_roff(words)}"'
    yield from _paragraphs(command.description or _sentence(command.help))
    for one in command.arguments:
        if "--help" in one.flags or (not one.flags and not one.help):
            continue
        yield ".TP"
        yield _flags(one)
        yield _roff(_sentence(one.help))


def _flags(one: Argument) -> str:
    if not one.flags:
        return f"\\fI{_roff(one.value)}\\fR"
    flags = ", ".join(f"\\fB{_roff(flag)}\\fR" for flag in one.flags)
    return f"{flags} \\fI{_roff(one.value)}\\fR" if one.value else flags


# i2ptunnel.yaml(5)


def file_page() -> str:
    """``i2ptunnel.yaml.5``."""
    lines = [
        '.TH I2PTUNNEL.YAML 5 "" "i2ptunnel" "File Formats"',
        ".SH NAME",
        "i2ptunnel.yaml \\- configuration of an I2P router and its tunnels",
        ".SH DESCRIPTION",
        "The file is YAML in UTF\\-8. Every option has a default unless its text says otherwise.",
        "Sizes, rates and times take units: 512KiB, 4MB/s, 10m, 1h30m.",
        '.B "i2ptunnel check \\-c FILE"',
        "finds all mistakes, with line and column.",
        ".PP",
        ".nf",
        "tunnels:",
        "  browser:",
        "    type: httpclient",
        "    listen: 127.0.0.1:4444",
        "  site:",
        "    type: httpserver",
        "    target: 127.0.0.1:8080",
        ".fi",
    ]
    for part in reference_parts():
        title = part.title.upper() if part.level == 1 else part.title
        lines.append(f'.{"SH" if part.level == 1 else "SS"} "{_roff(title)}"')
        if part.text:
            lines.append(_roff(part.text))
        for row in part.rows:
            word = re.sub(r"\[([^\]]+)\]\(#[^)]*\)", r"\1", row.word)
            default = f"; default: {row.default}" if row.default else ""
            lines += [".TP", f"\\fB{_roff(row.key)}\\fR ({_roff(word + default)})"]
            lines.append(_roff(_sentence(row.help.replace("*", ""))))
    lines += [".SH SEE ALSO", ".BR i2ptunnel (1)"]
    return _HEAD + "\n".join(lines) + "\n"


PAGES = {"i2ptunnel.1": program_page, "i2ptunnel.yaml.5": file_page}


def main(directory: Path) -> None:
    """Write all pages into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (directory / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/man"))
