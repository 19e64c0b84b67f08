"""Who comes into the console, and what keeps everybody else out."""

from __future__ import annotations

import asyncio
import ssl
import stat
from pathlib import Path

import pytest

from i2ptunnel.commands import console_open
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.console.access import SESSION_IDLE_S, SESSION_LIFE_S, TOKEN_LIFE_S, Access
from i2ptunnel.passwords import ATTEMPTS_OF_CLIENT_MAX
from tests.support.console import console

NAMES_OF_OTHERS = (
    "evil.example",
    "evil.example:7657",
    "evil.i2p",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "[::1].evil.example",
    "proxy.i2p",
    "router",
    "xn--evl-fma.example",
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_tokens_work_once_and_for_a_minute() -> None:
    clock = Clock()
    access = Access(clock)
    token, late = access.make_token(), access.make_token()
    assert not access.use_token("")
    assert not access.use_token("é" + token)
    assert access.use_token(token)
    assert not access.use_token(token)
    clock.now += TOKEN_LIFE_S
    assert not access.use_token(late)


def test_sessions_end_when_idle_and_in_any_case() -> None:
    clock = Clock()
    access = Access(clock)
    session = access.begin()
    assert access.find(session.key, "") is None
    assert access.find("", session.cookie) is None
    assert access.find(session.key, session.cookie) is session
    clock.now += SESSION_IDLE_S
    assert not access.holds(session)
    assert access.find(session.key, session.cookie) is None
    session = access.begin()
    for _ in range(int(SESSION_LIFE_S / 3600) - 1):
        clock.now += 3600
        assert access.find(session.key, session.cookie) is session
    clock.now += 3600
    assert access.find(session.key, session.cookie) is None


def test_a_browser_comes_in_once_by_the_file_and_out_again(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(0o700)
    (tmp_path / "data" / "console.html").write_text("of a program that was killed")

    async def main() -> None:
        async with console(tmp_path) as visitor:
            assert not (tmp_path / "data" / "console.html").exists()
            strange = await visitor.get("/")
            assert strange.status == 200
            assert "i2ptunnel console" in strange.words
            assert "password" not in strange.words
            file = tmp_path / "data" / "console.html"
            answer = await visitor.enter()
            assert not file.exists()
            assert answer.status == 200
            given = answer.headers["set-cookie"]
            assert given.endswith(f"; HttpOnly; Path={visitor.base}; SameSite=strict")
            assert (await visitor.get("")).status == 200
            assert "Overview" in (await visitor.get("")).words
            assert (await visitor.get("", Cookie=None)).status == 403
            assert (await visitor.get("", Cookie=visitor.cookie + "0")).status == 403
            assert (await visitor.get("nowhere")).status == 404
            out = await visitor.post("leave", {})
            assert (out.status, out.headers["location"]) == (303, "/")
            assert (await visitor.get("")).status == 403

    asyncio.run(main())


def test_the_file_is_its_owners_alone_and_a_token_of_it_works_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            service = visitor.program.services.running("console")
            way = await service.open()  # type: ignore[union-attr]
            file = Path(way["file"])
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            token = file.read_text().partition('name="token" value="')[2].partition('"')[0]
            assert token not in str(way)
            body = f"token={token}".encode()
            assert (await visitor.send("POST", "/enter", body)).status == 200
            assert (await visitor.send("POST", "/enter", body)).status == 403
            for _ in range(ATTEMPTS_OF_CLIENT_MAX):
                last = await visitor.send("POST", "/enter", b"token=x")
            assert last.status == 429
            await visitor.enter()  # nobody is kept out by wrong ones

    asyncio.run(main())


def test_a_console_that_has_ended_takes_no_file_of_the_next_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            services = visitor.program.services
            before = services.running("console").console  # type: ignore[union-attr]
            await console_open(visitor.program)
            assert before._forgetting is not None and not before._forgetting.cancelled()
            timer = before._forgetting
            text = visitor.path.read_text()
            visitor.path.write_text(text.replace(f'{visitor.port}"', f'{visitor.port}", hosts: a'))
            await visitor.program.apply(visitor.program.reread())
            assert timer.cancelled()
            after = services.running("console").console  # type: ignore[union-attr]
            assert after is not before
            file = Path((await console_open(visitor.program))["file"])
            assert file.exists()
            after._forgetting._run()
            assert not file.exists()

    asyncio.run(main())


def test_pages_are_for_our_own_names_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path, "hosts: router.lan") as visitor:
            await visitor.enter()
            for name in NAMES_OF_OTHERS:
                answer = await visitor.get("", Host=name)
                assert answer.status == 403, name
                assert "control.console.hosts" in answer.text
            for name in ("localhost", "localhost:1", "[::1]:7657", "127.0.0.1", "Router.lan:80"):
                assert (await visitor.get("", Host=name)).status == 200, name
            two = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
            assert (await visitor.raw(two)).status == 400

    asyncio.run(main())


def test_only_forms_of_our_own_pages_are_taken(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            strangers: tuple[dict[str, str | None], ...] = (
                {"Origin": None},
                {"Origin": "null"},
                {"Origin": "http://evil.example"},
                {"Origin": f"http://127.0.0.1:{visitor.port + 1}"},
                {"Origin": None, "Sec_Fetch_Site": "cross-site"},
                {"Sec_Fetch_Site": "cross-site"},
                {"Sec_Fetch_Site": "same-site"},
                {"Sec_Fetch_Site": "none"},
            )
            for headers in strangers:
                assert (await visitor.post("leave", {}, **headers)).status == 403, headers
            assert (await visitor.post("leave", {"csrf": ""})).status == 403
            assert (await visitor.post("leave", {"csrf": "ü"})).status == 403
            # What changes anything is no GET.
            assert (await visitor.get("leave")).headers["location"].endswith("/settings")
            assert (await visitor.get("")).status == 200
            assert (await visitor.send("PUT", visitor.base)).status == 405
            assert (await visitor.post("leave", {}, Sec_Fetch_Site="same-origin")).status == 303

    asyncio.run(main())


def test_every_answer_is_closed_to_other_sites(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            answers = [await visitor.get(page) for page in ("", "settings", "nowhere")] + [
                await visitor.get("", Host="evil.example"),
                await visitor.send("GET", "/"),
            ]
            style = await visitor.send(
                "GET", (answers[0].text.partition('stylesheet" href="')[2]).partition('"')[0]
            )
            assert "text/css" in style.headers["content-type"]
            assert "immutable" in style.headers["cache-control"]
            for answer in answers:
                assert answer.headers["cache-control"] == "no-store"
            for answer in (*answers, style):
                policy = answer.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["x-frame-options"] == "DENY"
                assert answer.headers["referrer-policy"] == "same-origin"
                assert answer.headers["cross-origin-resource-policy"] == "same-origin"
                assert "server" not in answer.headers
            for page in answers[:3]:
                assert " style=" not in page.text
                assert "<script>" not in page.text

    asyncio.run(main())


def test_bad_requests_get_clean_answers(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            host = visitor.host
            assert (await visitor.raw(b"nonsense\r\n\r\n")).status == 400
            assert (await visitor.raw(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 9000)).status == 400
            assert (await visitor.get("?" + "a" * 5000)).status == 414
            huge = await visitor.post("leave", {"a": "b" * 300_000})
            assert huge.status == 413
            head = f"POST {visitor.base}leave HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
            cookie = f"Cookie: {visitor.cookie}\r\n"
            parts = b"".join(b"4000\r\n" + b"x" * 0x4000 + b"\r\n" for _ in range(20))
            chunked = f"{head}{cookie}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            assert (await visitor.raw(chunked.encode() + parts + b"0\r\n\r\n")).status == 413
            many = "&".join(f"a{number}=1" for number in range(600)).encode()
            answer = await visitor.send(
                "POST", f"{visitor.base}leave", many, Origin=f"http://{host}"
            )
            assert answer.status == 400
            assert "cannot be read" in answer.words
            bad = await visitor.send(
                "POST", f"{visitor.base}leave", b"\xff=%ff", Origin=f"http://{host}"
            )
            assert bad.status in (400, 403)
            for path in ("/%00", "/..%2f..%2fetc/passwd", "/static/x/..%2f__init__.py", "//", "/ü"):
                head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                got = await visitor.raw(head.encode())
                assert got.status in (400, 403, 404), path
            assert (await visitor.get("")).status == 200

    asyncio.run(main())


def test_a_password_lets_in_over_tls_and_guessing_is_slowed(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse\n")

    async def main() -> None:
        more = f'password_file: "{password}", tls: true'
        async with console(tmp_path, more) as visitor:
            certificate = str(tmp_path / "data" / "console.pem")
            visitor.tls = ssl.create_default_context(cafile=certificate)
            assert "password" in (await visitor.get("/")).words
            assert (await visitor.post("/login", {"password": "wrong horse"})).status == 403
            foreign = await visitor.post("/login", {"password": "x"}, Origin="https://evil.example")
            assert foreign.status == 403
            answer = await visitor.post("/login", {"password": "correct horse"})
            assert answer.headers["set-cookie"].endswith("; Secure")
            await visitor.follow(answer)
            assert "Overview" in (await visitor.get("")).words
            visitor.base = ""
            for _ in range(ATTEMPTS_OF_CLIENT_MAX):
                await visitor.post("/login", {"password": "wrong horse"})
            late = await visitor.post("/login", {"password": "correct horse"})
            assert late.status == 403
            assert "wait a minute" in late.words

    asyncio.run(main())
    assert "correct horse" not in password.read_text()


@pytest.mark.parametrize(
    "options",
    ["", ", tls: true", ", password_file: /p", ", allow: 192.168.0.0/16"],
)
def test_beyond_this_machine_tls_and_a_password_are_needed(options: str) -> None:
    text = 'router: {{}}\ncontrol: {{console: {{listen: "0.0.0.0:7657"{}}}}}\n'
    with pytest.raises(ConfigError, match=r"add tls: true and password_file"):
        load_text(text.format(options))
    load_text(text.format(", tls: true, password_file: /p"))
