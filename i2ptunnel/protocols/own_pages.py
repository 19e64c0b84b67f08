"""The pages of ``http://proxy.i2p/``: what the proxy tells a browser about itself, as HTML.

Pure: what they show is passed in. Visitors' words are escaped here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from i2ptunnel.health import Health, Sentence, State
from i2ptunnel.protocols import html
from i2ptunnel.protocols.http1 import Headers, RequestHead
from i2ptunnel.protocols.http_filter import filter_request
from i2ptunnel.protocols.languages import translate

HOST = "proxy.i2p"
ORIGIN = f"http://{HOST}"
BOOKS = ("private", "local", "router")
_TOKEN_CHARACTERS = 32
_ADVICE = (
    "Use a browser or browser profile for I2P only. One that also opens other sites can be "
    "recognised by them."
)
_WHEN_SET = (
    "When the proxy is set, open this address in the same browser. It shows whether everything "
    "works:"
)
# What can be done with the address that a link brings along: book, button, what comes of it.
_CHOICES = (
    ("none", "Open, do not save", "The proxy forgets the name when it stops."),
    ("private", "Save in the private book", "Only you use the name. It is never published."),
    (
        "local",
        "Save in the local book",
        "The name is also part of the address book that you publish, if you publish one.",
    ),
    (
        "router",
        "Save in the router book",
        "The name is treated like one from a subscription: the owner of the address can change it "
        "later with a signature.",
    ),
)
#: the steps of a visit, in words for users
STAGES = {
    "name": "The name is in the address book",
    "tunnels": "This proxy has tunnels into I2P",
    "lease_set": "The network knows how to reach the site",
    "stream": "The site answers",
    "server": "Its web server sends a page",
}
_SELF_TEST = (
    "Your browser uses the proxy. It sent the headers on the left; sites in I2P get those on the "
    "right."
)


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """What the home page shows. ``proxy`` is ``host:port`` of the listener.

    ``names``: whether and when the subscriptions were fetched.
    """

    health: Health
    proxy: str
    is_tls: bool
    has_outproxy: bool
    requests: int
    bytes_sent: int
    bytes_received: int
    names: Sentence | None = None


def make_token(key: bytes, *parts: str) -> str:
    """Proves that a form came from us, for exactly these values."""
    message = b"\0".join(part.encode() for part in parts)
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:_TOKEN_CHARACTERS]


def is_token(key: bytes, token: str, *parts: str) -> bool:
    """Whether :func:`make_token` made it for these values; compared in constant time."""
    return hmac.compare_digest(make_token(key, *parts).encode(), token.encode())


def _speaker(language: str) -> Callable[[str], str]:
    """Translates a text and makes HTML of it."""

    def say(words: str) -> str:
        return html.text(translate(words, language))

    return say


def _field(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{html.text(value)}">'


def _links(language: str) -> str:
    pages = (("/", "Status"), ("/setup", "Set up a browser"), ("/selftest", "Test this browser"))
    return (
        "<p>"
        + " · ".join(
            f'<a href="{ORIGIN}{path}">{html.text(translate(title, language))}</a>'
            for path, title in pages
        )
        + "</p>"
    )


def home_page(status: ProxyStatus, language: str) -> bytes:
    """Whether it works."""
    say = _speaker(language)
    is_ready = status.health.state is State.READY
    title = "The I2P proxy works" if is_ready else "The I2P proxy is not ready"
    sentences = (status.health.reason, status.health.remedy)
    state = " ".join(
        html.text(one.translated(lambda words: translate(words, language)))
        for one in sentences
        if one is not None
    )
    if is_ready:
        state = say("Ready: .i2p addresses can be opened.")
    outside = "They go to an outproxy." if status.has_outproxy else "They are refused."
    rows = (
        ("Proxy", html.text(status.proxy)),
        ("Addresses outside I2P", say(outside)),
        *((("Names", _sentence(status.names, language)),) if status.names is not None else ()),
        ("Requests", str(status.requests)),
        ("Bytes sent", str(status.bytes_sent)),
        ("Bytes received", str(status.bytes_received)),
    )
    table = "".join(f"<tr><th>{say(name)}</th><td>{value}</td></tr>" for name, value in rows)
    content = f"<p>{state}</p><table>{table}</table>{_links(language)}"
    return html.document(translate(title, language), content, language=language)


def chromium_options(proxy: str) -> tuple[str, ...]:
    """What Chromium must be told, as a shell reads it, for nothing to go around the proxy.

    Chromium would open addresses of this machine itself, and let calls (WebRTC) find it by UDP.
    """
    return (
        f"--proxy-server=http://{proxy}",
        "--proxy-bypass-list='<-loopback>'",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--disable-features=DnsOverHttps",
    )


def _sentence(sentence: Sentence, language: str) -> str:
    return html.text(sentence.translated(lambda words: translate(words, language)))


def setup_page(proxy: str, language: str, *, is_direct: bool = False) -> bytes:
    """How to make a browser use it. ``is_direct``: the browser does not use it yet.

    Such a browser would ask DNS for proxy.i2p, so the page has no links to it.
    """
    say = _speaker(language)
    address = html.text(proxy)
    base = f"http://{address}"
    options = " ".join(
        f"<span>{html.text(part)}</span>"
        for part in ("chromium", "--user-data-dir=$HOME/.i2p-browser", *chromium_options(proxy))
    )
    content = (
        f"<p>{say(_ADVICE)}</p>"
        f"<h2>Firefox</h2><p>{say('Settings → Network Settings → Manual proxy configuration:')} "
        f"<code>{address}</code> {say('as HTTP proxy, also for HTTPS.')} "
        f"{say('Leave the list of exceptions empty.')} "
        f'{say("Or install this file:")} <a href="/policies.json">policies.json</a></p>'
        f"<h2>Chromium</h2><p><code>{options}</code></p>"
        f"<h2>{say('Automatic configuration (PAC)')}</h2><p>"
        f'<a href="/proxy.pac">{base}/proxy.pac</a>: '
        f"{say('.i2p addresses go to the proxy, all others are opened directly')}<br>"
        f'<a href="/all.pac">{base}/all.pac</a>: '
        f"{say('everything goes to the proxy')}</p>"
        f"<p>{say(_WHEN_SET)} <code>{ORIGIN}/</code></p>{'' if is_direct else _links(language)}"
    )
    return html.document(translate("Set up a browser", language), content, language=language)


def self_test_page(head: RequestHead, language: str, extra_passed: frozenset[str]) -> bytes:
    """What the browser says about itself, and what a site gets of it."""
    say = _speaker(language)
    sent = filter_request(
        head,
        target="/",
        authority=HOST,
        host="….b32.i2p",
        extra_passed=extra_passed,
    ).headers
    content = (
        f"<p>{say(_SELF_TEST)}</p>"
        f"<table><tr><th>{say('Header')}</th><th>{say('From the browser')}</th>"
        f"<th>{say('To the site')}</th></tr>{_header_rows(head.headers, sent, say('removed'))}"
        f"</table>{_links(language)}"
    )
    return html.document(translate("Test this browser", language), content, language=language)


def _header_rows(browser: Headers, site: Headers, removed: str) -> str:
    names: dict[str, str] = {}
    for name, _ in (*browser.fields, *site.fields):
        names.setdefault(name.lower(), name)
    rows = []
    for key, name in names.items():
        is_secret = key in ("cookie", "authorization", "proxy-authorization")
        theirs = "…" if is_secret else ", ".join(browser.get_all(key))
        ours = ", ".join(site.get_all(key))
        shown = (
            html.text(ours) if ours and not is_secret else "…" if ours else f"<em>{removed}</em>"
        )
        rows.append(
            f"<tr><td><code>{html.text(name)}</code></td><td>{html.text(theirs)}</td>"
            f"<td>{shown}</td></tr>"
        )
    return "".join(rows)


def helper_form(
    key: bytes, host: str, target: str, url: str, *, has_books: bool, language: str
) -> str:
    """The choices for a new name: ``target`` is the address from the link, ``url`` the page."""
    say = _speaker(language)
    choices = _CHOICES if has_books else _CHOICES[:1]
    buttons = "".join(
        f'<dt><button name="book" value="{value}">{say(label)}</button></dt><dd>{say(effect)}</dd>'
        for value, label, effect in choices
    )
    return (
        f"<h2>{say('How do you want to go on?')}</h2>"
        f'<form method="post" action="{ORIGIN}/helper" accept-charset="utf-8">'
        + _field("host", host)
        + _field("target", target)
        + _field("url", url)
        + _field("token", make_token(key, "helper", host, target, url))
        + f"<dl>{buttons}</dl></form>"
    )


def credentials_form(
    key: bytes,
    host: str,
    url: str,
    *,
    wants_secret: bool,
    wants_key: bool,
    has_books: bool,
    language: str,
) -> str:
    """Asks for what opens an encrypted lease set; ``host`` is its ``….b32.i2p`` address."""
    say = _speaker(language)
    fields = ""
    if wants_secret:
        fields += f'<label>{say("Secret word")}<input type="password" name="secret"></label>'
    if wants_key:
        fields += (
            f"<label>{say('Key (44 characters)')}"
            '<input type="text" name="client_key" autocomplete="off"></label>'
        )
    buttons = f'<button name="keep" value="no">{say("Open")}</button>'
    if has_books:
        buttons += f'<button name="keep" value="yes">{say("Open and remember")}</button>'
    return (
        f'<form method="post" action="{ORIGIN}/credentials">'
        + _field("host", host)
        + _field("url", url)
        + _field("token", make_token(key, "credentials", host, url))
        + f"{fields}{buttons}</form>"
    )


def conflict_choice(host: str, url: str, known: str, offered: str, link: str, language: str) -> str:
    """Both addresses of a name and the ways to them.

    ``known`` is the address book's b32 address and ``url`` the page there; ``offered`` is that of
    the link, and ``link`` the page there.
    """
    say = _speaker(language)
    rows = (
        ("Address book", known, url, "Open the address book's site"),
        ("Link", offered, link, "Open the link's site"),
    )
    items = "".join(
        f"<dt><strong>{say(whose)}</strong>: <code>{html.text(address)}</code></dt>"
        f'<dd><a href="{html.text(way)}">{say(words)}</a></dd>'
        for whose, address, way, words in rows
    )
    hint = (
        "To give the name the link's address, remove it from the address book first, and then "
        "open the link again:"
    )
    command = html.text(f"i2ptunnel address remove {host}")
    return f"<dl>{items}</dl><p>{say(hint)} <code>{command}</code></p>"


def plain_name_link(url: str, language: str) -> str:
    """The way to a name without the address that a link brought along."""
    words = html.text(translate("Open the name without it", language))
    return f'<p><a href="{html.text(url)}">{words}</a></p>'


def paragraph(sentence: Sentence, language: str) -> str:
    """A sentence as HTML."""
    return f"<p>{_sentence(sentence, language)}</p>"


def stages_part(rows: Sequence[tuple[str, float, bool]], language: str) -> str:
    """How far a visit got: each step with its time. ``rows``: step, seconds, whether it is done."""
    if not rows or rows[-1][2]:
        return ""
    cells = "".join(
        f"<tr><td>{html.text(translate(STAGES.get(name, name), language))}</td>"
        f"<td>{seconds:.1f} s</td><td>{'✓' if is_done else '✗'}</td></tr>"
        for name, seconds, is_done in rows
    )
    return f"<table>{cells}</table>"


def jump_links(urls: Iterable[str], host: str) -> str:
    """Links to sites that may know a name."""
    items = "".join(
        f'<li><a href="{html.text(url + quote(host))}">{html.text(url.split("/")[2])}</a></li>'
        for url in urls
    )
    return f"<ul>{items}</ul>" if items else ""


def form_targets(hosts: Sequence[str]) -> str:
    """The origins of a policy's ``form-action``: ours, and where we redirect to afterwards."""
    return " ".join((ORIGIN, *(f"http://{host}" for host in hosts)))
