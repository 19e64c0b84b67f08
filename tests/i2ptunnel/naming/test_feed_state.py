"""What the subscriptions' state comes to in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from i2ptunnel.naming.feed_state import FeedState


def row(fetched_ago_s: float | None, next_in_s: float, failures: int = 0) -> dict[str, Any]:
    return {"fetched_ago_s": fetched_ago_s, "next_in_s": next_in_s, "failures": failures}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "No subscription is set up"),
        ([row(None, 0)], "The subscriptions have not been fetched yet."),
        ([row(None, 90, 2)], "could not be fetched yet. The next attempt follows in 2 min."),
        ([row(3600, 39_600)], "last fetched 60 min ago. The next fetch follows in 11 h."),
        ([row(5, 3), row(None, 60, 1)], "last fetched 1 min ago. The next fetch follows in 1 min."),
        (
            [row(200_000, 7300, 3)],
            "last fetched 2 d ago. The last attempt failed; the next one follows in 2 h.",
        ),
    ],
)
def test_sentences(rows: list[dict[str, Any]], sentence: str) -> None:
    assert sentence in str(FeedState.of(rows))
