"""What tells implementations apart: RouterInfos and build records, described for comparison."""

from __future__ import annotations

from dataclasses import dataclass, fields

from core.base.wire import Reader
from core.data.router_info import RouterInfo

_SHORT_FLAGS = 40
_SHORT_UNUSED = slice(41, 44)
_SHORT_EXPIRATION = slice(48, 52)
_SHORT_OPTIONS = 56
_SHORT_CLEAR_BYTES = 154
_PADDING = slice(32, 352)
"""Of the router's identity, between the X25519 and the Ed25519 key."""


@dataclass(frozen=True)
class RouterInfoTraits:
    """Everything in a RouterInfo but keys, dates and addresses."""

    options: tuple[str, ...]
    version: str
    caps: str
    certificate: str
    #: whether the padding of the identity is one block of 32 bytes, repeated
    padding_repeats: bool
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, info: RouterInfo) -> RouterInfoTraits:
        identity = info.identity.raw
        padding = identity[_PADDING]
        blocks = {padding[at : at + 32] for at in range(0, len(padding), 32)}
        return cls(
            tuple(info.options),
            info.options["router.version"],
            info.caps,
            identity[384:].hex(),
            len(blocks) == 1,
            tuple(
                f"{one.style} cost {one.cost}: {' '.join(one.options)}" for one in info.addresses
            ),
        )


@dataclass(frozen=True)
class BuildTraits:
    """What is the same in all short build records of a creator."""

    records: int
    unused: str
    other_flags: int
    expiration_s: int
    options: str
    #: what is behind the options: "zero", "random" (another one in each record), or "other"
    padding: str

    @classmethod
    def of(cls, counts: list[int], records: list[bytes]) -> list[BuildTraits]:
        """Of the cleartexts of records, and the number of records in each message."""
        found = {}
        paddings = []
        for count, clear in zip(counts, records, strict=True):
            assert len(clear) == _SHORT_CLEAR_BYTES
            size = Reader(clear, _SHORT_OPTIONS).u16()
            options = clear[_SHORT_OPTIONS : _SHORT_OPTIONS + 2 + size]
            paddings.append(clear[_SHORT_OPTIONS + 2 + size :])
            traits = (
                count,
                clear[_SHORT_UNUSED].hex(),
                clear[_SHORT_FLAGS] & 0x3F,
                int.from_bytes(clear[_SHORT_EXPIRATION], "big"),
                options.hex(),
            )
            found[traits] = None
        begins = {padding[:16] for padding in paddings}
        ends = {padding[-16:] for padding in paddings}
        if not any(map(any, paddings)):
            padding = "zero"
        else:
            padding = "random" if len(begins) == len(ends) == len(records) else "other"
        return [cls(*traits, padding) for traits in found]


def differences(ours: object, theirs: object) -> dict[str, tuple[object, object]]:
    """Traits that differ: name, ours, theirs."""
    assert type(ours) is type(theirs)
    pairs = (
        (one.name, getattr(ours, one.name), getattr(theirs, one.name))
        for one in fields(ours)  # type: ignore[arg-type]
    )
    return {name: (a, b) for name, a, b in pairs if a != b}
