"""What shells complete: asked of a real bash; the other scripts name everything, too."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from i2ptunnel.cli.completion import SCRIPTS
from i2ptunnel.cli.main import _COMMANDS, build_parser, main
from i2ptunnel.cli.tree import command_tree

ROOT = command_tree(build_parser())


def complete(tmp_path: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    script = tmp_path / "script"
    script.write_text(SCRIPTS["bash"](ROOT))
    program = (
        f"source {script}; COMP_WORDS=(i2ptunnel {' '.join(map(shlex.quote, words))}); "
        f"COMP_CWORD={len(words)}; _i2ptunnel 2>/dev/null; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout.split()


def test_commands_and_their_actions(tmp_path: Path) -> None:
    assert set(complete(tmp_path, "")) >= {*_COMMANDS, "--version"}
    assert complete(tmp_path, "sche") == ["schema"]
    assert complete(tmp_path, "keys", "gen") == ["generate"]
    # An option before it changes nothing.
    assert complete(tmp_path, "status", "--js") == ["--json"]
    assert complete(tmp_path, "keys", "generate", "--signing-t") == ["--signing-type"]


def test_values_of_options(tmp_path: Path) -> None:
    assert complete(tmp_path, "run", "--log-format", "") == ["text", "json"]
    assert complete(tmp_path, "status", "--check", "r") == ["ready"]
    (tmp_path / "my.yaml").touch()
    assert complete(tmp_path, "check", "-c", "my") == ["my.yaml"]
    (tmp_path / "old").mkdir()
    assert complete(tmp_path, "import", "ol") == ["old"]


@pytest.mark.parametrize("shell", list(SCRIPTS))
def test_every_command_and_option_is_in_every_script(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for command in ROOT.walk():
        if command.path:
            assert f"'{' '.join(command.path)}'" in script, command.path
        for option in command.options:
            flag = option.flags[-1]
            assert (f"-l {flag[2:]}" if shell == "fish" else flag) in script, flag


def test_an_unknown_shell() -> None:
    with pytest.raises(SystemExit) as wrong:
        main(["completion", "tcsh"])
    assert wrong.value.code == 2
