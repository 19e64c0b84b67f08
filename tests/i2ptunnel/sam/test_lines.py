"""What the lines of SAM say, without a connection."""

from __future__ import annotations

import pytest

from core.data.encoding import b64encode
from i2ptunnel.sam.protocol.datagrams import (
    Arrived,
    forwarded_header,
    read_packet,
    received_line,
)
from i2ptunnel.sam.protocol.line import (
    Command,
    LineFault,
    format_line,
    format_result,
    may_be_hello,
    parse_line,
)
from i2ptunnel.sam.protocol.requests import (
    Refused,
    read_add,
    read_create,
    read_stream,
    signature_type_of,
    target_host,
)
from i2ptunnel.sam.protocol.routing import check_listen, options_to_tell
from i2ptunnel.sam.protocol.session_options import HYBRID_TYPES, PLAIN_TYPES, read_options
from i2ptunnel.sam.protocol.versions import negotiate


def command(line: str) -> Command:
    parsed = parse_line(line.encode())
    assert parsed is not None
    return parsed


@pytest.mark.parametrize(
    ("line", "verb", "action", "options"),
    [
        ("HELLO VERSION", "HELLO", "VERSION", {}),
        ("hello version MIN=3.0  MAX=3.3\r", "HELLO", "VERSION", {"MIN": "3.0", "MAX": "3.3"}),
        ('X Y a="b c" d=e', "X", "Y", {"a": "b c", "d": "e"}),
        (r'X Y a="\"b\\ c" d=\"e', "X", "Y", {"a": '"b\\ c', "d": '"e'}),
        ("X Y a= b c=", "X", "Y", {"a": "", "b": "", "c": ""}),
        ('X Y a=""', "X", "Y", {"a": ""}),
        ("X Y a=b=c==", "X", "Y", {"a": "b=c=="}),
        ("X Y ключ=значение", "X", "Y", {"ключ": "значение"}),
        (r"X Y path=C:\x", "X", "Y", {"path": r"C:\x"}),
        ("SESSION", "SESSION", "", {}),
    ],
)
def test_words_and_values(line: str, verb: str, action: str, options: dict[str, str]) -> None:
    parsed = command(line)
    assert (parsed.verb, parsed.action, dict(parsed.options)) == (verb, action, options)


def test_what_follows_ping_is_no_option() -> None:
    assert command("PING a=b  c").text == "a=b  c"
    assert command("ping").text == ""
    assert parse_line(b"") is None
    assert parse_line(b"   \r") is None


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (b'STREAM CONNECT ID="a', "STREAM STATUS"),
        (b"NAMING LOOKUP NAME=\xff", "NAMING REPLY"),
        (b"SESSION CREATE ID=a ID=b", "SESSION STATUS"),
        (b"DEST GENERATE =x", "DEST REPLY"),
        (b"STREAM ID=x", "STREAM STATUS"),
    ],
)
def test_what_is_no_command_is_answered_with_the_right_word(line: bytes, head: str) -> None:
    with pytest.raises(LineFault) as caught:
        parse_line(line)
    assert caught.value.head == head


def test_replies_quote_what_needs_it() -> None:
    assert format_result("STREAM STATUS", "OK") == b"STREAM STATUS RESULT=OK\n"
    assert format_result("A B", "I2P_ERROR", 'no "x"\n') == (
        b'A B RESULT=I2P_ERROR MESSAGE="no \\"x\\" "\n'
    )
    line = format_line("A B", {"NAME": "a b", "OPTION:x": "1 2", "V": "abc~-=="})
    assert line == b'A B NAME="a b" OPTION:x="1 2" V=abc~-==\n'
    assert parse_line(line.rstrip(b"\n")) is not None


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (b"", True),
        (b"HEL", True),
        (b"hello version", True),
        (b"HELLO\n", True),
        (b"HELLOX", False),
        (b"GET / HTTP/1.1\r\n", False),
        (b"POST /", False),
        (b"\x16\x03\x01", False),
        (b" HELLO", False),
        (b"HEAD / HTTP/1.1", False),
    ],
)
def test_only_hello_opens_the_door(start: bytes, answer: bool) -> None:
    assert may_be_hello(start) is answer


