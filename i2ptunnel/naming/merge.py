"""What a subscription feed does to the router book (specs/subscription.md).

First come, first served: a line without command never touches a name that is known. Who owns a
name's destination may change or take away what is known, by signed commands. The private and the
local book belong to the user: no feed reads the one or changes either, and a name that stands in
the local book is passed over.

Against replay: a command older than what made an entry is stale, and a destination that was taken
away comes back only by a command that is newer than the removal. Commands may stand before the line
they build on, so those that do not fit yet are tried again until nothing moves any more.

Java: changedest takes all destinations of a name away. Java lets ``update`` replace a destination
that it does not match and ``addsubdomain`` name a parent from the middle of a name; here both are
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum

from core.base.errors import DecodeError
from core.data.identity import Destination
from i2ptunnel.naming.hosts_line import LINE_CHARACTERS_MAX, Action, HostsLine, parse_line
from i2ptunnel.naming.names import is_below
from i2ptunnel.naming.store import DESTINATIONS_MAX, Book, Entry, Gone, Transaction

ENTRIES_MAX = 200_000
LINES_MAX = 400_000
#: base64 characters of a destination that a feed may bring (naming document)
DESTINATION_CHARACTERS_MAX = 616
BATCH_LINES = 1000
WAITING_MAX = 1000
#: names that stay as they are although a feed has another destination, told one by one
CLAIMS_MAX = 500
#: malformed lines that are told one by one
FAULTS_SHOWN_MAX = 5
_PASSES_MAX = 16
_CHECK_EVERY = 200
#: clocks differ; a line dated further ahead would make later ones stale
_FUTURE_MAX_S = 86_400


@dataclass(slots=True)
class MergeResult:
    """How many lines did what."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    #: nothing new
    known: int = 0
    #: another destination for a known name, without the right to it
    conflicts: int = 0
    #: not signed as they must be
    unsigned: int = 0
    malformed: int = 0
    #: expired, or older than what is known
    stale: int = 0
    #: names the user keeps for himself or does not want, and what is beyond the limits
    passed_over: int = 0
    #: of the conflicts: name -> the hash that the feed has for it
    claims: dict[str, bytes] = field(default_factory=dict)
    #: the first malformed lines, with their numbers and what is wrong
    first_faults: list[str] = field(default_factory=list)

    def count_conflict(self, line: HostsLine) -> None:
        """Somebody else's destination for a known name."""
        self.conflicts += 1
        if len(self.claims) < CLAIMS_MAX:
            self.claims[line.name] = line.destination.hash

    @property
    def total(self) -> int:
        """Lines that were looked at, whatever came of them."""
        return sum(count for count in asdict(self).values() if isinstance(count, int))

    @property
    def has_changes(self) -> bool:
        """Whether a book is another one now."""
        return bool(self.added or self.changed or self.removed)


