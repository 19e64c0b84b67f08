"""A mapping with a bound: the entry that was put longest ago goes first."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from typing import Generic, TypeVar, overload

Key = TypeVar("Key")
Value = TypeVar("Value")
Other = TypeVar("Other")


class BoundedMap(Generic[Key, Value]):
    """At most ``size_max`` entries (1 or more), in the order in which they were last put."""

    __slots__ = ("_entries", "_size_max")

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._entries: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[Key]:
        """Keys, the one put longest ago first."""
        return iter(self._entries)

    def put(self, key: Key, value: Value) -> tuple[Key, Value] | None:
        """Set an entry, which becomes the newest; returns the one that had to go, if any."""
        entries = self._entries
        if key in entries:
            del entries[key]
        elif len(entries) >= self._size_max:
            oldest = next(iter(entries))
            gone = oldest, entries.pop(oldest)
            entries[key] = value
            return gone
        entries[key] = value
        return None

    @overload
    def get(self, key: Key) -> Value | None: ...
    @overload
    def get(self, key: Key, default: Other) -> Value | Other: ...
    def get(self, key: Key, default: Other | None = None) -> Value | Other | None:
        """The value of ``key``, whose age does not change."""
        return self._entries.get(key, default)

    @overload
    def pop(self, key: Key) -> Value | None: ...
    @overload
    def pop(self, key: Key, default: Other) -> Value | Other: ...
    def pop(self, key: Key, default: Other | None = None) -> Value | Other | None:
        """Take an entry out; ``default`` if there is none."""
        return self._entries.pop(key, default)

    def expire(self, is_over: Callable[[Value], bool]) -> None:
        """Drop entries from the oldest on, up to the first whose value is not over."""
        entries = self._entries
        while entries:
            oldest = next(iter(entries))
            if not is_over(entries[oldest]):
                return
            del entries[oldest]

    def keys(self) -> KeysView[Key]:
        """Keys, the one put longest ago first."""
        return self._entries.keys()

    def values(self) -> ValuesView[Value]:
        """Values, in the order of the keys."""
        return self._entries.values()

    def items(self) -> ItemsView[Key, Value]:
        """Keys and values, the one put longest ago first."""
        return self._entries.items()

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
