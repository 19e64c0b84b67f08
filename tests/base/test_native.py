"""When the native extra is used and when not; what it does is in tests/native."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import core
from core.base import native

SOURCE = "core/tunnel/meter.py"
CODE = (Path(core.__file__).parents[1] / SOURCE).read_bytes()
ASK = """
import core.tunnel.meter
from core.base import native
print(native.has_twins, native.is_compiled, native.description())
"""


def ask(extra: Path, **environment: str) -> tuple[str, str]:
    """What a fresh process with this extra in its path says, on both outputs."""
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=Path(core.__file__).parents[1],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(extra), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip(), done.stderr


def make_extra(folder: Path, interface: int, manifest: str | None) -> Path:
    """An extra without twins whose compiled module is a file that nothing can load."""
    package = folder / "i2ptunnel_native"
    compiled = package / "compiled"
    (compiled / "core" / "tunnel").mkdir(parents=True)
    (package / "__init__.py").write_text(f"INTERFACE = {interface}\n")
    suffix = __import__("importlib.machinery").machinery.EXTENSION_SUFFIXES[0]
    (compiled / "core" / "tunnel" / f"meter{suffix}").write_bytes(b"no code")
    if manifest is not None:
        (compiled / "MANIFEST").write_text(manifest)
    return folder


def test_compiled_modules_are_used_while_their_sources_are_the_same(tmp_path: Path) -> None:
    digest = sha256(CODE).hexdigest()
    extra = make_extra(tmp_path, native.INTERFACE, f"core.tunnel.meter {digest}\n")
    out, err = ask(extra)
    assert not out  # the broken module was tried, and before anything could be said
    assert "meter" in err


@pytest.mark.parametrize(
    "manifest",
    [
        f"core.tunnel.meter {sha256(CODE + b' ').hexdigest()}\n",
        "core.tunnel.nowhere " + "0" * 64,
        "one\n",
        "",
        None,
    ],
)
def test_compiled_modules_of_other_sources_are_left_aside(
    tmp_path: Path, manifest: str | None
) -> None:
    out, err = ask(make_extra(tmp_path, native.INTERFACE, manifest))
    assert out.startswith("True False native twins; compiled modules left out")
    assert not err


def test_an_extra_with_another_interface_is_left_aside(tmp_path: Path) -> None:
    assert ask(make_extra(tmp_path, 0, None)) == ("False False pure Python", "")


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    extra = make_extra(
        tmp_path, native.INTERFACE, f"core.tunnel.meter {sha256(CODE).hexdigest()}\n"
    )
    assert ask(extra, I2PTUNNEL_NATIVE="0") == ("False False pure Python", "")


def test_without_an_extra(tmp_path: Path) -> None:
    assert ask(tmp_path) == ("False False pure Python", "")
