"""Files of keys for each day, made where the long signing key is."""

from __future__ import annotations

import re

import pytest

from core.base.calendar import DAY_S
from core.base.errors import DecodeError, LocalError
from core.data.daily_keys import (
    DAYS_MAX,
    check_daily_keys,
    covered_until_s,
    make_daily_keys,
    parse_daily_keys,
    write_daily_keys,
)
from core.data.lease_set_layers import DailyKey
from core.data.private_keys import PrivateKeys
from tests.support.deterministic import SeededEntropy

ENTROPY = SeededEntropy("daily")
MASTER = PrivateKeys.generate_destination(ENTROPY, 11)
DAY = 20_000
KEYS = make_daily_keys(MASTER, "word", ENTROPY, DAY, 3)


def contents(keys: tuple[DailyKey, ...]) -> list[tuple[int, bytes, bytes, bytes]]:
    return [
        (key.day, key.blinded_public, key.signing.private, key.offline.write())
        for key in keys
        if key.offline is not None
    ]


def test_what_is_written_is_read() -> None:
    data = write_daily_keys(KEYS)
    assert [line.split()[0] for line in data.splitlines()[1:]] == [
        b"2024-10-04",
        b"2024-10-05",
        b"2024-10-06",
    ]
    assert contents(parse_daily_keys(data)) == contents(KEYS)
    assert parse_daily_keys(b"\n# nothing\n") == ()


def test_the_long_key_is_not_in_it_and_the_days_are_not_linked() -> None:
    data = write_daily_keys(KEYS)
    assert MASTER.signing.private not in b"".join(key.signing.private for key in KEYS)
    assert len({key.signing.public for key in KEYS}) == 3
    assert len(set(re.findall(rb" (\S{43})", data))) == 3


@pytest.mark.parametrize("signing_type", [7, 11])
def test_both_blindable_types(signing_type: int) -> None:
    master = PrivateKeys.generate_destination(ENTROPY, signing_type)
    keys = make_daily_keys(master, "", ENTROPY, DAY, 2)
    check_daily_keys(parse_daily_keys(write_daily_keys(keys)), master.destination, "")


def test_keys_of_another_destination_or_secret_are_refused() -> None:
    check_daily_keys(KEYS, MASTER.destination, "word")
    other = PrivateKeys.generate_destination(ENTROPY, 11)
    for destination, secret in ((MASTER.destination, ""), (other.destination, "word")):
        with pytest.raises(DecodeError, match="another destination or secret"):
            check_daily_keys(KEYS, destination, secret)


def test_a_key_under_the_wrong_day_is_refused() -> None:
    data = write_daily_keys(KEYS[:1]).replace(b"2024-10-04", b"2024-10-05")
    with pytest.raises(DecodeError, match="another destination or secret"):
        check_daily_keys(parse_daily_keys(data), MASTER.destination, "word")


def test_a_forged_transient_key_is_refused() -> None:
    good, own = (
        KEYS[0],
        make_daily_keys(PrivateKeys.generate_destination(ENTROPY, 11), "word", ENTROPY, DAY, 1)[0],
    )
    forged = DailyKey(good.day, good.blinded_public, own.signing, own.offline)
    with pytest.raises(DecodeError, match="wrong signature"):
        check_daily_keys((forged,), MASTER.destination, "word")


def test_damaged_files_name_the_line() -> None:
    lines = write_daily_keys(KEYS).splitlines(keepends=True)
    wrong = (
        b"2024-10-05",
        lines[2].replace(b"2024-10-05", b"2024-13-05"),
        lines[2][:-20] + b"\n",
        lines[2].rstrip() + b"AAAA\n",
        b"\xff\xfe\n",
    )
    for line in wrong:
        with pytest.raises(DecodeError, match="line 3 cannot be read"):
            parse_daily_keys(b"".join((*lines[:2], line, *lines[3:])))
    with pytest.raises(DecodeError, match="line 3 is out of order"):
        parse_daily_keys(b"".join((lines[0], lines[2], lines[1])))


def test_the_days_in_a_row() -> None:
    noon = DAY * DAY_S + DAY_S / 2
    assert covered_until_s(KEYS, noon) == (DAY + 3) * DAY_S
    assert covered_until_s((KEYS[0], KEYS[2]), noon) == (DAY + 1) * DAY_S
    assert covered_until_s(KEYS, noon + 3 * DAY_S) == (DAY + 3) * DAY_S
    assert covered_until_s(KEYS[1:], noon) == DAY * DAY_S


def test_what_cannot_be_made() -> None:
    with pytest.raises(LocalError, match="cannot be blinded"):
        make_daily_keys(PrivateKeys.generate_destination(ENTROPY, 1), "", ENTROPY, DAY, 1)
    with pytest.raises(LocalError, match="transient"):
        make_daily_keys(MASTER.authorise_transient(ENTROPY, 9), "", ENTROPY, DAY, 1)
    with pytest.raises(LocalError, match="days"):
        make_daily_keys(MASTER, "", ENTROPY, DAY, DAYS_MAX + 1)
