"""The program in one file, with a Python that has nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from release import onefile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_it_runs_the_demo_and_refuses_another_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onefile, "DIST", tmp_path)
    file = onefile.build()
    assert "200, 455 B: 'Hello from I2P'" in onefile.try_out(file)
    assert file.stat().st_size < 20_000_000
    # Another Python, as far as the file can see.
    (tmp_path / "site").mkdir()
    lie = "import sys\nsys.version_info = (3, 99, 0, 'final', 0)\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(lie)
    done = subprocess.run(
        [shutil.which("python3") or "python3", file, "--version"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "is for Python" in done.stderr and "not 3.99" in done.stderr
