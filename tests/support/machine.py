"""How busy this machine is, for bounds that hold on a busy one."""

from __future__ import annotations

import subprocess
import sys

_WORK_S = 0.1
_WORK = f"""
import time
began, before = time.monotonic(), time.process_time()
while time.process_time() - before < {_WORK_S}:
    pass
print(time.monotonic() - began)
"""


def slowdown() -> float:
    """How many times as long a program computes now as if it were alone; at least 1.0."""
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", _WORK], capture_output=True, text=True, check=True
    )
    return max(1.0, float(done.stdout) / _WORK_S)
