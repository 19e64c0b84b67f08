"""How busy the machine is: by the loop's lag, and by the memory that is left."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from core.io.loop import RouterLoop
from core.io.machine_load import LAG_FULL_S, LAG_WINDOW_S, MachineLoad

MB = 1024 * 1024


def system(root: Path, available_mb: int, limit: str = "max", used_mb: int = 0) -> Path:
    """The files of a machine that has so much memory left, and of our control group there."""
    group = root / "sys/fs/cgroup/system.slice/router.service"
    for directory in (root / "proc/self", group):
        directory.mkdir(parents=True, exist_ok=True)
    (root / "proc/meminfo").write_text(
        f"MemTotal: 2097152 kB\nMemAvailable: {available_mb * 1024} kB\n"
    )
    (root / "proc/self/cgroup").write_text("0::/system.slice/router.service\n")
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text(f"{used_mb * MB}\n")
    (group / "memory.stat").write_text(f"anon 5\ninactive_file {40 * MB}\nslab 7\n")
    return root


@pytest.mark.parametrize(
    ("left_mb", "load"), [(1000, 0.0), (129, 0.0), (128, 0.7), (80, 0.85), (32, 1.0), (0, 1.1)]
)
def test_little_memory_left_is_load(tmp_path: Path, left_mb: int, load: float) -> None:
    assert MachineLoad(None, system(tmp_path, left_mb)).read() == pytest.approx(load)


def test_the_limit_of_the_control_group_counts_without_cached_files(tmp_path: Path) -> None:
    root = system(tmp_path, 10_000, limit=str(500 * MB), used_mb=460)
    assert MachineLoad(None, root).read() == pytest.approx(0.85)


def test_a_system_without_such_files_has_no_load(tmp_path: Path) -> None:
    assert MachineLoad(None, tmp_path).read() == 0.0


def test_the_lag_of_a_loop_is_half_of_a_turn_that_never_ends(tmp_path: Path) -> None:
    loop = RouterLoop()

    async def main() -> tuple[float, float]:
        load = MachineLoad(loop.turn_meter, tmp_path)
        await asyncio.sleep(0)
        load.read()
        began = time.perf_counter()
        for _ in range(5):
            await asyncio.sleep(0)
            time.sleep(0.1)
        await asyncio.sleep(0)
        busy = load.read()
        elapsed_s = time.perf_counter() - began
        await asyncio.sleep(0.2)
        return busy / (elapsed_s / LAG_WINDOW_S), load.read()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        busy, idle = runner.run(main())
    # Turns of 0.1 s without pause: 0.05 s of waiting, more if others have the processor.
    assert 0.45 <= busy * LAG_FULL_S / 0.1 <= 2.0
    assert idle < busy * 0.1
