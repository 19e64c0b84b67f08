"""SAM libraries that programs are written with: each serves and asks over two bridges of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.conftest import SAM_PORT, Network
from tests.support import fetch_sam

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(300)]

_PROGRAMS = Path(__file__).parents[1] / "support"


def _old_python() -> str | None:
    """One before 3.10: the last that i2plib runs on."""
    own = sorted(Path.home().glob(".pyenv/versions/3.[789].*/bin/python"))
    for one in (*own, *(shutil.which(f"python3.{minor}") for minor in (9, 8, 7))):
        # pyenv puts names on the path that start nothing.
        if (
            one
            and subprocess.run([one, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            return str(one)
    return None


def _heard(network: Network, command: list[str], *more: str, **environment: str) -> str:
    """What a program printed last, once it ended well: HOST_A HOST_B PORT are its arguments."""
    hosts = [network.ours.address, network.other.address, str(SAM_PORT)]
    done = subprocess.run(
        [*command, *hosts, *more],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(json.loads(done.stdout.splitlines()[-1]))


def test_leaflet(network: Network) -> None:
    script = str(_PROGRAMS / "sam_libraries.py")
    assert _heard(network, [fetch_sam.python(), script], "leaflet") == "LEAFLET"


def test_i2plib(network: Network) -> None:
    python = _old_python()
    if python is None:
        pytest.skip("no Python before 3.10, and i2plib runs on no newer one")
    script = str(_PROGRAMS / "sam_libraries.py")
    path = fetch_sam.libraries()
    assert _heard(network, [python, script], "i2plib", PYTHONPATH=path) == "I2PLIB"


def test_i2p_sam_for_node(network: Network, tmp_path: Path) -> None:
    folder, node = fetch_sam.node_folder(), shutil.which("node")
    if folder is None or node is None:
        pytest.skip("no Node.js")
    # Modules are found beside the program that imports them.
    shutil.copy(_PROGRAMS / "sam_library.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(folder / "node_modules")
    assert _heard(network, [node, str(tmp_path / "sam_library.mjs")]) == "I2P-SAM"
