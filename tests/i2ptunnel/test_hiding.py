"""Hidden mode: who is hidden and why, and whom a hidden router does not call."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.api import FileFault
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.router_model import RouterSection
from i2ptunnel.geoip import open_geoip
from i2ptunnel.hiding import STRICT_COUNTRIES, HiddenMode
from i2ptunnel.router_setup import router_config
from tests.support.mmdb import write_mmdb

IRAN, GERMANY, CHINA, NOWHERE = "5.160.0.1", "93.184.0.1", "36.0.0.1", "8.8.8.8"


@pytest.fixture
def geoip(tmp_path: Path) -> Path:
    return write_mmdb(
        tmp_path / "countries.mmdb",
        {
            "5.160.0.0/16": {"country": {"iso_code": "IR"}},
            "93.184.0.0/16": {"country": {"iso_code": "DE"}},
            "36.0.0.0/8": {"country_code": "CN", "country": "China"},
            "37.0.0.0/8": {"city": "without a country"},
            "38.0.0.0/8": "no record",
        },
    )


def section(tmp_path: Path, text: str) -> RouterSection:
    return load_text(f"router: {{data_dir: {tmp_path}, {text}}}").configuration.router


@pytest.mark.parametrize(
    ("text", "hidden", "why"),
    [
        ("hidden: auto", False, "set router.country or router.geoip"),
        ("hidden: 'true'", True, "router.hidden is true"),
        ("hidden: 'false', country: IR", False, "router.hidden is false"),
        ("country: ir", True, "the country is IR, one of the strict countries"),
        ("country: DE", False, "the country is DE, none of the strict countries"),
    ],
)
def test_by_the_configuration_alone(tmp_path: Path, text: str, hidden: bool, why: str) -> None:
    mode = HiddenMode(section(tmp_path, text))
    assert mode.now.hidden is hidden and why in mode.now.why
    assert mode.decide([IRAN]) == mode.now
    assert router_config(section(tmp_path, text)).hidden is hidden


def test_behind_a_proxy_the_address_is_never_known(tmp_path: Path, geoip: Path) -> None:
    proxy = "ntcp2: {proxy: 'socks5://127.0.0.1:1080'}"
    now = HiddenMode(section(tmp_path, f"geoip: {geoip}, {proxy}")).now
    assert now.hidden and "until" not in now.why and "set router.country" in now.why
    now = HiddenMode(section(tmp_path, f"geoip: {geoip}, country: DE, {proxy}")).now
    assert not now.hidden


def test_by_the_address_once_it_is_known(tmp_path: Path, geoip: Path) -> None:
    mode = HiddenMode(section(tmp_path, f"geoip: {geoip}"))
    assert mode.now.hidden and "until" in mode.now.why
    assert mode.decide([GERMANY]).hidden is False
    assert mode.decide([]).hidden is False, "forgotten while the network is away"
    assert mode.decide([NOWHERE, IRAN]).hidden is True
    unknown = HiddenMode(section(tmp_path, f"geoip: {geoip}")).decide([NOWHERE])
    assert not unknown.hidden and "does not know" in unknown.why
    published = HiddenMode(section(tmp_path, f"geoip: {geoip}, host: {IRAN}"))
    assert published.now.hidden, "nothing is published in the first moment either"


def test_a_country_that_is_told_is_not_looked_up(tmp_path: Path, geoip: Path) -> None:
    mode = HiddenMode(section(tmp_path, f"geoip: {geoip}, country: DE"))
    assert not mode.decide([IRAN]).hidden


def test_a_hidden_router_calls_nobody_in_its_country(tmp_path: Path, geoip: Path) -> None:
    mode = HiddenMode(section(tmp_path, f"geoip: {geoip}"))
    mode.decide([IRAN])
    avoided = [host for host in (IRAN, GERMANY, CHINA, NOWHERE, "::1", "x") if mode.avoids(host)]
    assert avoided == [IRAN]
    mode.decide([GERMANY])
    assert not mode.avoids(GERMANY), "only hidden ones do"


def test_records_of_several_makers(geoip: Path) -> None:
    country_of = open_geoip(geoip)
    hosts = (IRAN, CHINA, "37.0.0.1", "38.0.0.1", NOWHERE, "2001:db8::1", "no address")
    assert [country_of(host) for host in hosts] == ["IR", "CN", None, None, None, None, None]


def test_a_damaged_database_is_refused(tmp_path: Path, geoip: Path) -> None:
    whole = geoip.read_bytes()
    for size in (0, 1, 100, len(whole) // 2):
        geoip.write_bytes(whole[:size])
        with pytest.raises(FileFault, match="no database of addresses"):
            open_geoip(geoip)
    with pytest.raises(FileFault):
        open_geoip(tmp_path / "missing")


def test_a_damaged_record_is_no_country(geoip: Path) -> None:
    whole = bytearray(geoip.read_bytes())
    at = whole.index(b"iso_code")
    whole[at - 2 :] = b"\xff" * (whole.index(b"\xab\xcd\xefMaxMind") - at + 2) + bytes(
        whole[whole.index(b"\xab\xcd\xefMaxMind") :]
    )
    geoip.write_bytes(whole)
    assert open_geoip(geoip)(IRAN) is None


def test_without_the_library_it_says_what_to_install(
    geoip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(FileFault, match="pip install maxminddb"):
        open_geoip(geoip)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("hidden: 'true', host: 8.8.8.8", "publishes no address"),
        ("hidden: 'true', floodfill: 'true'", "cannot be a floodfill"),
        ("country: Iran", "two letters"),
        ("country: 1R", "two letters"),
        ("hidden: maybe", "maybe"),
    ],
)
def test_faults(tmp_path: Path, text: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        section(tmp_path, text)
    assert wrong in str(caught.value)


def test_the_list_is_that_of_java() -> None:
    """42 countries stand on the page of the I2P site."""
    assert len(STRICT_COUNTRIES) == 42
    assert {"CN", "IR", "BY", "TR", "VE"} < STRICT_COUNTRIES
    assert not STRICT_COUNTRIES & {"DE", "US", "RU", "IN"}
