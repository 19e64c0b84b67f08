"""``router.i2cp``: its two forms, and what it makes of the other options."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import Loaded, load_text
from i2ptunnel.config.model import CONFIGURATION
from i2ptunnel.hiding import HiddenMode
from i2ptunnel.router_setup import i2cp_address, make_router, reseed_section


def _load(router: str) -> Loaded:
    return load_text(f"router: {router}\n")


def test_an_address_is_enough() -> None:
    section = _load("{i2cp: '127.0.0.1:7654'}").configuration.router.i2cp
    assert section is not None
    assert str(section.address) == "127.0.0.1:7654"
    assert (section.tls, section.username) == (False, None)
    assert i2cp_address(section).tls is None
    configuration = _load("{i2cp: '127.0.0.1:7654'}").configuration
    assert CONFIGURATION.plain(configuration)["router"]["i2cp"] == "127.0.0.1:7654"


def test_a_section_names_user_and_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    text = (
        f"{{i2cp: {{address: 'localhost:7654', tls: true, username: me, password_file: {file}}}}}"
    )
    section = _load(text).configuration.router.i2cp
    assert section is not None
    address = i2cp_address(section)
    assert (address.user_name, address.password) == ("me", "secret")
    assert address.tls is not None and address.tls.check_hostname
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    ("router", "where"),
    [
        ("{i2cp: 'nowhere'}", "router.i2cp"),
        ("{i2cp: {tls: true}}", "router.i2cp"),
        ("{i2cp: {address: '127.0.0.1:1', username: me}}", "router.i2cp"),
        ("{i2cp: {address: '127.0.0.1:1', certificate: a.pem}}", "router.i2cp.certificate"),
        ("{i2cp: {address: '127.0.0.1:1', user: me}}", "router.i2cp.user"),
    ],
)
def test_what_is_wrong_is_named(router: str, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(router)
    assert {fault.path for fault in caught.value.faults} == {where}


def test_options_of_a_router_of_ours_are_of_no_effect() -> None:
    loaded = _load("{i2cp: '127.0.0.1:7654', data_dir: /tmp/x, port: 9, ntcp2: {enabled: false}, "
                   "ssu2: {enabled: false}}")  # fmt: skip
    assert sorted(fault.path for fault in loaded.warnings) == [
        "router.ntcp2",
        "router.port",
        "router.ssu2",
    ]
    assert all("no effect with router.i2cp" in str(fault) for fault in loaded.warnings)
    assert not reseed_section(loaded.configuration.router).reseed.enabled


def test_another_machine_without_tls_brings_a_warning() -> None:
    assert "can read" in str(_load("{i2cp: '192.168.1.2:7654'}").warnings[0])
    assert not _load("{i2cp: {address: '192.168.1.2:7654', tls: true}}").warnings


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    text = f"{{i2cp: {{address: '127.0.0.1:1', tls: true, certificate: {tmp_path}/no.pem}}}}"
    section = _load(text).configuration.router
    with pytest.raises(Unavailable, match=r"no\.pem"):
        make_router(section, HiddenMode(section), lambda: pytest.fail("no router of ours"), None)


def test_an_interface_for_i2cp_needs_a_router_of_ours() -> None:
    loaded = load_text("router: {i2cp: '127.0.0.1:7654'}\ninterfaces: {i2cp: {}}\n")
    assert [fault.path for fault in loaded.warnings] == ["interfaces.i2cp"]
    assert not load_text("interfaces: {i2cp: {}}\n").warnings
