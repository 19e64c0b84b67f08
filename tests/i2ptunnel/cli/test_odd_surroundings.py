"""Commands in odd surroundings: closed or full streams, pipes, a directory that is gone."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from i2ptunnel.cli.main import main

_PROGRAM = f"{shlex.quote(sys.executable)} -m i2ptunnel"


def shell(line: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``line`` in a shell; ``$P`` is the program."""
    root = str(Path(__file__).parents[3])
    return subprocess.run(
        ["sh", "-c", line.replace("$P", _PROGRAM)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": root},
    )


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(f"router: {{data_dir: {tmp_path}/data}}\n")
    return path


def test_closed_streams(valid: Path) -> None:
    commands = ("schema", f"check -c {valid}", "completion bash")
    script = [f"$P {command} {closed}; echo $? >&3" for command in commands for closed in _CLOSED]
    done = shell(f"exec 3>&1; {'; '.join(script)}")
    assert done.stdout.split("\n")[-1] == ""
    assert [word for word in done.stdout.split("\n") if word == "0"] == ["0"] * len(script)
    assert done.stderr == ""


_CLOSED = (">&- 2>/dev/null <&-", "<&- >&- 2>&-")


def test_what_is_opened_next_is_no_standard_stream() -> None:
    code = (
        "import os, socket\n"
        "from i2ptunnel.cli.main import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "os._exit(0 if socket.socket().fileno() > 2 else 1)\n"
    )
    done = shell(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} <&- >&- 2>&-")
    assert done.returncode == 0


@pytest.mark.parametrize("command", ["--help", "schema", "check --help"])
def test_a_full_disk_behind_the_output(command: str) -> None:
    done = shell(f"$P {command} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == "No space left on device\n"


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = shell("rmdir ../gone; $P check", cwd=gone)
    assert done.returncode == 1
    assert "the current directory is gone; change to another one" in done.stderr


def test_a_configuration_from_a_pipe(valid: Path) -> None:
    done = shell(f"(sleep 0.1; cat {valid}) | $P check -c /dev/stdin")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_named_pipe_in_the_way_is_no_hang(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "c.yaml"
    os.mkfifo(pipe)
    assert main(["check", "-c", str(pipe)]) == 3
    assert "the file is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["run", "--data-dir", ""], "a path is needed, not nothing"),
        (["check", "-c", ""], "a path is needed, not nothing"),
        (["keys", "show", ""], "a path is needed, not nothing"),
        (["backup", ""], "a path is needed, not nothing"),
        (["address", "lookup", ""], "a name or an address is needed"),
        (["address", "import", ""], "a path is needed, not nothing"),
    ],
)
def test_an_empty_argument_is_wrong_usage(
    words: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert what in capsys.readouterr().err


def test_an_option_without_effect_is_wrong_usage(
    valid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-c", str(valid), "--trace-tunnel", "web"]) == 2
    assert capsys.readouterr().err == "--trace-tunnel needs --trace FILE\n"


def test_a_hangup_before_the_program_listens_waits(tmp_path: Path) -> None:
    """It comes when the program has started: one that is not expected ends a process."""
    hangup = (signal.SIGHUP,)
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, hangup)
    try:
        assert main(["run", "-c", str(tmp_path / "none.yaml")]) == 3
        assert signal.SIGHUP in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
