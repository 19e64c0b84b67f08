"""Wheels and the one file on clean Debian systems: Python is there, and no compiler."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from release import onefile, wheels
from release.roots import ROOT, ROOTS, SUITES, Root, remove, root_with
from tests.support.i2pd_net import wait_until
from tests.support.namespace import separate_network
from tests.support.systemd_machine import OWN_PAGE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a Debian system"),
]

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
NATIVE = "import i2ptunnel; from core.base import native; print(native.description())"
VERSION = "import sys; print('%d%d' % sys.version_info[:2])"
HERE = f"{sys.version_info.major}{sys.version_info.minor}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheels and of the file; built here unless I2PTUNNEL_DIST names one."""
    given = os.environ.get("I2PTUNNEL_DIST")
    if given is not None:
        return Path(given)
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        for module in (wheels, onefile):
            patch.setattr(module, "DIST", folder)
        wheels.build(wheels.PURE, ROOT)
        wheels.build(wheels.EXTRA, ROOT / "core" / "native")
        onefile.build()
    return folder


@pytest.fixture(scope="module", params=SUITES)
def base(request: pytest.FixtureRequest) -> Root:
    return root_with(request.param, "pipx", ("pipx", "python3-venv"))


@pytest.fixture
def clean(base: Root) -> Iterator[Root]:
    root = base.copy(ROOTS / f"{base.suite}-clean")
    # The resolver and the certificates of this machine, for what pip downloads.
    for path in ("/etc/resolv.conf", CERTIFICATES):
        (root.path / path.lstrip("/")).unlink(missing_ok=True)
        shutil.copy(path, root.path / path.lstrip("/"))
    try:
        assert root.attempt("sh", "-c", "command -v cc || command -v gcc").returncode != 0
        yield root
    finally:
        remove(root.path)


def place(root: Root, folder: Path, pattern: str) -> str:
    """Copy a built file into the root; its path there."""
    (file,) = folder.glob(pattern)
    shutil.copy(file, root.path / "root")
    return f"/root/{file.name}"


def python_of(root: Root) -> str:
    """Version of the root's Python, without the point."""
    return root.run("python3", "-c", VERSION).strip()


def pip(root: Root, *command: str) -> None:
    root.run(*command, environment={"PIP_CERT": CERTIFICATES})


def assert_runs(root: Root, *program: str) -> None:
    """It tells its version, checks a profile, and serves the proxy's own page once started."""
    assert root.run(*program, "--version").startswith("i2ptunnel ")
    checked = root.run(*program, "check", "--profile", "browser")
    assert checked.splitlines()[-1] == "valid: 2 tunnels"
    with separate_network():
        running = root.start(*program, "run", "--profile", "browser")
        try:
            wait_until("the own page", lambda: _own_page(root) == "200", 120)
            assert running.poll() is None
        finally:
            running.kill()
            running.wait()


def _own_page(root: Root) -> str:
    return root.attempt("sh", "-c", OWN_PAGE).stdout.strip()


def test_the_pure_wheel_with_pipx(clean: Root, built: Path) -> None:
    wheel = place(clean, built, wheels.PURE)
    pip(clean, "pipx", "install", wheel)
    assert_runs(clean, "/root/.local/bin/i2ptunnel")


def test_both_wheels_with_pip(clean: Root, built: Path) -> None:
    files: Sequence[str] = [place(clean, built, one) for one in (wheels.PURE, wheels.EXTRA)]
    clean.run("python3", "-m", "venv", "/opt/i2ptunnel")
    install = ("/opt/i2ptunnel/bin/pip", "install", "--quiet", *files)
    if python_of(clean) != HERE:
        # Compiled for the Python that it was built with: nothing is installed by halves.
        refused = clean.attempt(*install, environment={"PIP_CERT": CERTIFICATES})
        assert refused.returncode != 0 and "not a supported wheel" in refused.stdout
        assert not (clean.path / "opt/i2ptunnel/bin/i2ptunnel").exists()
        return
    pip(clean, *install)
    assert "compiled modules" in clean.run("/opt/i2ptunnel/bin/python", "-c", NATIVE)
    assert_runs(clean, "/opt/i2ptunnel/bin/i2ptunnel")


def test_the_one_file_with_the_python_of_the_system(clean: Root, built: Path) -> None:
    machine = sysconfig.get_platform().replace("-", "_")
    file = place(clean, built, f"i2ptunnel-cp{HERE}-{machine}.pyz")
    found = python_of(clean)
    if found == HERE:
        assert_runs(clean, "python3", file)
        return
    refused = clean.attempt("python3", file, "--version")
    assert refused.returncode == 1
    here, there = (f"{one[0]}.{one[1:]}" for one in (HERE, found))
    assert f"i2ptunnel: this file is for Python {here}, not {there}" in refused.stdout
    assert "Traceback" not in refused.stdout
