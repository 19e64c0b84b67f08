"""The manual page names what there is."""

from __future__ import annotations

import re
from pathlib import Path

from i2ptunnel.cli.exits import Exit
from i2ptunnel.cli.main import _COMMANDS
from i2ptunnel.config.profiles import profiles

PAGE = (Path(__file__).parents[3] / "man" / "i2ptunnel.1").read_text()


def section(title: str) -> str:
    return PAGE.split(f".SH {title}\n")[1].split("\n.SH ")[0]


def test_every_command() -> None:
    listed = re.findall(r"^\.TP\n\.B (\w+)$", section("COMMANDS"), re.M)
    assert sorted(listed) == sorted(_COMMANDS)


def test_every_profile_and_exit_status() -> None:
    listed = section("OPTIONS").split("A ready configuration:\n")[1].split("\nSeveral")[0]
    assert set(re.findall(r"\w+", listed)) - {"BR", "or"} == set(profiles())
    statuses = re.findall(r"^\.TP\n\.B (\d)$", section("EXIT STATUS"), re.M)
    assert [int(status) for status in statuses] == sorted(Exit)
