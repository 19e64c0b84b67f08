"""Router infos and router addresses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader
from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import Introducer, Ntcp2Address, RouterAddress, Ssu2Address
from tests.data.i2pd_files import ROUTER_INFO, ROUTER_KEYS
from tests.support.deterministic import SeededEntropy

quick = settings(max_examples=80, deadline=None)
OPTION_NAMES = ["host", "port", "s", "i", "v", "caps", "mtu", "ih0", "itag0"]
PUBLISHED_MS = 1_700_000_000_123
STATIC = bytes(range(32))
IV = bytes(range(16))
NTCP2 = {
    "host": "192.0.2.7",
    "port": "12345",
    "s": b64encode(STATIC),
    "i": b64encode(IV),
    "v": "2",
}
SSU2 = {**NTCP2, "i": b64encode(bytes(32)), "caps": "BC4", "mtu": "1400"}
OPTIONS = {"netId": "2", "caps": "fXR", "router.version": "0.9.67", "family": "house"}


def address(options: dict[str, str], style: str = "NTCP2") -> RouterAddress:
    return RouterAddress(3, 0, style, options)


def router_info(options: dict[str, str] | None = None, seed: int = 0) -> RouterInfo:
    keys = PrivateKeys.generate_router(SeededEntropy(seed))
    addresses = [address(NTCP2), address(SSU2, "SSU2")]
    return RouterInfo.build(keys, PUBLISHED_MS, addresses, OPTIONS if options is None else options)


def test_build_parse_verify() -> None:
    built = router_info()
    parsed = RouterInfo.parse(built.raw)
    assert parsed == built
    assert parsed.verify()
    assert parsed.published_ms == PUBLISHED_MS
    assert parsed.hash == built.identity.hash
    assert parsed.write() == built.raw
    assert parsed.version == (0, 9, 67)
    assert parsed.network_id == 2
    assert parsed.family == "house"
    assert parsed.bandwidth_class == "X"
    assert parsed.is_floodfill
    assert parsed.is_reachable
    assert not parsed.is_hidden
    assert parsed.encryption_key == built.identity.crypto_key
    assert [a.host for a in parsed.ntcp2_addresses()] == ["192.0.2.7"]
    assert [a.mtu for a in parsed.ssu2_addresses()] == [1400]


def test_written_sorted_whatever_the_order() -> None:
    backwards = dict(reversed(OPTIONS.items()))
    assert router_info(backwards).raw == router_info().raw


@pytest.mark.parametrize("position", [0, 100, 390, 395, 420, -70, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    data = bytearray(router_info().raw)
    data[position] ^= 1
    try:
        assert not RouterInfo.parse(bytes(data)).verify()
    except DecodeError:
        pass


@pytest.mark.parametrize(
    ("options", "version", "network_id", "reachable", "bandwidth"),
    [
        ({}, (0,), None, True, ""),
        ({"router.version": "0.9.x", "netId": "-2", "caps": "LU"}, (0,), None, False, "L"),
        ({"router.version": "1.10", "netId": "77", "caps": "KOR"}, (1, 10), 77, True, "O"),
        ({"router.version": "²", "netId": "9" * 30, "caps": "H"}, (0,), None, False, ""),
    ],
)
def test_options(
    options: dict[str, str],
    version: tuple[int, ...],
    network_id: int | None,
    reachable: bool,
    bandwidth: str,
) -> None:
    info = router_info(options)
    assert info.version == version
    assert info.network_id == network_id
    assert info.is_reachable is reachable
    assert info.bandwidth_class == bandwidth


def test_any_signing_type_is_readable() -> None:
    for signing_type in (0, 1, 3):
        keys = PrivateKeys.generate(SeededEntropy(1), signing_type, 4)
        info = RouterInfo.build(keys, PUBLISHED_MS, [], OPTIONS)
        assert RouterInfo.parse(info.raw).verify()
    raw = bytes(384) + bytes.fromhex("05000400630004") + bytes(8 + 1 + 1 + 2) + b"signature"
    unknown = RouterInfo.parse(raw)
    assert unknown.signature == b"signature"
    assert not unknown.verify()


def test_elgamal_router_has_no_encryption_key() -> None:
    keys = PrivateKeys.generate_destination(SeededEntropy(1))
    assert RouterInfo.build(keys, PUBLISHED_MS, [], OPTIONS).encryption_key is None


def test_limits() -> None:
    keys = PrivateKeys.generate_router(SeededEntropy(0))
    with pytest.raises(LocalError):
        RouterInfo.build(keys, 0, [], {str(i): "x" * 250 for i in range(12)})
    with pytest.raises(LocalError):
        RouterInfo.build(keys, 0, [RouterAddress(0, 0, "N", {})] * 17, {})
    good = router_info().raw
    for bad in (b"", good[:-1], good + b"x", good[:399], good[:399] + bytes((200,)) + good[400:]):
        with pytest.raises(DecodeError):
            RouterInfo.parse(bad)
    with pytest.raises(DecodeError):
        RouterInfo.parse(good + bytes(4096))


@quick
@given(st.integers(380, 800), st.binary(min_size=1, max_size=4))
def test_router_info_junk(position: int, junk: bytes) -> None:
    data = router_info().raw
    position = min(position, len(data) - len(junk))
    try:
        info = RouterInfo.parse(data[:position] + junk + data[position + len(junk) :])
    except DecodeError:
        return
    info.ntcp2_addresses()
    info.ssu2_addresses()
    assert info.verify() is (info.raw == data)


def test_router_info_of_i2pd() -> None:
    info = RouterInfo.parse(ROUTER_INFO)
    assert info.verify()
    assert info.hash == PrivateKeys.parse(ROUTER_KEYS).hash
    assert info.network_id == 77
    assert info.caps == "XR"
    assert info.version == (0, 9, 65)
    (ntcp2,) = info.ntcp2_addresses()
    assert (ntcp2.host, ntcp2.port, ntcp2.is_published) == ("127.5.0.1", 20005, True)
    (ssu2,) = info.ssu2_addresses()
    assert (ssu2.caps, ssu2.mtu) == ("BC", 1280)
    rebuilt = RouterInfo.build(
        PrivateKeys.parse(ROUTER_KEYS), info.published_ms, info.addresses, info.options
    )
    assert rebuilt.raw == ROUTER_INFO  # i2pd orders and signs the same way


def test_address_pairs() -> None:
    pairs = [
        (RouterAddress(14, 0, "NTCP2", {}), "0e 0000000000000000 054e54435032 0000"),
        (
            RouterAddress(3, 258, "", {"v": "2"}),
            "03 0000000000000102 00 0006 0176 3d 0132 3b",
        ),
    ]
    for value, wire in pairs:
        assert value.write() == bytes.fromhex(wire)
        assert RouterAddress.parse(Reader(bytes.fromhex(wire))) == value


def test_ntcp2_published() -> None:
    parsed = Ntcp2Address.from_address(address(NTCP2, "NTCP"))
    assert parsed == Ntcp2Address("192.0.2.7", 12345, STATIC, IV, "", True, False)
    six = Ntcp2Address.from_address(address({**NTCP2, "host": "2001:DB8::0:1"}))
    assert six is not None
    assert (six.host, six.is_ipv6) == ("2001:db8::1", True)
    assert Ntcp2Address.from_address(address({**NTCP2, "v": "2,3"})) == parsed


@pytest.mark.parametrize(
    "change",
    [
        {"i": ""},
        {"i": b64encode(bytes(17))},
        {"host": "example.org"},
        {"host": "0.0.0.0"},
        {"host": "224.0.0.1"},
        {"host": "fe80::1%eth0"},
        {"host": ""},
        {"port": "0"},
        {"port": "65536"},
        {"port": "x"},
    ],
)
def test_ntcp2_without_a_way_in_is_unpublished(change: dict[str, str]) -> None:
    parsed = Ntcp2Address.from_address(address({**NTCP2, **change, "caps": "4"}))
    assert parsed == Ntcp2Address("", 0, STATIC, None, "4", False, False)


def test_unpublished_family_comes_from_caps() -> None:
    options = {"s": b64encode(STATIC), "v": "2"}
    families = dict.fromkeys(("", "4", "46"), False) | {"6": True}
    for caps, is_ipv6 in families.items():
        parsed = Ntcp2Address.from_address(address({**options, "caps": caps}))
        assert parsed is not None
        assert parsed.is_ipv6 is is_ipv6


@pytest.mark.parametrize(
    "options",
    [
        {k: v for k, v in NTCP2.items() if k != "s"},
        {**NTCP2, "s": "AAAA"},
        {**NTCP2, "s": "*"},
        {**NTCP2, "s": b64encode(bytes(31) + b"\x80")},
        {**NTCP2, "v": "3"},
        {k: v for k, v in NTCP2.items() if k != "v"},
    ],
)
def test_addresses_nobody_could_use(options: dict[str, str]) -> None:
    assert Ntcp2Address.from_address(address(options)) is None
    assert Ssu2Address.from_address(address({**options, "i": b64encode(bytes(32))}, "SSU2")) is None


def test_styles_do_not_mix() -> None:
    assert Ntcp2Address.from_address(address(SSU2, "SSU2")) is None
    assert Ssu2Address.from_address(address(NTCP2)) is None
    assert Ssu2Address.from_address(address(NTCP2, "SSU2")) is None  # 16 bytes of intro key


def test_ssu2_behind_a_firewall() -> None:
    options = {
        "s": b64encode(STATIC),
        "i": b64encode(bytes(32)),
        "v": "2",
        "caps": "4",
        "ih0": b64encode(b"h" * 32),
        "itag0": "77",
        "iexp0": "1700000000",
        "ih1": b64encode(bytes(32)),
        "itag1": "78",
        "ih2": b64encode(b"i" * 32),
        "itag2": "0",
    }
    parsed = Ssu2Address.from_address(address(options, "SSU2"))
    assert parsed is not None
    assert not parsed.is_published
    assert parsed.introducers == (Introducer(b"h" * 32, 77, 1_700_000_000),)


@quick
@given(st.dictionaries(st.sampled_from(OPTION_NAMES), st.text()))
def test_address_options_junk(options: dict[str, str]) -> None:
    for style in ("NTCP2", "SSU2"):
        Ntcp2Address.from_address(address({**NTCP2, **options}, style))
        Ssu2Address.from_address(address({**SSU2, **options}, style))


def test_equality_is_by_bytes() -> None:
    info = router_info()
    assert info == RouterInfo.parse(bytes(info.raw))
    assert hash(info) == hash(router_info())
    assert info != router_info(seed=1)
    assert info != "x"
