"""What shells complete: asked of a real bash; the other scripts name everything, too."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from i2ptunnel.cli.main import _COMMANDS, build_parser, main
from i2ptunnel.cli.tree import command_tree


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Path:
    assert main(["completion", "bash"]) == 0
    path = tmp_path / "script"
    path.write_text(capsys.readouterr().out)
    return path


def complete(script: Path, *words: str) -> list[str]:
    """What bash offers for the last word, beside a program with two tunnels."""
    program = (
        "i2ptunnel() { printf 'web\\tserver\\trunning\\nirc\\tclient\\tfailed\\n'; }; "
        f"source {script}; COMP_WORDS=(i2ptunnel {' '.join(map(shlex.quote, words))}); "
        f"COMP_CWORD={len(words)}; _shtab_i2ptunnel; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        capture_output=True,
        text=True,
        cwd=script.parent,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout.split()


def test_commands_and_their_actions(script: Path) -> None:
    assert set(complete(script, "")) == {*_COMMANDS}
    assert "--version" in complete(script, "-")
    assert complete(script, "sche") == ["schema"]
    assert complete(script, "keys", "gen") == ["generate"]
    # An option before it changes nothing.
    assert complete(script, "status", "--json", "--wa") == ["--watch"]
    assert complete(script, "keys", "generate", "--signing-t") == ["--signing-type"]


def test_values_of_options(script: Path) -> None:
    assert complete(script, "run", "--log-format", "") == ["text", "json"]
    assert complete(script, "status", "--check", "r") == ["ready"]


def test_files_and_directories(script: Path) -> None:
    (script.parent / "old.yaml").touch()
    (script.parent / "older").mkdir()
    assert sorted(complete(script, "check", "-c", "ol")) == ["old.yaml", "older"]
    assert complete(script, "run", "--data-dir", "ol") == ["older"]
    assert sorted(complete(script, "import", "ol")) == ["old.yaml", "older"]
    assert complete(script, "keys", "show", "old.") == ["old.yaml"]


def test_names_of_tunnels(script: Path) -> None:
    assert complete(script, "tunnels", "st") == ["start", "stop"]
    assert complete(script, "tunnels", "stop", "") == ["web", "irc"]
    assert complete(script, "tunnels", "--data-dir", "d", "restart", "i") == ["irc"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_every_script(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for command in command_tree(build_parser()).walk():
        assert all(word in script for word in command.path), command.path
        for option in command.options:
            flag = option.flags[-1]
            assert (f"-l {flag[2:]}" if shell == "fish" else flag) in script, flag
    assert "i2ptunnel tunnels list" in script


def test_an_unknown_shell() -> None:
    with pytest.raises(SystemExit) as wrong:
        main(["completion", "tcsh"])
    assert wrong.value.code == 2
