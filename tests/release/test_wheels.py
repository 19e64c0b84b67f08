"""What users install runs: the wheels, each in an environment of its own."""

from __future__ import annotations

import pytest

from release import wheels

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_both_wheels_are_installed_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    wheels.main([])
    told = capsys.readouterr().out
    assert told.count("valid: 3 tunnels") == 2
    assert told.count("200, 455 B: 'Hello from I2P'") == 2
    assert told.count("pure Python") == 1
