"""Every command that the documentation shows can be typed so; those that need nothing are run.

``tests/interop/test_documented_commands.py`` runs those that need a running program.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from i2ptunnel.cli.main import build_parser, main
from i2ptunnel.keyfiles import generate_keys, write_new_keys
from tests.support.documentation import ROOT, commands

#: commands that stand alone: files of ours, no running program, no network
_ALONE = ("keys", "check", "schema", "completion", "doctor", "import", "address sign")


def documented() -> list[tuple[str, str]]:
    """(page, command) of each command that calls the program."""
    return [(page, one) for page, one in commands() if one.startswith("i2ptunnel ")]


def words_of(command: str) -> list[str]:
    """As a shell hands them over, without what it does itself."""
    return shlex.split(re.split(r" (?:>|\||&&) ", command)[0], comments=True)[1:]


@pytest.mark.parametrize(("page", "command"), documented())
def test_it_can_be_typed(page: str, command: str) -> None:
    words = words_of(command)
    parser = build_parser(words[0])
    try:
        parser.parse_args(words)
    except SystemExit as wrong:
        assert wrong.code == 0, f"{page}: {command}"


def test_there_are_some() -> None:
    pages = {page for page, _ in documented()}
    assert {"README.md", "INSTALL.md", "MIGRATION.md", "SERVERS.md", "TROUBLESHOOTING.md"} <= pages
    assert len(documented()) > 25


def test_what_stands_alone_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an empty directory, with the files that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shutil.copy(ROOT / "profiles" / "browser.yaml", "i2ptunnel.yaml")
    write_new_keys(Path("site.dat"), generate_keys())
    Path("word.txt").write_text("word\n")
    shutil.copytree(ROOT / "tests/i2ptunnel/importing/data/i2pd", "i2pd")
    shutil.copytree(ROOT / "tests/i2ptunnel/importing/data/java", "home/.i2p")
    run = set()
    for page, command in documented():
        if not command.removeprefix("i2ptunnel ").startswith(_ALONE) or "/var/lib" in command:
            continue
        command = command.replace("/etc/i2pd /var/lib/i2pd", "i2pd").replace("~", "home")
        words = [word.replace("site.dat", f"{page}.dat") for word in words_of(command)]
        if words[0] == "import":
            shutil.rmtree("moved", ignore_errors=True)
        if "-c" in words and not Path(words[words.index("-c") + 1]).exists():
            continue
        if words[:2] == ["keys", "transient"]:  # on the machine that has no key of the site yet
            Path(words[3]).unlink(missing_ok=True)
        if words[0] == "address":
            shutil.copy("site.dat", f"{page}.dat")
        status = main(words)
        # The doctor of this machine may find something.
        assert status == 0 or words[0] == "doctor", (page, command, capsys.readouterr().err)
        run.add(words[0])
    assert {"keys", "check", "import", "completion", "doctor"} <= run
