"""Commands as a user types them: output, exit status, and never a traceback."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from core.base.calendar import day_number
from core.data.daily_keys import covered_until_s
from core.data.private_keys import PrivateKeys
from i2ptunnel.cli.main import main
from i2ptunnel.config.loader import load, read_source
from i2ptunnel.config.profiles import profiles
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS
from i2ptunnel.keyfiles import load_daily_keys
from i2ptunnel.tunnels.table import TUNNEL_CLASSES


def config(tmp_path: Path, text: str) -> str:
    path = tmp_path / "i.yaml"
    path.write_text(f"router: {{data_dir: {tmp_path}/data}}\n{text}")
    return str(path)


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = config(tmp_path, "tunnels: {a: {type: sockstunnel, listen: 127.0.0.1:1}}\n")
    assert main(["check", "-c", good]) == 0
    assert capsys.readouterr().out == "valid: 1 tunnel\n"
    assert main(["check", "-c", good, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["valid"] is True
    bad = config(tmp_path, "tunnels: {a: {type: sockstunnel, listn: 127.0.0.1:1}}\nx: 1\n")
    assert main(["check", "-c", bad]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{bad}:2:14: tunnels.a: listen is missing")
    assert lines[1].startswith(f'{bad}:2:34: tunnels.a.listn: unknown key "listn", did you mean')
    assert len(lines) == 3
    assert main(["check", "-c", bad, "--json"]) == 3
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert [fault["line"] for fault in faults] == [2, 2, 3]


def test_run_refuses_an_invalid_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-c", str(tmp_path / "none.yaml")]) == 3
    assert main(["run", "-c", config(tmp_path, "tunnels: 1\n")]) == 3
    assert main(["run", "--profile", "brouser"]) == 2
    good = config(tmp_path, "tunnels: {}\n")
    assert main(["run", "-c", good, "--trace", "x", "--trace-tunnel", "nobody"]) == 2
    err = capsys.readouterr().err
    assert 'did you mean "browser"' in err and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nope"],
        ["run", "--nope"],
        ["keys"],
        ["status", "x"],
        ["why", ""],
        ["ping", " "],
        ["ping", ""],
        ["ping"],
        ["ping", "a.i2p", "-n", "0"],
        ["ping", "a.i2p", "-t", "soon"],
        ["ping", "a.i2p", "-t", "1h"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["status", "--json"],
        ["status", "--check", "live"],
        ["status", "--check", "ready"],
        ["reload", "--wait"],
        ["plan"],
        ["tunnels"],
        ["tunnels", "stop", "a"],
        ["ping", "a.i2p"],
        ["netdb", "list"],
        ["netdb", "export", "/tmp/none"],
    ],
)
def test_not_running(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "-c", config(tmp_path, "")]) == 4
    assert "not running" in capsys.readouterr().err


def test_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, three = (str(tmp_path / name) for name in ("1.dat", "2.dat", "3.dat"))
    assert main(["keys", "generate", one]) == 0
    shown = capsys.readouterr().out
    address = shown.split()[1]
    assert address.endswith(".b32.i2p") and len(address) == 60
    assert main(["keys", "generate", one]) == 1
    assert "never overwritten" in capsys.readouterr().err
    assert main(["keys", "show", one]) == 0
    assert capsys.readouterr().out == shown
    assert main(["keys", "show", one, "--destination"]) == 0
    assert len(capsys.readouterr().out) > 520
    assert main(["keys", "export", one]) == 0
    (tmp_path / "base64").write_text(capsys.readouterr().out)
    assert main(["keys", "import", str(tmp_path / "base64"), two]) == 0
    assert main(["keys", "import", one, three]) == 0
    assert Path(one).read_bytes() == Path(two).read_bytes() == Path(three).read_bytes()
    assert Path(two).stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    (tmp_path / "junk").write_bytes(b"\xff" * 1000)
    for arguments in (["show", "/none"], ["import", str(tmp_path / "junk"), "/x"], ["show", "/"]):
        assert main(["keys", *arguments]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_transient_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    master, other, server = (str(tmp_path / name) for name in ("m.dat", "o.dat", "s.dat"))
    for path in (master, other):
        assert main(["keys", "generate", path]) == 0
    address = capsys.readouterr().out.split()[1]
    assert main(["keys", "transient", master, server, "--days", "30"]) == 0
    shown = capsys.readouterr().out
    assert shown.split()[1] == address
    assert "valid until" in shown
    first = Path(server).read_bytes()
    assert main(["keys", "transient", master, server]) == 0, "its own successor replaces it"
    assert Path(server).read_bytes() != first
    assert Path(server).stat().st_mode & 0o777 == 0o600
    kept = Path(other).read_bytes()
    for arguments in ([master, other], [other, server], [server, master], ["/none", server]):
        assert main(["keys", "transient", *arguments]) == 1
    assert Path(other).read_bytes() == kept
    with pytest.raises(SystemExit) as caught:
        main(["keys", "transient", master, server, "--days", "0"])
    assert caught.value.code == 2


def test_transient_keys_for_an_encrypted_lease_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    master, plain, server = (str(tmp_path / name) for name in ("m.dat", "p.dat", "s.dat"))
    days, word = tmp_path / "s.days", tmp_path / "word"
    word.write_text("open sesame\n")
    assert main(["keys", "generate", master, "--signing-type", "reddsa"]) == 0
    making = ["keys", "transient", master, server, "--days", "3", "--encrypted"]
    assert main([*making, "--secret-file", str(word)]) == 0
    assert str(days) in capsys.readouterr().out
    assert days.stat().st_mode & 0o777 == 0o600
    keys = load_daily_keys(
        Path(server), PrivateKeys.parse(Path(server).read_bytes()), "open sesame"
    )
    today = day_number(time.time())
    assert {today, today + 3} <= {key.day for key in keys}
    offline = PrivateKeys.parse(Path(server).read_bytes()).offline
    assert offline is not None and offline.expires_s <= covered_until_s(keys, time.time())
    before = days.read_bytes()
    assert main(making) == 1, "these are for another secret"
    assert days.read_bytes() == before
    assert main([*making, "--secret-file", str(word)]) == 0, "its own successor"
    assert days.read_bytes() != before
    assert main(["keys", "generate", plain, "--signing-type", "ecdsa-p256"]) == 0
    assert main(["keys", "transient", plain, str(tmp_path / "q.dat"), "--encrypted"]) == 1
    assert not (tmp_path / "q.dat").exists()
    assert main(["keys", "transient", master, server, "--secret-file", str(word)]) == 1
    word.write_text("\n")
    assert main([*making, "--secret-file", str(word)]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_client_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "client.key"
    assert main(["keys", "client", str(path)]) == 0
    public = capsys.readouterr().out.split()[-1]
    assert len(public) == 44
    assert path.stat().st_mode & 0o777 == 0o600
    assert public not in path.read_text()
    assert main(["keys", "client", str(path)]) == 0
    assert capsys.readouterr().out.split()[-1] == public
    path.write_text("junk")
    assert main(["keys", "client", str(path)]) == 1
    assert path.read_text() == "junk"


@pytest.mark.parametrize("name", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "reddsa"])
def test_other_signing_types(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "k.dat")
    assert main(["keys", "generate", path, "--signing-type", name]) == 0
    assert name in capsys.readouterr().out


def test_netdb_import_without_a_router(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["netdb", "import", str(tmp_path), "-c", config(tmp_path, "")]) == 1
    (tmp_path / "routerInfo-x.dat").write_bytes(b"junk")
    assert main(["netdb", "import", str(tmp_path), "-c", config(tmp_path, "")]) == 1
    assert "no RouterInfo in 1 file" in capsys.readouterr().err


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"


def test_an_error_of_ours_has_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("i2ptunnel.cli.run.json_schema", fail)
    monkeypatch.delenv("I2PTUNNEL_TRACE", raising=False)
    assert main(["schema"]) == 1
    assert capsys.readouterr().err.startswith("internal error: ZeroDivisionError: oops")


def test_profiles_are_valid_and_every_available_type_has_a_class(tmp_path: Path) -> None:
    names = "browser eepsite everything floodfill irc mail relay ssh streamr torrents"
    assert {*names.split()} == set(profiles())
    for name, path in profiles().items():
        loaded = load([read_source(path, base=tmp_path)])
        assert loaded.configuration.tunnels or name in ("relay", "floodfill")
        assert f"i2ptunnel run --profile {name}\n" in path.read_text()
        assert loaded.files == ()
    # They get on with each other.
    everyone = [read_source(path, base=tmp_path) for path in profiles().values()]
    assert len(load([], beside=everyone).configuration.tunnels) == 8
    available = {name for name, model in TUNNEL_MODELS.items() if model.IS_AVAILABLE}
    assert available <= set(TUNNEL_CLASSES)
