"""What Prometheus' own checker says of the metrics."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.api import counter_descriptions
from i2ptunnel.demo import free_port
from tests.support.appliance import Appliance
from tests.support.fetch_prometheus import promtool
from tests.support.metrics import metrics_page

pytestmark = [pytest.mark.interop, pytest.mark.timeout(60)]


def complaints(text: str) -> str:
    """What promtool has to say; empty if nothing."""
    done = subprocess.run(
        [*promtool(), "check", "metrics", "--extended"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode in (0, 1, 3), done.stderr
    return done.stderr


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[Appliance, int]]:
    """With metrics and something of every kind."""
    address = "127.78.8.1"
    made = Appliance(tmp_path, address, free_port(address, 0))
    port = free_port(address, 0)
    made.config["control"] = {"metrics": {"listen": f"{address}:{port}"}, "console": None}
    made.config["interfaces"] = {"sam": {"listen": f"{address}:7656", "udp": None}}
    made.config["tunnels"] = {
        "browser": {"type": "httpclient", "listen": f"{address}:4444"},
        "site": {"type": "httpserver", "target": f"{address}:80", "keys": "site.dat"},
        "game": {"type": "udpserver", "target": f"{address}:81", "keys": "game.dat"},
    }
    made.start()
    yield made, port
    made.stop(kill=True)


def test_the_metrics_of_a_program_are_as_prometheus_wants_them(
    program: tuple[Appliance, int],
) -> None:
    appliance, port = program
    appliance.wait_up()
    with urllib.request.urlopen(f"http://{appliance.address}:{port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    assert text.count("# TYPE") > 50 and complaints(text) == ""
    # Everything that is counted only when it happens, too.
    status = appliance.status() or {}
    counters: dict[str, dict[str, Any]] = {}
    for room, name, label, _ in counter_descriptions():
        counters.setdefault(room, {})[name] = {"some": 1} if label else 1
    status["router"] |= {"counters": counters, "links_refused": {"address": 1}}
    status["torrents"] = {"state": "listening", "pid": 1, "torrents": [{"state": "seeding"}]}
    status["torrents"] |= {"download_rate": 1, "upload_rate": 1}
    status["tunnels"][0]["refused_access"] = 1
    whole = metrics_page(status)
    assert whole.count("# TYPE") > text.count("# TYPE") + 10 and complaints(whole) == ""


def test_promtool_does_complain() -> None:
    assert "_total" in complaints("# HELP a_bytes Bytes\n# TYPE a_bytes counter\na_bytes 1\n")
