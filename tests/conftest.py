"""For all tests."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end; searching them for garbage was an eighth of the time."""
    gc.collect()
    gc.freeze()