@pytest.mark.parametrize(
    ("minimum", "maximum", "version"),
    [
        (None, None, (3, 3)),
        ("3.0", "3.9", (3, 3)),
        ("3.1", "3.1", (3, 1)),
        ("3.0", "3.2", (3, 2)),
        ("3", "3", (3, 3)),
        (None, "3.1", (3, 1)),
        ("3.2", None, (3, 3)),
        ("2.0", "3.0", (3, 0)),
        ("3.4", "4.0", None),
        ("1.0", "2.9", None),
        ("3.3", "3.1", None),
    ],
)
def test_the_highest_version_of_both(
    minimum: str | None, maximum: str | None, version: tuple[int, int] | None
) -> None:
    assert negotiate(minimum, maximum) == version


@pytest.mark.parametrize("text", ["x", "3.x", "3.1.2", "-3", "3.", "99999"])
def test_a_version_is_two_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="version"):
        negotiate(text, None)


def test_create_reads_its_own_options_and_leaves_the_others() -> None:
    request = read_create(
        command(
            "SESSION CREATE STYLE=RAW ID=x DESTINATION=TRANSIENT SIGNATURE_TYPE=ed25519 PORT=9 "
            "FROM_PORT=1 TO_PORT=2 PROTOCOL=200 HEADER=true inbound.length=1 sam.udp.port=3"
        )
    )
    assert (request.style.name, request.id, request.signature_type) == ("RAW", "x", 7)
    assert (request.port, request.from_port, request.to_port) == (9, 1, 2)
    assert (request.protocol, request.listen_protocol, request.header) == (200, 200, True)
    assert dict(request.options) == {"inbound.length": "1"}


@pytest.mark.parametrize(
    "line",
    [
        "SESSION CREATE ID=x DESTINATION=TRANSIENT",
        "SESSION CREATE STYLE=OTHER ID=x DESTINATION=TRANSIENT",
        "SESSION CREATE STYLE=STREAM DESTINATION=TRANSIENT",
        "SESSION CREATE STYLE=STREAM ID=x",
        'SESSION CREATE STYLE=STREAM ID="a b" DESTINATION=TRANSIENT',
        "SESSION CREATE STYLE=STREAM ID=x DESTINATION=TRANSIENT SIGNATURE_TYPE=99",
        "SESSION CREATE STYLE=STREAM ID=x DESTINATION=TRANSIENT SIGNATURE_TYPE=RSA_SHA256_2048",
        "SESSION CREATE STYLE=STREAM ID=x DESTINATION=TRANSIENT FROM_PORT=65536",
        "SESSION CREATE STYLE=STREAM ID=x DESTINATION=TRANSIENT FROM_PORT=-1",
        "SESSION CREATE STYLE=STREAM ID=x DESTINATION=TRANSIENT PROTOCOL=9",
        "SESSION CREATE STYLE=RAW ID=x DESTINATION=TRANSIENT PORT=1 PROTOCOL=17",
        "SESSION CREATE STYLE=RAW ID=x DESTINATION=TRANSIENT PORT=0",
        "SESSION CREATE STYLE=RAW ID=x DESTINATION=TRANSIENT HEADER=yes",
        "SESSION CREATE STYLE=PRIMARY ID=x DESTINATION=TRANSIENT PORT=1",
        "SESSION CREATE STYLE=STREAM ID=x DESTINATION=TRANSIENT LISTEN_PORT=1",
    ],
)
def test_what_create_refuses(line: str) -> None:
    with pytest.raises(Refused) as caught:
        read_create(command(line))
    assert caught.value.result == "I2P_ERROR"


def test_a_subsession_listens_where_it_sends_from() -> None:
    one = read_add(command("SESSION ADD STYLE=STREAM ID=x FROM_PORT=7"))
    other = read_add(command("SESSION ADD STYLE=RAW ID=y PORT=1 PROTOCOL=30 LISTEN_PORT=8"))
    assert (one.listen_port, one.listen_protocol) == (7, 6)
    assert (other.listen_port, other.listen_protocol) == (8, 30)
    check_listen(other, [one])
    with pytest.raises(Refused):
        check_listen(
            read_add(command("SESSION ADD STYLE=STREAM ID=z LISTEN_PORT=7 FROM_PORT=7")), [one]
        )


