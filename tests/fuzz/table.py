"""One table of everything that reads what strangers send."""

from __future__ import annotations

from tests.fuzz import (
    app_targets,
    core_targets,
    file_targets,
    i2cp_targets,
    machine_targets,
    sam_targets,
    ssu2_targets,
)
from tests.fuzz.runner import Target

TARGETS: tuple[Target, ...] = (
    *core_targets.TARGETS,
    *machine_targets.TARGETS,
    *ssu2_targets.TARGETS,
    *app_targets.TARGETS,
    *sam_targets.TARGETS,
    *i2cp_targets.TARGETS,
    *file_targets.TARGETS,
)
