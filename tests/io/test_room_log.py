"""At debug each room says what changed in it, once."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from core.io.room_log import RoomLog


def figures(**changed: int) -> SimpleNamespace:
    names = (
        *("links", "bytes_received", "bytes_sent", "builds_started", "builds_succeeded"),
        *("exploratory_inbound", "exploratory_outbound", "transit_tunnels", "transit_accepted"),
        *("routers", "floodfills"),
    )
    return SimpleNamespace(**(dict.fromkeys(names, 0) | changed))


def test_only_changes_are_told(caplog: pytest.LogCaptureFixture) -> None:
    log = RoomLog()
    with caplog.at_level(logging.DEBUG):
        log.tell(figures(), sessions=1, client_tunnels=0)
        assert [record.name for record in caplog.records] == [
            *("core.transport", "core.tunnel", "core.netdb", "core.client")
        ]
        caplog.clear()
        log.tell(figures(links=3), sessions=1, client_tunnels=0)
        assert [record.getMessage() for record in caplog.records] == [
            "transport: links 3, bytes_received 0, bytes_sent 0"
        ]
    caplog.clear()
    with caplog.at_level(logging.INFO):
        log.tell(figures(links=4), sessions=1, client_tunnels=0)
    assert caplog.records == []
