"""A damaged key file is a fault of its tunnel: no flipped bit makes another identity."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from core.api import FileFault, Router, RouterConfig
from core.data.private_keys import PrivateKeys
from core.io.key_sums import sum_path
from core.io.router_keys import load_keys
from core.io.system import SystemEntropy
from core.router.identity import RouterKeys
from i2ptunnel.cli.main import main
from i2ptunnel.keyfiles import load_or_create_keys, read_keys, write_new_keys
from tests.support.deterministic import SeededEntropy

ENTROPY = SeededEntropy("sums")


def flips(path: Path, step: int = 1) -> int:
    """Flip a bit of each byte in turn; returns how many were no FileFault."""
    whole, taken = path.read_bytes(), 0
    for at in range(0, len(whole), step):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        try:
            load_or_create_keys(path)
            taken += 1
        except FileFault as fault:
            assert "restore it from a backup" in str(fault).lower()
    path.write_bytes(whole)
    return taken


@pytest.mark.long
@pytest.mark.parametrize("signing_type", [0, 1, 2, 3, 7, 11])
def test_every_flipped_bit_is_a_fault(tmp_path: Path, signing_type: int) -> None:
    path = tmp_path / "site.dat"
    keys = PrivateKeys.generate_destination(ENTROPY, signing_type)
    write_new_keys(path, keys)
    assert flips(path, 1 if signing_type == 7 else 5) == 0
    found = load_or_create_keys(path)
    assert found.hash == keys.hash and found.write() == keys.write()


@pytest.mark.long
def test_every_flipped_bit_of_an_offline_key_and_of_a_checksum_is_a_fault(tmp_path: Path) -> None:
    master = PrivateKeys.generate_destination(ENTROPY)
    path = tmp_path / "site.dat"
    write_new_keys(path, master.authorise_transient(ENTROPY, 2_000_000_000))
    assert flips(path) == 0
    kept = sum_path(path)
    whole = kept.read_bytes()
    for at in range(len(whole)):
        kept.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            # a file that the identity signed proves itself: the checksum is made again
            load_or_create_keys(path)
            assert kept.read_bytes() == whole
        except FileFault as fault:
            assert f"remove {kept}" in str(fault)


def test_the_routers_keys(tmp_path: Path) -> None:
    path, entropy = tmp_path / "router.keys", SystemEntropy()
    keys = load_keys(path, entropy)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        with pytest.raises(FileFault, match="backup"):
            load_keys(path, entropy)
    path.write_bytes(whole)
    assert load_keys(path, entropy).write() == keys.write()
    path.chmod(0o644)
    with pytest.raises(FileFault, match="chmod 600"):
        load_keys(path, entropy)
    path.unlink()
    with pytest.raises(FileFault, match="the key file is gone"):
        load_keys(path, entropy)
    assert not path.exists()
    sum_path(path).unlink()
    assert load_keys(path, entropy).hash != keys.hash


def test_private_and_public_keys_of_a_router_belong_together(tmp_path: Path) -> None:
    keys = RouterKeys.generate(ENTROPY)
    data = bytearray(keys.write())
    at = len(keys.keys.destination.raw) + 3  # in the X25519 private key
    data[at] ^= 1
    (tmp_path / "router.keys").write_bytes(data)
    (tmp_path / "router.keys").chmod(0o600)
    with pytest.raises(FileFault, match="encryption key does not belong"):
        load_keys(tmp_path / "router.keys", SystemEntropy())


def test_a_file_from_elsewhere_is_taken_and_another_one_by_intent(tmp_path: Path) -> None:
    path = tmp_path / "site.dat"
    first, second = (PrivateKeys.generate_destination(ENTROPY) for _ in range(2))
    path.write_bytes(first.write() + b"what another program keeps")
    path.chmod(0o600)
    assert read_keys(path) is not None and not sum_path(path).exists(), "only looked at"
    assert load_or_create_keys(path).hash == first.hash and sum_path(path).exists()
    path.write_bytes(second.write())
    with pytest.raises(FileFault, match=f"if {second.destination.b32} is the address you want"):
        load_or_create_keys(path)
    sum_path(path).unlink()
    assert load_or_create_keys(path).hash == second.hash


def test_a_new_transient_key_needs_no_word(tmp_path: Path) -> None:
    master = PrivateKeys.generate_destination(ENTROPY)
    path = tmp_path / "site.dat"
    write_new_keys(path, master.authorise_transient(ENTROPY, 2_000_000_000))
    newer = master.authorise_transient(ENTROPY, 2_100_000_000)
    path.write_bytes(newer.write())  # as scp does
    found = load_or_create_keys(path)
    assert found.offline == newer.offline and flips(path, 7) == 0


def test_a_lost_key_file_makes_no_new_address(tmp_path: Path) -> None:
    path = tmp_path / "site.dat"
    load_or_create_keys(path)
    path.unlink()
    with pytest.raises(FileFault, match=r"site\.dat\.sum is still there"):
        load_or_create_keys(path)
    assert not path.exists()


def test_commands_keep_checksums_and_see_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, copy = tmp_path / "a.dat", tmp_path / "b.dat"
    assert main(["keys", "generate", str(path)]) == 0
    assert main(["keys", "import", str(path), str(copy)]) == 0
    assert sum_path(path).exists() and sum_path(copy).exists()
    data = bytearray(copy.read_bytes())
    data[300] ^= 4
    copy.write_bytes(data)
    capsys.readouterr()
    assert main(["keys", "show", str(copy)]) == 1
    assert "differs from its checksum" in capsys.readouterr().err


# What others may do to the files


def start(data_dir: Path) -> None:
    async def once() -> None:
        router = Router(RouterConfig(data_dir=data_dir, bind="127.0.0.1", port=0))
        await router.start()
        await router.stop()

    asyncio.run(once())


def test_a_lock_file_never_overwrites_what_a_link_leads_to(tmp_path: Path) -> None:
    data_dir, other = tmp_path / "data", tmp_path / "precious"
    data_dir.mkdir(0o700)
    lock = data_dir / "router.lock"
    for make in (lock.symlink_to, lock.hardlink_to):
        other.write_text("precious")
        make(other)
        with pytest.raises(FileFault, match="remove it"):
            start(data_dir)
        assert other.read_text() == "precious"
        lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(FileFault, match="remove it"):
        start(data_dir)
    lock.unlink()
    lock.symlink_to(tmp_path / "not-there")
    with pytest.raises(FileFault, match="it is a link; remove it"):
        start(data_dir)
    assert not (tmp_path / "not-there").exists()


@pytest.mark.parametrize("name", ["router.info", "router.keys.sum"])
def test_other_files_replace_links_and_never_their_targets(tmp_path: Path, name: str) -> None:
    data_dir, other = tmp_path / "data", tmp_path / "precious"
    start(data_dir)
    other.write_text("precious")
    (data_dir / name).unlink()
    (data_dir / name).symlink_to(other)
    if name.endswith(".sum"):
        with pytest.raises(FileFault, match="differs"):
            start(data_dir)
    else:
        start(data_dir)
        assert not (data_dir / name).is_symlink()
    assert other.read_text() == "precious"


def test_a_data_directory_that_strangers_can_write_is_refused(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    start(data_dir)
    data_dir.chmod(0o777)
    with pytest.raises(FileFault, match="chmod 700"):
        start(data_dir)
    data_dir.chmod(0o750)
    start(data_dir)
