"""``doctor``: each finding on a machine that has it, and none on one that has not."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from core.api import SystemEntropy
from i2ptunnel.cli.main import main
from i2ptunnel.config.loader import Loaded, load_text
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.doctor import examination, files, machine, rhythm, running
from i2ptunnel.doctor.findings import Finding, Level
from i2ptunnel.keyfiles import generate_keys, write_new_keys

DAY = 86400.0


def levels(found: Iterable[Finding]) -> dict[str, Level]:
    """The worst of each subject."""
    order = list(Level)
    worst: dict[str, Level] = {}
    for one in found:
        worst[one.subject] = max(worst.get(one.subject, Level.OK), one.level, key=order.index)
    return worst


def of(tmp_path: Path, tunnels: str = "") -> Loaded:
    text = f"router: {{data_dir: {tmp_path}}}\n{tunnels}"
    return load_text(text, base=tmp_path)


# The machine


def test_a_port_that_another_program_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        loaded = of(tmp_path, f"tunnels: {{p: {{type: httpclient, listen: '127.0.0.1:{port}'}}}}\n")
        doors = OwnDoors.of(loaded.configuration, tmp_path).doors
        (found,) = machine.check_ports(doors, None)
        assert found.level is Level.PROBLEM
        assert f"process {os.getpid()}" in found.text and "tunnel p" in found.text
        # The same port in use by the program itself is as it should be.
        (found,) = machine.check_ports(doors, os.getpid())
        assert found.level is Level.OK
        # A socket unit holds it until the program starts, and beside it then.
        monkeypatch.setattr(machine, "_SERVICE_MANAGER", os.getpid())
        (found,) = machine.check_ports(doors, None)
        assert found.level is Level.OK
    (found,) = machine.check_ports(doors, None)
    assert found.level is Level.OK
    assert [one.level for one in machine.check_ports(doors, os.getpid())] == [Level.WARNING]


@pytest.mark.parametrize(
    ("most", "count", "level"),
    [
        ("262144", "100", Level.OK),
        ("8192", "100", Level.WARNING),
        ("65536", "60000", Level.PROBLEM),
        ("junk", "1", None),
    ],
)
def test_connection_tracking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str, count: str, level: Level | None
) -> None:
    folder = tmp_path / "proc/sys/net/netfilter"
    folder.mkdir(parents=True)
    (folder / "nf_conntrack_max").write_text(most)
    (folder / "nf_conntrack_count").write_text(count)
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    found = machine.check_conntrack()
    assert (found.level if found else None) == level


def test_descriptors_of_the_program_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    (tmp_path / "proc/7").mkdir(parents=True)
    limits = tmp_path / "proc/7/limits"
    for text, level in (("1024 1024", Level.WARNING), ("1024 unlimited", Level.OK)):
        limits.write_text(f"Max open files            {text}   files\n")
        assert machine.check_descriptors(7).level is level
    limits.write_text("junk\nMax open files\n")
    assert machine.check_descriptors(7).level is Level.UNKNOWN


def test_the_same_port_at_another_address_is_somebody_elses() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.9", 0))
        other.listen()
        port = other.getsockname()[1]
        assert machine.owners_of("127.0.0.9", port, is_udp=False) == [os.getpid()]
        assert machine.owners_of("127.0.0.8", port, is_udp=False) == []
        assert machine.owners_of("0.0.0.0", port, is_udp=False) == [os.getpid()]
        assert machine.owners_of("127.0.0.9", port, is_udp=True) == []


# The data directory


def test_modes_of_keys(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    write_new_keys(data / "site.dat", generate_keys())
    assert levels(files.check_data_directory(data)) == {"file modes": Level.OK}
    (data / "site.dat").chmod(0o644)
    data.chmod(0o777)
    found = list(files.check_data_directory(data))
    assert [one.level for one in found] == [Level.PROBLEM] * 2
    assert found[1].remedy == f"Make it private: chmod 600 {data / 'site.dat'}"
    (gone,) = files.check_data_directory(tmp_path / "none")
    assert gone.level is Level.NOTE


@pytest.mark.parametrize(
    ("size", "state", "text"),
    [
        ("size=64k", "problem", "free at {}: state cannot be kept"),
        ("size=400m", "warning", "free at {}"),
        ("size=2g", "ok", "free at {}"),
        ("size=2g,nr_inodes=50", "problem", "no more files can be made at {}"),
    ],
)
def test_a_full_disk(tmp_path: Path, size: str, state: str, text: str) -> None:
    """Real ones, small from the start; what is in a mount namespace goes with it."""
    data = tmp_path / "data"
    data.mkdir()
    config = tmp_path / "i.yaml"
    config.write_text(f"router: {{data_dir: {data}}}\n")
    script = f'mount -t tmpfs -o mode=700,{size} none {data} && exec "$@"'
    command = [sys.executable, "-m", "i2ptunnel", "doctor", "--json", "-c", str(config)]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    if "permission denied" in done.stderr.lower() or "not permitted" in done.stderr.lower():
        return  # no mount namespaces here
    assert done.returncode in (0, 1), done.stderr
    (found,) = [one for one in json.loads(done.stdout)["findings"] if one["subject"] == "disk"]
    assert found["level"] == state
    assert text.format(data) in found["text"]
    assert bool(found["remedy"]) == (state != "ok")


def test_keys_that_end(tmp_path: Path) -> None:
    master, now = generate_keys(), time.time()
    tunnels = "tunnels: {s: {type: server, target: '127.0.0.1:1', keys: s.dat}}\n"
    for left, level in ((90 * DAY, Level.OK), (5 * DAY, Level.WARNING), (-DAY, Level.PROBLEM)):
        path = tmp_path / "s.dat"
        for file in tmp_path.glob("s.dat*"):
            file.unlink()
        write_new_keys(path, master.authorise_transient(SystemEntropy(), int(now + left)))
        assert levels(files.check_keys(of(tmp_path, tunnels), now))["keys"] is level
    path.write_bytes(path.read_bytes()[:100])
    assert levels(files.check_keys(of(tmp_path, tunnels), now))["keys"] is Level.PROBLEM


def test_daily_keys_that_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    master, file = tmp_path / "m.dat", tmp_path / "s.dat"
    tunnels = (
        "tunnels: {s: {type: server, target: '127.0.0.1:1', keys: s.dat, "
        "encrypted: {enabled: true}}}\n"
    )
    assert main(["keys", "generate", str(master), "--signing-type", "reddsa"]) == 0
    words = ["keys", "transient", str(master), str(file), "--encrypted", "--days", "90"]
    assert main(words) == 0
    now = time.time()
    loaded = of(tmp_path, tunnels)
    assert levels(files.check_keys(loaded, now))["keys"] is Level.OK
    assert levels(files.check_keys(loaded, now + 80 * DAY))["keys"] is Level.WARNING
    (tmp_path / "s.days").unlink()
    found = list(files.check_keys(loaded, now))
    assert found[0].level is Level.PROBLEM and "daily keys" in found[0].text


def test_known_routers_of_a_program_that_does_not_run(tmp_path: Path) -> None:
    assert files.check_known_routers(tmp_path).level is Level.NOTE
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        database.execute("CREATE TABLE routers (hash BLOB)")
        database.executemany("INSERT INTO routers VALUES (?)", [(b"x",)] * 200)
    database.close()
    assert files.check_known_routers(tmp_path).level is Level.OK
    (tmp_path / "state.sqlite").write_bytes(b"junk" * 1000)
    assert files.check_known_routers(tmp_path).level is Level.UNKNOWN


# The rhythm


def nightly(days: int, now: float) -> list[tuple[float, float]]:
    return [(now - d * DAY, now - d * DAY + 0.6 * DAY) for d in range(days, 0, -1)]


def test_a_machine_that_goes_off_every_night(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(rhythm, "has_battery", lambda: False)
    monkeypatch.setattr(rhythm, "boots", lambda: nightly(10, now))
    found = rhythm.check_rhythm(["site"], now)
    assert found is not None and found.level is Level.WARNING
    assert "site" in found.text and "router.i2cp" in str(found.remedy)
    assert rhythm.check_rhythm([], now) is None
    # Two updates with a pause are no rhythm, and what was long ago is none either.
    for spans in (nightly(3, now), nightly(10, now - 60 * DAY), [(now - 30 * DAY, now)]):
        monkeypatch.setattr(rhythm, "boots", lambda spans=spans: spans)
        found = rhythm.check_rhythm(["site"], now)
        assert found is not None and found.level is Level.OK


def test_boots_as_the_journal_tells_them() -> None:
    rows = [
        {"index": 0, "first_entry": 3_000_000, "last_entry": 4_000_000},
        {"index": -1, "first_entry": 1_000_000, "last_entry": 2_000_000},
    ]
    assert rhythm.read_boots(json.dumps(rows).encode()) == [(1.0, 2.0), (3.0, 4.0)]
    for junk in (b"", b"no json", b"{}", b'[{"index": 0}]', b'["x"]'):
        assert rhythm.read_boots(junk) == []


def test_boots_as_wtmp_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def record(kind: int, when: int) -> bytes:
        return struct.pack("=h", kind).ljust(340, b"\0") + struct.pack("=I", when).ljust(44, b"\0")

    data = b"".join(record(*one) for one in ((7, 1), (2, 10), (7, 20), (1, 30), (2, 5000), (0, 9)))
    assert rhythm.read_wtmp(data) == [(10.0, 30.0), (5000.0, 5000.0)]
    assert rhythm.read_wtmp(data[:-1]) == [(10.0, 30.0), (5000.0, 5000.0)]
    assert rhythm.read_wtmp(b"junk" * 500) is not None and rhythm.read_wtmp(b"") == []
    # Where the journal knows nothing.
    monkeypatch.setattr(rhythm, "WTMP", tmp_path / "wtmp")
    monkeypatch.setattr(rhythm.shutil, "which", lambda _: None)
    assert rhythm.boots() == []
    (tmp_path / "wtmp").write_bytes(data)
    assert len(rhythm.boots()) == 2


def test_a_laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rhythm, "POWER", tmp_path)
    assert not rhythm.has_battery()
    (tmp_path / "mouse").mkdir()
    (tmp_path / "mouse/type").write_text("Battery\n")
    (tmp_path / "mouse/scope").write_text("Device\n")
    assert not rhythm.has_battery()
    (tmp_path / "BAT0").mkdir()
    (tmp_path / "BAT0/type").write_text("Battery\n")
    assert rhythm.has_battery()


# A running program


def status(**router: Any) -> dict[str, Any]:
    return {
        "state": "ready",
        "reason": None,
        "remedy": None,
        "uptime_s": 3600.0,
        "pid": os.getpid(),
        "services": {},
        "tunnels": [],
        "reseed": {"state": "waiting", "next_in_s": 0},
        "router": {
            "routers": 900,
            "floodfills": 100,
            "links": {"inbound": 10, "outbound": 20, "ntcp2": 15, "ssu2": 15},
            "cut_off": False,
            "builds_started": 100,
            "builds_succeeded": 60,
            "clock": {"warning": None, "source": "ntp"},
            "hidden": {"hidden": False},
            "port_mapping": {"reason": None},
            "published": ["ntcp2 203.0.113.7:23456"],
            "reachability": {
                "ipv4": "ok",
                "ipv6": "disabled",
                "transports": {"ntcp2/ipv4": "ok"},
                "why": "peers say so",
            },
            **router,
        },
    }


def test_a_healthy_program() -> None:
    found = [
        *running.check_state(status()),
        running.check_clock(status()),
        running.check_reachability(status()),
        *running.check_network(status()),
    ]
    assert set(levels(found).values()) == {Level.OK}


@pytest.mark.parametrize(
    ("router", "subject", "level"),
    [
        ({"routers": 0}, "known routers", Level.PROBLEM),
        ({"routers": 10}, "known routers", Level.NOTE),
        ({"cut_off": True}, "links", Level.PROBLEM),
        ({"links": {"inbound": 0, "outbound": 1}}, "links", Level.WARNING),
        ({"builds_succeeded": 5}, "tunnel builds", Level.PROBLEM),
        ({"builds_succeeded": 30}, "tunnel builds", Level.WARNING),
        ({"builds_started": 3, "builds_succeeded": 0}, "tunnel builds", Level.UNKNOWN),
    ],
)
def test_a_program_in_trouble(router: dict[str, Any], subject: str, level: Level) -> None:
    assert levels(running.check_network(status(**router)))[subject] is level


def test_a_program_that_has_just_started_is_not_blamed_for_having_no_links() -> None:
    young = status(links={"inbound": 0, "outbound": 0}) | {"uptime_s": 5.0}
    assert levels(running.check_network(young))["links"] is Level.UNKNOWN


def test_what_a_running_program_says_of_its_clock_and_its_tunnels() -> None:
    wrong = status(clock={"warning": "3 h behind", "source": "ntp"})
    assert running.check_clock(wrong).level is Level.WARNING
    assert running.check_clock(status(clock={"warning": None, "source": None})).level is (
        Level.UNKNOWN
    )
    broken = status() | {"state": "degraded", "reason": "why", "remedy": "what"}
    broken["tunnels"] = [{"name": "site", "state": "failed", "last_error": "no keys"}]
    found = list(running.check_state(broken))
    assert [one.level for one in found] == [Level.PROBLEM] * 2 and "no keys" in found[1].text
    behind = status()["router"]["reachability"] | {"ipv4": "firewalled"}
    assert running.check_reachability(status(reachability=behind)).level is Level.NOTE


def test_a_file_that_says_something_else() -> None:
    same: dict[str, Any] = {word: [] for word in ("add", "change", "restart", "remove")}
    same |= {"settings": [], "router": []}
    assert running.check_drift(same).level is Level.OK
    found = running.check_drift(same | {"add": ["irc"]})
    assert found.level is Level.NOTE and "add irc" in found.text and "reload" in str(found.remedy)
    assert "anew" in str(running.check_drift(same | {"router": ["router.port"]}).remedy)
    assert running.check_drift("x.yaml:1:1: wrong").level is Level.PROBLEM


def test_the_clock_of_a_machine_without_a_program(tmp_path: Path) -> None:
    assert levels(examination.examine(None))["clock"] in (Level.OK, Level.NOTE)
    assert examination._clock_alone(0.0).level is Level.PROBLEM


# The command


def test_without_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    config = tmp_path / "i2ptunnel.yaml"
    config.write_text("router: {data_dir: data}\n")
    assert main(["doctor", "-c", str(config), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert not report["running"] and report["configuration_valid"]
    subjects = {one["subject"] for one in report["findings"]}
    assert {"state", "disk", "python", "file modes", "descriptors", "ports"} <= subjects
    assert main(["doctor", "-c", str(config)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    write_new_keys(tmp_path / "data" / "x.dat", generate_keys())
    (tmp_path / "data" / "x.dat").chmod(0o644)
    assert main(["doctor", "-c", str(config)]) == 1
    assert "chmod 600" in capsys.readouterr().out
    config.write_text("router: {data_dirr: x}\n")
    assert main(["doctor", "-c", str(config), "--json"]) == 3
    shown = capsys.readouterr()
    assert not json.loads(shown.out)["configuration_valid"] and "data_dir" in shown.err


def test_a_program_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    (tmp_path / "proc/7").mkdir(parents=True)
    for state, text in (("T", "process 7 is stopped"), ("D", "process 7 runs, but does not")):
        (tmp_path / "proc/7/stat").write_text(f"7 (a) b) {state} 1 1")
        found = next(iter(examination.examine(None, silent=7)))
        assert found.level is Level.PROBLEM and text in found.text
    assert "a process runs" in machine.check_silent(0).text
