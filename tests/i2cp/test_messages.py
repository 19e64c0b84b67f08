"""Every message of I2CP: written and read again, cut short, and the examples of the text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.base.errors import DecodeError
from core.base.wire import Reader
from core.crypto.signing import SigningType
from core.data.encoding import b64encode
from core.data.identity import Destination
from core.data.lease_set import Lease, LeaseSet2
from core.data.private_keys import PrivateKeys
from core.i2cp.data_messages import (
    MessagePayload,
    MessageStatus,
    ReceiveMessageBegin,
    ReceiveMessageEnd,
    SendMessage,
    SendMessageExpires,
    Status,
)
from core.i2cp.frames import BODY_BYTES_MAX, FrameReader
from core.i2cp.lease_messages import CreateLeaseSet2, RequestLeaseSet, RequestVariableLeaseSet
from core.i2cp.lookup_messages import (
    BlindingInfo,
    DestLookup,
    DestReply,
    HostLookup,
    HostReply,
    LookupType,
)
from core.i2cp.messages import MESSAGES, Message, parse_message, write_message
from core.i2cp.session_config import SessionConfigStructure
from core.i2cp.session_messages import (
    BandwidthLimits,
    CreateSession,
    DestroySession,
    Disconnect,
    GetBandwidthLimits,
    GetDate,
    ReconfigureSession,
    SessionState,
    SessionStatus,
    SetDate,
)
from tests.support.deterministic import SeededEntropy

NOW_MS = 1_700_000_000_000
KEYS = PrivateKeys.generate_destination(SeededEntropy("i2cp"))
DESTINATION = KEYS.destination
CONFIG = SessionConfigStructure.build(KEYS, {"inbound.length": "1", "a": "b"}, NOW_MS)
LEASES = (Lease(b"g" * 32, 7, NOW_MS + 600_000), Lease(b"h" * 32, 8, NOW_MS + 300_000))
LEASE_SET = LeaseSet2.build(
    KEYS, [(4, b"k" * 32)], [Lease(b"g" * 32, 7, NOW_MS)], NOW_MS, NOW_MS + 600_000
)

MESSAGES_SENT: list[Message] = [
    GetDate("0.9.66"),
    GetDate("0.9.66", {"i2cp.username": "me", "i2cp.password": "secret"}),
    SetDate(NOW_MS, "0.9.66"),
    CreateSession(CONFIG),
    ReconfigureSession(3, CONFIG),
    DestroySession(3),
    SessionStatus(3, SessionState.CREATED),
    Disconnect("over"),
    GetBandwidthLimits(),
    BandwidthLimits(1, 2, 3, 4, 5, 6, 7),
    RequestVariableLeaseSet(3, LEASES),
    RequestLeaseSet(3, (LEASES[0],)),
    CreateLeaseSet2(3, LEASE_SET, ((4, b"p" * 32),)),
    SendMessage(3, DESTINATION, b"payload", 9),
    SendMessageExpires(3, DESTINATION, b"payload", 9, 0x0100, NOW_MS),
    MessageStatus(3, 4, Status.NO_LEASE_SET, 0, 9),
    MessagePayload(3, 4, b"payload"),
    ReceiveMessageBegin(3, 4),
    ReceiveMessageEnd(3, 4),
    HostLookup(3, 4, 10_000, LookupType.HASH, b"h" * 32),
    HostLookup(3, 4, 10_000, LookupType.NAME, "site.i2p"),
    HostLookup(3, 4, 10_000, LookupType.HASH_OPTIONS, b"h" * 32),
    HostLookup(3, 4, 10_000, LookupType.NAME_OPTIONS, "site.i2p"),
    HostLookup(3, 4, 10_000, LookupType.DESTINATION_OPTIONS, DESTINATION),
    HostReply(3, 4, 1),
    HostReply(3, 4, 0, DESTINATION),
    HostReply(3, 4, 0, DESTINATION, {"_smtp._tcp": "1 86400 0 0 25 mail.b32.i2p"}),
    DestLookup(b"h" * 32),
    DestReply(DESTINATION),
    DestReply(b"h" * 32),
    DestReply(None),
    BlindingInfo(3, b"h" * 32, 11, NOW_MS // 1000),
    BlindingInfo(3, "site.i2p", 11, 1, b"c" * 32, True, "word"),
    BlindingInfo(3, DESTINATION, 11, 1, b"c" * 32),
    BlindingInfo(3, (7, b"s" * 32), 11, 1, None, False, "word"),
]
#: of these a shorter one is another right message
_MAY_BE_CUT = (
    BandwidthLimits,
    GetDate,
    SetDate,
    GetBandwidthLimits,
    HostReply,
    DestReply,
    CreateLeaseSet2,
    CreateSession,
    ReconfigureSession,
)


@pytest.mark.parametrize("message", MESSAGES_SENT, ids=lambda one: type(one).__name__)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    reader = FrameReader()
    data = write_message(message)
    for byte in data:  # in the smallest pieces
        assert reader.next() is None
        reader.feed(bytes((byte,)))
    frame = reader.next()
    assert frame is not None
    assert parse_message(*frame) == message
    assert not reader.is_inside


@pytest.mark.parametrize("message", MESSAGES_SENT, ids=lambda one: type(one).__name__)
def test_a_message_that_is_cut_is_malformed(message: Message) -> None:
    body = message.write()
    for size in range(0, len(body), max(1, len(body) // 40)):
        try:
            parsed = parse_message(message.kind, body[:size])
        except DecodeError:
            continue
        assert isinstance(parsed, _MAY_BE_CUT), size


def test_every_message_is_in_the_test() -> None:
    assert {type(one) for one in MESSAGES_SENT} | {MESSAGES[4]} == set(MESSAGES.values())


def test_a_type_that_is_not_known_is_no_fault() -> None:
    assert parse_message(99, b"whatever") is None


def test_a_message_that_is_too_long_is_refused_by_its_header() -> None:
    reader = FrameReader()
    reader.feed((BODY_BYTES_MAX + 1).to_bytes(4, "big") + b"\x20")
    with pytest.raises(DecodeError):
        reader.next()


def test_the_body_of_set_date_is_a_date_and_a_string() -> None:
    assert SetDate(1, "0.9.66").write() == bytes(7) + b"\x01\x060.9.66"


def test_the_options_of_a_session_config_are_sorted_and_signed() -> None:
    assert CONFIG.signed[len(DESTINATION.raw) :].startswith(
        b"\x00\x19\x01a=\x01b;\x0einbound.length=\x011;"
    )
    assert CONFIG.verify()
    assert not replace(CONFIG, signed=CONFIG.signed[:-1] + b"!").verify()


def test_offline_keys_sign_a_session_config_and_its_options_say_so() -> None:
    transient = KEYS.authorise_transient(SeededEntropy(1), NOW_MS // 1000 + 60)
    config = SessionConfigStructure.build(transient, {}, NOW_MS)
    read = SessionConfigStructure.read(Reader(config.write()))
    assert read.verify()
    assert read.offline == transient.offline
    assert read.destination == DESTINATION
    late = SessionConfigStructure.build(transient, {}, NOW_MS + 61_000)
    assert not late.verify()
    other = PrivateKeys.generate_destination(SeededEntropy(2))
    forged = replace(config, destination=other.destination)
    assert not forged.verify()


def test_java_writes_the_type_of_a_transient_key_by_its_name() -> None:
    transient = KEYS.authorise_transient(SeededEntropy(1), NOW_MS // 1000 + 60)
    assert transient.offline is not None
    key = b64encode(transient.offline.signing_key)
    for text in (f"EdDSA_SHA512_Ed25519:{key}", f"7:{key}"):
        options = {
            "i2cp.leaseSetTransientPublicKey": text,
            "i2cp.leaseSetOfflineExpiration": str(transient.offline.expires_s),
            "i2cp.leaseSetOfflineSignature": b64encode(transient.offline.signature),
        }
        assert replace(CONFIG, options=options).offline == transient.offline
    for wrong in ("x:AAAA", "7:AAAA", "7:****", f"99:{key}"):
        with pytest.raises(DecodeError):
            _ = replace(
                CONFIG, options={**options, "i2cp.leaseSetTransientPublicKey": wrong}
            ).offline


def test_an_identity_is_followed_by_what_comes_after_it() -> None:
    message = SendMessage.parse(SendMessage(1, DESTINATION, b"x" * 5, 2).write())
    assert isinstance(message.destination, Destination)
    assert (message.payload, message.nonce) == (b"x" * 5, 2)
    assert SigningType(message.destination.signing_type) is SigningType.ED25519
