"""Descriptors: the limit is raised, the shares fit into it."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from core.io.descriptors import LIMIT_MAX, DescriptorBudget, count_open
from core.transport.records import LinkLimits

_RAISE = """
import resource
from core.io.descriptors import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("limit", [64, 256, 1024, 20_000, 65_536, LIMIT_MAX])
def test_the_shares_fit_into_the_limit(limit: int) -> None:
    budget = DescriptorBudget.of(limit)
    assert min(budget.own, budget.local, budget.outbound, budget.inbound) >= 8
    assert budget.own + budget.local + budget.outbound + budget.inbound <= limit
    limits = budget.link_limits()
    assert limits.inbound_max == budget.inbound and limits.outbound_max == budget.outbound
    assert limits.handshakes_max < limits.inbound_max and limits.dials_max < limits.outbound_max
    if limit >= 20_000:
        assert limits == LinkLimits()


def test_the_soft_limit_is_raised_to_the_hard_one_and_never_lowered() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else LIMIT_MAX
    for soft, top in ((256, min(4096, most)), (300, 300)):
        done = subprocess.run(
            [sys.executable, "-c", _RAISE.format(soft=soft, hard=top)],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        assert done.stdout.split() == [str(top)] * 3


def test_open_descriptors_are_counted() -> None:
    before = count_open()
    with open("/dev/null", "rb"):
        assert count_open() == before + 1
