"""The unit keeps its sandbox, and calls the program with arguments that exist."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from i2ptunnel.cli.main import build_parser
from i2ptunnel.config.loader import load_text
from i2ptunnel.plan import listeners_of

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "i2ptunnel.service"
INSTANCE = SYSTEMD / "i2ptunnel@.service"
SOCKETS = sorted(SYSTEMD.glob("*.socket"))


def needs(program: str) -> pytest.MarkDecorator:
    """A developer's machine may lack systemd; the gate may not."""
    is_missing = shutil.which(program) is None and "CI" not in os.environ
    return pytest.mark.skipif(is_missing, reason=f"no {program}")


@needs("systemd-analyze")
@pytest.mark.parametrize("unit", [UNIT, INSTANCE], ids=lambda unit: unit.name)
def test_exposure_is_at_most_1_1(unit: Path) -> None:
    # --threshold counts in tenths and fails above it.
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=11", str(unit)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_commands_of_the_unit_exist() -> None:
    texts = UNIT.read_text() + INSTANCE.read_text()
    commands = re.findall(r"^Exec\w+=/usr/bin/i2ptunnel (.*)$", texts, re.M)
    assert len(commands) == 4
    for command in commands:
        words = command.replace("%S", "/var/lib").replace("%i", "browser").split()
        build_parser().parse_args(words)


def test_an_instance_has_the_sandbox_of_the_service() -> None:
    own = ("Description=", "Exec", "User=", "Group=", "DynamicUser=", "StateDirectory=", "NoExec")
    own += ("RuntimeDirectory=", "ConfigurationDirectory")

    def shared(unit: Path) -> list[str]:
        lines = [line for line in unit.read_text().splitlines() if line[:1] not in ("", "#")]
        return [line for line in lines if not line.startswith(own)]

    assert shared(INSTANCE) == shared(UNIT)
    assert len(shared(UNIT)) > 60


@pytest.mark.parametrize("unit", SOCKETS, ids=lambda unit: unit.name)
def test_a_socket_unit_is_for_what_listens_there_unless_told_otherwise(unit: Path) -> None:
    text = unit.read_text()
    options = dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
    name = options["FileDescriptorName"]
    ssh = "control: {ssh: {authorized_keys: keys}}\nextends: [everything]\n"
    listeners = listeners_of(load_text(ssh).configuration)
    known = [
        one for one in listeners if f"{one.path}.".startswith((f"{name}.", f"tunnels.{name}."))
    ]
    kinds = {"Stream": socket.SOCK_STREAM, "Datagram": socket.SOCK_DGRAM}
    held = re.findall(r"^Listen(\w+)=(.*)$", text, re.M)
    assert known and [(kinds[kind], address) for kind, address in held] == [
        (one.kind, str(one.endpoint)) for one in known
    ]
    assert options["Service"] == UNIT.name
    assert f"systemctl enable --now {unit.name}\n" in text


def test_an_invalid_file_is_not_tried_again_and_a_mended_one_starts_at_once() -> None:
    # RestartPreventExitStatus= is about the main process only, so nothing else may find the fault;
    # and a start limit would refuse the start after the file was mended.
    text = UNIT.read_text()
    assert "ExecStartPre=" not in re.sub(r"^#.*$", "", text, flags=re.M)
    assert "\nRestartPreventExitStatus=2 3\n" in text
    assert "\nStartLimitIntervalSec=0\n" in text


def test_an_invalid_file_ends_run_with_3_and_every_fault(tmp_path: Path) -> None:
    config = tmp_path / "i.yaml"
    config.write_text("router: {port: 0}\ntunnels: {a: {type: nope}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "i2ptunnel", "run", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3 and done.stdout == ""
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [
        "router.port",
        "tunnels.a.type",
    ]


@needs("systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    # The program that they name does not exist on every machine.
    units = []
    for unit in (UNIT, INSTANCE, *SOCKETS):
        units.append(tmp_path / unit.name.replace("@.", "@browser."))
        units[-1].write_text(unit.read_text().replace("/usr/bin/i2ptunnel", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert not re.search(r"Unknown|Failed to parse|not support", done.stderr), done.stderr


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
