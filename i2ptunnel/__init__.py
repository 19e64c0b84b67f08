"""The application: I2PTunnel's proxies and servers, declared in YAML, on top of ``core.api``.

An installed wheel has the router's package within this one, for ``core`` is no name to claim in an
environment that others share. It is imported as ``core`` all the same, once this package is.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

#: as in pyproject.toml
__version__ = "0.1.0"

_ROUTER = Path(__file__).parent / "_router"


class _RouterFinder(MetaPathFinder):
    """Finds ``core`` where the wheel has it; what is below it is found as usual."""

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [str(_ROUTER)]) if fullname == "core" else None


def _find_router() -> None:
    if not _ROUTER.is_dir():
        return  # the source tree
    other = sys.modules.get("core")
    if other is not None:
        raise ImportError(
            f"another package named core is in use ({other.__spec__}); import i2ptunnel before it"
        )
    sys.meta_path.insert(0, _RouterFinder())


_find_router()
