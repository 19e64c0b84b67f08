"""``?i2paddresshelper=…`` in links: the destination of a site whose name may not be known here.

The parameter stands anywhere in the query, separated by ``&`` or ``;``, and never goes to the site.
"""

from __future__ import annotations

from urllib.parse import unquote

_PARAMETER = "i2paddresshelper"


def split_helper(path: str) -> tuple[str, str | None]:
    """(the path with query but without the parameter, its value or None)."""
    bare, question, query = path.partition("?")
    if not question or _PARAMETER not in unquote(query).lower():
        return path, None
    helper: str | None = None
    kept: list[str] = []
    separators: list[str] = []
    start = 0
    for end in [i for i, c in enumerate(query) if c in "&;"] + [len(query)]:
        part = query[start:end]
        name, _, value = part.partition("=")
        if unquote(name).strip().lower() == _PARAMETER:
            helper = helper if helper is not None else unquote(value).strip()
        else:
            kept.append(part)
            separators.append(query[end : end + 1])
        start = end + 1
    if helper is None:
        return path, None
    rest = "".join(part + mark for part, mark in zip(kept, separators, strict=True)).rstrip("&;")
    return (f"{bare}?{rest}" if rest else bare), helper
