"""The collector's settings: full collections stay short, and cycles go in the end."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from core.io import garbage
from core.io.garbage import GarbageCollection


@pytest.fixture
def collection() -> Iterator[GarbageCollection]:
    thresholds = gc.get_threshold()
    made = GarbageCollection()
    try:
        yield made
    finally:
        made.stop()
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        gc.collect()
        gc.freeze()


def test_what_survives_a_long_collection_is_set_aside(
    collection: GarbageCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.start()
    kept = [[] for _ in range(1000)]  # type: ignore[var-annotated]
    gc.collect()
    assert collection.frozen == 0, "it was short"
    monkeypatch.setattr(garbage, "FREEZE_S", 0.0)
    frozen = gc.get_freeze_count()
    gc.collect()
    assert collection.frozen == 1
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_all_is_looked_at_when_the_process_has_grown(
    collection: GarbageCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 100 << 20
    monkeypatch.setattr(garbage, "_resident_bytes", lambda: size)
    monkeypatch.setattr(garbage, "FREEZE_S", 0.0)
    monkeypatch.setattr(garbage, "THAW_EVERY_S", 0.0)
    collection.start()
    gc.collect()
    assert collection.thawed == 0
    size = 300 << 20
    gc.collect()
    gc.collect()
    assert collection.thawed == 1
    monkeypatch.setattr(garbage, "THAW_EVERY_S", 3600.0)
    size = 900 << 20
    gc.collect()
    assert collection.thawed == 1, "not twice in an hour"


def test_it_can_be_stopped_twice(collection: GarbageCollection) -> None:
    collection.stop()
    collection.start()
    collection.stop()
    collection.stop()
    assert collection._on_collection not in gc.callbacks
