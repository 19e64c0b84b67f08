"""Pages in six languages: complete, chosen by Accept-Language, and without script in any."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ptunnel.health import PAGE_TEMPLATES, Facts, Health, State, assess_proxy
from i2ptunnel.naming.feed_state import TEMPLATES, FeedState
from i2ptunnel.protocols import error_pages, own_pages
from i2ptunnel.protocols.error_pages import Page, render
from i2ptunnel.protocols.http1 import Headers, RequestHead
from i2ptunnel.protocols.languages import LANGUAGES, choose_language, translate
from i2ptunnel.protocols.own_pages import ProxyStatus

UNWELL = [
    Facts(is_started=False),
    Facts(is_stopping=True),
    Facts(),
    Facts(routers=7),
    Facts(routers=7, links=3, builds_started=5, builds_succeeded=1),
    Facts(routers=7, clock_skew_s=-10_800),
    Facts(routers=7, clock_skew_s=90.0),
]
OTHERS = [language for language in LANGUAGES if language != "en"]
PAGES = {name: page for name, page in vars(error_pages).items() if isinstance(page, Page)}
HEALTHS = [Health(State.READY), *(assess_proxy(facts, is_ready=False) for facts in UNWELL)]
STATUSES = [ProxyStatus(one, "127.0.0.1:4444", False, False, 1, 2, 3) for one in HEALTHS]


def texts_of(language: str) -> dict[str, str]:
    module = importlib.import_module(f"i2ptunnel.protocols.languages.{language}")
    return dict(module.TEXTS)


@pytest.mark.parametrize("language", OTHERS)
def test_every_error_page_is_translated(language: str) -> None:
    texts = texts_of(language)
    missing = [
        text
        for page in PAGES.values()
        for text in (page.title, page.text)
        if text and text not in texts
    ]
    assert missing == []


@pytest.mark.parametrize("language", OTHERS)
def test_all_languages_have_the_same_texts(language: str) -> None:
    assert texts_of(language).keys() == texts_of("de").keys()
    assert all(texts_of(language).values())


@pytest.mark.parametrize("language", OTHERS)
def test_what_stands_for_itself_is_not_translated(language: str) -> None:
    for english, translated in texts_of(language).items():
        for word in re.findall(r"\.?[a-z]+_[a-z]+|\.(?:b32\.)?i2p|\b\d+\b|HTTPS?|CONNECT", english):
            assert word in translated, (word, translated)


def words_of_own_pages(language: str) -> Iterator[bytes]:
    head = RequestHead("GET", "/", 1, Headers([("Host", "proxy.i2p"), ("X-Odd", "x")]))
    for status in STATUSES:
        yield own_pages.home_page(status, language)
    for health in HEALTHS[1:]:
        yield render(error_pages.not_ready(health, language), language=language, reloads=True)
    yield own_pages.setup_page("127.0.0.1:4444", language)
    yield own_pages.setup_page("127.0.0.1:4444", language, is_direct=True)
    states = (FeedState(0), FeedState(1), FeedState(1, None, 5, True), FeedState(1, 5, 5))
    parts = [
        own_pages.helper_form(b"k", "a.i2p", "b", "c", has_books=True, language=language),
        own_pages.conflict_choice("a.i2p", "b", "c", "d", "e", language),
        own_pages.plain_name_link("b", language),
        own_pages.stages_part([(one, 1.0, False) for one in own_pages.STAGES], language),
        *(own_pages.paragraph(state.sentence, language) for state in states),
    ]
    for part in parts:
        yield render(error_pages.HELPER_NEW, language=language, more=part)
    page = error_pages.RESET
    yield render(page, language=language, retry_url="http://a.i2p/", has_home=True)
    yield own_pages.self_test_page(head, language, frozenset())


@pytest.mark.parametrize("language", OTHERS)
def test_every_reason_is_translated_with_its_places(language: str) -> None:
    texts = texts_of(language)
    places = re.compile(r"{\w+}")
    for template in (*PAGE_TEMPLATES, *TEMPLATES):
        assert sorted(places.findall(texts[template])) == sorted(places.findall(template))


@pytest.mark.parametrize("language", OTHERS)
def test_our_own_pages_are_translated(language: str) -> None:
    english = list(words_of_own_pages("en"))
    for page, original in zip(words_of_own_pages(language), english, strict=True):
        assert f'lang="{language}"'.encode() in page
        left = {text for text in texts_of(language) if translate(text, language) != text}
        shown = re.sub(rb"<style>.*?</style>|<[^>]*>", b"\n", page).decode()
        lines = {line.strip() for line in shown.splitlines()}
        assert not lines & left
        assert page != original


def test_an_error_page_in_the_language_of_the_browser() -> None:
    page = render(error_pages.NO_LEASE_SET, language="de").decode()
    assert '<html lang="de">' in page
    assert "Die Seite ist nicht zu finden" in page
    length = re.search(r"Content-Length: (\d+)", page)
    assert length
    assert int(length[1]) == len(page.partition("\r\n\r\n")[2].encode())


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-CH, de;q=0.9, en;q=0.8", "de"),
        ("rm, fr;q=0.5, de;q=0.7", "de"),
        ("zh-Hans-CN;q=1", "zh"),
        ("ru;q=0, es;q=0.1", "es"),
        ("en-GB, de;q=0.9", "en"),
        ("RU", "ru"),
        ("*", "en"),
        ("de;q=x", "en"),
        ("x" * 10_000, "en"),
    ],
)
def test_the_language_is_the_best_that_is_offered(header: str | None, language: str) -> None:
    assert choose_language(header) == language


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(max_codepoint=255), max_size=100))
def test_junk_chooses_a_language_too(junk: str) -> None:
    assert choose_language(junk) in LANGUAGES
