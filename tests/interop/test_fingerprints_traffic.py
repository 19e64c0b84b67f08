"""What we send beside what i2pd and Java I2P send, heard in one run (``wiretap_run``).

Properties, not bytes; ``-s`` prints what was heard. What differs, and why, stands in
docs/THREAT_MODEL.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.streaming import packet as p

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(240)]

OURS, I2PD, JAVA = "ours", "i2pd", "java"
DATE_TIME, OPTIONS, ROUTER_INFO, CLOVE, PADDING = 0, 1, 2, 11, 254
I2PD_LIFE_S = 8.0


@dataclass
class Heard:
    """``routers``: by hash or host; ``sites`` and ``visitors``: by destination; ``statics``: the
    destination of each ratchet key."""

    routers: dict[str, str]
    sites: dict[str, str]
    visitors: dict[str, str]
    statics: dict[str, str]
    heard: dict[str, list[list[Any]]]

    def of_router(self, kind: str, who: str, *, is_sure: bool = True) -> list[Any]:
        """``is_sure``: there must be some."""
        found = [what for source, what in self.heard[kind] if self.routers.get(source) == who]
        assert found or not is_sure, f"no {kind} of {who}"
        return found

    def _is_of(self, source: str, who: str, at: str) -> bool:
        if at == "site":
            return self.sites.get(source) == who
        # i2pd does not say where its proxy has its keys: it is who is left.
        return source not in self.sites and self.visitors.get(source, I2PD) == who

    def of_site(self, kind: str, who: str) -> list[Any]:
        return [what for source, what in self.heard[kind] if self._is_of(source, who, "site")]

    def of_visitor(self, kind: str, who: str) -> list[Any]:
        return [what for source, what in self.heard[kind] if self._is_of(source, who, "visitor")]

    def garlic(self, kind: str, who: str, at: str) -> list[Any]:
        """Block types and sizes of ratchet messages, and the cloves."""
        return [
            what
            for static, what in self.heard[kind]
            if static in self.statics and self._is_of(self.statics[static], who, at)
        ]


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    root = tmp_path_factory.mktemp("wiretap")
    output = root / "heard.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.wiretap_run", str(root), str(output)],
        env={**os.environ, "I2PTUNNEL_NATIVE": "0"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert output.exists(), done.stdout + done.stderr
    found = Heard(**json.loads(output.read_text()))
    for kind, items in found.heard.items():
        print(kind, *items[:20], sep="\n  ")
    return found


def paddings(blocks: Iterable[list[Any]]) -> list[int]:
    """Sizes of all padding blocks; every message must end with one."""
    found = []
    for one in blocks:
        assert one[-1][0] == PADDING, one
        found.append(one[-1][1])
    return found


def types(blocks: list[list[int]]) -> list[int]:
    return [kind for kind, _ in blocks]


def assert_i2pds_life(lives: list[float]) -> None:
    """8 s, cut to whole seconds, less what they were under way."""
    assert I2PD_LIFE_S - 2.0 < max(lives) <= I2PD_LIFE_S
    assert sorted(lives)[len(lives) // 2] > I2PD_LIFE_S - 4.0


# Between routers


def test_ntcp2_handshakes(heard: Heard) -> None:
    for who, longest in ((JAVA, 63), (I2PD, 223), (OURS, 880)):
        # It may be ours that have dialled i2pd.
        requests = heard.of_router("ntcp2 request", who, is_sure=who != I2PD)
        assert max(requests, default=0) <= longest
    assert max(heard.of_router("ntcp2 created", OURS)) <= 848
    ours, java = (heard.of_router("ntcp2 confirmed", who) for who in (OURS, JAVA))
    shapes = [{(tuple(types(blocks)), *options) for blocks, options in one} for one in (ours, java)]
    assert shapes[0] == shapes[1] and len(shapes[0]) == 1
    assert max(paddings(blocks for blocks, _ in ours)) <= 63
    assert max(paddings(blocks for blocks, _ in java)) <= 63
    for blocks, options in heard.of_router("ntcp2 confirmed", I2PD, is_sure=False):
        assert types(blocks) in ([ROUTER_INFO, PADDING], [ROUTER_INFO]) and not options


def test_ntcp2_frames_are_padded(heard: Heard) -> None:
    ours, java = (paddings(heard.of_router("ntcp2 frame", who)) for who in (OURS, JAVA))
    assert max(ours) <= 64
    assert max(java) <= 128
    assert sum(ours) / len(ours) == pytest.approx(30, abs=10)


def test_ssu2_packets_are_padded(heard: Heard) -> None:
    for who in (OURS, I2PD, JAVA):
        blocks = heard.of_router("ssu2 handshake", who)
        assert {types(one)[0] for one in blocks} == {DATE_TIME}
        assert max(paddings(blocks)) <= 61
        packets = heard.of_router("ssu2 data", who)
        # Without: full ones, and last words.
        padded = [one for one in packets if one[-1][0] == PADDING]
        assert len(padded) > 0.8 * len(packets)
        # Longer ones of ours search the path's MTU.
        short = [size for size in paddings(padded) if size <= 31]
        assert len(short) > (0.8 if who == OURS else 0.99) * len(padded)
        assert max(short) > 20


def test_messages_between_routers_expire_as_i2pds(heard: Heard) -> None:
    lives = {who: [life for _, life in heard.of_router("i2np", who)] for who in (OURS, I2PD, JAVA)}
    # What Java sends through our tunnels leaves them as it was.
    own = [life for life in lives[OURS] if life < 9.0]
    for found in (own, lives[I2PD]):
        assert_i2pds_life(found)
    assert len(own) > 0.8 * len(lives[OURS])
    assert max(lives[JAVA]) > 55.0


# From end to end


def test_first_ratchet_messages(heard: Heard) -> None:
    for who in (OURS, I2PD, JAVA):
        for blocks, cloves in heard.garlic("NS", who, "visitor"):
            assert types(blocks) == [DATE_TIME, CLOVE, CLOVE, PADDING]
            assert [kind for kind, _, _ in cloves] == [0, 1], "lease set first"
    every = [
        size
        for who in (OURS, I2PD)
        for kind in ("NS", "NSR", "ES")
        for at in ("site", "visitor")
        for blocks, _ in heard.garlic(kind, who, at)
        for block, size in blocks
        if block == PADDING
    ]
    assert len(every) > 10 and min(every) >= 1 and max(every) <= 16


def test_cloves_of_ours_expire_as_i2pds(heard: Heard) -> None:
    for who in (OURS, I2PD):
        lives = [
            life
            for kind in ("NS", "NSR", "ES")
            for at in ("site", "visitor")
            for _, cloves in heard.garlic(kind, who, at)
            for *_, life in cloves
        ]
        assert_i2pds_life(lives)


def test_lease_sets(heard: Heard) -> None:
    ours, i2pd, java = (
        [*heard.of_site("lease set", who), *heard.of_visitor("lease set", who)]
        for who in (OURS, I2PD, JAVA)
    )
    assert {one["flags"] for one in ours} <= {one["flags"] for one in i2pd} | {0}
    for one in ours:
        assert one["keys"] == [6, 4] and not one["options"]
        assert max(one["ends_s"]) == one["expires_s"] <= 600
    for one in (*i2pd, *java):
        assert not one["options"] and max(one["ends_s"]) <= one["expires_s"] <= 660


def syns(packets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in packets if one["flags"] & p.SYNCHRONIZE]


def test_streams_begin_as_i2pds(heard: Heard) -> None:
    ours, i2pd, java = (
        {name: value for name, value in syn.items() if name != "payload"}
        for syn in (syns(heard.of_visitor("stream", who))[0] for who in (OURS, I2PD, JAVA))
    )
    assert ours == i2pd
    assert java["flags"] == ours["flags"] | p.DELAY_REQUESTED and java["resend_delay_s"] == 1
    replies = {who: syns(heard.of_site("stream", who))[0] for who in (OURS, I2PD, JAVA)}
    names = ("flags", "sequence", "nacks", "resend_delay_s", "delay_ms", "payload_max")
    assert [replies[OURS][name] for name in names] == [replies[I2PD][name] for name in names]


def test_payloads_are_marked_as_i2pds(heard: Heard) -> None:
    ours, i2pd = (
        {tuple(one) for one in (*heard.of_site("gzip", who), *heard.of_visitor("gzip", who))}
        for who in (OURS, I2PD)
    )
    assert ours <= i2pd


def head_of(packets: list[dict[str, Any]]) -> list[str]:
    """The lines of the HTTP head that a stream begins with, without values that name somebody."""
    text = "".join(one["payload"] for one in packets if one["payload"])
    return text.partition("\r\n\r\n")[0].split("\r\n")


def names_of(head: list[str]) -> list[str]:
    return [line.partition(":")[0] for line in head[1:]]


def test_requests_of_the_http_proxies(heard: Heard) -> None:
    """Of Firefox. Ours and i2pd's pass the same of its headers, but for two that say whose they
    are; what is added stands in Java's order, which ``test_http_filter`` has."""
    ours, i2pd = (head_of(heard.of_visitor("stream", who)) for who in (OURS, I2PD))
    assert ours[0] == i2pd[0] == "GET /page?a=b HTTP/1.1"
    agent = "User-Agent: MYOB/6.66 (AN/ON)"
    assert agent in ours and agent in i2pd
    dropped = {"Upgrade-Insecure-Requests", "Priority"}
    added = {"Accept", "X-Accept-Encoding"}
    assert set(names_of(ours)) - added == set(names_of(i2pd)) - dropped
    assert [name for name in names_of(ours) if name[0] != name[0].upper()] == []


def test_responses_of_the_server_tunnels(heard: Heard) -> None:
    ours, i2pd = (head_of(heard.of_site("stream", who)) for who in (OURS, I2PD))
    hidden = {"Server", "Date", "X-Powered-By"}
    for head in (ours, i2pd):
        assert head[0] == "HTTP/1.1 200 OK"
        assert not hidden & set(names_of(head))
        assert {"Content-Type", "ETag"} <= set(names_of(head))
