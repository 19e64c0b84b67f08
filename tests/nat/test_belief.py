"""Which external addresses are believed, and when a gateway was restarted."""

from __future__ import annotations

import pytest

from core.nat.belief import disbelief
from core.nat.epoch import Epoch
from core.nat.mapping import External, PortMapping


@pytest.mark.parametrize(
    ("address", "port", "seen", "words"),
    [
        ("8.8.4.1", 1, (), ""),
        ("8.8.4.1", 0, (), "no port"),
        ("8.8.4.1", 1, ("8.8.4.1",), ""),
        ("8.8.4.1", 1, ("8.8.4.2", "8.8.4.1"), ""),
        ("8.8.4.1", 1, ("2a00::1",), ""),
        ("8.8.4.1", 1, ("8.8.4.2",), "other routers see another address"),
        ("2a00::1", 1, ("2a00::2",), "other routers see another address"),
        ("2a00::1", 1, ("8.8.4.2",), ""),
        ("10.1.2.3", 1, (), "private"),
        ("192.168.0.1", 1, (), "private"),
        ("172.31.0.1", 1, (), "private"),
        ("169.254.3.4", 1, (), "private"),
        ("127.0.0.1", 1, (), "private"),
        ("fd00::1", 1, (), "private"),
        ("100.64.0.1", 1, (), "CGNAT"),
        ("100.127.255.254", 1, (), "CGNAT"),
        ("100.128.0.1", 1, (), ""),
        ("0.0.0.0", 1, (), "no external address"),
        ("::", 1, (), "no external address"),
        ("224.0.0.1", 1, (), "no external address"),
        ("", 1, (), "told no address"),
        ("<script>", 1, (), "told no address"),
        ("1.2.3.4.5", 1, (), "told no address"),
    ],
)
def test_who_is_believed(address: str, port: int, seen: tuple[str, ...], words: str) -> None:
    why = disbelief(address, port, seen)
    assert words in why
    assert bool(why) == bool(words)


def test_a_test_network_is_private() -> None:
    assert disbelief("10.1.2.3", 1, private=True) == ""
    assert disbelief("10.1.2.3", 1, ("10.1.2.4",), private=True)


def test_a_mapping_without_what_is_not_believed() -> None:
    good, bad = External("8.8.4.1", 5, "pcp", 9.0), External("10.0.0.1", 5, "pcp", 9.0)
    mapping = PortMapping({("tcp", 4): good, ("udp", 4): bad, ("udp", 6): bad}, "more")
    believed = mapping.believed()
    assert believed.external == {("tcp", 4): good}
    assert believed.reason.startswith("more; the gateway's own address 10.0.0.1 is a private one")
    assert believed.reason.count("10.0.0.1") == 1
    later = PortMapping({("tcp", 4): External("8.8.4.1", 5, "pcp", 99.0)}, believed.reason)
    assert believed.is_same(later)
    assert not believed.is_same(mapping)


@pytest.mark.parametrize(
    ("is_pcp", "elapsed_s", "epoch_s", "is_lost"),
    [
        (True, 100.0, 1100, False),
        (True, 100.0, 1095, False),
        (True, 100.0, 1110, True),
        (True, 100.0, 1080, True),
        (True, 100.0, 0, True),
        (True, 1.0, 999, False),
        (True, 1.0, 990, True),
        (False, 100.0, 1100, False),
        (False, 100.0, 1086, False),
        (False, 100.0, 1084, True),
        (False, 100.0, 5000, False),
        (False, 100.0, 3, True),
    ],
)
def test_the_epoch_tells_a_restart(
    is_pcp: bool, elapsed_s: float, epoch_s: int, is_lost: bool
) -> None:
    epoch = Epoch()
    assert not epoch.note(1000, 50.0, is_pcp=is_pcp)
    assert epoch.note(epoch_s, 50.0 + elapsed_s, is_pcp=is_pcp) is is_lost
    assert not epoch.note(epoch_s + 10, 60.0 + elapsed_s, is_pcp=is_pcp)
