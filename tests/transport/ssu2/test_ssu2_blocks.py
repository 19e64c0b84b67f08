"""Blocks of SSU2 payloads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.transport.ssu2 import blocks, framing, introductions
from core.transport.ssu2.blocks import Ack, Block, RouterInfoBlock, parse_block
from core.transport.ssu2.framing import BlockType, SocketAddress, split_blocks, write_padding

IPV4 = SocketAddress("192.0.2.7", 0x1234)
IPV6 = SocketAddress("2001:db8::7", 0x1234)
OFFER = introductions.RelayOffer(1, 2, 3, 2, IPV4)
SIGNATURE = bytes(range(64))
IP6 = "20010db8000000000000000000000007"

WIRE: list[tuple[Block, str]] = [
    (blocks.DateTime.at(1_700_000_000.5), "00 0004 6553f101"),
    (blocks.Options(1, 2, 3, 4), "01 000c 01020304 0000 0000 0000 0000"),
    (RouterInfoBlock(b"ri", flood=True), "02 0004 01 01 7269"),
    (RouterInfoBlock(b"gz", is_compressed=True), "02 0004 02 01 677a"),
    (RouterInfoBlock(b"r", fragment=1, fragments=3), "02 0003 00 13 72"),
    (blocks.I2npMessage(bytes(range(9))), "03 0009 000102030405060708"),
    (blocks.FirstFragment(bytes(range(10))), "04 000a 00010203040506070809"),
    (blocks.FollowOnFragment(5, 3, True, b"x"), "05 0006 07 00000005 78"),
    (blocks.FollowOnFragment(5, 127, False, b"x"), "05 0006 fe 00000005 78"),
    (blocks.Termination(7, 2), "06 0009 0000000000000007 02"),
    (blocks.Termination(7, 2, b"why"), "06 000c 0000000000000007 02 776879"),
    (
        blocks.RelayRequest(OFFER, SIGNATURE),
        "07 0055 00 00000001 00000002 00000003 02 06 1234 c0000207" + SIGNATURE.hex(),
    ),
    (
        blocks.RelayResponse(0, 1, 3, 2, IPV6, SIGNATURE, 9),
        f"08 0066 00 00 00000001 00000003 02 12 1234 {IP6}" + SIGNATURE.hex() + f"{9:016x}",
    ),
    (
        blocks.RelayResponse(70, 1, 3, 2, None, SIGNATURE),
        "08 004c 00 46 00000001 00000003 02 00" + SIGNATURE.hex(),
    ),
    (
        blocks.RelayIntro(bytes(32), OFFER, SIGNATURE),
        "09 0075 00"
        + "00" * 32
        + "00000001 00000002 00000003 02 06 1234 c0000207"
        + SIGNATURE.hex(),
    ),
    (
        blocks.PeerTest(1, 0, b"", 2, 1, 3, IPV4, SIGNATURE),
        "0a 0053 01 00 00 02 00000001 00000003 06 1234 c0000207" + SIGNATURE.hex(),
    ),
    (
        blocks.PeerTest(4, 2, bytes(32), 2, 1, 3, IPV4),
        "0a 0033 04 02 00" + "00" * 32 + "02 00000001 00000003 06 1234 c0000207",
    ),
    (blocks.NextNonce(b"?"), "0b 0001 3f"),
    (Ack(10), "0c 0005 0000000a 00"),
    (Ack(10, 2, ((1, 2), (2, 3))), "0c 0009 0000000a 02 0102 0203"),
    (blocks.AddressBlock(IPV4), "0d 0006 1234 c0000207"),
    (blocks.AddressBlock(IPV6), f"0d 0012 1234 {IP6}"),
    (blocks.RelayTagRequest(), "0f 0000"),
    (blocks.RelayTag(5), "10 0004 00000005"),
    (blocks.NewToken(3, 4), "11 000c 00000003 0000000000000004"),
    (blocks.PathChallenge(b"12345678"), "12 0008 3132333435363738"),
    (blocks.PathResponse(b"12345678"), "13 0008 3132333435363738"),
    (blocks.FirstPacketNumber(1), "14 0004 00000001"),
    (blocks.Congestion(True, False), "15 0001 01"),
    (blocks.Congestion(False, True), "15 0001 02"),
]


@pytest.mark.parametrize(("block", "hexadecimal"), WIRE)
def test_wire_format_both_ways(block: Block, hexadecimal: str) -> None:
    wire = bytes.fromhex(hexadecimal)
    assert block.write() == wire
    assert parse_block(wire[0], wire[3:]) == block


def test_every_type_is_in_the_table_but_padding() -> None:
    assert {block.TYPE for block, _ in WIRE} == set(BlockType) - {BlockType.PADDING}


@pytest.mark.parametrize("block_type", [14, 22, 200, 224, 254, 255])
def test_unknown_types_are_like_padding(block_type: int) -> None:
    assert parse_block(block_type, b"whatever") is None


@pytest.mark.parametrize(("block_type", "data"), [
    (0, bytes(3)), (1, bytes(11)), (2, bytes(2)), (3, bytes(8)), (4, bytes(9)), (5, bytes(9)),
    (5, b"\x03" + bytes(4)), (6, bytes(8)), (7, bytes(20)), (8, bytes(5)), (8, bytes(19)),
    (9, bytes(40)), (10, bytes(2)), (12, bytes(4)), (13, bytes(7)), (16, bytes(4)), (16, b"1"),
    (17, bytes(11)), (20, bytes(3)), (21, b""),
    (8, bytes.fromhex("0000 00000001 00000003 02 05 1234c00002") + bytes(80)),
])  # fmt: skip
def test_malformed_blocks_are_decode_errors(block_type: int, data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_block(block_type, data)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 255), st.binary(max_size=120))
def test_junk_raises_nothing_else_and_what_parses_is_written_again(kind: int, data: bytes) -> None:
    try:
        block = parse_block(kind, data)
    except DecodeError:
        return
    if block is not None:
        again = block.write()
        assert parse_block(again[0], again[3:]) == block


def test_payloads_are_split_and_padding_is_left_out() -> None:
    payload = blocks.DateTime(1).write() + write_padding(3) + blocks.RelayTag(2).write()
    assert split_blocks(payload) == ([(0, b"\0\0\0\1"), (16, b"\0\0\0\2")], True)
    assert split_blocks(b"") == ([], True)


@pytest.mark.parametrize("tail", [b"\x00", b"\x03\x00", b"\x03\xff\xff\x01", b"\x03\x00\x02\x01"])
def test_a_broken_tail_keeps_what_came_before(tail: bytes) -> None:
    payload = blocks.DateTime(1).write() + tail
    assert split_blocks(payload) == ([(0, b"\0\0\0\1")], False)


def test_a_block_of_more_than_its_size_can_say_is_our_fault() -> None:
    with pytest.raises(LocalError):
        framing.write_block(3, bytes(0x10000))


@pytest.mark.parametrize(("ack", "intervals"), [
    (Ack(10), [(10, 10)]),
    (Ack(10, 2), [(8, 10)]),
    (Ack(10, 2, ((1, 2), (2, 3))), [(8, 10), (5, 6), (0, 2)]),
    (Ack(600, 255, ((0, 255), (3, 1))), [(90, 600), (86, 86)]),
    (Ack(600, 0, ((255, 0), (10, 2))), [(600, 600), (333, 334)]),
    (Ack(0), [(0, 0)]),
])  # fmt: skip
def test_what_acks_say(ack: Ack, intervals: list[tuple[int, int]]) -> None:
    assert ack.intervals() == intervals


@pytest.mark.parametrize("ack", [Ack(1, 2), Ack(5, 0, ((4, 2),)), Ack(5, 0, ((255, 255),))])
def test_acks_below_zero_are_refused(ack: Ack) -> None:
    with pytest.raises(DecodeError):
        ack.intervals()


def test_half_a_range_is_left_out() -> None:
    assert Ack.parse(bytes.fromhex("0000000a 01 0102 03")) == Ack(10, 1, ((1, 2),))


def test_a_router_info_is_compressed_when_it_would_not_fit() -> None:
    info = b"caps" * 300
    whole = RouterInfoBlock.of(info, 1205)
    assert not whole.is_compressed and whole.router_info() == info
    assert len(whole.write()) == 1205
    small = RouterInfoBlock.of(info, 1204)
    assert small.is_compressed and len(small.write()) < 100
    again = parse_block(2, small.write()[3:])
    assert isinstance(again, RouterInfoBlock) and again.router_info() == info


def test_a_router_info_that_does_not_compress_stays_as_it_is() -> None:
    info = bytes(range(256))
    assert not RouterInfoBlock.of(info, 100).is_compressed


@pytest.mark.parametrize("block", [
    RouterInfoBlock(b"not gzip", is_compressed=True),
    RouterInfoBlock(bytes(4097)),
    RouterInfoBlock.of(bytes(4097), 100),
    RouterInfoBlock(b"part", fragment=0, fragments=2),
    RouterInfoBlock(b"part", fragment=1, fragments=1),
])  # fmt: skip
def test_router_infos_that_do_not_open(block: RouterInfoBlock) -> None:
    with pytest.raises(DecodeError):
        block.router_info()


def test_a_fragment_byte_of_zero_is_the_whole() -> None:
    assert RouterInfoBlock.parse(b"\0\0ri").router_info() == b"ri"


def test_what_is_signed() -> None:
    offer = bytes.fromhex("00000001 00000002 00000003 02 06 1234 c0000207")
    assert blocks.RelayRequest(OFFER, SIGNATURE).signed_data == offer
    assert blocks.RelayIntro(bytes(32), OFFER, SIGNATURE).signed_data == offer
    answer = blocks.RelayResponse(0, 1, 3, 2, IPV4, SIGNATURE, 9)
    assert answer.signed_data == bytes.fromhex("00000001 00000003 02 06 1234 c0000207")
    test = blocks.PeerTest(2, 0, bytes(32), 2, 1, 3, IPV4, SIGNATURE)
    assert test.signed_data == bytes.fromhex("02 00000001 00000003 06 1234 c0000207")
    bob, charlie, alice = b"b" * 32, b"c" * 32, b"a" * 32
    assert introductions.relay_request_prologue(bob, charlie) == b"RelayRequestData" + bob + charlie
    assert introductions.relay_response_prologue(bob) == b"RelayAgreementOK" + bob
    assert introductions.peer_test_prologue(bob, alice) == b"PeerTestValidate" + bob + alice


def test_a_short_refusal_of_a_relay_is_read() -> None:
    refusal = blocks.RelayResponse.parse(bytes.fromhex("00 05 00000001"))
    assert (refusal.code, refusal.nonce, refusal.token) == (5, 1, None)


@pytest.mark.parametrize(
    "address", [SocketAddress("name.example", 1), SocketAddress("1.2.3.4", 1 << 16)]
)
def test_names_and_wild_ports_are_no_socket_addresses(address: SocketAddress) -> None:
    with pytest.raises(LocalError):
        framing.write_socket_address(address)


def test_the_family_of_an_address() -> None:
    assert IPV6.is_ipv6 and not IPV4.is_ipv6
