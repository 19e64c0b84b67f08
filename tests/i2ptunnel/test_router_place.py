"""An installed wheel: the router's package is found within the application's, and nobody else's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import i2ptunnel


def run(site: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def installed(site: Path, name: str, text: str) -> None:
    (site / name).mkdir(parents=True)
    (site / name / "__init__.py").write_text(text)


def test_an_installed_core_of_somebody_else_is_not_ours(tmp_path: Path) -> None:
    assert i2ptunnel.__file__ is not None
    (tmp_path / "i2ptunnel").mkdir()
    shutil.copy(i2ptunnel.__file__, tmp_path / "i2ptunnel")
    installed(tmp_path, "i2ptunnel/_router/core", "WHOSE = 'ours'")
    installed(tmp_path, "i2ptunnel/_router/core/base", "from core import WHOSE")
    installed(tmp_path, "core", "WHOSE = 'theirs'")
    done = run(tmp_path, "import i2ptunnel, core.base; print(core.WHOSE, core.base.WHOSE)")
    assert done.stdout == "ours ours\n", done.stderr
    done = run(tmp_path, "import core, i2ptunnel")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: another package named core is in use")
    assert last.endswith("import i2ptunnel before it")
    # The source tree has no such place, and ``core`` is found as any package is.
    shutil.rmtree(tmp_path / "i2ptunnel" / "_router")
    assert run(tmp_path, "import i2ptunnel, core; print(core.WHOSE)").stdout == "theirs\n"
