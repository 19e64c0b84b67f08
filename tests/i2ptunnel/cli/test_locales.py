"""Every command works in every locale: what it cannot show is escaped, and names are UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2ptunnel.cli.main import main

ROOT = Path(__file__).parents[3]
B32 = "a" * 52 + ".b32.i2p"
ASCII = {
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "ascii",
}

# One interpreter runs all commands: starting it takes longer than they do.
_PROGRAM = """
import os, sys
from i2ptunnel.cli.main import main
for line in sys.stdin.buffer.read().split(b"\\n"):
    words = [os.fsdecode(word) for word in line.split(b"\\t")]
    try:
        status = main(words)
    except SystemExit as exit:
        status = exit.code
    print(f"status {status}", flush=True)
    print(f"status {status}", file=sys.stderr, flush=True)
"""


def run_all(commands: list[list[bytes]], environment: dict[str, str]) -> tuple[list[str], str, str]:
    """Statuses, and all that was printed."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=b"\n".join(b"\t".join(words) for words in commands),
        capture_output=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    return [line for line in out.splitlines() if line.startswith("status ")], out, err


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, ASCII],
    ids=["output", "all"],
)
def test_names_and_paths_beyond_ascii(tmp_path: Path, environment: dict[str, str]) -> None:
    base = tmp_path / "gé"
    base.mkdir()
    config = base / "ï.yaml"
    config.write_text(
        f'router: {{data_dir: "{base}/dätä"}}\n'
        f'tunnels: {{a: {{type: server, target: "unix:{base}/ü.sock", keys: ключ.dat}}}}\n'
    )
    given = [b"-c", os.fsencode(config)]

    def words(*parts: str) -> list[bytes]:
        return [*(part.encode() for part in parts), *given]

    commands = [
        words("check"),
        words("address", "add", "bücher.i2p", B32),
        words("address", "lookup", "bücher.i2p"),
        words("address", "list", "büch"),
        words("address", "lookup", "--json", "bücher.i2p"),
        words("address", "export"),
        words("status"),
        words("tunnels", "stop", "ü"),
        words("ping", "ü.i2p"),
        words("plan"),
        words("netdb", "list"),
        words("address", "lookup", "nö.i2p"),
        words("address", "remove", "bücher.i2p"),
        [b"keys", b"generate", os.fsencode(base) + b"/k\xc3\xa9.dat"],
        [b"keys", b"show", os.fsencode(base) + b"/k\xc3\xa9.dat"],
        [b"check", b"-c", os.fsencode(base) + b"/n\xff.yaml"],
        [b"keys", b"show", os.fsencode(base) + b"/n\xff.dat"],
        [b"status", b"--data-dir", os.fsencode(base) + b"/n\xff"],
        [b"address", b"lookup", b"n\xff.i2p"],
        [b"schema"],
        [b"--help"],
        [b"--version"],
    ]
    statuses, out, err = run_all(commands, environment)
    assert "internal error" not in out + err and "Traceback" not in err, err
    assert [status.removeprefix("status ") for status in statuses] == [
        *("0", "0", "0", "0", "0", "0", "4", "4", "4", "4", "4", "1", "0"),
        *("0", "0", "3", "1", "4", "2", "0", "0", "0"),
    ], err
    assert "xn--bcher-kva.i2p" in out
    assert sorted(os.listdir(os.fsencode(base))) == sorted(
        name.encode() for name in ("dätä", "ï.yaml", "ké.dat", "ké.dat.sum")
    ), "the names on the disk are UTF-8"


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    yield capsys


def test_one_is_not_many(tmp_path: Path, shown: pytest.CaptureFixture[str]) -> None:
    place = ("--data-dir", str(tmp_path))
    for name, count in (("a.i2p", "1 name"), ("b.i2p", "2 names")):
        assert main(["address", "add", name, B32, *place]) == 0
        shown.readouterr()
        assert main(["address", "list", *place]) == 0
        assert shown.readouterr().out.splitlines()[-1] == count
    assert main(["address", "subscribe", "http://a.i2p/h.txt", *place]) == 0
    shown.readouterr()
    assert main(["address", "subscribe", *place]) == 0
    assert shown.readouterr().out.splitlines()[-1] == "2 subscriptions"


def test_an_end_of_keys_is_a_date(tmp_path: Path, shown: pytest.CaptureFixture[str]) -> None:
    master, transient = str(tmp_path / "m.dat"), str(tmp_path / "t.dat")
    assert main(["keys", "generate", master]) == 0
    assert main(["keys", "transient", master, transient]) == 0
    line = shown.readouterr().out.splitlines()[-1]
    assert line.startswith("offline key   valid until 20") and line.endswith(" UTC")


def test_the_version_is_that_of_the_package(shown: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    version = shown.readouterr().out.removeprefix("i2ptunnel ").strip()
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text()
