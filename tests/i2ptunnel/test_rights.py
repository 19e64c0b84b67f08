"""What root does among the files of others."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.api import FileFault
from i2ptunnel.cli.main import main
from i2ptunnel.directories import Directory, room_beside
from i2ptunnel.keyfiles import generate_keys
from i2ptunnel.rights import owner_on_the_way, rights_for

_SOMEBODY = 65534
_DATA = Path(__file__).parent / "importing" / "data"
_JAVA = """tunnel.0.name=site
tunnel.0.type=httpserver
tunnel.0.targetPort=80
tunnel.0.privKeyFile={keys}
tunnel.0.filterDefinition={filter}
tunnel.1.name=other
tunnel.1.type=server
tunnel.1.targetPort=81
tunnel.1.privKeyFile=linked.dat
"""
_MODULES = """
import sys
from pathlib import Path
from i2ptunnel.importing.conversion import convert
before = set(sys.modules)
for name in sys.argv[1:]:
    convert([Path(name)], Path("/nowhere"))
loaded = set(sys.modules) - before
print(sorted(name for name in loaded if not name.startswith("encodings.")))
"""
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody can reach."""
    made = Path(tempfile.mkdtemp(prefix="i2ptunnel-rights-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def theirs(place: Path) -> Path:
    """Somebody's directory there."""
    made = place / "theirs"
    made.mkdir()
    os.chown(made, _SOMEBODY, _SOMEBODY)
    return made


@only_root
def test_the_first_owner_on_the_way_counts(place: Path, theirs: Path) -> None:
    (theirs / "file").write_text("")
    (theirs / "out").symlink_to("/etc")
    (place / "way").symlink_to(theirs)
    assert owner_on_the_way(place / "way" / "file") is not None
    found = owner_on_the_way(theirs / "out" / "passwd")
    assert found is not None and found.st_uid == _SOMEBODY
    assert owner_on_the_way(place / "new" / "file") is None
    assert owner_on_the_way(Path("/etc/passwd")) is None
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    with pytest.raises(FileFault, match="circle"):
        owner_on_the_way(place / "a")


@only_root
def test_rights_are_given_up_and_taken_back(place: Path, theirs: Path) -> None:
    secret = place / "secret"
    secret.write_text("of root")
    secret.chmod(0o600)
    groups = os.getgroups()
    with pytest.raises(PermissionError), rights_for(place, theirs):
        assert os.geteuid() == _SOMEBODY and os.getegid() == _SOMEBODY
        secret.read_text()
    assert (os.geteuid(), os.getegid(), os.getgroups()) == (0, 0, groups)
    with rights_for(place):
        assert os.geteuid() == 0


@only_root
def test_an_import_reads_no_more_than_the_files_owner_may(
    place: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files that others wrote can name any file, and be links to any."""
    keys, rules = place / "keys.dat", place / "rules"
    keys.write_bytes(generate_keys().write())
    rules.write_text("secret rules\n")
    (theirs / "linked.dat").symlink_to(keys)
    for path in (keys, rules):
        path.chmod(0o600)
    text = _JAVA.format(keys=keys, filter=rules)
    (theirs / "i2ptunnel.config").write_text(text)
    os.chown(theirs / "i2ptunnel.config", _SOMEBODY, _SOMEBODY)
    out = place / "out"
    assert main(["import", str(theirs), "--out", str(out)]) == 0
    told = capsys.readouterr().err
    assert f"{rules}: cannot read: Permission denied" in told
    assert told.count("Permission denied") == 3
    assert {one.name for one in out.iterdir()} == {"i2ptunnel.yaml"}
    # Root's own configuration names what it likes.
    os.chown(theirs, 0, 0)
    os.chown(theirs / "i2ptunnel.config", 0, 0)
    assert main(["import", str(theirs), "--out", str(place / "again")]) == 0
    assert (place / "again" / "site.filter").read_text() == "secret rules\n"


def test_reading_for_an_import_loads_no_module() -> None:
    """It would fail where the program's files are for root only."""
    done = subprocess.run(
        [sys.executable, "-c", _MODULES, str(_DATA / "i2pd"), str(_DATA / "java")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "[]\n"


@only_root
def test_what_an_import_writes_is_led_nowhere_else(
    place: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = place / "source"
    shutil.copytree(_DATA / "java", source)
    (theirs / "out").symlink_to(place / "elsewhere")
    (place / "elsewhere").mkdir()
    assert main(["import", str(source), "--out", str(theirs / "out")]) == 1
    assert "another user's link is in the way" in capsys.readouterr().err
    assert list((place / "elsewhere").iterdir()) == []
    assert main(["import", str(source), "--out", str(theirs / "new")]) == 0
    for path in (theirs / "new", *(theirs / "new").iterdir()):
        assert path.stat().st_uid == _SOMEBODY


@only_root
def test_root_works_where_nobody_can_exchange_what_it_makes(place: Path, theirs: Path) -> None:
    inner = theirs / "roots"
    inner.mkdir()
    assert room_beside(inner) == room_beside(theirs / "missing") == place
    assert room_beside(place) == place


def test_names_in_an_open_directory(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    with Directory.open(tmp_path / "real" / "inner", make=True) as inner:
        inner.write("one", io.BytesIO(b"first"))
        inner.write("one", io.BytesIO(b"second"))
        with pytest.raises(FileFault, match="one: is there already"):
            inner.write("one", io.BytesIO(b"third"), replace=False)
        assert inner.rename("one", "two") == tmp_path / "real/inner/two"
        assert inner.has("two") and not inner.has("one") and inner.read("one") is None
        os.mkfifo(tmp_path / "real/inner/pipe")
        assert inner.read("pipe") is None
        inner.remove("one")
    file = tmp_path / "real/inner/two"
    assert file.read_bytes() == b"second" and file.stat().st_mode & 0o777 == 0o600
    # A user may have links of his own above; below an open directory there are none.
    with Directory.open(tmp_path / "link" / "inner") as inner:
        found = inner.read("two")
        assert found is not None
        with found:
            assert found.read() == b"second"
    with Directory.open(tmp_path) as top:
        with pytest.raises(FileFault, match="a link leads elsewhere"):
            top.inside(["link"])
        with top.inside(["real", "inner"]) as inner:
            assert inner.has("two")
    with pytest.raises(FileFault, match="no such file or directory"):
        Directory.open(tmp_path / "nothing")
