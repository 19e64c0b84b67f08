"""The access filter of server tunnels (filter-format.md): who may connect how often.

``15/5``: the 15th attempt of a destination within 5 seconds, and all further ones until there are
fewer, are refused. The first rule that names a destination counts, whether it stands in the
definition or in a file. No I/O: files are given as sets of hashes, and who is to be recorded is
handed out.

What always holds: the number of destinations that are remembered is bounded; the one that was quiet
for longest is forgotten first.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.base.bounded import BoundedMap
from core.base.errors import DecodeError
from core.data.identity import b32_to_hash

DESTINATIONS_MAX = 16_384
RECORDED_MAX = 10_000
LINES_MAX = 100_000
_COUNT_MAX = 10_000
_SECONDS_MAX = 7 * 86400
_NUMERIC = re.compile(r"([0-9]{1,5})/([0-9]{1,6})")


class FilterFault(ValueError):
    """A definition or list that cannot be used. The message names the line."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Breached by the ``count``-th attempt within ``seconds``; 0: always; None: never."""

    count: int | None
    seconds: int = 0


ALLOW = Threshold(None)
DENY = Threshold(0)


@dataclass(frozen=True, slots=True)
class FilterDefinition:
    """``rules``: thresholds with a destination hash or the path of a list; ``recorders``: with the
    path of the file that who breaches them is written to."""

    default: Threshold = ALLOW
    rules: tuple[tuple[Threshold, bytes | Path], ...] = ()
    recorders: tuple[tuple[Threshold, Path], ...] = ()

    @property
    def lists(self) -> frozenset[Path]:
        """The files that are read."""
        return frozenset(where for _, where in self.rules if isinstance(where, Path))

    @property
    def records(self) -> frozenset[Path]:
        """The files that are written."""
        return frozenset(path for _, path in self.recorders)


def parse_definition(text: str, base: Path) -> FilterDefinition:
    """Read a definition; relative paths start at ``base``. Raises FilterFault."""
    default: Threshold | None = None
    rules: list[tuple[Threshold, bytes | Path]] = []
    recorders: list[tuple[Threshold, Path]] = []
    for number, line in _lines(text):
        words = line.split(None, 2)
        if len(words) < 2:
            raise FilterFault(f"line {number}: write a threshold and what it is for")
        threshold = _read_threshold(words[0], number)
        kind, rest = words[1], words[2].strip() if len(words) == 3 else ""
        if (kind == "default") == bool(rest):
            raise FilterFault(f"line {number}: {kind} {'has one word too many' if rest else '…?'}")
        if kind == "default":
            if default is not None:
                raise FilterFault(f"line {number}: the default is set a second time")
            default = threshold
        elif kind == "explicit":
            rules.append((threshold, _read_hash(rest, number)))
        elif kind == "file":
            rules.append((threshold, base / rest))
        elif kind == "record":
            if threshold == ALLOW:
                raise FilterFault(f"line {number}: allow is never breached, nothing is recorded")
            recorders.append((threshold, base / rest))
        else:
            raise FilterFault(f"line {number}: write default, explicit, file or record")
    return FilterDefinition(default or ALLOW, tuple(rules), tuple(recorders))


def parse_list(text: str) -> frozenset[bytes]:
    """The destinations in a list file, one b32 address a line. Raises FilterFault."""
    return frozenset(_read_hash(line, number) for number, line in _lines(text))


def _lines(text: str) -> list[tuple[int, str]]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    used = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(used) > LINES_MAX:
        raise FilterFault(f"more than {LINES_MAX} lines")
    return used


def _read_threshold(word: str, number: int) -> Threshold:
    if word == "allow":
        return ALLOW
    if word == "deny":
        return DENY
    match = _NUMERIC.fullmatch(word)
    if not match:
        raise FilterFault(f"line {number}: a threshold is allow, deny or like 15/5")
    count, seconds = int(match[1]), int(match[2])
    if count == 0:
        return DENY
    if count > _COUNT_MAX or not 1 <= seconds <= _SECONDS_MAX:
        raise FilterFault(
            f"line {number}: at most {_COUNT_MAX} connections in 1 to {_SECONDS_MAX} seconds"
        )
    return Threshold(count, seconds)


def _read_hash(text: str, number: int) -> bytes:
    label = text.lower().removesuffix(".b32.i2p")
    try:
        if len(label) == 52 and label != text.lower():
            return b32_to_hash(label)
    except DecodeError:
        pass
    raise FilterFault(f"line {number}: write a b32 address of 52 characters and .b32.i2p")


@dataclass(slots=True)
class AccessFilter:
    """Decides by a definition and the lists it names."""

    definition: FilterDefinition
    #: path -> hashes that are to be added to that file
    recorded: dict[Path, set[bytes]] = field(default_factory=dict)
    _thresholds: dict[bytes, Threshold] = field(default_factory=dict)
    _attempts: BoundedMap[bytes, deque[float]] = field(
        default_factory=lambda: BoundedMap(DESTINATIONS_MAX)
    )
    _kept_max: int = 1

    def __post_init__(self) -> None:
        used = [self.definition.default]
        used += [threshold for threshold, _ in self.definition.rules]
        used += [threshold for threshold, _ in self.definition.recorders]
        self._kept_max = max((threshold.count or 0 for threshold in used), default=0) or 1
        self.set_lists({})

    def set_lists(self, lists: Mapping[Path, frozenset[bytes]]) -> None:
        """What stands in the files now; a file that is not given is empty."""
        thresholds: dict[bytes, Threshold] = {}
        for threshold, where in self.definition.rules:
            hashes = (where,) if isinstance(where, bytes) else lists.get(where, ())
            for one in hashes:
                thresholds.setdefault(one, threshold)
        self._thresholds = thresholds

    def is_denied(self, destination_hash: bytes) -> bool:
        """Whether it may never connect; counts nothing."""
        return self._threshold(destination_hash) == DENY

    def admit(self, destination_hash: bytes, now: float) -> bool:
        """Count an attempt to connect, and say whether it may."""
        attempts = self._attempts.get(destination_hash)
        if attempts is None:
            attempts = deque(maxlen=self._kept_max)
        self._attempts.put(destination_hash, attempts)
        attempts.append(now)
        for threshold, path in self.definition.recorders:
            if _is_breached(threshold, attempts, now):
                recorded = self.recorded.setdefault(path, set())
                if len(recorded) < RECORDED_MAX:
                    recorded.add(destination_hash)
        return not _is_breached(self._threshold(destination_hash), attempts, now)

    def _threshold(self, destination_hash: bytes) -> Threshold:
        return self._thresholds.get(destination_hash, self.definition.default)


def _is_breached(threshold: Threshold, attempts: deque[float], now: float) -> bool:
    """Whether the attempts, of which the last one is now, are too many."""
    if not threshold.count:
        return threshold.count == 0
    if len(attempts) < threshold.count:
        return False
    return attempts[-threshold.count] > now - threshold.seconds
