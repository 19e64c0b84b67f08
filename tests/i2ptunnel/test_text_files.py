"""Byte order marks in front of what people write, wherever it is read."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from core.base.errors import DecodeError
from core.data.encoding import b64encode
from core.data.identity import hash_to_b32
from i2ptunnel.config.client_models import AuthSection
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.tunnel_parts import AccessSection
from i2ptunnel.relay.access import AccessFault, AccessGuard
from i2ptunnel.relay.client_keys import read_client_key
from i2ptunnel.text_files import decode_text
from i2ptunnel.tunnels.base import TunnelFault, read_users

KEY = bytes(range(32))


def test_the_mark_goes_and_other_encodings_are_told() -> None:
    assert decode_text("\ufeffä\ufeff".encode()) == "ä\ufeff"
    assert decode_text(b"a\xffb", "replace") == "a\ufffdb"
    for data, words in (
        ("a".encode("utf-16"), "UTF-16"),
        ("ab".encode("utf-16-be"), "not UTF-8"),
        (b"a\xff", "not UTF-8"),
    ):
        with pytest.raises(DecodeError, match=words):
            decode_text(data)


def test_password_files(tmp_path: Path) -> None:
    path = tmp_path / "ann.txt"
    user = AuthSection(username="ann", password_file=path)
    path.write_text("secret\r\nmore\n", "utf-8-sig")
    assert read_users((user,)) == {"ann": "secret"}
    path.write_text("secret\n", "utf-16")
    with pytest.raises(TunnelFault, match="UTF-16"):
        read_users((user,))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(TunnelFault, match="is not a regular file"):
        read_users((user,))


def test_client_keys(tmp_path: Path) -> None:
    path = tmp_path / "laptop.key"
    path.write_text(f"{b64encode(KEY)}\n", "utf-8-sig")
    assert read_client_key(path) == KEY


def test_access_filters_and_their_lists(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{hash_to_b32(KEY)}\n", "utf-8-sig")
    definition = tmp_path / "filter.txt"
    definition.write_text("deny default\nallow file list.txt\n", "utf-8-sig")
    guard = AccessGuard(AccessSection(filter=definition), logging.getLogger("test"))
    asyncio.run(guard.load())
    assert guard.fault is None
    definition.write_text("deny default\n", "utf-16")
    with pytest.raises(AccessFault, match="UTF-16"):
        asyncio.run(guard.load())


def test_configurations() -> None:
    assert load_text("\ufeffrouter: {}\n").configuration.tunnels == {}
