"""Basic and Digest on a proxy: who gets in, replays, and curl as a witness."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ptunnel.protocols.http1 import Headers, RequestHead
from i2ptunnel.protocols.proxy_auth import NONCE_LIFETIME_S, ProxyAuth

USERS = {"ann": "secret", "jürgen": "pä:ss"}
REALM = "I2P HTTP Proxy"
URL = "http://site.i2p/a?b"
_HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}


def proxy(*methods: str, users: Mapping[str, str] = USERS) -> ProxyAuth:
    return ProxyAuth(users, methods or ("digest", "basic"), REALM, bytes(32))


def request(header: str | None, target: str = URL, method: str = "GET") -> RequestHead:
    fields = [("Host", "x")]
    if header is not None:
        fields.append(("Proxy-Authorization", header))
    return RequestHead(method, target, 1, Headers(fields))


def nonce_of(challenge: str) -> str:
    found = re.search('nonce="([^"]+)"', challenge)
    assert found
    return found[1]


def login(
    nonce: str,
    *,
    algorithm: str = "SHA-256",
    name: str = "ann",
    password: str = "secret",
    uri: str = URL,
    method: str = "GET",
    count: int = 1,
    realm: str = REALM,
    qop: str = "auth",
) -> str:
    def digest(text: str) -> str:
        return _HASHES[algorithm](text.encode()).hexdigest()

    a1, a2 = digest(f"{name}:{realm}:{password}"), digest(f"{method}:{uri}")
    nc = f"{count:08x}"
    answer = digest(f"{a1}:{nonce}:{nc}:c0ffee:{qop}:{a2}")
    shown = name.encode().decode("latin-1")
    return (
        f'Digest username="{shown}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'algorithm={algorithm}, response="{answer}", qop={qop}, nc={nc}, cnonce="c0ffee"'
    )


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
@pytest.mark.parametrize("name", USERS)
def test_digest_lets_users_in(algorithm: str, name: str) -> None:
    auth = proxy()
    best, second, basic = auth.challenges(100.0)
    assert "algorithm=SHA-256" in best and "algorithm=MD5" in second
    assert basic.startswith("Basic ")
    header = login(nonce_of(best), algorithm=algorithm, name=name, password=USERS[name])
    verdict = auth.check(request(header), 101.0)
    assert (verdict.is_allowed, verdict.credential) == (True, name)


def test_digest_knows_a_target_by_its_path_too() -> None:
    auth = proxy()
    nonce = nonce_of(auth.challenges(0.0)[0])
    assert auth.check(request(login(nonce, uri="/a?b")), 1.0).is_allowed
    connect = login(nonce, uri="site.i2p:443", method="CONNECT", count=2)
    assert auth.check(request(connect, "site.i2p:443", "CONNECT"), 1.0).is_allowed


def test_what_digest_refuses() -> None:
    auth = proxy()
    nonce = nonce_of(auth.challenges(0.0)[0])
    for header in (
        login(nonce, password="wrong"),
        login(nonce, name="bob"),
        login(nonce, realm="other"),
        login(nonce, uri="http://other.i2p/"),
        login(nonce, method="POST"),
        login(nonce, qop="auth-int"),
        login("AAAA"),
        login(nonce).replace("nc=00000001", "nc=1"),
        login(nonce).replace("SHA-256", "SHA-512"),
        login(nonce) + ', username="bob"',
        login(nonce).replace('"', ""),
        "Digest",
        "Digest " + "a=b, " * 3000,
        "",
        None,
    ):
        verdict = auth.check(request(header), 1.0)
        assert not verdict.is_allowed, header
        assert verdict.credential is None


def test_a_count_is_good_once_in_any_order() -> None:
    auth = proxy()
    nonce = nonce_of(auth.challenges(0.0)[0])
    for count in (1, 5, 3, 2, 4, 1000, 900):
        assert auth.check(request(login(nonce, count=count)), 1.0).is_allowed, count
        replay = auth.check(request(login(nonce, count=count)), 1.0)
        assert not replay.is_allowed and replay.is_stale
    # so far behind that nobody knows any more
    assert auth.check(request(login(nonce, count=5000)), 1.0).is_allowed
    assert not auth.check(request(login(nonce, count=3000)), 1.0).is_allowed


def test_nonces_end_and_are_renewed_without_asking_the_user() -> None:
    auth = proxy()
    nonce = nonce_of(auth.challenges(0.0)[0])
    late = auth.check(request(login(nonce)), NONCE_LIFETIME_S + 1.0)
    assert not late.is_allowed and late.is_stale
    assert "stale=true" in auth.challenges(0.0, is_stale=True)[0]
    elsewhere = ProxyAuth(USERS, ("digest",), REALM, b"x" * 32)
    foreign = auth.check(request(login(nonce_of(elsewhere.challenges(0.0)[0]))), 1.0)
    assert not foreign.is_allowed and foreign.is_stale


def test_methods_that_are_switched_off() -> None:
    digest_only, basic_only = proxy("digest"), proxy("basic")
    basic = "Basic YW5uOnNlY3JldA=="
    assert not digest_only.check(request(basic), 0.0).is_allowed
    assert basic_only.check(request(basic), 0.0).is_allowed
    nonce = nonce_of(digest_only.challenges(0.0)[0])
    assert not basic_only.check(request(login(nonce)), 0.0).is_allowed
    assert [c.split()[0] for c in digest_only.challenges(0.0)] == ["Digest", "Digest"]
    assert [c.split()[0] for c in basic_only.challenges(0.0)] == ["Basic"]


def test_memory_for_counts_is_bounded() -> None:
    auth = proxy()
    for number in range(3000):
        nonce = nonce_of(auth.challenges(number / 1000)[0])
        assert auth.check(request(login(nonce)), 3.0).is_allowed
    assert len(auth._counts) <= 1024


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(max_codepoint=255), max_size=200))
def test_junk_gets_nobody_in(junk: str) -> None:
    auth = proxy()
    for header in (junk, "Digest " + junk, "Basic " + junk):
        assert not auth.check(request(header), 0.0).is_allowed


def test_a_response_with_other_letters_gets_nobody_in() -> None:
    auth = proxy()
    good = login(nonce_of(auth.challenges(0.0)[0]))
    start, mark, rest = good.partition('response="')
    assert mark
    assert not auth.check(request(f"{start}{mark}\xe9{rest[1:]}"), 1.0).is_allowed
