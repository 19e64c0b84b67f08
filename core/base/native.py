"""The optional native extra: twins of the hottest code on libcrypto, and hot rooms compiled.

The extra lives in core/native and is built separately (``make native``). It has two parts:

* *twins*: what is marked :func:`accelerated` is replaced by what the extra has under the same name.
  Same interface, same results, same errors; the pure form is the reference and always stays within
  reach in ``pure_twins`` for the tests;
* *compiled modules*: the hot rooms, compiled from their own source. They are used only while every
  source is byte for byte the one that was compiled.

Without the extra everything runs as it is written. ``I2PTUNNEL_NATIVE=0`` in the environment leaves
it out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TypeVar

INTERFACE = 4
"""What the twins look like; an extra built for another one is not used."""

_GROUP = "i2ptunnel_hot__mypyc"
"""What holds the code of all compiled modules."""

T = TypeVar("T")

pure_twins: dict[str, object] = {}
"""By name: everything that is marked, in its pure form."""


def _load() -> ModuleType | None:
    if os.environ.get("I2PTUNNEL_NATIVE") == "0":
        return None
    try:
        module = import_module("i2ptunnel_native")
    except ImportError:
        return None
    return module if getattr(module, "INTERFACE", None) == INTERFACE else None


class _CompiledModules(MetaPathFinder):
    """Finds compiled modules under their own names; ``folder`` is laid out as the sources are."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._files = {
            name: folder.joinpath(*name.split(".")).with_suffix(EXTENSION_SUFFIXES[0])
            for name in (*names, _GROUP)
        }

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(fullname)
        if file is None:
            return None
        loader = ExtensionFileLoader(fullname, str(file))
        return spec_from_file_location(fullname, file, loader=loader)


def _use_compiled(extra: ModuleType) -> bool:
    folder = Path(extra.__path__[0]) / "compiled"
    root = Path(__file__).parents[2]
    try:
        lines = (folder / "MANIFEST").read_text().splitlines()
        digests = dict(line.split() for line in lines)
        for name, digest in digests.items():
            source = root.joinpath(*name.split(".")).with_suffix(".py")
            if sha256(source.read_bytes()).hexdigest() != digest:
                return False
    except (OSError, ValueError):
        return False
    if digests:
        sys.meta_path.insert(0, _CompiledModules(folder, list(digests)))
    return bool(digests)


_extra = _load()
has_twins = _extra is not None
"""True if the twins are in use."""
is_compiled = _extra is not None and _use_compiled(_extra)
"""True if the compiled modules are in use."""


def description() -> str:
    """Which of the extra is in use, in words for a log."""
    if not has_twins:
        return "pure Python"
    if not is_compiled:
        return "native twins; compiled modules left out, their sources have changed since"
    return "native twins and compiled modules"


def accelerated(pure: T) -> T:
    """Mark a class or function that has a native twin; returns the twin if there is one."""
    name: str = pure.__name__  # type: ignore[attr-defined]
    pure_twins[name] = pure
    twin: T = getattr(_extra, name, pure)
    return twin
