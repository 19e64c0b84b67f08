"""Batches of daily keys: for encrypted lease sets of a destination whose signing key is offline.

encryptedleaseset.md "Encrypted LS with Offline Keys": blinded keys can only be made where the long
signing key is, one for each day; a transient key that it authorised cannot make them. So they are
made in advance and go to the router in a batch, with a transient key of its own for each day, or
the transient key in the outer layer would link the days. The specification defines no file for
them; this is ours, text with a line for each day, in their order::

    2026-11-21 BASE64

where BASE64 holds the blinded public key (32 bytes), the offline signature by it (expiry, transient
type and public key, signature), and the transient private key (32 bytes). Empty lines and those
that begin with ``#`` are comments. Whoever has the file can publish under the address for as long
as its days last, and no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from core.base.calendar import DAY_S, day_number
from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.base.wire import Reader
from core.crypto import signing
from core.crypto.blinding import BLINDED_TYPE, KEY_LENGTH, Blinding
from core.crypto.signing import PRIVATE_KEY_LENGTH, SigningKey, SigningType
from core.data.encoding import b64decode, b64encode
from core.data.identity import Destination
from core.data.lease_set_layers import DailyKey, authorise_days
from core.data.offline import OfflineSignature
from core.data.private_keys import PrivateKeys

DAYS_MAX = 4096
_EPOCH = date(1970, 1, 1)
_HEAD = "# Daily keys of an encrypted lease set: keep them as secret as the key file.\n"


def make_daily_keys(
    keys: PrivateKeys, secret: str, entropy: Entropy, first_day: int, count: int
) -> tuple[DailyKey, ...]:
    """Keys for ``count`` days from day number ``first_day`` on, where ``keys`` are not transient.

    ``secret`` is the word that clients of the lease set must know. LocalError if these keys cannot
    be blinded.
    """
    if count > DAYS_MAX:
        raise LocalError(f"daily keys for {count} days, {DAYS_MAX} are possible")
    return authorise_days(keys, _blinding(keys.destination, secret), entropy, first_day, count)


def write_daily_keys(keys: Iterable[DailyKey]) -> bytes:
    """The file. LocalError for a key that was not made in advance."""
    lines = [_HEAD]
    for key in keys:
        if key.offline is None:
            raise LocalError("a daily key without transient key")
        data = key.blinded_public + key.offline.write() + key.signing.private
        lines.append(f"{_EPOCH + timedelta(key.day):%Y-%m-%d} {b64encode(data)}\n")
    return "".join(lines).encode()


def parse_daily_keys(data: bytes) -> tuple[DailyKey, ...]:
    """Read the file; DecodeError with the number of the line that is wrong.

    Whose keys they are is for :func:`check_daily_keys` to say.
    """
    keys: list[DailyKey] = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        try:
            key = _parse_line(line)
        except (DecodeError, LocalError, ValueError):
            raise DecodeError(f"daily keys: line {number} cannot be read") from None
        if keys and key.day <= keys[-1].day:
            raise DecodeError(f"daily keys: line {number} is out of order")
        keys.append(key)
    if len(keys) > DAYS_MAX:
        raise DecodeError("daily keys: too many days")
    return tuple(keys)


def check_daily_keys(keys: Sequence[DailyKey], destination: Destination, secret: str) -> None:
    """DecodeError unless all of them belong to this destination and secret, each for its day.

    LocalError if the destination cannot be blinded.
    """
    blinding = _blinding(destination, secret)
    for key in keys:
        offline = key.offline
        if blinding.public_key(key.day) != key.blinded_public:
            raise DecodeError("daily keys are those of another destination or secret")
        if offline is None or offline.expires_s < (key.day + 1) * DAY_S:
            raise DecodeError("daily key that ends before its day")
        if not signing.verify(
            BLINDED_TYPE, key.blinded_public, offline.signed_part(), offline.signature
        ):
            raise DecodeError("daily key with a wrong signature")


def covered_until_s(keys: Sequence[DailyKey], wall_s: float) -> int:
    """The end of the days in a row, from today on, that have a key, as unix seconds.

    The beginning of today if there is none for today.
    """
    days = {key.day for key in keys}
    day = day_number(wall_s)
    while day in days:
        day += 1
    return day * DAY_S


def _blinding(destination: Destination, secret: str) -> Blinding:
    return Blinding(destination.signing_type, destination.signing_key, secret)


def _parse_line(line: bytes) -> DailyKey:
    day_text, data = line.decode("ascii").split()
    reader = Reader(b64decode(data))
    blinded_public = reader.take(KEY_LENGTH)
    offline = OfflineSignature.parse(reader, signing.SIGNATURE_LENGTH[BLINDED_TYPE])
    # encryptedleaseset.md "Goals": a transient key must be Ed25519 here.
    if offline.signing_type != SigningType.ED25519:
        raise DecodeError("transient key of another type")
    key = SigningKey(offline.signing_type, reader.take(PRIVATE_KEY_LENGTH[offline.signing_type]))
    reader.expect_end()
    if key.public != offline.signing_key:
        raise DecodeError("private and public transient key differ")
    day = (date.fromisoformat(day_text) - _EPOCH).days
    return DailyKey(day, blinded_public, key, offline)
