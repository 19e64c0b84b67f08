"""A failed test of a network runs once more, and nothing that is broken passes for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.rerun import FAILURES_MAX

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]

#: `times` counts over both runs; each network writes a log and says in which process it runs
BEGIN = """
import os
from pathlib import Path
import pytest

HERE = Path(__file__).parent

def times(what):
    with (HERE / what).open("a") as file:
        file.write("x")
    return len((HERE / what).read_text())

@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    (folder / "router").mkdir()
    (folder / "router" / "log").write_text(f"network {times('networks')}\\n")
    return folder / "router" / "log"

def say(network, text):
    with network.open("a") as file:
        file.write(text)
"""
STEADY = """
def test_steady(network):
    assert times("steady") == 1
"""
ONCE = """
def test_fails_once(network):
    say(network, "is asked\\n")
    assert times("once") == 2
"""
ALWAYS = """
def test_fails_always(network):
    assert not network.exists()
"""
SKIPS = """
def test_hides():
    if times("hides") == 2:
        pytest.skip("no success, either")
    assert False
"""
BROKEN_NETWORK = """
@pytest.fixture
def broken(network):
    assert times("broken") == 2, "comes up at the second time only"

def test_after_a_broken_network(broken):
    pass
"""
LATE = """
@pytest.fixture
def late():
    yield
    assert times("late") == 2

def test_that_leaves_something_behind(late):
    pass
"""


@dataclass
class Result:
    status: int
    lines: list[str]
    folder: Path

    def kept(self, run: str) -> str:
        """All that is kept of that run."""
        return "".join(p.read_text() for p in sorted((self.folder / run).rglob("*[tg]")))


@dataclass
class Project:
    root: Path

    def run(self, *tests: str, options: Sequence[str] = ()) -> Result:
        (self.root / "pytest.ini").write_text("[pytest]\n")
        (self.root / "test_it.py").write_text(BEGIN + "".join(tests))
        folder = self.root / "flaky"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.support.rerun", str(folder)),
                *("-q", "-c", str(self.root / "pytest.ini"), *options),
                str(self.root / "test_it.py"),
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
            check=False,
        )
        return Result(done.returncode, done.stdout.splitlines(), folder)

    def count(self, what: str) -> int:
        """How many times a test has counted."""
        path = self.root / what
        return len(path.read_text()) if path.exists() else 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_what_passes_runs_once(project: Project) -> None:
    result = project.run(STEADY)
    assert result.status == 0
    assert project.count("networks") == 1
    assert not any("FLAKY" in line for line in result.lines)
    assert not (result.folder / "summary").exists()


def test_a_second_success_is_flaky_and_last(project: Project) -> None:
    result = project.run(STEADY, ONCE, BROKEN_NETWORK, LATE)
    assert result.status == 0
    flaky = ["test_fails_once", "test_after_a_broken_network", "test_that_leaves_something_behind"]
    assert result.lines[-4:] == [
        f"FLAKY: 3 tests failed, and passed in a second run; logs in {result.folder}",
        *(f"FLAKY test_it.py::{name}" for name in flaky),
    ]
    assert (result.folder / "summary").read_text().splitlines() == result.lines[-4:]
    # Only what had failed, and in a network of its own.
    assert project.count("steady") == 1
    assert project.count("networks") == 2
    # What the first run said, for whoever looks for the cause.
    kept = result.kept("first")
    assert "test_it.py::test_fails_once: call failed" in kept
    assert "test_it.py::test_after_a_broken_network: setup failed" in kept
    assert "test_it.py::test_that_leaves_something_behind: teardown failed" in kept
    assert 'assert times("once") == 2' in kept
    assert "network 1\nis asked\n" in kept
    assert "test_steady" not in kept


def test_a_second_failure_fails_and_leaves_both(project: Project) -> None:
    result = project.run(ALWAYS, ONCE, SKIPS)
    assert result.status == 1
    assert result.lines[-5:] == [
        f"FLAKY: 1 test failed, and passed in a second run; logs in {result.folder}",
        "FLAKY test_it.py::test_fails_once",
        f"FAILED: 2 tests passed in neither run; logs in {result.folder}",
        "FAILED test_it.py::test_fails_always",
        "FAILED test_it.py::test_hides",
    ]
    assert "network 1\n" in result.kept("first")
    assert "network 2\n" in result.kept("second")
    assert "test_fails_always: call failed" in result.kept("second")


def test_many_failures_are_no_coincidence(project: Project) -> None:
    many = f"""
@pytest.mark.parametrize("number", range({FAILURES_MAX + 2}))
def test_fails_once(number):
    times("many")
    assert times(f"of {{number}}") == 2
"""
    result = project.run(many)
    assert result.status == 1
    assert project.count("many") == FAILURES_MAX + 1
    assert result.lines[-1] == f"More than {FAILURES_MAX} tests failed: not run again"


@pytest.mark.parametrize("status", [0, 1])
def test_a_run_that_breaks_off_fails(project: Project, status: int) -> None:
    result = project.run(
        f"def test_ends_everything():\n    times('ends')\n    os._exit({status})\n"
    )
    assert result.status == (status or 1)
    assert project.count("ends") == 1


def test_what_cannot_be_collected_fails_at_once(project: Project) -> None:
    assert project.run("import no_such_module\n").status == 2


def test_several_at_once_end_as_one_after_the_other(project: Project) -> None:
    """What fails runs again alone."""
    several = ("-p", "xdist.plugin", "--numprocesses", "2", "--dist", "loadfile")
    result = project.run(STEADY, ONCE, ALWAYS, options=several)
    assert result.status == 1
    assert "FLAKY test_it.py::test_fails_once" in result.lines
    assert "FAILED test_it.py::test_fails_always" in result.lines
    assert project.count("steady") == 1
    assert "test_it.py::test_fails_once: call failed" in result.kept("first")
    assert "is asked\n" in result.kept("first")
