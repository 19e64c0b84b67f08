"""One visit to a page: who it is, what was asked, in which language, and the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from core.api import share_turn
from core.base.errors import I2PError
from i2ptunnel.console.access import Session
from i2ptunnel.console.assets import asset_path
from i2ptunnel.console.context import Console
from i2ptunnel.console.guard import Refused
from i2ptunnel.console.languages import choose_language, translate, translate_reason
from i2ptunnel.console.multipart import CONTENT_TYPE as MULTIPART
from i2ptunnel.console.multipart import parse_multipart
from i2ptunnel.health import show_difference
from i2ptunnel.printable import moment_text, size_text

COOKIE = "i2ptunnel_console"
FIELDS_MAX = 500
#: whether the extra with the torrent client is installed
HAS_LIBTORRENT = find_spec("libtorrent") is not None
LIVE_EVERY_S = 2.0
#: a live page asks again after this
LIVE_FOR_S = 600.0

Answer = Callable[["View"], Awaitable[Response]]


def make_environment() -> Environment:
    """With every template compiled: the first visitor must not wait for it in the loop."""
    environment = Environment(
        loader=PackageLoader("i2ptunnel.console"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters |= {"size": size_text, "moment": moment_text, "duration": show_difference}
    environment.filters["clock"] = clock_text
    environment.globals["asset"] = asset_path
    for name in environment.list_templates():
        environment.get_template(name)
    return environment


def clock_text(unix_s: float) -> str:
    """``12-01 14:05:59``, by this machine's clock and zone, as the log has it."""
    return time.strftime("%m-%d %H:%M:%S", time.localtime(unix_s))


class View:
    """A request by somebody who came in, or by a stranger: then ``session`` is None."""

    def __init__(
        self,
        request: Request,
        console: Console,
        environment: Environment,
        session: Session | None = None,
    ) -> None:
        self.request = request
        self.console = console
        self.program = console.program
        self.session = session
        self.form: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self._environment = environment
        self.language = choose_language(request.headers.get("accept-language"))

    @property
    def is_post(self) -> bool:
        """Whether something is to be done."""
        return self.request.method == "POST"

    @property
    def client(self) -> str:
        """The address it comes from."""
        return self.request.client.host if self.request.client is not None else ""

    @property
    def own(self) -> Session:
        """The session of somebody who came in."""
        assert self.session is not None
        return self.session

    def say(self, text: str, **values: object) -> str:
        """A text in the visitor's language, with values in its places."""
        words = translate(text, self.language)
        return words.format(**values) if values else words

    def why(self, text: str) -> str:
        """What a command or another part of the program says, in the visitor's language."""
        return translate_reason(text, self.language)

    def query(self, name: str, default: str = "") -> str:
        """One value of the address."""
        return self.request.query_params.get(name, default)

    def number(self, name: str, default: int, largest: int) -> int:
        """A number of the address that is not negative; ``default`` where it is none."""
        text = self.query(name)
        return min(int(text), largest) if text.isascii() and text.isdigit() else default

    def url(self, page: str = "", **query: object) -> str:
        """The address of one of our pages."""
        base = f"/{self.own.key}/{quote(page)}"
        return f"{base}?{urlencode(query)}" if query else base

    async def read_form(self) -> None:
        """Take the body as a form; raises Refused."""
        body = await self.request.body()
        content_type = self.request.headers.get("content-type", "")
        try:
            if content_type.startswith(MULTIPART):
                self.form, self.files = parse_multipart(body, content_type)
                return
            fields = parse_qs(
                body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
            )
        except ValueError:
            raise Refused(400, "This form cannot be read.") from None
        self.form = {name: values[-1] for name, values in fields.items()}

    def note(self, text: str, kind: str = "good") -> None:
        """Have the next page say something. ``kind``: ``good`` or ``bad``."""
        self.own.notes.append((kind, text))

    def to(self, page: str, **query: object) -> Response:
        """Go to another page."""
        return RedirectResponse(self.url(page, **query), 303)

    async def attempt(self, work: Awaitable[Any], done: str = "") -> bool:
        """Carry out a command; what goes wrong is said on the next page. Whether it went well."""
        try:
            await work
        except (I2PError, OSError) as error:
            self.note(self.why(str(error)), "bad")
            return False
        if done:
            self.note(done)
        return True

    async def render(self, template: str, **facts: Any) -> str:
        """A template's text, made in pieces that share the loop's turns."""
        return await join(self._environment.get_template(template).generate(self._facts(facts)))

    async def page(self, template: str, code: int = 200, /, **facts: Any) -> Response:
        """A whole page."""
        notes: list[tuple[str, str]] = []
        if self.session is not None:
            notes, self.session.notes = self.session.notes, []
        text = await self.render(template, notes=notes, **facts)
        await asyncio.sleep(0)  # sending a long page is a turn of its own
        return HTMLResponse(text, code)

    def live(self, template: str, facts: Callable[[], Awaitable[dict[str, Any]]]) -> Response:
        """A part of a page again and again, as server-sent events.

        Until the session ends, or ``facts`` raises Refused: what it told of is gone.
        """
        return StreamingResponse(
            self._events(template, facts),
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"},
        )

    async def _events(
        self, template: str, facts: Callable[[], Awaitable[dict[str, Any]]]
    ) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        ends_at, last = loop.time() + LIVE_FOR_S, ""
        while loop.time() < ends_at and self.console.access.holds(self.own):
            try:
                text = await self.render(template, **await facts())
            except Refused:
                return
            if text != last:
                last = text
                yield "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
            else:
                yield ": \n\n"
            await asyncio.sleep(LIVE_EVERY_S)

    def _facts(self, facts: dict[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = {
            "_": self.say,
            "why": self.why,
            "language": self.language,
            "session": self.session,
            "is_inside": self.session is not None,
        }
        if self.session is not None:
            known |= {
                "url": self.url,
                "here": self.request.url.path.removeprefix(f"/{self.session.key}/"),
                "csrf": csrf_field(self.session),
                "has_torrents": HAS_LIBTORRENT
                or self.program.loaded.configuration.torrents is not None,
                "state": self.program.health().state.value,
            }
        assert not known.keys() & facts.keys(), "a page must not hide what all have"
        return known | facts


def csrf_field(session: Session) -> Markup:
    """What every form of ours carries."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(session.csrf)


async def join(pieces: Iterable[str]) -> str:
    """A text made of many pieces, in turns of the loop that others share."""
    parts = []
    for piece in pieces:
        parts.append(piece)
        await share_turn()
    return "".join(parts)


async def shared(items: Iterable[Any]) -> list[Any]:
    """A list of what an iterator brings, in turns of the loop that others share."""
    taken = []
    for item in items:
        taken.append(item)
        await share_turn()
    return taken


def paged(items: list[Any], wanted: int, size: int) -> tuple[list[Any], int, int]:
    """The items of the page nearest to ``wanted``, its number and the last one, from 1."""
    last = max(1, -(-len(items) // size))
    number = min(max(wanted, 1), last)
    begin = (number - 1) * size
    return items[begin : begin + size], number, last
