"""The real apt-get with directories of its own, and a small flat repository for it."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
from pathlib import Path

PACKAGE = "hello-i2p"
_CONTROL = f"""Package: {PACKAGE}
Version: 1.0
Architecture: all
Maintainer: nobody <nobody@example.i2p>
Description: a package of one file
"""


def make_repository(root: Path) -> None:
    """A flat repository (``deb URL ./``) with one package, unsigned, and a ``Release`` file."""
    tree = root.parent / "package"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(_CONTROL)
    (tree / "etc").mkdir()
    (tree / "etc" / PACKAGE).write_text("hello\n")
    (root / "sub").mkdir(parents=True)
    name = f"{PACKAGE}_1.0_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", tree, root / name],
        check=True,
        capture_output=True,
    )
    content = (root / name).read_bytes()
    listed = (
        f"{_CONTROL}Filename: ./{name}\nSize: {len(content)}\n"
        f"SHA256: {hashlib.sha256(content).hexdigest()}\n\n"
    ).encode()
    indices = {"Packages": listed, "Packages.gz": gzip.compress(listed, mtime=0)}
    for index, data in indices.items():
        (root / index).write_bytes(data)
    sums = "".join(
        f" {hashlib.sha256(data).hexdigest()} {len(data)} {index}\n"
        for index, data in indices.items()
    )
    (root / "Release").write_text(f"Date: Sat, 01 Nov 2025 00:00:00 UTC\nSHA256:\n{sums}")
    for path in root.iterdir():
        os.utime(path, (1_762_000_000, 1_762_000_000))


def run(directory: Path, source: str, proxy: str, *command: str) -> str:
    """Run apt-get with this one source through a proxy; its output. Raises if it fails."""
    for part in ("state/lists/partial", "cache/archives/partial", "etc", "none", "log"):
        (directory / part).mkdir(parents=True, exist_ok=True)
    (directory / "state" / "status").touch()
    sources = directory / "etc" / "sources.list"
    sources.write_text(source + "\n")
    options = {
        "Dir": str(directory),
        "Dir::Etc": str(directory / "etc"),
        "Dir::Etc::SourceParts": str(directory / "none"),
        "Dir::State": str(directory / "state"),
        "Dir::State::status": str(directory / "state" / "status"),
        "Dir::Cache": str(directory / "cache"),
        "Dir::Log": str(directory / "log"),
        "APT::Sandbox::User": "",
        "Acquire::http::Proxy": proxy,
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Debug::NoLocking": "1",
    }
    words = [f"-o{key}={value}" for key, value in options.items()]
    done = subprocess.run(
        ["apt-get", *words, *command],
        cwd=directory,
        env={**os.environ, "LC_ALL": "C", "APT_CONFIG": "/dev/null"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output
