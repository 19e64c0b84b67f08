"""The pages a proxy answers with itself when something is wrong: plain words, in six languages.

Every response is complete (head and body) and closes the connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from i2ptunnel.health import Health
from i2ptunnel.protocols import html
from i2ptunnel.protocols.languages import translate


@dataclass(frozen=True, slots=True)
class Page:
    """What an answer says. ``retry_after_s``: when asking again makes sense."""

    status: int
    reason: str
    title: str
    text: str
    retry_after_s: int = 0


BAD_REQUEST = Page(400, "Bad Request", "The request cannot be used", "")
BAD_ADDRESS = Page(
    400,
    "Destination Not Found",
    "This is not an I2P address",
    "A .b32.i2p address has 52 letters a-z and digits 2-7; check that it was copied whole.",
)
SECRET_NEEDED = Page(
    400,
    "Destination Not Found",
    "This address needs a secret word",
    "Its owner encrypts where it can be found. Ask for the word and enter it here.",
)
KEY_NEEDED = Page(
    400,
    "Destination Not Found",
    "This address is for invited visitors",
    "Its owner encrypts where it can be found. Enter the key that you agreed on.",
)
KEY_MALFORMED = Page(
    400,
    "Bad Request",
    "This is not a key",
    "A key has 44 characters; check that it was copied whole. Go back and try again.",
)
KEY_REFUSED = Page(
    400,
    "Destination Not Found",
    "The key does not open this address",
    "It was mistyped, or the owner has withdrawn it. Try another one.",
)
LOCAL_HOST = Page(
    403,
    "Forbidden",
    "This address is on your own network",
    "The I2P proxy does not connect to this machine or its network. "
    "Add the address to the exceptions of the browser's proxy settings.",
)
PORT_DENIED = Page(
    403, "Forbidden", "This port is not allowed", "See connect_ports in the settings."
)
NOT_ALLOWED = Page(403, "Forbidden", "You may not use this proxy", "See allow in its settings.")
ENCRYPTION_UNSUPPORTED = Page(
    403,
    "Incompatible Encryption Options",
    "The site uses another encryption",
    "It is there, but it offers no encryption that this router knows. Its owner can change that.",
)
RESET = Page(
    403,
    "Connection Reset",
    "The site closed the connection",
    "It was reached, but it refused or broke off the connection. Try again later.",
)
AUTH_NEEDED = Page(407, "Proxy Authentication Required", "User name and password are needed", "")
TIMEOUT = Page(408, "Request Timeout", "The request did not arrive in time", "")
UNKNOWN_NAME = Page(
    502,
    "Domain Not Found",
    "This name is not in the address book",
    "Ask for the site's .b32.i2p address, or ask one of these sites for it.",
)
UNKNOWN_NAME_ALONE = Page(
    502,
    "Domain Not Found",
    "This name is not in the address book",
    "Ask for the site's .b32.i2p address.",
)
BROKEN_RESPONSE = Page(
    502, "Bad Gateway", "The site's answer cannot be used", "It does not follow the rules of HTTP."
)
OUTPROXY_REFUSED = Page(
    502, "Bad Gateway", "The outproxy cannot reach this address", "Check that it is written right."
)
OUTPROXY_FAILED = Page(
    502, "Bad Gateway", "No outproxy could be reached", "Addresses outside I2P need one."
)
NO_OUTPROXY = Page(
    503,
    "No Outproxy Configured",
    "This address is outside I2P",
    "Only .i2p addresses can be opened here. For others, set outproxies in the settings.",
)
NOT_READY = Page(
    503,
    "Service Unavailable",
    "The router is not ready",
    "",
    retry_after_s=5,
)
BUSY = Page(
    503, "Service Unavailable", "Too many connections", "Try again in a moment.", retry_after_s=5
)
TOO_MANY_IDENTITIES = Page(
    503,
    "Service Unavailable",
    "All I2P addresses are in use",
    "This proxy visits sites under different addresses, and it has no more of them at the moment. "
    "Close some pages, or raise max_identities in the settings.",
    retry_after_s=30,
)
BACKEND_DOWN = Page(
    503, "Service Unavailable", "The web server does not answer", "Try again later."
)
SITE_DOWN = Page(503, "Service Unavailable", "The site has no files now", "Try again later.")
NO_LEASE_SET = Page(
    504,
    "Gateway Timeout",
    "The site cannot be found",
    "No router knows a way to it at the moment. It is probably offline; try again later.",
)
CONNECT_TIMEOUT = Page(
    504,
    "Gateway Timeout",
    "The site does not answer",
    "It may be offline, or the way to it is congested. Try again later.",
)
BACKEND_SILENT = Page(504, "Gateway Timeout", BACKEND_DOWN.title, BACKEND_DOWN.text)
HELPER_NEW = Page(
    409,
    "New Address",
    "This name is not in the address book",
    "The link tells an address for it. Whether it is the right one cannot be checked. "
    "Anybody who makes links could write it.",
)
HELPER_CONFLICT = Page(
    409,
    "Conflict",
    "The link tells another address than the address book",
    "One of the two may be an attempt to deceive you. The link's address is:",
)
HELPER_BAD = Page(
    409, "Bad Helper", "The address in this link is damaged", "Remove it and open the name alone."
)
HELPER_STALE = Page(
    403,
    "Forbidden",
    "This form is no longer valid",
    "Open the link again and decide anew.",
)
TOO_LARGE = Page(
    413, "Content Too Large", "The upload is too large", "See max_upload in the settings."
)
NOT_FOUND = Page(404, "Not Found", "There is no such page", "")

RELOADS_ITSELF = "This page loads again by itself."
TRY_AGAIN = "Try again"

# What went wrong, as Unavailable.code has it -> the page for it.
PAGE_OF_CODE = {
    "bad_address": BAD_ADDRESS,
    "closed": NOT_READY,
    "connect_timeout": CONNECT_TIMEOUT,
    "client_key_refused": KEY_REFUSED,
    "client_key_required": KEY_NEEDED,
    "encryption_unsupported": ENCRYPTION_UNSUPPORTED,
    "lease_set_not_found": NO_LEASE_SET,
    "no_outproxy": NO_OUTPROXY,
    "outproxy_failed": OUTPROXY_FAILED,
    "outproxy_refused": OUTPROXY_REFUSED,
    "secret_required": SECRET_NEEDED,
    "stream_reset": RESET,
    "target_unreachable": BACKEND_DOWN,
    "too_many_identities": TOO_MANY_IDENTITIES,
    "too_many_streams": BUSY,
    "tunnels_not_ready": NOT_READY,
    "unknown_name": UNKNOWN_NAME,
}

_METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"
_REASONS = {
    400: "Bad Request",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}


def bad_request(status: int, text: str) -> Page:
    """The page for a request that the strict reader refused."""
    reason = _REASONS.get(status, BAD_REQUEST.reason)
    return Page(status, reason, BAD_REQUEST.title, text[:1].upper() + text[1:] + ".")


def not_ready(health: Health, language: str) -> Page:
    """The page for a proxy that cannot work yet: why, and what to do, in the user's language."""

    def say(words: str) -> str:
        return translate(words, language)

    sentences = [one.translated(say) for one in (health.reason, health.remedy) if one is not None]
    retry_after_s = NOT_READY.retry_after_s if health.is_waiting else 0
    return replace(NOT_READY, text=" ".join(sentences), retry_after_s=retry_after_s)


