"""Runs pytest, and what failed a second time, in a process and with networks of its own.

``python -m tests.support.rerun FOLDER ARGUMENTS-OF-PYTEST``. A test that fails twice fails the run.
One that passes the second time is FLAKY: the last lines name it. More than ``FAILURES_MAX`` are no
coincidence, and neither is a run that breaks off: then there is no second one. Where several tests
run at once (``--numprocesses N``), the second run has one after the other.

``FOLDER`` has what failed tests left in ``first`` and ``second``, and the lines about flaky ones in
``summary``.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.failures import Outcomes

FAILURES_MAX = 8
#: of pytest: everything passed, something failed
_PASSED, _FAILED = 0, 1


def _run(folder: Path, arguments: list[str]) -> tuple[int, Outcomes | None]:
    """One run of pytest; its exit status, and None if it did not come to its end."""
    # A name as short as this leaves room for sockets, whose paths have 107 characters.
    with tempfile.TemporaryDirectory(prefix="net-", ignore_cleanup_errors=True) as basetemp:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "tests.support.failures"),
                *("--keep-failures", str(folder), "--basetemp", f"{basetemp}/t"),
                *arguments,
            ],
            check=False,
        )
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return status, Outcomes.load(folder / "outcomes.json")


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count} tests"


def run_twice(folder: Path, arguments: list[str]) -> int:
    """The exit status: 0 when each test passed in one of the two runs."""
    shutil.rmtree(folder, ignore_errors=True)
    stop = f"--maxfail={FAILURES_MAX + 1}"
    status, first = _run(folder / "first", [stop, *arguments])
    if status != _FAILED:
        # Also when a test ended the process with 0.
        return status or (_PASSED if first is not None and not first.failed else _FAILED)
    if first is None or not first.failed:
        print("The run broke off: not run again", flush=True)
        return _FAILED
    if len(first.failed) > FAILURES_MAX:
        print(f"More than {_tests(FAILURES_MAX)} failed: not run again", flush=True)
        return _FAILED
    print(f"\n{_tests(len(first.failed))} failed: once more, in a fresh network", flush=True)
    again = ["--rerun-of", str(folder / "first" / "outcomes.json"), *arguments]
    if "--numprocesses" in arguments:
        again.append("--numprocesses=0")
    status, second = _run(folder / "second", again)
    passed = second.passed if second is not None else []
    flaky = [name for name in first.failed if name in passed]
    failed = [name for name in first.failed if name not in passed]
    if flaky:
        lines = [
            f"FLAKY: {_tests(len(flaky))} failed, and passed in a second run; logs in {folder}",
            *(f"FLAKY {name}" for name in flaky),
        ]
        (folder / "summary").write_text("".join(f"{line}\n" for line in lines))
        print("\n".join(lines))
    if failed:
        print(f"FAILED: {_tests(len(failed))} passed in neither run; logs in {folder}")
        print("\n".join(f"FAILED {name}" for name in failed))
    return status or (_FAILED if failed else _PASSED)


if __name__ == "__main__":
    # pytest gets it, too, and ends its networks.
    signal.signal(signal.SIGINT, lambda *_: None)
    sys.exit(run_twice(Path(sys.argv[1]), sys.argv[2:]))
