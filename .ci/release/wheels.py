"""The pure wheel and that of the native extra, in dist/; each is installed anew and run.

``make wheels`` does both; the word ``--pure`` leaves the extra out, which needs a compiler.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
PURE = "i2ptunnel_appliance-*.whl"
EXTRA = "i2ptunnel_native-*.whl"


def run(*command: object, cwd: Path | None = None) -> str:
    """What a command prints; RuntimeError with the end of it if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def build(pattern: str, source: Path) -> Path:
    """Build a wheel into dist/ in place of the one that is there."""
    DIST.mkdir(exist_ok=True)
    for old in DIST.glob(pattern):
        old.unlink()
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", DIST, source)
    (wheel,) = DIST.glob(pattern)
    return wheel


def try_out(wheels: Sequence[Path], *, is_native: bool) -> None:
    """Install into a clean environment, and run the program far from the source tree."""
    directory = Path(tempfile.mkdtemp(prefix="i2ptunnel-wheel-"))
    try:
        environment = directory / "environment"
        run(sys.executable, "-m", "venv", environment)
        python = environment / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", *wheels)
        _check_names(environment)
        for command in (
            ("--version",),
            ("check", "--profile", "browser", "--profile", "irc"),
            ("demo", "--once"),
        ):
            print(run(environment / "bin" / "i2ptunnel", *command, cwd=directory).strip())
        code = "import i2ptunnel; from core.base import native; print(native.description())"
        found = run(python, "-c", code, cwd=directory).strip()
        if ("compiled modules" in found) is not is_native:
            raise RuntimeError(f"the extra is expected: {is_native}; the program says: {found}")
        print(found)
    finally:
        shutil.rmtree(directory)


def _check_names(environment: Path) -> None:
    """The wheels bring the names of the application and of its extra, and no others."""
    (site,) = environment.glob("lib/python*/site-packages")
    for records in site.glob("i2ptunnel_*.dist-info/RECORD"):
        first = {line.split("/")[0] for line in records.read_text().splitlines()}
        strange = {name for name in first if not name.startswith(("i2ptunnel", "..", '"i2ptunnel'))}
        if strange:
            raise RuntimeError(f"{records.parent.name} brings {sorted(strange)}")


def main(words: Sequence[str]) -> None:
    """Build and try what the command line says."""
    pure = build(PURE, ROOT)
    print(f"{pure.relative_to(ROOT)}:")
    try_out([pure], is_native=False)
    if "--pure" not in words:
        extra = build(EXTRA, ROOT / "core" / "native")
        print(f"{extra.relative_to(ROOT)}:")
        try_out([pure, extra], is_native=True)


if __name__ == "__main__":
    main(sys.argv[1:])
