"""Whom the user wants nothing to do with: what may be written, in the configuration and a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.api import FileFault
from core.data.address_ranges import AddressRange
from core.data.encoding import b64encode
from i2ptunnel.blocklist import parse_entry, read_blocklist
from i2ptunnel.config.faults import ConfigError, Source
from i2ptunnel.config.loader import load, load_text
from i2ptunnel.router_setup import router_config

HASH = bytes(range(32))
NETWORK = AddressRange.parse("192.0.2.0/24")


def test_an_entry() -> None:
    assert parse_entry(b64encode(HASH)) == HASH
    assert parse_entry("192.0.2.0/24") == NETWORK
    for wrong in ("example.org", "192.0.2.1/24", b64encode(HASH)[:-4], "", "a" * 44 + "b"):
        with pytest.raises(ValueError, match="hash of a router"):
            parse_entry(wrong)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "blocked.txt"
    path.write_text(f"# mine\n\n{b64encode(HASH)}  # a liar\n192.0.2.0/24\n2001:db8::1\n")
    assert read_blocklist(path) == (HASH, NETWORK, AddressRange.parse("2001:db8::1"))
    path.write_text("192.0.2.1\nexample.org\n")
    with pytest.raises(FileFault, match="line 2: write the hash"):
        read_blocklist(path)
    path.write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(FileFault, match="UTF-16"):
        read_blocklist(path)


def test_the_router_is_told_both(tmp_path: Path) -> None:
    path = tmp_path / "blocked.txt"
    path.write_text("192.0.2.0/24\n")
    options = f"blocklist: ['{b64encode(HASH)}', 198.51.100.1], blocklist_file: {path}"
    text = f"router: {{data_dir: {tmp_path}, {options}}}"
    config = router_config(load_text(text).configuration.router)
    assert config.blocked_routers == {HASH}
    assert config.blocked_addresses == (AddressRange.parse("198.51.100.1"), NETWORK)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ("blocklist: [example.org]", "blocklist.*hash of a router"),
        ("blocklist_file: missing.txt", "blocklist_file"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, options: str, wrong: str) -> None:
    text = f"router: {{data_dir: {tmp_path}, {options}}}"
    with pytest.raises(ConfigError, match=wrong):
        load([(text.encode(), Source("i2ptunnel.yaml", tmp_path))], files=True)