@pytest.mark.parametrize(
    "line",
    [
        "SESSION ADD STYLE=STREAM ID=x FROM_PORT=7 LISTEN_PORT=8",
        "SESSION ADD STYLE=RAW ID=x PORT=1 LISTEN_PROTOCOL=6",
        "SESSION ADD STYLE=STREAM ID=x DESTINATION=TRANSIENT",
        "SESSION ADD STYLE=PRIMARY ID=x",
    ],
)
def test_what_add_refuses(line: str) -> None:
    with pytest.raises(Refused):
        read_add(command(line))


@pytest.mark.parametrize(
    "line",
    [
        "STREAM CONNECT ID=x",
        "STREAM CONNECT DESTINATION=y",
        "STREAM FORWARD ID=x",
        "STREAM FORWARD ID=x PORT=0",
        "STREAM ACCEPT ID=x SILENT=maybe",
        "STREAM OTHER ID=x",
    ],
)
def test_what_stream_refuses(line: str) -> None:
    with pytest.raises(Refused):
        read_stream(command(line))


def test_signature_types_have_names_and_numbers() -> None:
    assert signature_type_of({}) == 0
    assert signature_type_of({"SIGNATURE_TYPE": "EdDSA_SHA512_Ed25519"}) == 7
    assert signature_type_of({"SIGNATURE_TYPE": "ECDSA_SHA256_P256"}) == 1
    assert signature_type_of({"SIGNATURE_TYPE": "11"}) == 11


