"""The inside of an encrypted lease set: sealing and opening its two layers.

encryptedleaseset.md "Encryption and processing" and "Per-client authorization". The first layer is
readable for everybody who knows the address (and the secret, if there is one); the second needs
the cookie that the first holds encrypted for each authorised client, if clients are authorised.

What always holds: an opened lease set is signed by the destination of the target and was published
under the blinded key of its own day. The signature of the outer layer is the netDb's to check.

The number of clients is hidden by invented ones, and their order changes every time. Without any
client all are invented: nobody gets in (i2pd publishes for everybody then; Java refuses).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

from core.base.calendar import DAY_S, day_number
from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.base.wire import Reader, Writer
from core.crypto.aead import chacha20_xor
from core.crypto.blinding import BLINDED_TYPE, Blinding
from core.crypto.hkdf import hkdf
from core.crypto.signing import SigningKey, SigningType
from core.crypto.x25519 import X25519Key
from core.data.blinded_address import CLIENT_KEY_BYTES, BlindedTarget
from core.data.lease_set import FLAG_OFFLINE, LeaseSet2
from core.data.lease_set_variants import EncryptedLeaseSet, MetaLeaseSet
from core.data.offline import OfflineSignature
from core.data.private_keys import PrivateKeys

#: Java reads at most 4096 bytes of ciphertext; 16 leases and 64 clients stay below.
CLIENTS_MAX = 64
CIPHERTEXT_BYTES_MAX = 4096
#: i2pd: the two layers get their dates one after the other.
DATE_TOLERANCE_MS = 60_000

_SALT_BYTES = 32
_COOKIE_BYTES = 32
_CLIENT_ID_BYTES = 8
_CLIENT_BYTES = _CLIENT_ID_BYTES + _COOKIE_BYTES
_CLIENTS_STEP = 4
_FIRST_BLOCK = 1
_TRANSIENT_GRACE_S = 3600

Inner = LeaseSet2 | MetaLeaseSet
_INNER_TYPES: dict[int, Callable[[bytes], Inner]] = {3: LeaseSet2.parse, 7: MetaLeaseSet.parse}


class ClientKeyRequired(DecodeError):
    """The lease set is for authorised clients only, and no client key was given."""


class ClientKeyRefused(DecodeError):
    """The lease set is not for this client: the key is wrong, or was revoked."""


class AuthScheme(Enum):
    """How clients are authorised; the value is the layer's flag byte."""

    DH = 1
    """The owner knows the X25519 public key of each client."""
    PSK = 3
    """The owner shares a secret with each client."""


def client_public_key(client_key: bytes) -> bytes:
    """What a client gives the owner for DH; its own ``client_key`` is any 32 random bytes."""
    return X25519Key(client_key).public


@dataclass(frozen=True, slots=True)
class ClientAuthorisation:
    """Who may read: public keys (DH) or pre-shared keys (PSK), 32 bytes each, at most 64.

    LocalError if there are too many or one cannot be used.
    """

    scheme: AuthScheme
    keys: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.keys) > CLIENTS_MAX:
            raise LocalError(f"{len(self.keys)} authorised clients, {CLIENTS_MAX} are possible")
        for key in self.keys:
            if len(key) != CLIENT_KEY_BYTES:
                raise LocalError(f"client key of {len(key)} bytes")
            if self.scheme is AuthScheme.DH:
                try:
                    X25519Key(bytes(range(CLIENT_KEY_BYTES))).exchange(key)
                except DecodeError as error:
                    raise LocalError("client key is not an X25519 public key") from error


@dataclass(frozen=True, slots=True)
class DailyKey:
    """What signs the outer layer during one UTC day: the blinded key, or a transient one."""

    day: int
    blinded_public: bytes
    signing: SigningKey = field(repr=False)
    offline: OfflineSignature | None = None


def daily_key(keys: PrivateKeys, blinding: Blinding, day: int) -> DailyKey:
    """The blinded key of ``day``. LocalError if ``keys`` are transient: it is made offline then."""
    if keys.offline is not None:
        raise LocalError("blinded keys cannot be made from a transient signing key")
    signing = blinding.signing_key(keys.signing, day)
    return DailyKey(day, signing.public, signing)


