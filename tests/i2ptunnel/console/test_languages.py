"""The console in six languages: every text is translated, none is left over, places are kept."""

from __future__ import annotations

import ast
import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import core
import i2ptunnel.console
from core.netdb.election import Criteria, Election
from core.transport.reachability_votes import ReachabilityState
from i2ptunnel import health
from i2ptunnel.console.languages import (
    LANGUAGES,
    reason_texts,
    texts,
    translate,
    translate_reason,
)
from i2ptunnel.console.pages.tunnels import RECIPES
from i2ptunnel.doctor.findings import Level
from i2ptunnel.naming.store import Book
from i2ptunnel.protocols import languages as common
from i2ptunnel.supervisor import State
from i2ptunnel.torrents.process import STATES
from tests.netdb.test_election import FIT
from tests.support.console import console

FOLDER = Path(next(iter(i2ptunnel.console.__path__)))
OTHERS = [language for language in LANGUAGES if language != "en"]
_IN_TEMPLATE = re.compile(r"\b_\('((?:[^'\\]|\\.)*)'")
_NAMES_IN_LOOP = re.compile(r"\{% for \w+, (?:name|words) in \[(.*?)\]", re.DOTALL)
_IN_CODE = re.compile(
    r'(?:say\(|line\(|Refused\(\d+,|_welcome\([\w.() ]+,|fault =|detail if[^"]*else|text =)'
    r'\s*"([^"]{2,})"'
)


def used_texts() -> set[str]:
    """Every text that a page says, as far as the source shows it."""
    found: set[str] = set()
    for path in (FOLDER / "templates").glob("*.html"):
        source = path.read_text()
        found |= set(_IN_TEMPLATE.findall(source))
        for pairs in _NAMES_IN_LOOP.findall(source):
            found |= set(re.findall(r"\('[^']*', '([^']*)'\)", pairs))
    for path in FOLDER.rglob("*.py"):
        if path.parent.name != "languages":
            found |= set(_IN_CODE.findall(path.read_text()))
    for recipe in RECIPES.values():
        found |= {recipe.title, recipe.text}
    found |= {state.value for state in (*State, *health.State)} - {"listening"}
    found |= {state.value for state in ReachabilityState} - {"disabled"}
    found |= {book.word for book in Book} | {level.value for level in Level}
    found |= {*STATES}
    found |= {"Too many attempts; wait a minute."}
    found |= {"This file has been used, or is older than a minute."}
    found |= {"The password is wrong.", "Too many wrong passwords; wait a minute."}
    return found | {health.SOME_READY, health.TUNNEL_FAILED, health.TUNNELS_FAILED}


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    used = used_texts()
    own, shared = texts(language), common._TEXTS[language]
    assert sorted(used - own.keys() - shared.keys()) == []
    assert sorted(own.keys() - used) == []
    assert not own.keys() & shared.keys()
    assert all(own.values())


def said_texts() -> tuple[set[str], list[re.Pattern[str]]]:
    """Every string of the program; those with values in them match anything in their place."""
    whole: set[str] = set()
    patterns: list[re.Pattern[str]] = []
    router = Path(next(iter(core.__path__)))
    for path in (*FOLDER.parent.rglob("*.py"), *router.rglob("*.py")):
        if "languages" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(str(one.value)) if isinstance(one, ast.Constant) else ".+"
                    for one in node.values
                ]
                if sum(len(part) for part in parts if part != ".+") > 3:
                    patterns.append(re.compile("".join(parts)))
    return whole, patterns


