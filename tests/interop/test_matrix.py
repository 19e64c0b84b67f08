"""Our router in networks of one transport, one network and one kind of peer each.

``make test`` has every two of these together; ``make matrix`` has all, and a table of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.support.matrix import CELLS, JAVA, PAIRWISE, Cell, Outcome, run_cell

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]

#: networks at once: they wait more than they compute
AT_ONCE = 3
Running = dict[Cell, Future[Outcome]]


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The networks of all cells that are asked for; those of Java, which share ports, alone."""
    asked = [item.callspec.params["cell"] for item in request.session.items if _has_cell(item)]
    together = [cell for cell in asked if cell.peer != JAVA]
    roots = {cell: tmp_path_factory.mktemp(str(cell), numbered=False) for cell in asked}
    with ThreadPoolExecutor(AT_ONCE) as pool, ThreadPoolExecutor(1) as alone:
        yield {
            cell: (pool if cell in together else alone).submit(run_cell, cell, roots[cell])
            for cell in asked
        }


def _has_cell(item: pytest.Item) -> bool:
    return "cell" in getattr(getattr(item, "callspec", None), "params", {})


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, id=str(cell), marks=() if cell in PAIRWISE else pytest.mark.slow)
        for cell in CELLS
    ],
)
def test_links_and_pages_each_way(cell: Cell, running: Running) -> None:
    print(running[cell].result())
