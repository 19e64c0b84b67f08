"""The family of a router, from its section of the configuration."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.api import FileFault
from core.data.identity import hash_to_b32
from core.data.private_keys import PrivateKeys
from i2ptunnel.cli.main import main
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.router_model import RouterSection
from i2ptunnel.keyfiles import write_new_keys
from i2ptunnel.router_setup import router_family
from tests.support.deterministic import SeededEntropy

ENTROPY = SeededEntropy("family")


def section(data_dir: Path, text: str) -> RouterSection:
    return load_text(f"router: {{data_dir: {data_dir}, {text}}}").configuration.router


def test_the_key_of_a_family_comes_from_its_file(tmp_path: Path) -> None:
    assert router_family(section(tmp_path, "family: null")) is None
    ours = section(tmp_path, "family: {name: our-routers, keys: family.dat}")
    with pytest.raises(FileFault, match="no such key file"):
        router_family(ours)
    keys = PrivateKeys.generate_destination(ENTROPY)
    write_new_keys(tmp_path / "family.dat", keys)
    family = router_family(ours)
    assert family is not None
    assert (family.name, family.key.public) == ("our-routers", keys.signing.public)


def test_a_transient_key_does_not_sign_for_a_family(tmp_path: Path) -> None:
    keys = PrivateKeys.generate_destination(ENTROPY)
    transient = keys.authorise_transient(ENTROPY, int(time.time()) + 86_400)
    write_new_keys(tmp_path / "family.dat", transient)
    with pytest.raises(FileFault, match="a transient key cannot sign for a family"):
        router_family(section(tmp_path, "family: {name: ours, keys: family.dat}"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{name: Ours, keys: a.dat}", r"family\.name: .*small letters"),
        ("{name: ours}", r"family: .*keys"),
        ("ours", "family"),
    ],
)
def test_faulty_families(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        section(tmp_path, f"family: {text}")


def test_check_tells_what_is_wrong_with_keys_that_several_routers_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, data = tmp_path / "i2ptunnel.yaml", tmp_path / "data"
    data.mkdir(mode=0o700)
    machine = hash_to_b32(bytes(32))
    config.write_text(
        f"router:\n  data_dir: {data}\n  family: {{name: ours, keys: family.dat}}\n"
        "tunnels:\n  site:\n    type: server\n    target: 127.0.0.1:9\n"
        f"    meta: {{keys: common.dat, machines: {{{machine}: 0}}}}\n"
    )
    assert main(["check", "-c", str(config)]) == 3
    told = capsys.readouterr()
    for place, file in (("router.family.keys", "family"), ("tunnels.site.meta.keys", "common")):
        assert f"{place}: there is no such file: {data / file}.dat" in told.out + told.err
    for file in ("family", "common"):
        write_new_keys(data / f"{file}.dat", PrivateKeys.generate_destination(ENTROPY))
    assert main(["check", "-c", str(config)]) == 0
    (data / "family.dat").chmod(0o644)
    assert main(["check", "-c", str(config)]) == 3
    assert "others can read family.dat" in "".join(capsys.readouterr())
