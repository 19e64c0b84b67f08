"""The metrics page of a status, as Prometheus' oldest format has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import generate_latest

from i2ptunnel.metrics import Figures


def metrics_page(status: Mapping[str, Any]) -> str:
    """What ``GET /metrics`` answers."""
    return generate_latest(Figures(status)).decode()
