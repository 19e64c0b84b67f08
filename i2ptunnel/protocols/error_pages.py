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
    "A .b32.i2p address has 52 letters a-z and digits 2-7. Check that all of it was copied.",
)
SECRET_NEEDED = Page(
    400,
    "Destination Not Found",
    "This address needs a secret word",
    "The owner has encrypted how this site is reached. Ask the owner for the word and enter "
    "it here.",
)
KEY_NEEDED = Page(
    400,
    "Destination Not Found",
    "This address is for invited visitors",
    "The owner has encrypted how this site is reached. Enter the key that you agreed on with "
    "the owner.",
)
KEY_MALFORMED = Page(
    400,
    "Bad Request",
    "This is not a key",
    "A key has 44 characters. Go back, check that all of it was copied, and try again.",
)
KEY_REFUSED = Page(
    400,
    "Destination Not Found",
    "The key does not open this address",
    "It may contain a typing error, or the owner has withdrawn it. Enter another key.",
)
LOCAL_HOST = Page(
    403,
    "Forbidden",
    "This address is on your own network",
    "The I2P proxy never connects to this machine or its network, so that no site in I2P can "
    "reach them through your browser. Open this address in another browser, or in a profile "
    "without the proxy.",
)
PORT_DENIED = Page(
    403,
    "Forbidden",
    "This port is not allowed",
    "The proxy only connects to the ports that connect_ports names in its configuration.",
)
OWN_ADDRESS = Page(
    403,
    "Forbidden",
    "This is the address of the I2P proxy itself",
    "This browser uses the proxy already. The pages of the proxy are at:",
)
NOT_ALLOWED = Page(
    403,
    "Forbidden",
    "You may not use this proxy",
    "Your address is not among those that allow names in the proxy's configuration.",
)
ENCRYPTION_UNSUPPORTED = Page(
    403,
    "Incompatible Encryption Options",
    "The site uses another encryption",
    "The site is there, but it offers no encryption that this router supports. Only its "
    "owner can change that.",
)
RESET = Page(
    403,
    "Connection Reset",
    "The site closed the connection",
    "The site was reached, but it refused or ended the connection. Try again, or come back later.",
)
AUTH_NEEDED = Page(
    407,
    "Proxy Authentication Required",
    "User name and password are needed",
    "Reload this page and enter the user name and password of the proxy.",
)
TIMEOUT = Page(
    408,
    "Request Timeout",
    "The request did not arrive in time",
    "The connection between this browser and the proxy was too slow. Try again.",
)
UNKNOWN_NAME = Page(
    502,
    "Domain Not Found",
    "This name is not in the address book",
    "Open the site by its .b32.i2p address, or look the name up at one of these sites, which "
    "know many:",
)
UNKNOWN_NAME_ALONE = Page(
    502,
    "Domain Not Found",
    "This name is not in the address book",
    "Open the site by its .b32.i2p address, or follow a link that brings the address along.",
)
BROKEN_RESPONSE = Page(
    502,
    "Bad Gateway",
    "The site's answer cannot be used",
    "The site's web server does not follow the rules of HTTP. Only its owner can change that.",
)
OUTPROXY_REFUSED = Page(
    502,
    "Bad Gateway",
    "The outproxy cannot reach this address",
    "Check that the address is correct, or try again later.",
)
OUTPROXY_FAILED = Page(
    502,
    "Bad Gateway",
    "No outproxy could be reached",
    "Addresses outside I2P are opened through an outproxy, and none of yours answers. Try "
    "again later, or name another one under outproxies in the configuration.",
)
NO_OUTPROXY = Page(
    503,
    "No Outproxy Configured",
    "This address is outside I2P",
    "This proxy only opens .i2p addresses. To open others through I2P, name outproxies in "
    "the configuration; or use another browser for them.",
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
    "This proxy visits each site from another I2P address and has none left at the moment. "
    "Close some pages and try again, or raise max_identities in the configuration.",
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
    "The network does not know how to reach it at the moment. It is probably offline. Try "
    "again later.",
)
BLINDED_LOOKUP_FAILED = Page(
    504,
    "Gateway Timeout",
    "The router found nothing under this address",
    "The router that this proxy uses over I2CP found nothing under this encrypted address. i2pd "
    "cannot look up such addresses, Java I2P can.",
)
CONNECT_TIMEOUT = Page(
    504,
    "Gateway Timeout",
    "The site does not answer",
    "The site may be offline, or the network is slow at the moment. Try again.",
)
BACKEND_SILENT = Page(504, "Gateway Timeout", BACKEND_DOWN.title, BACKEND_DOWN.text)
HELPER_NEW = Page(
    409,
    "New Address",
    "This name is not in the address book",
    "The link says which address belongs to this name, but nobody has checked that. Whoever "
    "writes a link can put any address there. The link's address is:",
)
HELPER_CONFLICT = Page(
    409,
    "Conflict",
    "The link and the address book name different addresses",
    "One of the two may be an attempt to deceive you. If you do not know which one is right, "
    "trust the address book.",
)
HELPER_BAD = Page(
    409,
    "Bad Helper",
    "The address in this link is damaged",
    "The link should bring the address of the site along, but it cannot be read. Open the "
    "name without it, or copy the link again.",
)
HELPER_STALE = Page(
    403,
    "Forbidden",
    "This form is no longer valid",
    "The proxy has restarted since the page was shown. Go back, reload the page and choose again.",
)
TOO_LARGE = Page(
    413,
    "Content Too Large",
    "The upload is too large",
    "The proxy accepts no more than max_upload allows in its configuration.",
)
NOT_FOUND = Page(
    404,
    "Not Found",
    "There is no such page",
    "Check the address.",
)

