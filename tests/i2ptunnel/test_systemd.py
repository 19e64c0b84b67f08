"""The unit keeps its sandbox, and calls the program with arguments that exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from i2ptunnel.cli.main import build_parser

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "i2ptunnel.service"


def needs(program: str) -> pytest.MarkDecorator:
    """A developer's machine may lack systemd; the gate may not."""
    is_missing = shutil.which(program) is None and "CI" not in os.environ
    return pytest.mark.skipif(is_missing, reason=f"no {program}")


@needs("systemd-analyze")
def test_exposure_is_at_most_1_1() -> None:
    # --threshold counts in tenths and fails above it.
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=11", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_commands_of_the_unit_exist() -> None:
    commands = re.findall(r"^Exec\w+=/usr/bin/i2ptunnel (.*)$", UNIT.read_text(), re.M)
    assert len(commands) == 3
    for command in commands:
        build_parser().parse_args(command.split())


@needs("systemd-sysusers")
def test_user_and_directories_are_declared() -> None:
    done = subprocess.run(
        ["systemd-sysusers", "--dry-run", str(SYSTEMD / "sysusers.conf")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = {
        line.split()[1]
        for line in (SYSTEMD / "tmpfiles.conf").read_text().splitlines()[1:]
        if line and not line.startswith("#")
    }
    assert {"/etc/i2ptunnel", "/var/lib/i2ptunnel"} <= names
