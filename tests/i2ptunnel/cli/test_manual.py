"""The manual pages are those of the program: python -m i2ptunnel.cli.manual man"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from i2ptunnel.cli.exits import Exit
from i2ptunnel.cli.main import _COMMANDS, build_parser
from i2ptunnel.cli.manual import PAGES
from i2ptunnel.cli.tree import command_tree
from i2ptunnel.config.profiles import profiles

FOLDER = Path(__file__).parents[3] / "docs/man"


@pytest.mark.parametrize("name", list(PAGES))
def test_the_pages_in_the_tree_are_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name]()


def test_every_command_option_profile_and_exit_status() -> None:
    page = PAGES["i2ptunnel.1"]()
    listed = page.split(".SH COMMANDS\n")[1].split("\n.SH ")[0]
    assert re.findall(r"^\.TP\n\.B (\S+)$", listed, re.M) == list(_COMMANDS)
    plain = page.replace("\\-", "-")
    for command in command_tree(build_parser()).walk():
        for option in command.options:
            assert option.flags[-1] in plain, (command.path, option.flags)
    assert ", ".join(sorted(profiles())) in plain
    statuses = page.split(".SH EXIT STATUS\n")[1].split("\n.SH ")[0]
    assert [int(n) for n in re.findall(r"^\.B (\d)$", statuses, re.M)] == sorted(Exit)


@pytest.mark.parametrize("name", list(PAGES))
def test_nothing_is_taken_for_a_request_that_is_none(name: str) -> None:
    requests = {"TH", "SH", "SS", "TP", "PP", "B", "I", "BR", "RI", "IR", "nf", "fi", '\\"'}
    for line in PAGES[name]().splitlines():
        if line.startswith((".", "'")):
            assert line[1:].split(" ")[0] in requests, line
