"""All pages of the console, and the ways in: a token, or the password."""

from __future__ import annotations

import hmac

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from i2ptunnel.console.access import Session
from i2ptunnel.console.assets import ASSETS
from i2ptunnel.console.context import Console, url_of
from i2ptunnel.console.guard import ENTRY_PATH, Guard, Refused
from i2ptunnel.console.pages import PAGES
from i2ptunnel.console.view import COOKIE, Answer, View
from i2ptunnel.passwords import PasswordRefused

_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


def make_site(console: Console, environment: Environment) -> Guard:
    """The application."""
    doors = _Doors(console, environment)
    routes = [
        Route("/", doors.welcome, methods=["GET"]),
        Route(ENTRY_PATH, doors.enter, methods=["POST"]),
        Route("/login", doors.log_in, methods=["POST"]),
        Route("/static/{digest}/{name}", _asset, methods=["GET"]),
        *(
            Route(f"/{{key}}/{path}", doors.inside(answer), methods=["GET", "POST"])
            for path, answer in PAGES.items()
        ),
    ]
    handlers = {HTTPException: doors.refuse, Exception: _fail}
    site = Starlette(routes=routes, exception_handlers=handlers)
    site.router.redirect_slashes = False
    return Guard(site, console.section.hosts)


class _Doors:
    """Who comes in, and what strangers see."""

    def __init__(self, console: Console, environment: Environment) -> None:
        self._console = console
        self._environment = environment

    def _view(self, request: Request, session: Session | None = None) -> View:
        return View(request, self._console, self._environment, session)

    async def welcome(self, request: Request) -> Response:
        """What to do to come in."""
        return await self._welcome(self._view(request))

    async def _welcome(self, view: View, fault: str = "", code: int = 200) -> Response:
        return await view.page(
            "welcome.html", code, fault=fault, has_password=self._console.password is not None
        )

    async def enter(self, request: Request) -> Response:
        """The token of ``i2ptunnel console``."""
        view = self._view(request)
        await view.read_form()
        if not self._console.enter(view.form.get("token", "")):
            return await self._welcome(view, *self._wrong_token(view.client))
        return await self._let_in(view)

    def _wrong_token(self, client: str) -> tuple[str, int]:
        """What is said of it. A right one is always taken: any page can send wrong ones."""
        guesses = self._console.guesses
        try:
            guesses.check(client)
        except PasswordRefused:
            return "Too many attempts; wait a minute.", 429
        guesses.count(client)
        return "This file has been used, or is older than a minute.", 403

    async def log_in(self, request: Request) -> Response:
        """The password, where there is one."""
        view = self._view(request)
        await view.read_form()
        password = self._console.password
        if password is None:
            return await self._welcome(view, code=403)
        try:
            await password.check(view.form.get("password"), view.client)
        except PasswordRefused as refused:
            text = str(refused)
            fault = text[:1].upper() + text[1:] + "."
            return await self._welcome(view, fault, 403)
        return await self._let_in(view)

    async def _let_in(self, view: View) -> Response:
        """Give the browser its cookie, by a page: a redirect after a file's form is not ours."""
        session = self._console.access.begin()
        response = await view.page("entered.html", target=f"/{session.key}/")
        response.set_cookie(
            COOKIE,
            session.cookie,
            path=f"/{session.key}/",
            httponly=True,
            samesite="strict",
            secure=self._console.section.tls,
        )
        return response

    def inside(self, answer: Answer) -> Answer:
        """A page for those who came in."""

        async def endpoint(request: Request) -> Response:
            cookie = request.cookies.get(COOKIE, "")
            session = self._console.access.find(request.path_params["key"], cookie)
            if session is None:
                return await self._welcome(self._view(request), "You are not signed in.", 403)
            view = self._view(request, session)
            if view.is_post:
                await view.read_form()
                given = view.form.get("csrf", "")
                if not hmac.compare_digest(given.encode(), session.csrf.encode()):
                    raise Refused(403, "This form is not of this session; load the page again.")
            request.state.session = session
            response = await answer(view)
            return await self._moved(request, session) if self._console.is_over else response

        return endpoint  # type: ignore[return-value]

    async def _moved(self, request: Request, session: Session) -> Response:
        """Where the console is, as a change has just stopped this one."""
        console = self._console
        section = console.section_now
        place = None if section is None else url_of(section)
        fault = console.program.services.failed.get("console")
        view = self._view(request)
        return await view.page("moved.html", place=place, fault=fault, said=session.notes)

    async def refuse(self, request: Request, error: Exception) -> Response:
        """A page for what cannot be served."""
        assert isinstance(error, HTTPException)
        text = error.detail if isinstance(error, Refused) else "There is no such page."
        if error.status_code == 405:
            text = "This page is not asked for like that."
        view = self._view(request, getattr(request.state, "session", None))
        return await view.page("refused.html", error.status_code, text=text)


async def _fail(_: Request, __: Exception) -> Response:
    return PlainTextResponse("That went wrong here. The log says what.\n", 500)


async def _asset(request: Request) -> Response:
    found = ASSETS.get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    data, content_type = found
    return Response(data, headers={"Content-Type": content_type, **_KEPT})
