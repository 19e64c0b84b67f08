"""What the HTTP proxy says itself: a request on its way, and the page that may answer it."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.api import Stages
from core.base.errors import Unavailable
from i2ptunnel.naming.address import Address
from i2ptunnel.protocols import error_pages as pages
from i2ptunnel.protocols import own_pages
from i2ptunnel.protocols.error_pages import Page, bad_request
from i2ptunnel.protocols.http1 import HttpFault, RequestHead
from i2ptunnel.protocols.languages import choose_language
from i2ptunnel.protocols.proxy_target import ProxyTarget
from i2ptunnel.relay.http_exchange import ResponseNotStarted
from i2ptunnel.relay.http_front import Front

T = TypeVar("T")


class Answer(Exception):
    """The request is answered with a page of ours. ``link``: an address the page offers."""

    def __init__(
        self, page: Page, link: str = "", *, more: str = "", form_action: str = "'none'"
    ) -> None:
        super().__init__(page.title)
        self.page = page
        self.link = link
        self.more = more
        self.form_action = form_action


@dataclass(slots=True)
class Request:
    """One request on its way through the proxy."""

    front: Front
    head: RequestHead
    target: ProxyTarget
    credential: str | None
    language: str
    address: Address | None = field(default=None)
    stages: Stages = field(default_factory=Stages)

    @property
    def url(self) -> str:
        """As the user would write it; always ``http``, since ``https`` comes by CONNECT."""
        return f"http://{self.target.authority}{self.target.path}"

    def steps(self) -> str:
        """How far it got, for the user; scripts of a site are not told our times."""
        if not is_navigation(self.head):
            return ""
        return own_pages.stages_part(self.stages.rows(), self.language)


def is_navigation(head: RequestHead) -> bool:
    """Whether the user will see the answer, as far as browsers say; scripts cannot pretend it."""
    return head.headers.get("sec-fetch-mode") in (None, "navigate")


def language_for(head: RequestHead) -> str:
    """The user's language, which is not told to scripts of a site that ask for a page of ours."""
    return choose_language(head.headers.get("accept-language")) if is_navigation(head) else "en"


def page_of_fault(fault: HttpFault) -> Page:
    """The page for a request that is broken, or for a response that is."""
    if fault.status == 502:
        return pages.BROKEN_RESPONSE
    return pages.TOO_LARGE if fault.status == 413 else bad_request(fault.status, str(fault))


async def before_response(work: Coroutine[Any, Any, T]) -> T:
    """The result; what goes wrong can still be said to the browser."""
    try:
        return await work
    except Unavailable as error:
        raise ResponseNotStarted(str(error), error.code) from None