class _Outcome(Enum):
    """What one command did; the names are those of :class:`MergeResult`'s counters."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    KNOWN = "known"
    STALE = "stale"
    PASSED_OVER = "passed_over"
    #: what it builds on is not there (yet)
    CONFLICT = "conflicts"


def prepare(
    feed: bytes | bytearray,
    known: Mapping[str, Mapping[bytes, bool]],
    now: float,
    result: MergeResult,
    check: Callable[[], None] = lambda: None,
) -> Iterator[list[HostsLine]]:
    """The lines of a feed that may change something, parsed and verified, in batches.

    The slow part, of which nothing large is kept. ``known`` is ``Store.known()``; what is certainly
    nothing new is counted and left out. ``check`` is called now and then and may raise.
    """
    batch: list[HostsLine] = []
    for number, raw in enumerate(_lines(feed)):
        if number % _CHECK_EVERY == 0:
            check()
        if number >= LINES_MAX:
            result.passed_over += 1
            continue
        try:
            line = parse_line(raw)
        except DecodeError as error:
            result.malformed += 1
            if len(result.first_faults) < FAULTS_SHOWN_MAX:
                result.first_faults.append(f"line {number + 1}: {error}")
            continue
        if line is not None and _is_wanted(line, known, now, result):
            batch.append(line)
            if len(batch) >= BATCH_LINES:
                yield batch
                batch = []
    if batch:
        yield batch


def _lines(feed: bytes | bytearray) -> Iterator[str]:
    start = 0
    while start < len(feed):
        end = feed.find(b"\n", start)
        end = len(feed) if end < 0 else end
        # What is cut off here is too long in any case.
        yield feed[start : min(end, start + 2 * LINE_CHARACTERS_MAX)].decode("utf-8", "replace")
        start = end + 1


def _is_wanted(
    line: HostsLine, known: Mapping[str, Mapping[bytes, bool]], now: float, result: MergeResult
) -> bool:
    """Whether a line may change something; counts it if not."""
    hashes = known.get(line.name)
    if line.action is Action.ADD and hashes is not None:
        is_signed = hashes.get(line.destination.hash)
        if is_signed is None:
            result.count_conflict(line)
            return False
        if is_signed or not line.has_signature:
            result.known += 1
            return False
    if len(line.destination.raw) * 4 > DESTINATION_CHARACTERS_MAX * 3:
        result.malformed += 1
    elif line.properties and not line.is_signed_properly():
        result.unsigned += 1
    elif (line.expires is not None and line.expires <= now) or (
        line.date is not None and line.date > now + _FUTURE_MAX_S
    ):
        result.stale += 1
    else:
        return True
    return False


def apply(
    lines: list[HostsLine],
    transaction: Transaction,
    source: str,
    now: float,
    result: MergeResult,
    check: Callable[[], None] = lambda: None,
) -> list[HostsLine]:
    """Carry prepared lines out in the router book; returns commands that do not fit (yet).

    Give those back together with the next batch; those left at the end are conflicts.
    """
    merge = _Merge(transaction, source, int(now))
    waiting = lines
    for _ in range(_PASSES_MAX):
        still: list[HostsLine] = []
        for number, line in enumerate(waiting):
            if number % _CHECK_EVERY == 0:
                check()
            outcome = merge.carry_out(line)
            is_command = line.action is not Action.ADD
            if outcome is _Outcome.CONFLICT and is_command and len(still) < WAITING_MAX:
                still.append(line)
            elif outcome is _Outcome.CONFLICT:
                result.count_conflict(line)
            else:
                setattr(result, outcome.value, getattr(result, outcome.value) + 1)
        if not still or len(still) == len(waiting):
            return still
        waiting = still
    return waiting


def with_preferred(entries: list[Entry], new: Entry) -> list[Entry]:
    """``entries`` with ``new`` at its place: stronger signatures first, then newer ones."""
    others = [entry for entry in entries if entry.hash != new.hash]
    strength = _strength(new)
    place = 0
    while place < len(others) and _strength(others[place]) > strength:
        place += 1
    return [*others[:place], new, *others[place:]][:DESTINATIONS_MAX]


# Signing types that clients prefer: EdDSA, then ECDSA, then DSA; RSA is never met.
_STRENGTHS = {7: 3, 11: 3, 1: 2, 2: 2, 3: 2, 0: 1}


def _strength(entry: Entry) -> int:
    destination = entry.parsed()
    return 0 if destination is None else _STRENGTHS.get(destination.signing_type, 0)


class _Merge:
    """Carries out verified lines, one after the other."""

    def __init__(self, transaction: Transaction, source: str, now: int) -> None:
        self._book = transaction
        self._source = source
        self._now = now
        self._free = ENTRIES_MAX - transaction.count(Book.ROUTER)

    def carry_out(self, line: HostsLine) -> _Outcome:
        if line.action is Action.REMOVE:
            return self._remove(line, [line.name])
        if line.action is Action.REMOVE_ALL:
            held = self._book.entries_with(line.destination.hash, Book.ROUTER)
            return self._remove(line, [entry.name for entry in held])
        if self._book.entries_of(line.name, Book.LOCAL):
            return _Outcome.PASSED_OVER
        gone = self._book.gone(line.name)
        if b"" in gone:
            return _Outcome.PASSED_OVER
        if _is_refused(gone.get(line.destination.hash), line):
            return _Outcome.STALE
        held = self._book.entries_of(line.name, Book.ROUTER)
        same = next((entry for entry in held if entry.hash == line.destination.hash), None)
        if same is not None and line.has_signature and _is_older(line, same):
            return _Outcome.STALE
        match line.action:
            case Action.CHANGE_DESTINATION:
                return self._change_destination(line, held, same)
            case Action.ADD_DESTINATION:
                return self._add_destination(line, held, same)
            case Action.CHANGE_NAME:
                return self._change_name(line, held, same)
            case Action.UPDATE:
                return self._update(line, held, same)
        return self._add(line, held, same)

    def _add(self, line: HostsLine, held: list[Entry], same: Entry | None) -> _Outcome:
        """add, addname and addsubdomain."""
        if same is not None:
            if line.has_signature and not same.line:
                self._replace(line, held, same)
            return _Outcome.KNOWN
        if held or not self._is_backed(line):
            return _Outcome.CONFLICT
        return self._write(line, [])

    def _is_backed(self, line: HostsLine) -> bool:
        """Whether the older name, if it is known, agrees."""
        if line.action is Action.ADD:
            return True
        parents = self._book.entries_of(line.old_name)
        parents = [entry for entry in parents if entry.book is not Book.PRIVATE]
        wanted = line.destination
        if line.action is Action.ADD_SUBDOMAIN:
            assert line.old_destination is not None
            wanted = line.old_destination
            if not is_below(line.name, line.old_name):
                return False
        return not parents or any(entry.hash == wanted.hash for entry in parents)

    def _change_destination(
        self, line: HostsLine, held: list[Entry], same: Entry | None
    ) -> _Outcome:
        old = line.old_destination
        assert old is not None
        if same is not None:
            return _Outcome.KNOWN
        replaced = next((entry for entry in held if entry.hash == old.hash), None)
        if held and replaced is None:
            return _Outcome.CONFLICT
        if replaced is not None and _is_older(line, replaced):
            return _Outcome.STALE
        lost = {old.hash, *(entry.hash for entry in held)}
        self._free += len(held)
        outcome = self._write(line, [])
        if outcome is _Outcome.ADDED:
            for digest in lost:
                self._book.write_gone(Gone(line.name, digest, self._now, line.date))
        return _Outcome.CHANGED if held and outcome is _Outcome.ADDED else outcome

    def _add_destination(self, line: HostsLine, held: list[Entry], same: Entry | None) -> _Outcome:
        old = line.old_destination
        assert old is not None
        if same is not None:
            return _Outcome.KNOWN
        if held and all(entry.hash != old.hash for entry in held):
            return _Outcome.CONFLICT
        if len(held) >= DESTINATIONS_MAX:
            return _Outcome.PASSED_OVER
        outcome = self._write(line, held)
        return _Outcome.CHANGED if held and outcome is _Outcome.ADDED else outcome

    def _change_name(self, line: HostsLine, held: list[Entry], same: Entry | None) -> _Outcome:
        if held and same is None:
            return _Outcome.CONFLICT
        old = self._book.entries_of(line.old_name, Book.ROUTER)
        moved = next((entry for entry in old if entry.hash == line.destination.hash), None)
        if old and moved is None and same is None:
            return _Outcome.CONFLICT
        if moved is not None and _is_older(line, moved):
            return _Outcome.STALE
        if same is None:
            outcome = self._write(line, [])
            if outcome is not _Outcome.ADDED:
                return outcome
        if moved is not None:
            self._take(moved, line.date, "")
            return _Outcome.CHANGED
        return _Outcome.KNOWN if same is not None else _Outcome.ADDED

    def _update(self, line: HostsLine, held: list[Entry], same: Entry | None) -> _Outcome:
        if same is None:
            return _Outcome.CONFLICT if held else self._write(line, [])
        if same.line == line.text:
            return _Outcome.KNOWN
        self._replace(line, held, same)
        return _Outcome.CHANGED

    def _remove(self, line: HostsLine, names: list[str]) -> _Outcome:
        digest = line.destination.hash
        outcome = _Outcome.KNOWN
        for name in names:
            held = self._book.entries_of(name, Book.ROUTER)
            entry = next((entry for entry in held if entry.hash == digest), None)
            if entry is None:
                continue
            if _is_older(line, entry):
                outcome = _Outcome.STALE if outcome is _Outcome.KNOWN else outcome
                continue
            self._take(entry, line.date, line.text)
            outcome = _Outcome.REMOVED
        return outcome

    def _take(self, entry: Entry, date: int | None, text: str) -> None:
        held = self._book.entries_of(entry.name, Book.ROUTER)
        rest = [other for other in held if other.hash != entry.hash]
        self._book.write_name(Book.ROUTER, entry.name, rest)
        self._book.write_gone(Gone(entry.name, entry.hash, self._now, date, text))
        self._free += 1

    def _write(self, line: HostsLine, held: list[Entry]) -> _Outcome:
        if self._free <= 0:
            return _Outcome.PASSED_OVER
        self._free -= 1
        new = self._entry(line.name, line.destination, line, self._now)
        self._book.write_name(Book.ROUTER, line.name, with_preferred(held, new))
        self._book.delete_gone(line.name, new.hash)
        return _Outcome.ADDED

    def _replace(self, line: HostsLine, held: list[Entry], same: Entry) -> None:
        new = self._entry(line.name, line.destination, line, same.added)
        entries = [new if entry is same else entry for entry in held]
        self._book.write_name(Book.ROUTER, line.name, entries)

    def _entry(self, name: str, destination: Destination, line: HostsLine, added: int) -> Entry:
        return Entry(
            Book.ROUTER,
            name,
            destination.hash,
            destination.raw,
            added=added,
            modified=self._now,
            date=line.date,
            source=self._source,
            line=line.text if line.has_signature else "",
        )


def _is_older(line: HostsLine, entry: Entry) -> bool:
    """Whether a line was made before what made the entry; without a date it may have been."""
    return entry.date is not None and (line.date is None or line.date < entry.date)


def _is_refused(gone: Gone | None, line: HostsLine) -> bool:
    """Whether a line brings back what was taken away after it was made."""
    if gone is None:
        return False
    if not line.has_signature or line.date is None:
        return True
    return gone.date is not None and line.date <= gone.date
