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
from i2ptunnel.naming.user_lines import FAULTS_SHOWN_MAX
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
    assert parsed.hosts == {"one.i2p": Address(ONE.hash), "two.i2p": Address(TWO.hash)}
    assert parsed.faults == 5
    assert parsed.first_faults == (
        "line 6: what follows the name is of wrong length",
        "line 7: there is no name=destination",
        "line 8: a name is like site.i2p; did you mean not-i2p.example.i2p?",
        "line 9: this is an address, not a name",
        "line 10: a name has letters, digits, single hyphens and dots",
    )


LABEL = ONE.b32.removesuffix(".b32.i2p")
BLINDED = BlindedAddress.of(TWO).host


@pytest.mark.parametrize(
    ("line", "name", "host"),
    [
        (f"\ufeffone.i2p={ONE.b64}", "one.i2p", ONE.b32),
        (f"\ufeff one.i2p = {ONE.b64} # mine", "one.i2p", ONE.b32),
        (f"one.i2p={ONE.b32}", "one.i2p", ONE.b32),
        (f"ONE.i2p.alt = www.{ONE.b32.upper()}", "one.i2p", ONE.b32),
        (f"one.i2p={BLINDED}", "one.i2p", BLINDED),
        (f"one.i2p,{LABEL}", "one.i2p", ONE.b32),
        (f"one.i2p, {ONE.b32}", "one.i2p", ONE.b32),
        (f"one.i2p,{BLINDED.removesuffix('.b32.i2p')}", "one.i2p", BLINDED),
        (f"one.i2p,{ONE.b64}", "one.i2p", ONE.b32),
        (f"One.i2p.alt={ONE.b64}#!notes=x", "one.i2p", ONE.b32),
        (f"bücher.i2p={ONE.b64}", "xn--bcher-kva.i2p", ONE.b32),
        (f"BÜCHER.i2p,{LABEL}", "xn--bcher-kva.i2p", ONE.b32),
    ],
)
def test_lines_that_a_user_may_write(line: str, name: str, host: str) -> None:
    parsed = hosts_file.parse(f"{line}\n")
    assert (parsed.faults, parsed.first_faults) == (0, ())
    assert {known: address.host for known, address in parsed.hosts.items()} == {name: host}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"forum={ONE.b64}", "did you mean forum.i2p?"),
        (f"http://forum.i2p/x={ONE.b32}", "did you mean forum.i2p?"),
        (f"{ONE.b32}=forum.i2p", "this is an address"),
        ("one.i2p=two.i2p", "an address, not a destination"),
        (f"proxy.i2p={ONE.b64}", "reserved"),
        ("one.i2p=aaaa.b32.i2p", "not a b32 address"),
        (f"{'x' * 70}.i2p={ONE.b64}", "at most 67 characters"),
        (f"{LABEL}.i2p={ONE.b64}", "without its .b32"),
        ("one.i2p,", "neither"),
        ("name,address", "neither"),
        ("one.i2p=" + "x" * 9000, "too long"),
    ],
)
def test_why_a_line_is_left_out(line: str, reason: str) -> None:
    parsed = hosts_file.parse(f"# first\n{line}\n")
    assert parsed.hosts == {}
    assert parsed.faults == 1
    assert parsed.first_faults[0].startswith("line 2: ")
    assert reason in parsed.first_faults[0]


def test_only_the_first_faults_are_told() -> None:
    parsed = hosts_file.parse("junk\n" * 1000)
    assert (parsed.faults, len(parsed.first_faults)) == (1000, FAULTS_SHOWN_MAX)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_hosts_file_that_is_not_utf8(
    tmp_path: Path, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "hosts.txt", Clock()
    resolver = FileResolver(path, clock)
    path.write_text(f"one.i2p={ONE.b64}\n", "utf-8-sig")
    assert resolve(resolver, "one.i2p") == ONE.hash
    status = {"names": 1, "faults": 0, "first_faults": [], "error": None}
    assert resolver.status() == status
    path.write_text(f"two.i2p={TWO.b64}\n", encoding)
    for _ in range(3):
        clock.now += 10
        assert resolve(resolver, "one.i2p") == ONE.hash
    (record,) = caplog.records
    caplog.clear()
    assert "hosts.txt cannot be read: this is" in record.message
    assert resolver.fault and resolver.status() == {**status, "error": resolver.fault}
    fresh = FileResolver(path, clock)
    with pytest.raises(NameFault):
        resolve(fresh, "one.i2p")
    assert fresh.status() == {**status, "names": 0, "error": resolver.fault}
    path.write_text(f"two.i2p={TWO.b64}\njunk\n")
    clock.now += 10
    assert resolve(resolver, "two.i2p") == TWO.hash
    assert "hosts.txt: 1 line is left out, the first is line 2: " in caplog.text
    assert "two.i2p" not in caplog.text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_junk_in_a_hosts_file(junk: str) -> None:
    parsed = hosts_file.parse(f"{junk}\none.i2p={ONE.b64}\n")
    assert parsed.hosts.get("one.i2p") == Address(ONE.hash)


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