def test_every_reason_is_one_that_the_program_gives() -> None:
    whole, patterns = said_texts()
    wanted = reason_texts("de").keys()
    left = [one for one in wanted if one not in whole]
    assert [one for one in left if not any(text.fullmatch(one) for text in patterns)] == []
    for language in OTHERS:
        assert list(reason_texts(language)) == list(wanted)
        assert all(reason_texts(language).values())


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("not changed", "unverändert"),
        ("cannot listen on 127.0.0.1:80: in use", "kann an 127.0.0.1:80 nicht lauschen: in use"),
        ("it is not running: an internal error", "er läuft nicht: ein interner Fehler"),
        ("web: an internal error", "web: ein interner Fehler"),
        (
            "IPv4: nobody has tried to connect yet; IPv6: 1 got through to us and 2 did not: "
            "too few to tell",
            "IPv4: noch hat niemand versucht, sich zu verbinden; IPv6: 1 kamen durch, 2 nicht: zu "
            "wenige für ein Urteil",
        ),
        ("ready, up 5m", "bereit, läuft seit 5m"),
        ("3 added, 0 changed, 1 removed", "3 hinzugefügt, 0 geändert, 1 entfernt"),
        ("9 kB free at /a: state cannot be kept", None),
        ("Wait a minute.\n", "Wait a minute.\n"),
        ("{name} {0.x}", "{name} {0.x}"),
        ("there is no tunnel {0.__class__}", "es gibt keinen Tunnel {0.__class__}"),
    ],
)
def test_values_in_a_reason_stay(english: str, german: str | None) -> None:
    told = translate_reason(english, "de")
    assert told == german if german is not None else told.startswith("9 kB frei bei /a: der")
    assert translate_reason(english, "en") == english


@pytest.mark.parametrize("language", OTHERS)
def test_why_a_router_is_a_floodfill_or_not_is_translated(language: str) -> None:
    faults: list[dict[str, Any]] = [
        {"is_hidden": True},
        {"is_published": False},
        {"carries_transit": False},
        {"bytes_s": 1.0},
        {"uptime_s": 1.0},
        {"clock_error_s": 30.0},
        {"lag_s": 1.0},
        {"congestion": "D"},
        {"routers": 1},
        {"links": 1},
        {"transit_tunnels": 1},
        {"floodfills": 9000},
    ]
    reasons = {Election(Criteria()).why, "floodfill: true is set", "floodfill: false is set"}
    for fault in faults:
        election = Election(Criteria(candidate_s=60.0))
        for now, fitness in ((0.0, FIT), (90.0, FIT), (91.0, replace(FIT, **fault))):
            election.update(fitness, now)
            reasons.add(election.why)
        election = Election(Criteria())
        election.update(replace(FIT, **fault), 0.0)
        reasons.add(election.why)
    assert len(reasons) >= 2 * len(faults)
    for why in reasons:
        told = translate_reason(why, language)
        assert not re.search(r"\b(it|is|the|of|at|least)\b", told), told
        assert sorted(re.findall(r"\d+", told)) == sorted(re.findall(r"\d+", why)), told


def test_a_reason_of_any_form_takes_no_time() -> None:
    begun = time.thread_time()
    for text in (": " * 450, "; : " * 240, "it is not running: " * 50, "x, up " * 160, "a" * 10**6):
        assert translate_reason(text, "fr")
    assert time.thread_time() - begun < 0.5


@pytest.mark.parametrize("language", OTHERS)
def test_places_and_names_are_kept(language: str) -> None:
    for english, translated in (texts(language) | reason_texts(language)).items():
        for part in re.findall(r"{\w+}|about:profiles|\.b32\.i2p|SSH|IRC|I2P", english):
            assert part in translated, (english, translated)
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", translated))


def test_what_nobody_has_translated_is_english() -> None:
    assert translate("Tunnels", "en") == "Tunnels"
    assert translate("Tunnels", "de") == "Tunnel"
    assert translate("no such text", "de") == "no such text"


def test_pages_come_in_the_language_of_the_browser(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            visitor.more = {"Accept-Language": "fr-CA, en;q=0.5"}
            await visitor.enter()
            page = await visitor.get("")
            assert '<html lang="fr">' in page.text
            assert "Aucun autre routeur" in page.words
            for path, words in (
                ("tunnels", "Nouveau tunnel"),
                ("logs", "Journal"),
                ("doctor", "ce qui tourne est ce que dit le fichier"),
                ("doctor", "routeurs connus"),
            ):
                assert words in (await visitor.get(path)).words
            form = {"name": "a.i2p", "target": "nothing"}
            page = await visitor.post("addresses/add", form)
            assert "ni une destination ni une adresse .b32.i2p" in page.words

    asyncio.run(main())
