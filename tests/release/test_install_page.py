"""docs/INSTALL.md as it stands: a service on any Linux with systemd, its sockets, its removal."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from release.roots import ROOT, ROOTS, SUITES, Root, remove, root_with
from tests.support.documentation import shown
from tests.support.systemd_machine import OWN_PAGE, SYSTEM, SystemdMachine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a Debian system"),
]

PAGE = ROOT / "docs/INSTALL.md"
UNIT = "i2ptunnel.service"
CHECKOUT = "cd /root/i2ptunnel"
#: what downloads: before the boot, since the machine has no way out
_FETCHES = ("python3 -m venv", "/opt/i2ptunnel/bin/pip")
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


def checkout(root: Root) -> None:
    """The sources, and what this machine needs for downloads."""
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--prefix=i2ptunnel/", "HEAD"],
        check=True,
        capture_output=True,
    )
    place = ["tar", "-x", "-C", str(root.path / "root")]
    subprocess.run(place, input=archive.stdout, check=True)
    (root.path / "etc/resolv.conf").unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", root.path / "etc/resolv.conf")
    shutil.copy(f"/{_CERTIFICATES}", root.path / _CERTIFICATES)


@pytest.fixture(params=SUITES)
def machine(request: pytest.FixtureRequest) -> Iterator[SystemdMachine]:
    suite = request.param
    base = root_with(suite, "service", (*SYSTEM, "python3-venv"))
    root = base.copy(ROOTS / f"{suite}-install")
    made = SystemdMachine(root)
    try:
        checkout(root)
        for command in shown(PAGE, "## As a systemd service"):
            if command.startswith(_FETCHES):
                environment = {"PIP_CERT": f"/{_CERTIFICATES}"}
                root.run("sh", "-c", f"{CHECKOUT} && {command}", environment=environment)
        made.start()
        yield made
    finally:
        made.stop()
        remove(root.path)


def test_as_a_service_with_its_sockets_and_gone_again(machine: SystemdMachine) -> None:
    for command in shown(PAGE, "## As a systemd service"):
        if not command.startswith(_FETCHES):
            machine.run(f"{CHECKOUT} && {command}")
    first = machine.wait_active(UNIT)
    assert machine.run(OWN_PAGE).strip() == "200"
    assert machine.run(f"stat -c %U /proc/{first}").strip() == "i2ptunnel"
    for command in shown(PAGE, "### Ports that systemd holds"):
        machine.run(command)
    machine.wait_active(UNIT, other_than=first)
    assert machine.run(OWN_PAGE).strip() == "200"
    machine.run("systemctl disable --now i2ptunnel-browser.socket")
    for command in shown(PAGE, "The Debian package: `apt purge i2ptunnel`. A service without it:"):
        machine.run(command)
    assert machine.property(UNIT, "LoadState") == "not-found"
    # Keys are nothing that a removal takes.
    assert "router.keys" in machine.run("ls /var/lib/i2ptunnel")
