"""Native twins of the hottest classes and functions, where the optional extra is installed.

The extra lives in core/native and is built separately (``make native``). What is marked
:func:`accelerated` is then replaced by what the extra has under the same name: same interface, same
results, same errors, on libcrypto instead of the interpreter. The pure form stays the reference, is
what runs without the extra, and always stays within reach in ``pure_twins`` for the tests.

The environment variable ``I2PTUNNEL_NATIVE=0`` leaves the extra out.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import TypeVar

INTERFACE = 1
"""What the twins look like; an extra built for another one is not used."""

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


_native = _load()
is_native = _native is not None
"""True if the extra is in use."""


def accelerated(pure: T) -> T:
    """Mark a class or function that has a native twin; returns the twin if there is one."""
    name: str = pure.__name__  # type: ignore[attr-defined]
    pure_twins[name] = pure
    twin: T = getattr(_native, name, pure)
    return twin