def test_forwarding_goes_back_to_the_client_only() -> None:
    assert target_host("", "192.168.1.5") == "192.168.1.5"
    assert target_host("192.168.1.5", "192.168.1.5") == "192.168.1.5"
    assert target_host("localhost", "127.0.0.1") == "127.0.0.1"
    assert target_host("127.0.0.2", "127.0.0.1") == "127.0.0.2"
    assert target_host("", "") == "127.0.0.1"
    for host, client in (
        ("127.0.0.1", "192.168.1.5"),
        ("192.168.1.6", "192.168.1.5"),
        ("192.168.1.5", "127.0.0.1"),
        ("example.com", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
    ):
        with pytest.raises(Refused):
            target_host(host, client)


@pytest.mark.parametrize(
    ("text", "hybrid", "plain"),
    [
        ("4", (4,), (4,)),
        ("6,4", (6, 4), (4,)),
        ("4,0", (4, 0), (4, 0)),
        ("6, 4,0", (6, 4, 0), (4, 0)),
        ("MLKEM768_X25519,ECIES_X25519", (6, 4), (4,)),
        ("7", (7,), None),
        ("0", (0,), (0,)),
        ("5,1", None, None),
        ("", None, None),
        ("4,x", None, None),
    ],
)
@pytest.mark.parametrize("has_ml_kem", [True, False])
def test_encryption_types_are_skipped_never_refused(
    text: str, hybrid: tuple[int, ...] | None, plain: tuple[int, ...] | None, has_ml_kem: bool
) -> None:
    """``None``: none of them is ours, so it is 4, and that is told."""
    types = hybrid if has_ml_kem else plain
    known = PLAIN_TYPES + HYBRID_TYPES if has_ml_kem else PLAIN_TYPES
    options = read_options({"i2cp.leaseSetEncType": text}, known)
    assert options.encryption_types == (types or (4,))
    assert ("it is 4" in options.remark) is (types is None)


def test_options_are_cut_to_what_is_possible() -> None:
    hashes = ",".join(b64encode(bytes([n]) * 32) for n in range(3))
    options = read_options(
        {
            "inbound.length": "9",
            "inbound.quantity": "0",
            "outbound.lengthVariance": "-1",
            "outbound.backupQuantity": "x",
            "explicitPeers": hashes,
            "outbound.length": "2",
            "i2cp.dontPublishLeaseSet": "true",
            "i2p.streaming.inactivityTimeout": "5000",
            "i2p.streaming.answerPings": "false",
            "i2cp.leaseSetOption.0": "_smtp._tcp=1 86400 0 0 25 x.b32.i2p",
            "i2cp.leaseSetOption.1": "broken",
            "i2ptunnel.resume": "true",
        }
    )
    assert (options.inbound.length, options.inbound.quantity) == (7, 1)
    assert (options.outbound.variance, options.outbound.backup) == (-1, 0)
    assert options.inbound.explicit_peers == ()  # three are too few for seven hops
    assert len(options.outbound.explicit_peers) == 3
    assert (options.publish, options.inactivity_s, options.answer_pings) == (False, 5.0, False)
    assert options.lease_set_options == {"_smtp._tcp": "1 86400 0 0 25 x.b32.i2p"}
    assert options.resume
    usual = read_options({})
    assert (usual.inbound.length, usual.inbound.quantity, usual.publish) == (3, 2, True)
    assert not usual.resume


def test_who_may_read_an_encrypted_lease_set_is_exact() -> None:
    key = b64encode(b"k" * 32)
    base = {"i2cp.leaseSetType": "5", "i2cp.leaseSetSecret": b64encode(b"word")}
    plain = read_options(base).encrypted
    assert plain is not None
    assert (plain.secret, plain.is_restricted) == ("word", False)
    restricted = read_options(
        {**base, "i2cp.leaseSetAuthType": "2", "i2cp.leaseSetClient.psk.0": f"bob:{key}"}
    ).encrypted
    assert restricted is not None
    assert (restricted.is_restricted, restricted.is_dh, restricted.keys) == (
        True,
        False,
        (b"k" * 32,),
    )
    for wrong in (
        {"i2cp.leaseSetAuthType": "2"},
        {"i2cp.leaseSetAuthType": "1", "i2cp.leaseSetClient.psk.0": f"bob:{key}"},
        {"i2cp.leaseSetClient.psk.0": f"bob:{key}"},
        {"i2cp.leaseSetAuthType": "2", "i2cp.leaseSetClient.psk.0": "bob:short"},
        {"i2cp.leaseSetSecret": "%"},
    ):
        with pytest.raises(Refused):
            read_options({**base, **wrong})


def test_packets_name_session_and_destination() -> None:
    name, request, payload = read_packet(b"3.2 id dest FROM_PORT=1 TO_PORT=2 SEND_TAGS=4\na\nb")
    assert (name, request.destination, payload) == ("id", "dest", b"a\nb")
    assert (request.from_port, request.to_port, request.protocol) == (1, 2, None)
    assert read_packet(b"3.0 id dest PROTOCOL=44\nx")[1].protocol == 44
    for packet in (
        b"",
        b"3.0 id dest",
        b"3.0 id dest\n",
        b"4.0 id dest\nx",
        b"3.0 id\nx",
        b"\xff a b\nx",
    ):
        with pytest.raises(Refused):
            read_packet(packet)
    with pytest.raises(Refused):
        read_packet(b"3.0 id dest FROM_PORT=x\ny")


def test_datagrams_are_told_as_each_version_knows_it() -> None:
    arrived = Arrived(b"abc", "DEST", 1, 2, 18)
    assert received_line(arrived, is_raw=False, has_ports=False) == (
        b"DATAGRAM RECEIVED DESTINATION=DEST SIZE=3\n"
    )
    assert received_line(arrived, is_raw=True, has_ports=True) == (
        b"RAW RECEIVED SIZE=3 FROM_PORT=1 TO_PORT=2 PROTOCOL=18\n"
    )
    told = forwarded_header(arrived, is_raw=False, has_header=False, has_ports=True)
    assert told == b"DEST FROM_PORT=1 TO_PORT=2\n"
    assert forwarded_header(arrived, is_raw=False, has_header=False, has_ports=False) == b"DEST\n"
    assert forwarded_header(arrived, is_raw=True, has_header=False, has_ports=True) == b""
    told = forwarded_header(arrived, is_raw=True, has_header=True, has_ports=True)
    assert told == b"FROM_PORT=1 TO_PORT=2 PROTOCOL=18\n"


def test_options_that_would_break_a_line_are_left_out() -> None:
    given = {"a": "1", "b=c": "2", "d": "3\n4", "e": "5 6"}
    assert dict(options_to_tell(given.items())) == {"OPTION:a": "1", "OPTION:e": "5 6"}
