"""Whether and when the subscriptions were fetched, for people who miss a name. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from i2ptunnel.health import Sentence

NO_SUBSCRIPTIONS = "No subscription is set up, so new names do not arrive by themselves."
NOT_FETCHED = (
    "The subscriptions have not been fetched yet. This happens as soon as the router is ready."
)
NEVER_SUCCEEDED = "The subscriptions could not be fetched yet. The next attempt follows in {next}."
FETCHED = "The subscriptions were last fetched {ago} ago. The next fetch follows in {next}."
LAST_FAILED = (
    "The subscriptions were last fetched {ago} ago. The last attempt failed; the next one follows "
    "in {next}."
)
#: what a page of a proxy can show
TEMPLATES = (NO_SUBSCRIPTIONS, NOT_FETCHED, NEVER_SUCCEEDED, FETCHED, LAST_FAILED)


@dataclass(frozen=True, slots=True)
class FeedState:
    """Times in seconds. ``fetched_ago_s`` None: never. ``has_failed``: the last fetch of each."""

    count: int
    fetched_ago_s: float | None = None
    next_in_s: float = 0.0
    has_failed: bool = False

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]]) -> FeedState:
        """From what ``feeds.describe`` says of each subscription."""
        ages = [row["fetched_ago_s"] for row in rows if row["fetched_ago_s"] is not None]
        return cls(
            len(rows),
            min(ages, default=None),
            min((row["next_in_s"] for row in rows), default=0.0),
            bool(rows) and all(row["failures"] for row in rows),
        )

    @property
    def sentence(self) -> Sentence:
        """What to say about it."""
        if not self.count:
            return Sentence(NO_SUBSCRIPTIONS)
        following = {"next": show_span(self.next_in_s)}
        if self.fetched_ago_s is None:
            return (
                Sentence(NEVER_SUCCEEDED, following) if self.has_failed else Sentence(NOT_FETCHED)
            )
        values = {"ago": show_span(self.fetched_ago_s), **following}
        return Sentence(LAST_FAILED if self.has_failed else FETCHED, values)

    @property
    def clause(self) -> str:
        """The sentence in English without its end, in the middle of a message."""
        text = str(self)
        return text[0].lower() + text[1:].removesuffix(".")

    def __str__(self) -> str:
        """The sentence in English."""
        return str(self.sentence)


def show_span(seconds: float) -> str:
    """``5 min``, ``3 h``, ``2 d``: at least a minute, in units that all languages know."""
    minutes = max(1, round(seconds / 60))
    if minutes < 120:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} d"
