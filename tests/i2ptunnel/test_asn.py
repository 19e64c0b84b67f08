"""The user's table of autonomous systems, and the option that names it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.api import FileFault
from i2ptunnel.config.faults import ConfigError, Source
from i2ptunnel.config.loader import load, load_text
from i2ptunnel.geoip import open_asn
from i2ptunnel.router_setup import router_config
from tests.support.mmdb import write_mmdb


@pytest.fixture
def asn(tmp_path: Path) -> Path:
    return write_mmdb(
        tmp_path / "networks.mmdb",
        {
            "5.0.0.0/8": {"autonomous_system_number": "AS64500"},
            "6.0.0.0/8": {"asn": "AS64501", "as_name": "an example"},
            "7.0.0.0/8": {"asn": "not one"},
            "8.0.0.0/8": {"city": "without"},
        },
    )


def test_records_of_several_makers(asn: Path) -> None:
    asn_of = open_asn(asn)
    hosts = ("5.1.1.1", "6.1.1.1", "7.1.1.1", "8.1.1.1", "9.9.9.9", "2001:db8::1", "no address")
    assert [asn_of(host) for host in hosts] == [64500, 64501, None, None, None, None, None]


def test_the_router_asks_it(tmp_path: Path, asn: Path) -> None:
    text = f"router: {{data_dir: {tmp_path}, asn: {asn}}}"
    asn_of = router_config(load_text(text).configuration.router).asn_of
    assert asn_of is not None and asn_of("5.1.1.1") == 64500
    none = router_config(load_text(f"router: {{data_dir: {tmp_path}}}").configuration.router)
    assert none.asn_of is None


def test_a_table_of_something_else_is_refused(tmp_path: Path, asn: Path) -> None:
    countries = write_mmdb(tmp_path / "c.mmdb", {"5.0.0.0/8": {"country": {"iso_code": "IR"}}})
    with pytest.raises(FileFault, match="does not tell autonomous systems"):
        open_asn(countries)
    text = f"router: {{data_dir: {tmp_path}, asn: {countries}}}"
    source = Source("i2ptunnel.yaml", tmp_path)
    with pytest.raises(ConfigError, match=r"router.asn.*does not tell"):
        load([(text.encode(), source)], files=True)
    asn.write_bytes(b"no database")
    with pytest.raises(FileFault, match="no database of addresses"):
        open_asn(asn)


def test_without_the_library_it_says_what_to_install(
    asn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(FileFault, match="pip install maxminddb"):
        open_asn(asn)
