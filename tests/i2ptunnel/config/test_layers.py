"""Configurations on top of each other: what extends what, and who decides where they differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2ptunnel.config.client_models import HttpClientSection
from i2ptunnel.config.faults import ConfigError, Source
from i2ptunnel.config.layers import BASES_MAX, read_source
from i2ptunnel.config.loader import Loaded, load, load_text
from i2ptunnel.config.model import json_schema
from i2ptunnel.config.profiles import profiles


def written(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text)


def loaded(directory: Path, name: str, *beside: str) -> Loaded:
    sources = [read_source(directory / f"{one}.yaml", base=directory) for one in beside]
    return load([read_source(directory / f"{name}.yaml")], beside=sources)


def faults(directory: Path, name: str, *beside: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(directory, name, *beside)
    return [str(fault).removeprefix(f"{directory}/") for fault in caught.value.faults]


def test_a_file_extends_a_profile_and_decides(tmp_path: Path) -> None:
    written(tmp_path, own="extends: browser\ntunnels: {browser: {listen: 127.0.0.1:1}}\n")
    found = loaded(tmp_path, "own")
    browser = found.configuration.tunnels["browser"]
    assert isinstance(browser, HttpClientSection) and browser.listen.port == 1
    assert list(found.configuration.tunnels) == ["browser", "socks"]
    assert found.configuration.naming.subscriptions
    # Profiles are nobody's own files; paths in them start where the file is.
    assert found.files == (tmp_path / "own.yaml",)
    written(tmp_path, site="extends: [eepsite]\n")
    (tmp_path / "site").mkdir()
    assert loaded(tmp_path, "site").configuration.tunnels["eepsite"].docroot == tmp_path / "site"


def test_files_extend_files_in_their_own_directories(tmp_path: Path) -> None:
    written(tmp_path, own="extends: below/one.yaml\ntunnels: {a: {keys: mine.dat}}\n")
    below = tmp_path / "below"
    below.mkdir()
    text = "extends: two.yaml\ntunnels: {a: {type: httpserver, docroot: files}}\n"
    written(below, one=text, two="router: {port: 12345}\n")
    found = loaded(tmp_path, "own")
    assert found.configuration.router.port == 12345
    assert found.configuration.tunnels["a"].docroot == below / "files"
    assert found.files == (tmp_path / "own.yaml", below / "one.yaml", below / "two.yaml")
    assert found.origins == (str(tmp_path / "own.yaml"),)
    # None of them may be shown to I2P.
    written(below, one=text.replace("files", "."))
    assert ["tunnels.a.docroot" in fault for fault in faults(tmp_path, "own")] == [True]


def test_what_stands_side_by_side_must_agree(tmp_path: Path) -> None:
    rest = "tunnels: {a: {destination: x.i2p}}\n"
    written(
        tmp_path,
        one="router: {port: 20000}\ntunnels: {a: {type: client, listen: 127.0.0.1:1}}\n",
        two="router: {port: 20001}\ntunnels: {a: {type: client, listen: '127.0.0.1:1'}}\n",
        both="extends: [one.yaml, two.yaml]\n",
        top=f"extends: [one.yaml, two.yaml]\nrouter: {{port: 20002}}\n{rest}",
        free=f"router: {{}}\n{rest}",
    )
    there = tmp_path / "one.yaml"
    fault = f'two.yaml:1:16: router.port: "20001" here, but "20000" in {there}:1, use one of the '
    fault += "two, or set it in a file of your own that extends both"
    assert fault in faults(tmp_path, "both")
    assert faults(tmp_path, "free", "one", "two") == [fault]
    assert loaded(tmp_path, "top").configuration.router.port == 20002
    assert loaded(tmp_path, "top", "one").configuration.router.port == 20002
    # A mapping on one side, and a section that is replaced as a whole.
    written(tmp_path, two="router: 5\n")
    assert faults(tmp_path, "free", "one", "two")[0].startswith('two.yaml:1:9: router: "5" here')
    written(
        tmp_path,
        two="router: {port: 20001}\n",
        top="router: null\ntunnels: {a: {destination: x.i2p}}\n",
    )
    assert loaded(tmp_path, "top", "one", "two").configuration.router.port is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("extends: brouser\n", 'o.yaml:1:10: extends: no profile "brouser", did you mean "b'),
        ("extends: [irc, gone.yaml]\n", 'o.yaml:1:16: extends: "gone.yaml" cannot be read: no'),
        ("extends: {a: b}\n", "o.yaml:1:10: extends: a mapping (key: value) is no value"),
        ("extends:\n", "o.yaml:1:9: extends: nothing where a list belongs"),
        ("extends: o.yaml\n", 'o.yaml:1:10: extends: "o.yaml" extends itself, take one'),
        ("extends: p.yaml\n", 'p.yaml:1:10: extends: "./o.yaml" extends itself'),
        ("extends: bad.yaml\n", "bad.yaml:2:1: tunels: unknown"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, text: str, fault: str) -> None:
    written(tmp_path, o=text, p="extends: ./o.yaml\n", bad="router: {}\ntunels: {}\n")
    told = faults(tmp_path, "o")
    assert any(one.startswith(fault) for one in told), told


def test_a_tree_of_files_is_bounded(tmp_path: Path) -> None:
    written(tmp_path, f0="router: {}\n")
    for number in range(1, 12):
        text = f"extends: [f{number - 1}.yaml, f{number - 1}.yaml]\n"
        written(tmp_path, **{f"f{number}": text})
    told = faults(tmp_path, "f11")
    assert any(f"too many files, at most {BASES_MAX} are read" in one for one in told)


def test_a_text_from_memory_and_the_schema() -> None:
    assert "browser" in load_text("extends: everything\n").configuration.tunnels
    assert json_schema()["properties"]["extends"]["anyOf"][0]["type"] == "string"
    source = Source("t", Path("/nowhere"))
    assert load([(b"extends: relay\n", source)]).configuration.router.transit.max_tunnels == 5000


def test_profiles_build_on_each_other() -> None:
    everything = load_text("extends: everything\n").configuration
    assert everything.interfaces.sam is not None and everything.interfaces.i2cp is not None
    assert {"browser", "socks", "irc", "smtp", "pop3"} == {*everything.tunnels}
    floodfill = load([], beside=[read_source(profiles()["floodfill"], base=Path("/"))])
    assert floodfill.configuration.router.floodfill == "true"
    assert floodfill.configuration.router.transit.max_tunnels == 5000
