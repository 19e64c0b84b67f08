"""A plugin of pytest: notes how each test ended, and keeps what a failed one left behind.

``--keep-failures FOLDER`` gets ``outcomes.json`` at the end of the run, and for each failed test a
folder with pytest's report and the logs of its programs. ``--rerun-of OUTCOMES`` runs only the
tests that failed in the run of that file. With pytest-xdist, its workers keep and the process that
has them notes.
"""

from __future__ import annotations

import contextlib
import json
import re
import stat
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

#: the end of each log; a router of somebody else's writes much
LOG_BYTES_MAX = 16 << 20
#: the kernel stamps files with a clock that is some milliseconds behind
_CLOCK_SLACK_S = 1.0


@dataclass
class Outcomes:
    """Names of tests as pytest writes them; an error of a fixture fails the test at hand."""

    failed: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> Outcomes | None:
        """None if the run ended before it could write them."""
        return cls(**json.loads(path.read_text())) if path.exists() else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-failures", type=Path, metavar="FOLDER")
    parser.addoption("--rerun-of", type=Path, metavar="OUTCOMES")


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("keep_failures")
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    worker = getattr(config, "workerinput", {}).get("workerid")
    config.pluginmanager.register(_Keeper(folder, worker))
    if worker is None:
        config.pluginmanager.register(_Recorder(folder))
    before = config.getoption("rerun_of")
    outcomes = Outcomes.load(before) if before is not None else None
    if outcomes is not None:
        config.pluginmanager.register(_Chooser(set(outcomes.failed)))


class _Chooser:
    """Runs some tests only."""

    def __init__(self, only: set[str]) -> None:
        self._only = only

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        rest = [item for item in items if item.nodeid not in self._only]
        config.hook.pytest_deselected(items=rest)
        items[:] = [item for item in items if item.nodeid in self._only]


class _Recorder:
    """Notes how each test ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outcomes = Outcomes()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        passed, failed = self._outcomes.passed, self._outcomes.failed
        name = report.nodeid
        if report.failed:
            if name in passed:
                passed.remove(name)
            if name not in failed:
                failed.append(name)
        elif report.passed and report.when == "call":
            passed.append(name)

    def pytest_sessionfinish(self) -> None:
        (self._folder / "outcomes.json").write_text(json.dumps(asdict(self._outcomes), indent=1))


class _Keeper:
    """Keeps the report and the logs of what failed, in the process where it did."""

    def __init__(self, folder: Path, worker: str | None) -> None:
        self._folder = folder
        self._prefix = f"{worker}-" if worker else ""
        self._names: list[str] = []
        self._began = 0.0

    def pytest_runtest_logstart(self) -> None:
        self._began = time.time()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed:
            self._keep(report, item.config.getoption("basetemp"))
        return report

    def _keep(self, report: pytest.TestReport, basetemp: str | None) -> None:
        name = report.nodeid
        if name not in self._names:
            self._names.append(name)
        number = self._names.index(name) + 1
        readable = re.sub(r"[^A-Za-z0-9.]+", "-", name)[-100:]
        folder = self._folder / f"{self._prefix}{number}-{readable}"
        folder.mkdir(exist_ok=True)
        with (folder / "report.txt").open("a") as file:
            file.write(f"{name}: {report.when} failed\n{report.longreprtext}\n")
            for title, text in report.sections:
                file.write(f"\n--- {title}\n{text}\n")
        if basetemp is not None:
            copy_logs(Path(basetemp), folder / "logs", self._began - _CLOCK_SLACK_S)


def copy_logs(basetemp: Path, target: Path, since: float) -> None:
    """Copy the logs of every network in ``basetemp`` in which a file changed after ``since``.

    A network is a folder of ``basetemp``, as a fixture makes it. One program in it may have said
    nothing meanwhile, and its log tells why.
    """
    # Without a folder: pytest makes it for the first test that asks.
    for network in sorted(basetemp.glob("*/")):
        files = {} if network.is_symlink() else _changed(network)
        if max(files.values(), default=0.0) < since:
            continue
        for path in files:
            if path.name == "log" or path.suffix == ".log" or path.match("log*.txt"):
                _copy_end(path, target / path.relative_to(basetemp))


def _changed(network: Path) -> dict[Path, float]:
    """Each file, and when it was written; routers that run take some away meanwhile."""
    files = {}
    for path in network.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISREG((found := path.lstat()).st_mode):
                files[path] = found.st_mtime
    return files


def _copy_end(path: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as source:
        source.seek(max(0, path.stat().st_size - LOG_BYTES_MAX))
        copy.write_bytes(source.read(LOG_BYTES_MAX))