def authorise_days(
    keys: PrivateKeys, blinding: Blinding, entropy: Entropy, first_day: int, count: int
) -> tuple[DailyKey, ...]:
    """Keys for an online router whose owner keeps ``keys`` offline: a transient key for each day.

    A new one every day, so that they do not link the days ("Encrypted LS with Offline Keys").
    """
    made = []
    for day in range(first_day, first_day + count):
        blinded = daily_key(keys, blinding, day)
        transient = SigningKey.generate(entropy, SigningType.ED25519)
        expires_s = (day + 1) * DAY_S + _TRANSIENT_GRACE_S
        unsigned = OfflineSignature(expires_s, SigningType.ED25519, transient.public, b"")
        signature = blinded.signing.sign(unsigned.signed_part())
        offline = OfflineSignature(expires_s, SigningType.ED25519, transient.public, signature)
        made.append(DailyKey(day, blinded.blinded_public, transient, offline))
    return tuple(made)


def seal_lease_set(
    inner: Inner,
    blinding: Blinding,
    key: DailyKey,
    entropy: Entropy,
    authorisation: ClientAuthorisation | None = None,
) -> EncryptedLeaseSet:
    """Encrypt and sign; dates are those of ``inner``. LocalError if ``key`` is of another day."""
    published_s = inner.published_ms // 1000
    if day_number(published_s) != key.day:
        raise LocalError("the blinded key is not of the day of publication")
    binding = blinding.subcredential(key.blinded_public) + published_s.to_bytes(4, "big")
    first = Writer()
    cookie = b""
    if authorisation is None:
        first.u8(0)
    else:
        cookie = entropy.random_bytes(_COOKIE_BYTES)
        _write_clients(first, authorisation, cookie, binding, entropy)
    second = bytes((inner.store_type,)) + inner.raw
    first.raw(_seal(second, cookie + binding, b"ELS2_L2K", entropy))
    encrypted = _seal(first.finish(), binding, b"ELS2_L1K", entropy)
    if len(encrypted) > CIPHERTEXT_BYTES_MAX:
        raise LocalError(f"encrypted lease set of {len(encrypted)} bytes")
    writer = Writer().u16(BLINDED_TYPE).raw(key.blinded_public).u32(published_s)
    writer.u16(inner.expires_ms // 1000 - published_s)
    writer.u16(FLAG_OFFLINE if key.offline else 0)
    if key.offline is not None:
        writer.raw(key.offline.write())
    body = writer.u16(len(encrypted)).raw(encrypted).finish()
    return EncryptedLeaseSet.parse(body + key.signing.sign(b"\x05" + body))


def open_lease_set(outer: EncryptedLeaseSet, target: BlindedTarget) -> Inner:
    """The lease set inside, its signature checked; its lease dates are the caller's to check.

    ClientKeyRequired or ClientKeyRefused if it is not for us, DecodeError for everything else that
    is wrong.
    """
    blinding = target.blinding
    published_s = outer.published_ms // 1000
    if (
        outer.signing_type != BLINDED_TYPE
        or blinding.public_key(day_number(published_s)) != outer.blinded_key
    ):
        raise DecodeError("encrypted lease set under another blinded key")
    binding = blinding.subcredential(outer.blinded_key) + published_s.to_bytes(4, "big")
    reader = Reader(_open(outer.encrypted, binding, b"ELS2_L1K"))
    cookie = _read_clients(reader, target.client_key, binding)
    plain = Reader(_open(reader.rest(), cookie + binding, b"ELS2_L2K"))
    parse = _INNER_TYPES.get(plain.u8())
    if parse is None:
        raise DecodeError("encrypted lease set holds no lease set of a known type")
    inner = parse(plain.rest())
    if not target.address.is_of(inner.destination):
        raise DecodeError("encrypted lease set of another destination")
    if abs(inner.published_ms - outer.published_ms) > DATE_TOLERANCE_MS:
        raise DecodeError("encrypted lease set with another date inside")
    if not inner.verify():
        raise DecodeError("encrypted lease set with a wrong signature inside")
    return inner


def _seal(plain: bytes, ikm: bytes, info: bytes, entropy: Entropy) -> bytes:
    salt = entropy.random_bytes(_SALT_BYTES)
    return salt + _stream(salt, ikm, info, plain)


def _open(sealed: bytes, ikm: bytes, info: bytes) -> bytes:
    if len(sealed) <= _SALT_BYTES:
        raise DecodeError("encrypted layer is too short")
    return _stream(sealed[:_SALT_BYTES], ikm, info, sealed[_SALT_BYTES:])


def _stream(salt: bytes, ikm: bytes, info: bytes, data: bytes) -> bytes:
    keys = hkdf(salt, ikm, info, 44)
    return chacha20_xor(keys[:32], keys[32:], data, _FIRST_BLOCK)


def _write_clients(
    writer: Writer,
    authorisation: ClientAuthorisation,
    cookie: bytes,
    binding: bytes,
    entropy: Entropy,
) -> None:
    """Flag, ephemeral key or salt, and one entry for each client among invented ones."""
    if authorisation.scheme is AuthScheme.DH:
        ephemeral = X25519Key.generate(entropy)
        seed = ephemeral.public
        derive = partial(_dh_keys_for_client, ephemeral, binding=binding)
    else:
        seed = entropy.random_bytes(_SALT_BYTES)
        derive = partial(_psk_keys, seed, binding=binding)
    entries = []
    for key in dict.fromkeys(authorisation.keys):
        keys = derive(key)
        entries.append(keys[44:52] + chacha20_xor(keys[:32], keys[32:44], cookie, _FIRST_BLOCK))
    while not entries or len(entries) % _CLIENTS_STEP:
        entries.append(entropy.random_bytes(_CLIENT_BYTES))
    for index in range(len(entries) - 1, 0, -1):
        other = entropy.randbelow(index + 1)
        entries[index], entries[other] = entries[other], entries[index]
    writer.u8(authorisation.scheme.value).raw(seed).u16(len(entries)).raw(b"".join(entries))


def _read_clients(reader: Reader, client_key: bytes | None, binding: bytes) -> bytes:
    """The cookie: empty if the lease set is for everybody."""
    flags = reader.u8() & 0x0F
    if flags == 0:
        return b""
    if flags not in (AuthScheme.DH.value, AuthScheme.PSK.value):
        raise DecodeError(f"encrypted lease set with authorisation {flags}")
    seed = reader.take(_SALT_BYTES)
    entries = reader.take(reader.u16() * _CLIENT_BYTES)
    if client_key is None:
        raise ClientKeyRequired("the lease set is for authorised clients only")
    if flags == AuthScheme.DH.value:
        keys = _dh_keys_as_client(X25519Key(client_key), seed, binding)
    else:
        keys = _psk_keys(seed, client_key, binding)
    for position in range(0, len(entries), _CLIENT_BYTES):
        if entries[position : position + _CLIENT_ID_BYTES] == keys[44:52]:
            sealed = entries[position + _CLIENT_ID_BYTES : position + _CLIENT_BYTES]
            return chacha20_xor(keys[:32], keys[32:44], sealed, _FIRST_BLOCK)
    raise ClientKeyRefused("the lease set is not for this client key")


def _dh_keys_for_client(ephemeral: X25519Key, client_public: bytes, binding: bytes) -> bytes:
    """The owner's side: key, nonce and identifier (52 bytes) of one client."""
    shared = ephemeral.exchange(client_public)
    return hkdf(ephemeral.public, shared + client_public + binding, b"ELS2_XCA", 52)


def _dh_keys_as_client(client: X25519Key, ephemeral_public: bytes, binding: bytes) -> bytes:
    """The client's side of :func:`_dh_keys_for_client`."""
    shared = client.exchange(ephemeral_public)
    return hkdf(ephemeral_public, shared + client.public + binding, b"ELS2_XCA", 52)


def _psk_keys(salt: bytes, pre_shared: bytes, binding: bytes) -> bytes:
    return hkdf(salt, pre_shared + binding, b"ELS2PSKA", 52)
