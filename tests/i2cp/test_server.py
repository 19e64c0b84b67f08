"""The router's side of I2CP: one test for each thing that the specification says of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core.data.lease_set import Lease, LeaseSet2
from core.data.private_keys import PrivateKeys
from core.i2cp.data_messages import (
    FLAG_NO_LEASE_SET,
    MessagePayload,
    MessageStatus,
    SendMessage,
    SendMessageExpires,
    Status,
)
from core.i2cp.frames import FrameReader
from core.i2cp.lease_messages import CreateLeaseSet2, RequestLeaseSet, RequestVariableLeaseSet
from core.i2cp.lookup_messages import (
    DestLookup,
    DestReply,
    HostLookup,
    HostReply,
    LookupResult,
    LookupType,
)
from core.i2cp.messages import API_VERSION, Message, parse_message, write_message
from core.i2cp.requests import (
    Ended,
    LeaseSetSigned,
    LimitsWanted,
    LoginWanted,
    LookupWanted,
    Request,
    SendWanted,
    SessionChanged,
    SessionEnded,
    SessionWanted,
)
from core.i2cp.server import LOOKUPS_MAX, SESSIONS_MAX, ServerConnection
from core.i2cp.session_config import SessionConfigStructure
from core.i2cp.session_messages import (
    NO_SESSION,
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
from tests.support.deterministic import FakeWallClock, SeededEntropy

KEYS = PrivateKeys.generate_destination(SeededEntropy("client"))
OTHER = PrivateKeys.generate_destination(SeededEntropy("other")).destination
LEASES = (Lease(b"g" * 32, 7, 1_700_000_600_000),)


class Client:
    """A client that speaks to a connection and notes what comes back."""

    def __init__(self, *, is_guarded: bool = False, version: str = "0.9.66") -> None:
        self.wall = FakeWallClock()
        self.server = ServerConnection(self.wall, is_guarded=is_guarded)
        self.server.receive(b"\x2a")
        self.version = version
        self._frames = FrameReader()

    def say(self, *messages: Message) -> list[Request]:
        return self.say_bytes(b"".join(write_message(one) for one in messages))

    def say_bytes(self, data: bytes) -> list[Request]:
        self.server.receive(data)
        requests = []
        while (request := self.server.next_request()) is not None:
            requests.append(request)
        return requests

    def heard(self) -> list[Message]:
        self._frames.feed(self.server.take_output())
        heard = []
        while (frame := self._frames.next()) is not None:
            message = parse_message(*frame)
            assert message is not None
            heard.append(message)
        return heard

    def config(
        self, options: Mapping[str, str] | None = None, keys: PrivateKeys = KEYS, late_s: float = 0
    ) -> SessionConfigStructure:
        date_ms = int((self.wall.now() - late_s) * 1000)
        return SessionConfigStructure.build(keys, options or {}, date_ms)

    def open(self, number: int = 1, **options: str) -> Client:
        self.say(GetDate(self.version))
        self.say(
            CreateSession(self.config({key.replace("_", "."): v for key, v in options.items()}))
        )
        self.server.accept_session(number)
        self.heard()
        return self


def test_another_first_byte_closes_at_once_and_without_a_word() -> None:
    server = ServerConnection(FakeWallClock())
    server.receive(b"GET / HTTP/1.1\r\n\r\n")
    assert server.next_request() == Ended("")
    assert server.is_over and server.take_output() == b""


def test_get_date_is_answered_with_the_clock_and_the_version() -> None:
    client = Client()
    assert client.say(GetDate("0.9.66")) == []
    assert client.heard() == [SetDate(1_700_000_000_000, API_VERSION)]


def test_a_session_is_created_at_once() -> None:
    client = Client()
    client.say(GetDate("0.9.66"))
    (request,) = client.say(CreateSession(client.config({"inbound.length": "1"})))
    assert isinstance(request, SessionWanted) and request.is_primary
    assert request.config.options == {"inbound.length": "1"}
    client.server.accept_session(5)
    assert client.heard()[1:] == [SessionStatus(5, SessionState.CREATED)]


@pytest.mark.parametrize("late_s", [31, -31])
def test_a_session_config_from_another_time_is_invalid(late_s: float) -> None:
    client = Client()
    assert client.say(CreateSession(client.config(late_s=late_s))) == []
    assert client.heard() == [SessionStatus(NO_SESSION, SessionState.INVALID)]
    assert client.say(CreateSession(client.config(late_s=late_s / 2)))


def test_a_session_config_with_a_wrong_signature_is_invalid() -> None:
    client = Client()
    body = CreateSession(client.config()).write()
    client.say_bytes(len(body).to_bytes(4, "big") + b"\x01" + body[:-1] + bytes((body[-1] ^ 1,)))
    assert client.heard() == [SessionStatus(NO_SESSION, SessionState.INVALID)]
    assert not client.server.is_over


def test_a_session_config_that_cannot_be_read_is_invalid() -> None:
    client = Client()
    assert client.say_bytes(b"\x00\x00\x00\x03\x01abc") == []
    assert client.heard() == [SessionStatus(0, SessionState.INVALID)]


def test_offline_keys_open_a_session() -> None:
    client = Client()
    keys = KEYS.authorise_transient(SeededEntropy(1), 1_700_000_100)
    (request,) = client.say(CreateSession(client.config(keys=keys)))
    assert isinstance(request, SessionWanted)
    assert request.config.destination == KEYS.destination


def test_there_are_several_sessions_and_not_more_than_a_few() -> None:
    client = Client().open()
    for number in range(2, SESSIONS_MAX + 1):
        keys = PrivateKeys.generate_destination(SeededEntropy(number))
        (request,) = client.say(CreateSession(client.config(keys=keys)))
        assert isinstance(request, SessionWanted) and not request.is_primary
        client.server.accept_session(number)
    client.heard()
    keys = PrivateKeys.generate_destination(SeededEntropy(99))
    assert client.say(CreateSession(client.config(keys=keys))) == []
    assert client.heard() == [SessionStatus(NO_SESSION, SessionState.REFUSED)]


def test_the_end_of_a_subsession_is_the_end_of_it_alone() -> None:
    client = Client().open(1)
    keys = PrivateKeys.generate_destination(SeededEntropy(2))
    client.say(CreateSession(client.config(keys=keys)))
    client.server.accept_session(2)
    client.heard()
    assert client.say(DestroySession(2)) == [SessionEnded(2)]
    assert client.heard() == [] and not client.server.is_over


def test_the_end_of_the_primary_session_ends_the_connection() -> None:
    client = Client().open(1)
    assert client.say(DestroySession(1)) == [Ended("")]
    assert client.heard() == [SessionStatus(1, SessionState.DESTROYED)]
    assert client.server.is_over


def test_options_are_merged_when_a_session_is_reconfigured() -> None:
    client = Client().open(1, inbound_length="3")
    config = client.config({"outbound.length": "1"})
    assert client.say(ReconfigureSession(1, config)) == [
        SessionChanged(1, {"inbound.length": "3", "outbound.length": "1"})
    ]
    assert client.heard() == [SessionStatus(1, SessionState.UPDATED)]
    foreign = client.config(keys=PrivateKeys.generate_destination(SeededEntropy(3)))
    assert client.say(ReconfigureSession(1, foreign), ReconfigureSession(9, config)) == []
    assert client.heard() == [
        SessionStatus(1, SessionState.INVALID),
        SessionStatus(9, SessionState.INVALID),
    ]


def test_a_lease_set_is_requested_with_the_end_of_each_lease() -> None:
    client = Client().open(1)
    client.server.request_lease_set(1, LEASES)
    assert client.heard() == [RequestVariableLeaseSet(1, LEASES)]
    old = Client(version="0.9.6").open(1)
    old.server.request_lease_set(1, LEASES)
    assert old.heard() == [RequestLeaseSet(1, LEASES)]


def test_a_lease_set_is_taken_for_own_sessions_only() -> None:
    client = Client().open(1)
    date_ms = 1_700_000_000_000
    lease_set = LeaseSet2.build(KEYS, [(4, b"k" * 32)], LEASES, date_ms, date_ms + 600_000)
    keys = ((4, b"p" * 32),)
    assert client.say(CreateLeaseSet2(1, lease_set, keys), CreateLeaseSet2(2, lease_set, keys)) == [
        LeaseSetSigned(1, lease_set, keys)
    ]


def test_a_message_with_a_nonce_is_accepted_and_then_told_of() -> None:
    client = Client().open(1)
    assert client.say(SendMessage(1, OTHER, b"payload", 9)) == [
        SendWanted(1, OTHER, b"payload", 9, True)
    ]
    client.server.tell_status(1, 9, Status.GUARANTEED_SUCCESS)
    assert client.heard() == [
        MessageStatus(1, 9, Status.ACCEPTED, 0, 9),
        MessageStatus(1, 9, Status.GUARANTEED_SUCCESS, 0, 9),
    ]


def test_without_reliability_only_the_last_status_is_told() -> None:
    client = Client().open(1, i2cp_messageReliability="none")
    assert len(client.say(SendMessage(1, OTHER, b"payload", 9))) == 1
    client.server.tell_status(1, 9, Status.NO_LEASE_SET)
    assert client.heard() == [MessageStatus(1, 9, Status.NO_LEASE_SET, 0, 9)]


def test_a_message_without_a_nonce_gets_no_status() -> None:
    client = Client().open(1)
    client.say(SendMessage(1, OTHER, b"payload", 0), SendMessage(1, OTHER, b"", 0))
    client.server.tell_status(1, 0, Status.NO_LEASE_SET)
    assert client.heard() == []


def test_flags_and_expiration_count() -> None:
    client = Client().open(1, i2cp_messageReliability="none")
    now_ms = int(client.wall.now() * 1000)
    late = SendMessageExpires(1, OTHER, b"late", 1, 0, now_ms - 1)
    quiet = SendMessageExpires(1, OTHER, b"quiet", 0, FLAG_NO_LEASE_SET, now_ms + 1)
    assert client.say(late, quiet) == [SendWanted(1, OTHER, b"quiet", 0, False)]
    assert client.heard() == [MessageStatus(1, 1, Status.EXPIRED, 0, 1)]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (SendMessage(7, OTHER, b"payload", 9), Status.BAD_SESSION),
        (SendMessage(1, OTHER, b"", 9), Status.BAD_MESSAGE),
        (SendMessage(1, KEYS.destination, b"payload", 9), Status.LOOPBACK),
    ],
)
def test_a_message_that_cannot_be_sent_has_its_status(message: Message, status: Status) -> None:
    client = Client().open(1, i2cp_messageReliability="none")
    assert client.say(message) == []
    (heard,) = client.heard()
    assert isinstance(heard, MessageStatus) and heard.status == status


def test_payloads_have_numbers_of_their_own_in_each_session() -> None:
    client = Client().open(1)
    client.server.deliver(1, b"one")
    client.server.deliver(1, b"two")
    client.server.deliver(2, b"to nobody")
    assert client.heard() == [MessagePayload(1, 1, b"one"), MessagePayload(1, 2, b"two")]


@pytest.mark.parametrize(
    ("kind", "target", "with_options"),
    [
        (LookupType.HASH, b"h" * 32, False),
        (LookupType.NAME, "site.i2p", False),
        (LookupType.HASH_OPTIONS, b"h" * 32, True),
        (LookupType.NAME_OPTIONS, "site.i2p", True),
        (LookupType.DESTINATION_OPTIONS, OTHER, True),
    ],
)
def test_lookups_of_all_types(kind: LookupType, target: bytes | str, with_options: bool) -> None:
    client = Client().open(1)
    (request,) = client.say(HostLookup(1, 77, 5_000, kind, target))
    assert request == LookupWanted(1, 1, target, with_options, 5.0)
    options = {"a": "b"} if with_options else None
    client.server.answer_lookup(1, LookupResult.SUCCESS, OTHER, options)
    assert client.heard() == [HostReply(1, 77, 0, OTHER, options)]


def test_a_lookup_needs_no_session() -> None:
    client = Client()
    (request,) = client.say(HostLookup(NO_SESSION, 3, 0, LookupType.NAME, "site.i2p"))
    assert isinstance(request, LookupWanted) and request.session_id is None
    client.server.answer_lookup(request.key, LookupResult.FAILURE)
    assert client.heard() == [HostReply(NO_SESSION, 3, LookupResult.FAILURE)]


def test_a_lookup_of_another_type_is_not_supported() -> None:
    client = Client().open(1)
    assert client.say(HostLookup(1, 3, 0, 9, b"what")) == []
    assert client.heard() == [HostReply(1, 3, LookupResult.TYPE_UNSUPPORTED)]


def test_the_old_lookup_is_answered_with_a_destination_or_the_hash() -> None:
    client = Client().open(1)
    requests = client.say(DestLookup(OTHER.hash), DestLookup(b"h" * 32))
    assert [type(one) for one in requests] == [LookupWanted, LookupWanted]
    client.server.answer_lookup(1, LookupResult.SUCCESS, OTHER)
    client.server.answer_lookup(2, LookupResult.FAILURE)
    assert client.heard() == [DestReply(OTHER), DestReply(b"h" * 32)]


def test_too_many_lookups_fail_at_once() -> None:
    client = Client().open(1)
    lookups = [HostLookup(1, n, 0, LookupType.HASH, b"h" * 32) for n in range(LOOKUPS_MAX + 1)]
    assert len(client.say(*lookups)) == LOOKUPS_MAX
    assert client.heard() == [HostReply(1, LOOKUPS_MAX, LookupResult.FAILURE)]


def test_bandwidth_limits_are_told_in_kilobytes() -> None:
    client = Client()
    assert client.say(GetBandwidthLimits()) == [LimitsWanted()]
    client.server.answer_limits(4_000_000, 2_000_000)
    (limits,) = client.heard()
    assert isinstance(limits, BandwidthLimits)
    assert (limits.client_inbound, limits.client_outbound) == (4000, 2000)
    assert len(limits.write()) == 64


def test_users_come_with_the_greeting() -> None:
    client = Client(is_guarded=True)
    greeting = GetDate("0.9.66", {"i2cp.username": "me", "i2cp.password": "secret"})
    assert client.say(greeting) == [LoginWanted("me", "secret")]
    client.server.answer_login(True)
    assert [type(one) for one in client.heard()] == [SetDate]
    assert client.say(CreateSession(client.config()))


def test_a_wrong_password_ends_the_connection() -> None:
    client = Client(is_guarded=True)
    client.say(GetDate("0.9.66"))
    client.server.answer_login(False)
    assert client.heard() == [Disconnect("authorization failed")]
    assert client.server.is_over


def test_nothing_goes_before_the_password() -> None:
    client = Client(is_guarded=True)
    assert client.say(GetBandwidthLimits()) == [Ended("authorization required")]
    assert client.heard() == [Disconnect("authorization required")]


@pytest.mark.parametrize("data", [b"\xff" * 5, b"\x00\x00\x00\x01\x05\x00"])
def test_a_malformed_message_ends_the_connection_with_a_reason(data: bytes) -> None:
    client = Client().open(1)
    (ended,) = client.say_bytes(data)
    assert isinstance(ended, Ended) and "malformed" in ended.reason
    (heard,) = client.heard()
    assert isinstance(heard, Disconnect)
    assert client.say(GetDate("0.9.66")) == []  # nothing more is read


def test_a_type_that_is_not_known_is_passed_over() -> None:
    client = Client()
    assert client.say_bytes(b"\x00\x00\x00\x02\x63ab") == []
    assert not client.server.is_over


def test_a_disconnect_ends_it() -> None:
    assert Client().open(1).say(Disconnect("bye")) == [Ended("")]
