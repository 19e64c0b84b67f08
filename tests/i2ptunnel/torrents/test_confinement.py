"""What a process that shut itself in can still do: tried from inside, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_INSIDE = """
import ctypes, json, os, socket, subprocess, sys, threading
from pathlib import Path
from i2ptunnel.torrents import confinement as confine

inside, outside = map(Path, sys.argv[1:])
confine.leave_network()
interfaces = [name for _, name in socket.if_nameindex()]
listener = socket.create_server(("127.0.0.1", 0))
confine.drop_rights()
confine.die_with_parent()
has_files = confine.limit_files([inside], [Path(sys.base_prefix), Path("/usr")])
confine.limit_calls()
result = {"landlock": has_files}

def attempt(name, work):
    try:
        value = work()
        result[name] = value if isinstance(value, (str, list)) else "done"
    except OSError as error:
        result[name] = "refused"

def syscall(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")

result["interfaces"] = interfaces
attempt("loopback", lambda: socket.create_connection(listener.getsockname(), 5).close())
attempt("internet", lambda: socket.create_connection(("192.0.2.1", 80), 5))
attempt("packets", lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)))
attempt("names", lambda: socket.getaddrinfo("example.org", 80))
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("raw", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("program", lambda: os.execv("/bin/true", ["true"]))
attempt("signal", lambda: os.kill(os.getppid(), 0))
attempt("other network", lambda: syscall({"x86_64": 308}.get(os.uname().machine, 268), 0, 0))
attempt("thread", lambda: threading.Thread(target=int).start())
attempt("inside", lambda: (inside / "a").write_text("x") and (inside / "a").unlink())
attempt("outside", lambda: (outside / "a").write_text("x"))
attempt("secret", lambda: (outside / "secret").read_text())
attempt("link", lambda: os.symlink("/etc", inside / "link"))
attempt("memory", lambda: open(f"/proc/{os.getppid()}/mem", "rb").close())
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root: Path = tmp_path_factory.mktemp("confined")
    inside, outside = root / "inside", root / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("secret")
    done = subprocess.run(
        [sys.executable, "-c", _INSIDE, str(inside), str(outside)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_there_is_no_network_but_loopback_of_its_own(tried: dict[str, Any]) -> None:
    assert tried["interfaces"] == ["lo"]
    assert tried["loopback"] == "done"
    refused = ("internet", "packets", "names", "unix", "netlink", "raw", "other network")
    assert [tried[name] for name in refused] == ["refused"] * len(refused)


def test_there_are_no_other_programs_and_processes(tried: dict[str, Any]) -> None:
    assert tried["thread"] == "done"
    assert tried["program"] == tried["signal"] == "refused"


def test_there_are_no_files_but_its_own(tried: dict[str, Any]) -> None:
    assert tried["landlock"] is True  # Linux 5.13
    assert tried["inside"] == "done"
    refused = ("outside", "secret", "link", "memory")
    assert [tried[name] for name in refused] == ["refused"] * len(refused)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("confine.sys.platform = 'other'; confine.leave_network()", "needs Linux"),
        ("confine.platform.machine = lambda: 'pdp11'; confine.limit_calls()", "pdp11"),
        ("confine._libc = Refusing(); confine.leave_network()", "docs/TORRENTS.md"),
    ],
)
def test_what_cannot_be_had_is_told(fault: str, why: str) -> None:
    code = (
        "import ctypes\n"
        "from i2ptunnel.torrents import confinement as confine\n"
        "class Refusing:\n"
        "    def unshare(self, flags):\n"
        "        ctypes.set_errno(1)\n"
        "        return -1\n"
        f"try:\n    {fault}\n"
        "except confine.CannotConfine as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert why in done.stdout, done.stderr