def render(
    page: Page,
    *,
    subject: str = "",
    method: str = "GET",
    challenges: Sequence[str] = (),
    link: str = "",
    language: str = "en",
    more: str = "",
    form_action: str = "'none'",
    allowed: str = _METHODS,
    reloads: bool = False,
    retry_url: str = "",
) -> bytes:
    """The whole response.

    ``subject``: the address it is about; ``link``: one to go to instead; ``challenges``: how users
    may show who they are (407); ``more``: further HTML, whose forms lead to ``form_action``;
    ``allowed``: the methods that a 405 names;
    ``reloads``: the page loads itself again after ``page.retry_after_s``, else ``retry_url`` is
    where a link to try again leads.
    """
    title = translate(page.title, language)
    content = f"<p><code>{html.text(subject[:300])}</code></p>" if subject else ""
    if page.text:
        content += f"<p>{html.text(translate(page.text, language))}</p>"
    refresh_s = page.retry_after_s if reloads else 0
    if refresh_s:
        content += f"<p>{html.text(translate(RELOADS_ITSELF, language))}</p>"
    elif retry_url:
        words = html.text(translate(TRY_AGAIN, language))
        content += f'<p><a href="{html.text(retry_url)}">{words}</a></p>'
    if link:
        content += f'<p><a href="{html.text(link)}">{html.text(link)}</a></p>'
    body = html.document(
        title,
        content + more,
        language=language,
        note=f"I2P · {page.status}",
        refresh_s=refresh_s,
    )
    extra = [("Proxy-Authenticate", challenge) for challenge in challenges]
    if page.retry_after_s:
        extra.append(("Retry-After", str(page.retry_after_s)))
    if page.status == 405:
        extra.append(("Allow", allowed))
    return html.response(
        page.status,
        page.reason,
        body,
        form_action=form_action,
        method=method,
        extra=tuple(extra),
    )
