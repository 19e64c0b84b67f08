"""A program that signs reseed bundles with go-i2p's own code: ``python -m tests.support.fetch_go``.

The library comes from the Go module proxy, through the machine's own ``go`` (1.26 or newer); a
small program of ours (``go/main.go``) is compiled with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.debian import cache_dir, exclusive_cache

_SOURCE = Path(__file__).with_name("go")
_FILES = ("main.go", "go.mod", "go.sum")
_TIMEOUT_S = 600


def _program() -> Path:
    """One for each version of our own source."""
    digest = hashlib.sha256(b"".join((_SOURCE / name).read_bytes() for name in _FILES))
    return cache_dir() / f"go-su3-{digest.hexdigest()[:16]}" / "bundle"


def fetch() -> None:
    """Compile it unless the cache already holds it."""
    if shutil.which("go") is None:
        raise RuntimeError("go is missing: see https://go.dev/doc/install")
    program = _program()
    with exclusive_cache("go"):
        if program.exists():
            return
        program.parent.mkdir(parents=True, exist_ok=True)
        made = program.with_suffix(".new")
        done = subprocess.run(
            ["go", "build", "-o", str(made), "."],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
            cwd=_SOURCE,
            env={**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"},
        )
        if done.returncode:
            raise RuntimeError(f"go build failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        made.rename(program)


def sign_bundle(folder: Path, content: bytes, signer: str) -> tuple[bytes, bytes]:
    """(su3 file, certificate) of a zip. Raises when ``make slow`` has not fetched the program."""
    if not _program().exists():
        raise RuntimeError("the signing program is missing: run `python -m tests.support.fetch_go`")
    zipped, bundle, certificate = (folder / name for name in ("in.zip", "out.su3", "out.crt"))
    zipped.write_bytes(content)
    words = [str(_program()), str(zipped), str(bundle), signer, str(certificate)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return bundle.read_bytes(), certificate.read_bytes()


def main() -> int:
    fetch()
    print("go-i2p/su3 from the Go module proxy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
