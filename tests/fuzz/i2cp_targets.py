"""What both sides of I2CP read: from programs here, from a router there."""

from __future__ import annotations

from core.data.lease_set import Lease, LeaseSet2
from core.data.private_keys import PrivateKeys
from core.i2cp.client import ClientConnection, ClockTold
from core.i2cp.data_messages import MessagePayload, SendMessage, SendMessageExpires
from core.i2cp.lease_messages import CreateLeaseSet2, RequestVariableLeaseSet
from core.i2cp.lookup_messages import BlindingInfo, HostLookup, HostReply
from core.i2cp.messages import Message, parse_message, write_message
from core.i2cp.requests import LoginWanted, SessionWanted
from core.i2cp.server import ServerConnection
from core.i2cp.session_config import SessionConfigStructure
from core.i2cp.session_messages import (
    CreateSession,
    DestroySession,
    GetDate,
    ReconfigureSession,
    SessionStatus,
    SetDate,
)
from tests.fuzz.runner import Target
from tests.support.deterministic import FakeWallClock, SeededEntropy

_NOW_MS = 1_700_000_000_000
_KEYS = PrivateKeys.generate_destination(SeededEntropy("fuzz"))
_OTHER = PrivateKeys.generate_destination(SeededEntropy("other")).destination
_LEASES = (Lease(b"g" * 32, 7, _NOW_MS + 600_000),)
_CONFIG = SessionConfigStructure.build(_KEYS, {"inbound.length": "1"}, _NOW_MS)
_LEASE_SET = LeaseSet2.build(_KEYS, [(4, b"k" * 32)], _LEASES, _NOW_MS, _NOW_MS + 600_000)

_OF_CLIENTS: tuple[Message, ...] = (
    GetDate("0.9.66", {"i2cp.username": "a", "i2cp.password": "b"}),
    CreateSession(_CONFIG),
    ReconfigureSession(1, _CONFIG),
    CreateLeaseSet2(1, _LEASE_SET, ((4, b"p" * 32),)),
    SendMessage(1, _OTHER, b"payload", 1),
    SendMessageExpires(1, _OTHER, b"payload", 1, 0, _NOW_MS),
    HostLookup(1, 1, 1000, 1, "site.i2p"),
    BlindingInfo(1, _OTHER, 11, 1, b"c" * 32, True, "word"),
    DestroySession(1),
)
_OF_ROUTERS: tuple[Message, ...] = (
    SetDate(_NOW_MS, "0.9.66"),
    SessionStatus(1, 1),
    RequestVariableLeaseSet(1, _LEASES),
    MessagePayload(1, 1, b"payload"),
    HostReply(1, 1, 0, _OTHER, {"a": "b"}),
)


def _frame(raw: bytes) -> None:
    message = parse_message(raw[0] if raw else 0, raw[1:])
    if message is not None:
        parse_message(message.kind, message.write())


def _server(raw: bytes) -> None:
    """A connection with a session, whatever it is told."""
    server = ServerConnection(FakeWallClock(), is_guarded=len(raw) % 2 == 1)
    server.receive(b"\x2a" + write_message(_OF_CLIENTS[0]) + write_message(_OF_CLIENTS[1]))
    for data in (b"", raw):
        server.receive(data)
        while (request := server.next_request()) is not None:
            if isinstance(request, LoginWanted):
                server.answer_login(True)
            elif isinstance(request, SessionWanted):
                server.accept_session(len(server.sessions) + 1)
    server.take_output()
    assert len(server.sessions) <= 8


def _client(raw: bytes) -> None:
    client = ClientConnection(_KEYS, {}, FakeWallClock(), 0.0)
    client.receive(write_message(_OF_ROUTERS[0]), 0.0)
    for data in (write_message(_OF_ROUTERS[1]), raw):
        while (event := client.next_event()) is not None:
            if isinstance(event, ClockTold):
                client.begin(0.0)
        client.receive(data, 0.0)
    client.take_output()


TARGETS: tuple[Target, ...] = (
    Target(
        "i2cp message",
        _frame,
        tuple(bytes((one.kind,)) + one.write() for one in (*_OF_CLIENTS, *_OF_ROUTERS)),
    ),
    Target("i2cp server", _server, tuple(map(write_message, _OF_CLIENTS)), ()),
    Target("i2cp client", _client, tuple(map(write_message, _OF_ROUTERS)), ()),
)
