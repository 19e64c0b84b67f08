"""Commands find the program they mean, and never write beside a running service."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.api import DataDirectoryLock
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from i2ptunnel.cli import places
from i2ptunnel.cli.exits import CommandFault
from i2ptunnel.cli.main import main
from i2ptunnel.cli.places import configuration_of, data_dir_of
from tests.support.deterministic import SeededEntropy

UNIT = (Path(__file__).parents[3] / "systemd" / "i2ptunnel.service").read_text()


class Machine:
    """A system's directories, with the service's unit in place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "root"
        self.own = self.home / ".local/share/i2ptunnel"
        self.config = root / "etc/i2ptunnel/i2ptunnel.yaml"
        self.state = root / "var/lib/i2ptunnel"
        for directory in (self.home, self.config.parent, self.state):
            directory.mkdir(parents=True)
        self.config.write_text("router: {}\n")

    def install(self, text: str = UNIT, name: str = "i2ptunnel.service") -> None:
        directory = self.root / "usr/lib/systemd/system"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)

    def data_dir(self, *words: str, writes: bool = False) -> Path:
        parser = argparse.ArgumentParser()
        places_options(parser)
        return Path(os.path.realpath(data_dir_of(parser.parse_args(words), writes=writes)))


def places_options(parser: argparse.ArgumentParser) -> None:
    from i2ptunnel.cli.sources import add_source_options

    add_source_options(parser)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    machine = Machine(Path(os.path.realpath(tmp_path)))
    monkeypatch.setattr(places, "ROOT", machine.root)
    monkeypatch.setenv("HOME", str(machine.home))
    for name in ("STATE_DIRECTORY", "XDG_DATA_HOME", "RUNTIME_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    yield machine


def test_the_services_file_means_the_services_directory(machine: Machine) -> None:
    machine.install()
    config = ("-c", str(machine.config))
    assert machine.data_dir(*config) == machine.state
    assert machine.data_dir(*config, writes=True) == machine.state
    with DataDirectoryLock(machine.state):
        assert machine.data_dir(*config, writes=True) == machine.state
    link = machine.root / "link.yaml"
    link.symlink_to(machine.config)
    assert machine.data_dir("-c", str(link)) == machine.state


def test_a_unit_with_other_names_is_read(machine: Machine) -> None:
    other = machine.root / "var/lib/private/my-i2p"
    other.mkdir(parents=True)
    text = UNIT.replace("StateDirectory=i2ptunnel", "StateDirectory=my-i2p\nDynamicUser=yes")
    file = machine.root / "etc/my.yaml"
    file.write_text("router: {}\n")
    machine.install(
        text.replace("/etc/i2ptunnel/i2ptunnel.yaml", "/etc/my.yaml"), "i2ptunnel-b.service"
    )
    assert machine.data_dir("-c", str(file)) == other
    (machine.root / "var/lib/my-i2p").symlink_to(other)
    assert machine.data_dir("-c", str(file)) == other


def test_a_running_program_tells_where_it_is(machine: Machine) -> None:
    state, runtime = machine.root / "srv/state", machine.root / "run/i2ptunnel"
    file = machine.root / "etc/any.yaml"
    file.write_text("router: {}\n")
    for directory in (state, runtime):
        directory.mkdir(parents=True)
    (runtime / "data-dir").write_text(f"{state}\n{file}\n")
    assert machine.data_dir("-c", str(file)) == state
    with DataDirectoryLock(state):
        assert machine.data_dir() == state, "the only one that runs"


def test_what_the_options_say_counts(machine: Machine) -> None:
    machine.install()
    with DataDirectoryLock(machine.state):
        assert machine.data_dir("--data-dir", str(machine.home), writes=True) == machine.home
        machine.config.write_text(f"router: {{data_dir: {machine.home}/d}}\n")
        config = ("-c", str(machine.config))
        assert machine.data_dir(*config, writes=True) == machine.home / "d"


def test_nothing_is_written_beside_a_running_service(machine: Machine) -> None:
    machine.install()
    other = machine.root / "other.yaml"
    other.write_text("router: {}\n")
    machine.own.mkdir(parents=True)
    assert machine.data_dir(writes=True) == machine.own, "none runs"
    with DataDirectoryLock(machine.state):
        for words in ((), ("-c", str(other))):
            with pytest.raises(CommandFault, match=f"--data-dir {machine.state} or --data-dir"):
                machine.data_dir(*words, writes=True)
        with DataDirectoryLock(machine.own):
            assert machine.data_dir(writes=True) == machine.own, "the user's own runs"


def test_address_add_goes_into_the_services_book(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.install()
    b32 = "a" * 52 + ".b32.i2p"
    assert main(["address", "add", "x.i2p", b32, "-c", str(machine.config)]) == 0
    assert (machine.state / "addresses.sqlite").exists() and not machine.own.exists()
    assert str(machine.state) in capsys.readouterr().err
    assert main(["status", "-c", str(machine.config)]) == 4
    assert f"no answer at {machine.state}/control.sock" in capsys.readouterr().err


@pytest.mark.parametrize("owner", [12345])
def test_what_root_writes_belongs_to_the_service(machine: Machine, owner: int) -> None:
    machine.install()
    try:
        os.chown(machine.state, owner, owner)
    except PermissionError:
        return  # only root meets this
    b32 = "a" * 52 + ".b32.i2p"
    assert main(["address", "add", "x.i2p", b32, "-c", str(machine.config)]) == 0
    infos = machine.root / "infos"
    infos.mkdir()
    info = RouterInfo.build(PrivateKeys.generate_router(SeededEntropy("i")), 1, [], {"netId": "2"})
    (infos / "routerInfo-x.dat").write_bytes(info.raw)
    assert main(["netdb", "import", str(infos), "-c", str(machine.config)]) == 0
    found = {str(path): path.stat().st_uid for path in machine.state.rglob("*")}
    assert any("imported/routerInfo-" in name for name in found)
    assert found and set(found.values()) == {owner}, found


def test_run_makes_no_second_router_with_the_services_file(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.install()
    with DataDirectoryLock(machine.state):
        assert main(["run", "-c", str(machine.config)]) == 1
    assert f"a service runs with this file and the data directory {machine.state}" in (
        capsys.readouterr().err
    )
    assert not machine.own.exists()


def test_check_looks_at_the_services_keys(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.install()
    machine.config.write_text("tunnels: {a: {type: server, target: 127.0.0.1:9}}\n")
    words = ["check", "-c", str(machine.config)]
    key = machine.state / "a.dat"
    assert main(["keys", "generate", str(key)]) == 0
    assert main(words) == 0
    data = bytearray(key.read_bytes())
    data[350] ^= 1
    key.write_bytes(data)
    assert main(words) == 3
    assert "tunnels.a.keys: " in (err := capsys.readouterr().err) and "checksum" in err
    key.write_bytes(data[:500])
    assert main(words) == 3
    assert "is no usable key file" in capsys.readouterr().err
    key.chmod(0o644)
    assert main(words) == 3
    assert f"chmod 600 {key}" in capsys.readouterr().err


def test_without_a_file_a_services_own_one_is_meant(machine: Machine) -> None:
    machine.install()
    machine.config.write_text("router: {port: 12345}\n")
    parser = argparse.ArgumentParser()
    places_options(parser)
    # A service that does not run, and a directory that is named.
    words = ["--data-dir", str(machine.state)]
    found = configuration_of(parser.parse_args(words))
    assert found.configuration.router.port == 12345 and found.data_dir == machine.state
    # One that runs is meant without any word.
    with DataDirectoryLock(machine.state):
        found = configuration_of(parser.parse_args([]))
    assert found.configuration.router.port == 12345
    # Another directory is another program's: the profile for browsers, as with run.
    found = configuration_of(parser.parse_args(["--data-dir", str(machine.own)]))
    assert found.configuration.router.port is None and "web" not in found.files
