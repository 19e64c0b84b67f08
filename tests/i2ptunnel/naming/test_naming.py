"""Names: self-contained addresses, the hosts file, and junk in both."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.private_keys import PrivateKeys
from i2ptunnel.naming import hosts_file
from i2ptunnel.naming.address import Address, NameFault, read_address
from i2ptunnel.naming.resolver import FileResolver
from tests.support.deterministic import SeededEntropy

ONE = PrivateKeys.generate_destination(SeededEntropy("one")).destination
TWO = PrivateKeys.generate_destination(SeededEntropy("two")).destination


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def resolve(resolver: FileResolver, name: str) -> bytes:
    return asyncio.run(resolver.resolve(name)).hash


def test_addresses_that_carry_their_destination(tmp_path: Path) -> None:
    resolver = FileResolver(tmp_path / "hosts.txt")
    assert resolve(resolver, ONE.b32) == ONE.hash
    assert resolve(resolver, "www." + ONE.b32) == ONE.hash
    assert resolve(resolver, ONE.b64) == ONE.hash


def test_addresses_of_encrypted_lease_sets() -> None:
    blinded = BlindedAddress.of(ONE, needs_secret=True)
    address = read_address(blinded.host)
    assert address is not None
    assert (address.blinded, address.host) == (blinded, blinded.host)
    assert address.target("word") == BlindedTarget(blinded, "word")
    assert Address(ONE.hash).target("word") == ONE.hash
    assert Address(ONE.hash).host == ONE.b32


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("unknown.i2p", "unknown_name"),
        ("a" * 51 + ".b32.i2p", "bad_address"),
        ("0" * 52 + ".b32.i2p", "bad_address"),
        ("a" * 56 + ".b32.i2p", "bad_address"),
        ("b32.i2p", "unknown_name"),
        (".b32.i2p", "bad_address"),
        ("A" * 520, "bad_address"),
    ],
)
def test_names_that_lead_nowhere(tmp_path: Path, name: str, code: str) -> None:
    with pytest.raises(NameFault) as caught:
        resolve(FileResolver(tmp_path / "hosts.txt"), name)
    assert caught.value.code == code
    assert name not in str(caught.value)


def test_a_hosts_file_with_all_that_is_in_them() -> None:
    text = f"""
# a comment
one.i2p={ONE.b64}
TWO.i2p = {TWO.b64}#!date=1700000000#notes=x
one.i2p={TWO.b64}
bad.i2p=AAAA
no equals sign
not-i2p.example={ONE.b64}
x.b32.i2p={ONE.b64}
a_b.i2p={ONE.b64}
"""
    parsed = hosts_file.parse(text)
    assert parsed.hosts == {"one.i2p": ONE.hash, "two.i2p": TWO.hash}
    assert parsed.faults == 5


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_junk_in_a_hosts_file(junk: str) -> None:
    parsed = hosts_file.parse(f"{junk}\none.i2p={ONE.b64}\n")
    assert parsed.hosts.get("one.i2p") == ONE.hash


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["", ".i2p", ".b32.i2p"]))
def test_junk_as_a_name(junk: str, suffix: str) -> None:
    try:
        read_address(junk + suffix)
    except NameFault as fault:
        assert fault.code == "bad_address"


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "hosts.txt"
    resolver = FileResolver(path, clock)
    with pytest.raises(NameFault):
        resolve(resolver, "site.i2p")
    path.write_text(f"site.i2p={ONE.b64}\n")
    with pytest.raises(NameFault):
        resolve(resolver, "site.i2p")  # not looked at again so soon
    clock.now += 10
    assert resolve(resolver, "site.i2p") == ONE.hash
    assert resolve(resolver, "SITE.i2p") == ONE.hash
    assert len(resolver) == 1
    path.write_text(f"site.i2p={TWO.b64}\nbroken\n")
    os.utime(path, ns=(1, 1))
    clock.now += 10
    assert resolve(resolver, "site.i2p") == TWO.hash
    assert resolver.faults == 1
    path.unlink()
    clock.now += 10
    with pytest.raises(NameFault):
        resolve(resolver, "site.i2p")


def test_a_file_that_cannot_be_read_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, path = Clock(), tmp_path / "hosts.txt"
    path.write_text(f"site.i2p={ONE.b64}\n")
    resolver = FileResolver(path, clock)
    assert resolve(resolver, "site.i2p") == ONE.hash
    monkeypatch.setattr("i2ptunnel.naming.resolver.FILE_BYTES_MAX", 10)
    path.write_text(f"site.i2p={TWO.b64}\n# longer")
    clock.now += 10
    assert resolve(resolver, "site.i2p") == ONE.hash
