"""The ``interfaces:`` section."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.own_doors import OwnDoors


def test_off_unless_it_stands_there() -> None:
    assert load_text("router: {}\n").configuration.interfaces.sam is None
    assert load_text("interfaces: {sam: null}\n").configuration.interfaces.sam is None


def test_on_as_usual() -> None:
    sam = load_text("interfaces: {sam: {}}\n").configuration.interfaces.sam
    assert sam is not None
    assert (str(sam.listen), str(sam.udp), sam.users) == ("127.0.0.1:7656", "127.0.0.1:7655", None)


def test_users_are_a_file_or_a_map(tmp_path: Path) -> None:
    text = "interfaces: {{sam: {{listen: '0.0.0.0:7656', udp: null, users: {}}}}}\n"
    (tmp_path / "users").write_text("a:b\n")
    sam = load_text(text.format("users"), base=tmp_path).configuration.interfaces.sam
    assert sam is not None and sam.users is not None
    assert (sam.users.file, sam.users.passwords) == (tmp_path / "users", ())
    sam = load_text(text.format("{alice: 'a: b', bob: x}")).configuration.interfaces.sam
    assert sam is not None and sam.users is not None
    assert sam.users.passwords == (("alice", "a: b"), ("bob", "x"))
    assert "a: b" not in repr(sam)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("{sam: {listen: '0.0.0.0:7656'}}", "interfaces.sam.listen", "add users:"),
        ("{sam: {udp: '0.0.0.0:7655'}}", "interfaces.sam.udp", "add users:"),
        ("{sam: {udp: 'unix:/x'}}", "interfaces.sam.udp", "host:port"),
        ("{sam: {users: {}}}", "interfaces.sam.users", "write 1 to"),
        ("{sam: {users: {'a:b': c}}}", "interfaces.sam.users.a:b", "without colon"),
        ("{sam: {max_sessions: 0}}", "interfaces.sam.max_sessions", "from 1"),
        ("{sma: {}}", "interfaces.sma", '"sam"'),
    ],
)
def test_faults(text: str, where: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(f"interfaces: {text}\n")
    (fault,) = caught.value.faults
    assert fault.path == where and what in str(fault)


def test_its_listeners_are_doors_of_ours(tmp_path: Path) -> None:
    configuration = load_text("interfaces: {sam: {}}\n").configuration
    doors = OwnDoors.of(configuration, tmp_path)
    assert doors.find(Endpoint("127.0.0.1", 7656)) is not None
    assert doors.find(Endpoint("127.0.0.1", 7655)) is None
    assert doors.find(Endpoint("127.0.0.1", 7655), is_udp=True) is not None
    with pytest.raises(ConfigError) as caught:
        load_text(
            "interfaces: {sam: {}}\n"
            "tunnels: {a: {type: server, target: '127.0.0.1:7656'}, "
            "b: {type: httpclient, listen: '127.0.0.1:7656'}}\n"
        )
    assert {fault.path for fault in caught.value.faults} == {
        "tunnels.a.target",
        "interfaces.sam.listen",
    }
