"""What the SAM bridge reads: from programs, and from web pages that try."""

from __future__ import annotations

from i2ptunnel.sam.protocol import requests
from i2ptunnel.sam.protocol.datagrams import read_packet
from i2ptunnel.sam.protocol.line import (
    LINE_BYTES_MAX,
    Command,
    LineFault,
    format_line,
    may_be_hello,
    parse_line,
)
from i2ptunnel.sam.protocol.session_options import read_options
from i2ptunnel.sam.protocol.versions import VERSIONS, negotiate
from tests.fuzz.runner import Target

_LINES = (
    b'HELLO VERSION MIN=3.0 MAX=3.3 USER="a \\"b" PASSWORD=c\n',
    b"SESSION CREATE STYLE=STREAM ID=x DESTINATION=TRANSIENT SIGNATURE_TYPE=EdDSA_SHA512_Ed25519 "
    b"i2cp.leaseSetEncType=6,4,0 inbound.length=2 outbound.quantity=3 i2ptunnel.resume=true\n",
    b"SESSION CREATE STYLE=RAW ID=y DESTINATION=TRANSIENT PORT=9 HOST=127.0.0.1 PROTOCOL=44 "
    b"HEADER=true FROM_PORT=1 TO_PORT=2 i2cp.leaseSetType=5 i2cp.leaseSetSecret=AAAA "
    b"i2cp.leaseSetAuthType=2 i2cp.leaseSetClient.psk.0=bob:AAAA i2cp.leaseSetOption.0=a=b\n",
    b"SESSION ADD STYLE=DATAGRAM3 ID=z PORT=7 LISTEN_PORT=5 LISTEN_PROTOCOL=20\n",
    b"SESSION REMOVE ID=z\nSTREAM CONNECT ID=x DESTINATION=site.i2p SILENT=true FROM_PORT=3\n",
    b"STREAM ACCEPT ID=x\nSTREAM FORWARD ID=x PORT=80 HOST=::1 SSL=true\n",
    b"DATAGRAM SEND DESTINATION=abc SIZE=3 TO_PORT=1\nRAW SEND DESTINATION=x SIZE=1 PROTOCOL=9\n",
    b"NAMING LOOKUP NAME=ME OPTIONS=true\nDEST GENERATE SIGNATURE_TYPE=7\nPING x y\nPONG\nQUIT\n",
    b'AUTH ADD USER="x" PASSWORD="y z"\nHELP\n\n \n',
)
#: of an input: what counts is the time that one line takes
_LINES_MAX = 40
_PACKETS = (
    b"3.0 id destination\npayload",
    b"3.3 id x.b32.i2p FROM_PORT=1 TO_PORT=2 PROTOCOL=18 SEND_TAGS=4 EXPIRES=60\r\n\x00\xff",
)


def _lines(raw: bytes) -> None:
    may_be_hello(raw)
    for line in raw[:LINE_BYTES_MAX].split(b"\n")[:_LINES_MAX]:
        try:
            command = parse_line(line)
        except LineFault as fault:
            assert fault.head.split(" ")[1] in ("REPLY", "STATUS")
            continue
        if command is not None:
            _obey(command)


def _obey(command: Command) -> None:
    options = command.options
    told = format_line(command.head, {k: v for k, v in options.items() if k and " " not in k})
    assert told.count(b"\n") == 1
    readers = (requests.read_create, requests.read_add, requests.read_stream)
    for read in readers:
        try:
            request = read(command)
        except requests.Refused as refused:
            assert refused.result.isupper()
            continue
        assert request.id
    try:
        datagram = requests.read_datagram(options, is_raw=True)
        assert 0 <= datagram.size <= requests.RAW_BYTES_MAX
        host = requests.target_host(options.get("HOST", ""), "127.0.0.1")
        assert host == "::1" or host.startswith("127.")
        assert 0 <= read_options(options).inbound.length <= 7
        requests.signature_type_of(options)
    except requests.Refused:
        pass
    try:
        assert negotiate(options.get("MIN"), options.get("MAX")) in (None, *VERSIONS)
    except ValueError:
        pass


def _packet(raw: bytes) -> None:
    name, request, payload = read_packet(raw)
    assert raw.endswith(payload) and payload
    assert name is not None and (request.protocol or 0) < 256


TARGETS: tuple[Target, ...] = (
    Target("sam lines", _lines, _LINES, ()),
    Target("sam packets", _packet, _PACKETS, (requests.Refused,)),
)
