"""The metrics page of a status, as Prometheus' oldest format has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from i2ptunnel.metrics import write_metrics


def metrics_page(status: Mapping[str, Any]) -> str:
    """What ``GET /metrics`` answers."""
    return asyncio.run(write_metrics(status))[0].decode()
