"""Pages of our own: one look, no script, and no way to load anything from anywhere.

Everything that is not ours is escaped by who puts a page together; :func:`text` does it.
"""

from __future__ import annotations

import base64
import hashlib
import html

from i2ptunnel.protocols.http1 import Headers, ResponseHead

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1d2733}"
    "main{max-width:38rem;margin:12vh auto 2rem;padding:2rem;background:#fff;border-radius:8px;"
    "border-top:4px solid #5b6ee1}h1{font-size:1.4rem;margin:0 0 1rem}"
    "h2{font-size:1.1rem;margin:1.5rem 0 .5rem}"
    "p{margin:.6rem 0}a{color:#4355c9;overflow-wrap:anywhere}"
    "code{overflow-wrap:anywhere;background:#eef0f4;padding:.1em .3em;border-radius:3px}"
    "code span{display:inline-block;background:inherit}"
    "small{color:#5a6675}"
    "nav{margin:1.5rem 0 0;padding-top:.8rem;border-top:1px solid #e3e6eb}"
    "nav a{margin-right:1.5rem}"
    "dl{margin:1rem 0}dt{margin-top:.8rem}dd{margin:.2rem 0 0;color:#5a6675}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;"
    "padding:.25rem .5rem .25rem 0;border-bottom:1px solid #e3e6eb;overflow-wrap:anywhere}"
    "th,td em,td:first-child code{overflow-wrap:break-word}"
    "form{margin:1rem 0}button{font:inherit;margin:.2rem .4rem .2rem 0;padding:.4rem .8rem;"
    "border:1px solid #5b6ee1;border-radius:5px;background:#fff;color:#4355c9;cursor:pointer}"
    "input[type=text],input[type=password]{font:inherit;width:100%;box-sizing:border-box;"
    "padding:.4rem;border:1px solid #aeb6c2;border-radius:5px;margin:.2rem 0 .6rem;"
    "background:transparent;color:inherit}"
    "@media(max-width:30rem){main{padding:1rem;margin-top:1rem}table{font-size:.8rem}}"
    "@media(prefers-color-scheme:dark){body{background:#14181d;color:#d6dde6}"
    "main{background:#1d232b}code{background:#2a323d}small{color:#93a0b0}a,button{color:#9fabf5}"
    "button{background:#1d232b}td,th,nav{border-color:#323b47}dd{color:#93a0b0}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def text(value: str) -> str:
    """As text in a page, also inside of an attribute in double quotes."""
    return html.escape(value)


def policy(form_action: str = "'none'") -> str:
    """The content security policy; ``form_action`` are the origins that forms may lead to."""
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        f"base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
    )


def document(
    title: str, content: str, *, language: str = "en", note: str = "I2P", refresh_s: int = 0
) -> bytes:
    """A whole page; ``content`` is HTML, ``title`` and ``note`` are text."""
    refresh = f'<meta http-equiv="refresh" content="{refresh_s}">' if refresh_s else ""
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{text(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{text(title)}</h1>{content}"
        f"<p><small>{text(note)}</small></p></main></body></html>\n"
    ).encode()


def response(
    status: int,
    reason: str,
    body: bytes,
    *,
    content_type: str = "text/html; charset=utf-8",
    form_action: str = "'none'",
    method: str = "GET",
    extra: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """A whole response that closes the connection and is never kept by the browser."""
    headers = Headers(
        [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", policy(form_action)),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Connection", "close"),
            *extra,
        ]
    )
    head = ResponseHead(status, reason, 1, headers).write()
    return head if method == "HEAD" else head + body
