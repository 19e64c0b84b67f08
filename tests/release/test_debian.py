"""The Debian package on a clean system with a real systemd: run, hurt, upgraded, removed.

The tests of a suite go on where the one before has stopped, as the life of an installation does.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from release import debian
from release.roots import ROOTS, SUITES, Root, remove, root_with, run
from tests.support.i2pd_net import wait_until
from tests.support.systemd_machine import OWN_PAGE, SYSTEM, SystemdMachine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a Debian system"),
]

CONFIG = "/etc/i2ptunnel/i2ptunnel.yaml"
UNIT = "i2ptunnel.service"
#: below the root
KEYS = "var/lib/i2ptunnel/router.keys"
QUICK = "[Service]\nRestartSec=1\n"
HELLO = """python3 - <<'END'
import socket
with socket.create_connection(("127.0.0.1", 7656), 60) as sam:
    sam.sendall(b"HELLO VERSION\\n")
    print(sam.recv(100).decode())
END"""
SEND = """python3 - <<'END'
import socket
with socket.socket(type=socket.SOCK_DGRAM) as sam:
    sam.sendto(b"3.0 nobody nowhere\\npayload", ("127.0.0.1", 7655))
END"""
VISIT = """python3 - <<'END'
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:7657/", timeout=60).status)
END"""


@pytest.fixture(scope="module", params=SUITES)
def package(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """(suite, package); built here unless I2PTUNNEL_DEB names a directory where they are."""
    suite = request.param
    given = os.environ.get("I2PTUNNEL_DEB")
    if given is None:
        return suite, debian.build(suite)
    (file,) = Path(given).glob(f"i2ptunnel_{debian.version_of(suite)}_*.deb")
    return suite, file


@pytest.fixture(scope="module")
def machine(package: tuple[str, Path]) -> Iterator[SystemdMachine]:
    suite, file = package
    root = root_with(suite, "system", SYSTEM).copy(ROOTS / f"{suite}-test")
    shutil.copy(file, root.path / "root" / "i2ptunnel.deb")
    told = root.install("/root/i2ptunnel.deb")
    assert "Setting up i2ptunnel" in told
    made = SystemdMachine(root)
    made.write("/etc/systemd/system/i2ptunnel.service.d/quick.conf", QUICK)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        remove(root.path)


def status(machine: SystemdMachine) -> str:
    return machine.attempt(f"i2ptunnel status -c {CONFIG}").stdout


def test_the_service_runs_in_its_sandbox_after_boot(machine: SystemdMachine) -> None:
    process = machine.wait_active(UNIT)
    assert machine.run(f"i2ptunnel check -c {CONFIG}").splitlines()[-1] == "valid: 2 tunnels"
    assert machine.run(OWN_PAGE).strip() == "200"
    facts = machine.run(f"cat /proc/{process}/status")
    for fact in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"):
        assert fact in facts
    assert machine.run(f"stat -c %U /proc/{process}").strip() == "i2ptunnel"
    log = machine.run(f"journalctl -u {UNIT} -o cat")
    assert "native twins and compiled modules" in log and "Traceback" not in log
    for page in ("man1/i2ptunnel.1.gz", "man5/i2ptunnel.yaml.5.gz"):
        assert (machine.root.path / "usr/share/man" / page).exists()
    completion = "usr/share/bash-completion/completions/i2ptunnel"
    assert "i2ptunnel" in (machine.root.path / completion).read_text()
    # No compiler, no pip, no headers came along.
    assert machine.attempt("command -v gcc pip pip3").returncode != 0

    # systemd, status and the log tell the same.
    def is_told() -> bool:
        state = status(machine).splitlines()[1].partition(",")[0]
        return machine.property(UNIT, "StatusText").startswith(f"{state}: ")

    wait_until("one state for both", is_told, 30)


def test_a_reload_takes_a_right_configuration_and_refuses_a_wrong_one(
    machine: SystemdMachine,
) -> None:
    process = machine.wait_active(UNIT)
    config = machine.root.path / CONFIG.lstrip("/")
    before = config.read_text()
    config.write_text(f"{before}\ntunnels:\n  irc: {{type: nonsense}}\n")
    assert machine.attempt(f"systemctl reload {UNIT}").returncode != 0
    text = "tunnels:\n  own: {type: sockstunnel, listen: 127.0.0.1:4449}\n"
    config.write_text(f"{before}\n{text}")
    machine.run(f"systemctl reload {UNIT}")
    assert "own " in status(machine)
    assert machine.property(UNIT, "MainPID") == process


def test_kill_9_and_a_stalled_loop_end_in_a_new_start(machine: SystemdMachine) -> None:
    keys = machine.run("sha256sum /var/lib/i2ptunnel/router.keys")
    process = machine.wait_active(UNIT)
    machine.run(f"kill -KILL {process}")
    process = machine.wait_active(UNIT, other_than=process)
    machine.write("/etc/systemd/system/i2ptunnel.service.d/quick.conf", f"{QUICK}WatchdogSec=3\n")
    machine.run(f"systemctl daemon-reload; systemctl restart {UNIT}")
    process = machine.wait_active(UNIT, other_than=process)
    # It runs, but its loop does not turn: nothing but the watchdog can tell.
    machine.run(f"kill -STOP {process}")
    machine.wait_active(UNIT, other_than=process)
    assert "Watchdog timeout" in machine.run(f"journalctl -u {UNIT} -o cat")
    assert machine.run("sha256sum /var/lib/i2ptunnel/router.keys") == keys
    machine.write("/etc/systemd/system/i2ptunnel.service.d/quick.conf", QUICK)
    machine.run(f"systemctl daemon-reload; systemctl restart {UNIT}")
    machine.wait_active(UNIT)


def test_a_full_disk_is_told_and_survived(machine: SystemdMachine) -> None:
    directory = "/var/lib/i2ptunnel"
    machine.run(f"systemctl stop {UNIT}")
    # A small disk with a copy of the directory, in its place.
    owner = machine.run(f"stat -c uid=%u,gid=%g {directory}").strip()
    machine.run(
        f"cp -a {directory} /root/copy && mount -t tmpfs -o size=1m,mode=700,{owner} small "
        f"{directory} && cp -a /root/copy/. {directory}/ && systemctl start {UNIT}"
    )
    process = machine.wait_active(UNIT)
    machine.attempt(f"cat /dev/zero > {directory}/ballast")
    assert machine.property(UNIT, "MainPID") == process
    assert machine.run(OWN_PAGE).strip() == "200"
    machine.run(f"kill -KILL {process}")
    # With no room at all it may not start; it says why, and tries again until there is room.
    wait_until("a word", lambda: "space" in machine.run(f"journalctl -u {UNIT} -o cat"), 30)
    machine.run(f"rm {directory}/ballast")
    machine.wait_active(UNIT, other_than=process)
    machine.run(f"systemctl stop {UNIT}; umount {directory}; systemctl start {UNIT}")
    machine.wait_active(UNIT)


def test_a_lost_network_is_survived(machine: SystemdMachine) -> None:
    process = machine.wait_active(UNIT)
    machine.run("ip link set lo down")
    assert machine.property(UNIT, "ActiveState") == "active"
    machine.run("ip link set lo up")
    assert machine.run(OWN_PAGE).strip() == "200"
    assert machine.property(UNIT, "MainPID") == process


def test_a_socket_unit_starts_the_service_and_holds_its_port(machine: SystemdMachine) -> None:
    machine.run(f"systemctl stop {UNIT}; systemctl start i2ptunnel-browser.socket")
    assert machine.property(UNIT, "ActiveState") == "inactive"
    assert machine.run(OWN_PAGE).strip() == "200"
    first = machine.wait_active(UNIT)
    machine.run(f"(sleep 0.2; systemctl restart {UNIT}) & {OWN_PAGE}")
    machine.wait_active(UNIT, other_than=first)
    assert machine.run(OWN_PAGE).strip() == "200"
    machine.run(f"systemctl stop i2ptunnel-browser.socket {UNIT}; systemctl start {UNIT}")
    machine.wait_active(UNIT)


def test_socket_units_hold_the_ports_of_services(machine: SystemdMachine) -> None:
    with_sam = "\ninterfaces: {sam: {}}\ntunnels:\n"
    config = machine.root.path / CONFIG.lstrip("/")
    config.write_text(config.read_text().replace("\ntunnels:\n", with_sam, 1))
    units = "i2ptunnel-console.socket i2ptunnel-sam.socket"
    machine.run(f"systemctl stop {UNIT}; systemctl start {units}")
    # What holds the ports is no other program to the doctor.
    assert "all free" in machine.attempt(f"i2ptunnel doctor -c {CONFIG}").stdout
    # The hello waits until the service that it starts has read its configuration.
    assert "RESULT=OK" in machine.run(HELLO)
    first = machine.wait_active(UNIT)
    assert "all ours" in machine.attempt(f"i2ptunnel doctor -c {CONFIG}").stdout
    machine.run(f"systemctl stop {UNIT}")
    assert machine.property(UNIT, "ActiveState") == "inactive"
    # A datagram is enough, too: it was held, and is judged.
    machine.run(SEND)
    machine.wait_active(UNIT, other_than=first)

    def dropped() -> int:
        told = machine.run(f"i2ptunnel status --json -c {CONFIG}; true")
        status = json.loads(told[told.index("{") :])
        return int(status["interfaces"]["sam"]["datagrams_dropped"])

    wait_until("the datagram", lambda: dropped() == 1, 20)
    assert machine.run(VISIT).strip() == "200"
    machine.run(f"systemctl stop {units} {UNIT}; systemctl start {UNIT}")
    machine.wait_active(UNIT)


def test_the_console_offers_the_file_that_it_may_not_write(machine: SystemdMachine) -> None:
    """To the service /etc is read-only."""
    machine.wait_active(UNIT)
    visit = Path(__file__).parents[1] / "support" / "console_visit.py"
    machine.write("/root/visit.py", visit.read_text())
    told = machine.run(f"i2ptunnel console --no-browser -c {CONFIG}")
    (way,) = [word for word in told.split() if word.endswith(".html")]
    config = machine.root.path / CONFIG.lstrip("/")
    before = config.read_text()
    added = "  shown: {type: sockstunnel, listen: '127.0.0.1:4450'}\n"
    answer = machine.run(f'python3 /root/visit.py {way} http://127.0.0.1:7657 "{added}"')
    note, _, offered = answer.partition("\n")
    assert f"the program may not write {CONFIG}" in note
    assert "Download the new file" in note
    assert config.read_text() == before and offered == before + added
    # As the page says: put in its place, and reload.
    config.write_text(offered)
    machine.run(f"systemctl reload {UNIT}")
    assert "shown " in status(machine)


def test_keys_come_from_a_credential(machine: SystemdMachine) -> None:
    made = machine.run("mkdir -p /root/keys; i2ptunnel keys generate /root/keys/site.dat")
    address = next(word for word in made.split() if word.endswith(".b32.i2p"))
    text = "[Service]\nLoadCredential=site.dat:/root/keys/site.dat\n"
    machine.write("/etc/systemd/system/i2ptunnel.service.d/keys.conf", text)
    config = machine.root.path / CONFIG.lstrip("/")
    place = "/run/credentials/i2ptunnel.service/site.dat"
    site = f"  site: {{type: httpserver, target: '127.0.0.1:8080', keys: {place}}}\n"
    config.write_text(config.read_text() + site)
    machine.run(f"systemctl daemon-reload; systemctl restart {UNIT}")
    machine.wait_active(UNIT)
    wait_until("the site", lambda: address in status(machine), 30)
    # The file is root's alone, and what the service sees of it is its own.
    assert machine.run("stat -c %a:%U /root/keys/site.dat").strip() == "600:root"


def test_a_profile_is_a_service_of_its_own(machine: SystemdMachine) -> None:
    machine.run("systemctl start i2ptunnel@mail")
    process = machine.wait_active("i2ptunnel@mail")
    # A user of its own, from the range of those that there are only while a service runs.
    assert int(machine.run(f"stat -c %u /proc/{process}")) in range(61184, 65520)
    machine.run("systemctl reload i2ptunnel@mail")
    assert "pop3 " in machine.run("i2ptunnel status --data-dir /var/lib/i2ptunnel-mail; true")
    machine.run("systemctl stop i2ptunnel@mail")


def test_upgrade_removal_and_purge_keep_the_keys(
    machine: SystemdMachine, package: tuple[str, Path]
) -> None:
    keys = machine.run("sha256sum /var/lib/i2ptunnel/router.keys")
    config = machine.run(f"sha256sum {CONFIG}; stat -c %a:%G {CONFIG}")
    process = machine.wait_active(UNIT)
    newer = _newer(package[1], machine.root)
    machine.run(f"DEBIAN_FRONTEND=noninteractive apt-get -y install {newer}")
    machine.wait_active(UNIT, other_than=process)
    assert machine.run(f"sha256sum {CONFIG}; stat -c %a:%G {CONFIG}") == config
    assert config.split()[-1] == "640:i2ptunnel"
    machine.run("apt-get -y remove i2ptunnel")
    assert machine.property(UNIT, "ActiveState") != "active"
    assert machine.run("sha256sum /var/lib/i2ptunnel/router.keys") == keys
    assert machine.attempt("command -v i2ptunnel").returncode != 0
    machine.run(f"DEBIAN_FRONTEND=noninteractive apt-get -y install {newer}")
    machine.wait_active(UNIT)
    told = machine.run("DEBIAN_FRONTEND=noninteractive apt-get -y purge i2ptunnel")
    assert "its keys are the addresses of your sites" in told.lower()
    assert "rm -r /var/lib/i2ptunnel" in told
    assert machine.run("sha256sum /var/lib/i2ptunnel/router.keys") == keys
    assert machine.attempt(f"test -e {CONFIG}").returncode != 0


@pytest.fixture
def asked(package: tuple[str, Path]) -> Iterator[Root]:
    """A system that is not booted, with the package and a key."""
    suite, file = package
    root = root_with(suite, "system", SYSTEM).copy(ROOTS / f"{suite}-purge")
    shutil.copy(file, root.path / "root" / "i2ptunnel.deb")
    root.install("/root/i2ptunnel.deb")
    (root.path / KEYS).parent.mkdir(exist_ok=True)
    (root.path / KEYS).write_bytes(b"a key")
    try:
        yield root
    finally:
        remove(root.path)


def test_purge_asks_before_it_deletes_keys(asked: Root) -> None:
    keys, again = asked.path / KEYS, ("dpkg", "--install", "/root/i2ptunnel.deb")
    # Nobody is there to answer: they stay, at once and after a removal.
    assert "/var/lib/i2ptunnel stays" in asked.run("apt-get", "-y", "purge", "i2ptunnel")
    asked.run(*again)
    asked.run("apt-get", "-y", "remove", "i2ptunnel")
    assert "/var/lib/i2ptunnel stays" in asked.run("dpkg", "--purge", "i2ptunnel")
    # Nor is debconf.
    asked.run(*again)
    module = asked.path / "usr/share/debconf/confmodule"
    module.rename(module.with_suffix(".away"))
    assert "/var/lib/i2ptunnel stays" in asked.run("dpkg", "--purge", "i2ptunnel")
    module.with_suffix(".away").rename(module)
    # Somebody says no, and then yes.
    for answer, is_kept in (("no", True), ("yes", False)):
        asked.run(*again)
        dialogue = f"echo {answer} | DEBIAN_FRONTEND=teletype dpkg --purge i2ptunnel"
        told = asked.run("sh", "-c", dialogue)
        assert "Delete the keys" in told and "cannot be restored" in " ".join(told.split())
        assert keys.exists() is is_kept, told
    assert "are deleted" in told and not keys.parent.exists()


def test_purge_deletes_keys_when_it_was_told_before(asked: Root) -> None:
    profile = asked.path / f"{Path(KEYS).parent}-mail"
    profile.mkdir()
    said = "i2ptunnel i2ptunnel/delete-keys boolean true"
    asked.run("sh", "-c", f"echo {said} | debconf-set-selections")
    told = asked.run("apt-get", "-y", "purge", "i2ptunnel")
    assert "the keys in /var/lib/i2ptunnel are deleted" in told
    assert not (asked.path / KEYS).parent.exists()
    # Those of a profile that was a service are other keys.
    assert profile.exists() and "/var/lib/i2ptunnel-mail stays" in told
    # The answer does not outlive the package.
    assert "i2ptunnel/" not in asked.run("cat", "/var/cache/debconf/config.dat")


def _newer(package: Path, root: Root) -> str:
    """The same package with a higher version; its path inside the root."""
    tree = root.path / "root" / "newer"
    run(["dpkg-deb", "--raw-extract", str(package), str(tree)])
    control = tree / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9"))
    target = root.path / "root" / "newer.deb"
    run(["dpkg-deb", "--root-owner-group", "--build", "-Zgzip", str(tree), str(target)])
    return "/root/newer.deb"
