"""Visits the web console inside a machine of which nothing but Python is known.

Comes in by the file of ``i2ptunnel console``, adds a tunnel to the configuration's text, and prints
what the console says of it and the new file that it offers. Standard library only.
"""

from __future__ import annotations

import html
import re
import sys
import urllib.parse
import urllib.request
from pathlib import Path

TIMEOUT_S = 60


def main(file: str, address: str, addition: str) -> None:
    """``file``: the way in; ``address``: of the console; ``addition``: text below the file's."""
    (token,) = re.findall(r'name="token" value="(\w+)"', Path(file).read_text())
    entered = _open(f"{address}/enter", {"token": token}, {"Origin": "null"})
    cookie = entered.headers["Set-Cookie"].partition(";")[0]
    (base,) = re.findall(r'url=(/\w+/)"', entered.read().decode())
    own = {"Cookie": cookie, "Origin": address}
    page = _open(f"{address}{base}settings/file", None, own).read().decode()
    (csrf,) = set(re.findall(r'name="csrf" value="(\w+)"', page))
    (text,) = re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", page, re.DOTALL)
    form = {"csrf": csrf, "text": html.unescape(text) + addition}
    answer = _open(f"{address}{base}settings/file", form, own).read().decode()
    (note,) = re.findall(r'<p class="note bad">(.*?)</p>', answer, re.DOTALL)
    print(" ".join(html.unescape(note).split()))
    (link,) = re.findall(r'href="([^"]*)" download', answer)
    print(_open(f"{address}{link}", None, own).read().decode(), end="")


def _open(url: str, form: dict[str, str] | None, headers: dict[str, str]):  # type: ignore[no-untyped-def]
    data = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, data, headers)
    return urllib.request.urlopen(request, timeout=TIMEOUT_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
