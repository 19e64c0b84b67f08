"""Which networks a router uses, by what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.data.ip_family import Family
from core.router.config import RouterConfig

V4, V6, YGG = "203.0.113.7", "2001:db8::7", "201:abcd::7"
ANY = "0.0.0.0"


@pytest.mark.parametrize(
    ("options", "binds", "sources"),
    [
        ({}, [ANY], []),
        ({"ipv6": True}, [ANY, "::"], []),
        ({"ipv6": False, "host": V6}, [ANY], []),
        ({"host": (V4, V6)}, [ANY, "::"], []),
        ({"bind": V4}, [V4], [V4]),
        ({"bind": V4, "host": V6}, [V4], [V4]),
        ({"bind": V4, "ipv6": True}, [V4, "::"], [V4]),
        ({"bind": (V4, V6)}, [V4, V6], [V4, V6]),
        ({"bind": "::"}, ["::"], []),
        ({"bind": V6}, [V6], [V6]),
        ({"host": YGG}, [ANY, YGG], [YGG]),
        ({"host": YGG, "ipv6": True}, [ANY, "::"], [YGG]),
        ({"host": (V4, V6, YGG), "bind": (V4, V6)}, [V4, V6, YGG], [V4, V6, YGG]),
    ],
)
def test_binds_and_sources(options: dict[str, Any], binds: list[str], sources: list[str]) -> None:
    config = RouterConfig(Path(), **options)
    assert sorted(config.binds.values()) == sorted(binds)
    assert sorted(config.sources.values()) == sorted(sources)
    families = {family for family in config.binds if family is not Family.YGGDRASIL}
    reachable = set(config.reachability.families)
    assert reachable - {Family.YGGDRASIL} == families
    assert (Family.YGGDRASIL in reachable) == (YGG in config.hosts.values())


def test_yggdrasil_needs_ntcp2() -> None:
    assert not RouterConfig(Path(), host=YGG, ntcp2=False).reachability.yggdrasil


def test_where_it_listens_for_people() -> None:
    config = RouterConfig(Path(), bind=(V4, V6))
    assert config.listening_at(9111) == f"{V4}:9111, [{V6}]:9111"
    assert config.listening_at(0) == f"{V4}, [{V6}]"