RELOADS_ITSELF = "This page loads again by itself."
TRY_AGAIN = "Try again"
ABOUT_PROXY = "About this proxy"
GO_BACK = "Go back and try again."
#: the proxy's own pages
HOME = "http://proxy.i2p/"

# What went wrong, as Unavailable.code has it -> the page for it.
PAGE_OF_CODE = {
    "bad_address": BAD_ADDRESS,
    "blinded_lookup_failed": BLINDED_LOOKUP_FAILED,
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


def _ways_on(retry_url: str, has_home: bool, language: str) -> str:
    """The links at the end of a proxy's page; without ``retry_url``, how to ask again."""
    links = []
    if retry_url:
        words = html.text(translate(TRY_AGAIN, language))
        links.append(f'<a href="{html.text(retry_url)}">{words}</a>')
    if has_home:
        words = html.text(translate(ABOUT_PROXY, language))
        links.append(f'<a href="{HOME}">{words}</a>')
    return f"<nav>{' '.join(links)}</nav>" if links else ""


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
    has_home: bool = False,
) -> bytes:
    """The whole response.

    ``subject``: the address it is about; ``link``: one to go to instead; ``challenges``: how users
    may show who they are (407); ``more``: further HTML, whose forms lead to ``form_action``;
    ``allowed``: the methods that a 405 names;
    ``reloads``: the page loads itself again after ``page.retry_after_s``; ``retry_url``: where a
    link to try again leads; ``has_home``: it comes from a proxy, and links to the proxy's pages.
    """
    title = translate(page.title, language)
    content = f"<p><code>{html.text(subject[:300])}</code></p>" if subject else ""
    if page.text:
        content += f"<p>{html.text(translate(page.text, language))}</p>"
    refresh_s = page.retry_after_s if reloads else 0
    if refresh_s:
        content += f"<p>{html.text(translate(RELOADS_ITSELF, language))}</p>"
    if link:
        content += f'<p><a href="{html.text(link)}">{html.text(link)}</a></p>'
    body = html.document(
        title,
        content + more + _ways_on(retry_url if not refresh_s else "", has_home, language),
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
