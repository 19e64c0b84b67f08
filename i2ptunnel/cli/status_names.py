"""The part of ``status`` that says what is known of names."""

from __future__ import annotations

from typing import Any

from i2ptunnel.naming.feed_state import FeedState
from i2ptunnel.printable import counted, printable


def names_lines(naming: dict[str, Any]) -> list[str]:
    """Lines for people, from the ``naming`` part of ``status --json``."""
    if "error" in naming:
        return [f"names    {printable(naming['error'])}"]
    hosts = naming.get("hosts_file")
    books = [f"{count} {book}" for book, count in naming["names"].items() if count]
    if hosts and hosts["names"]:
        books.append(f"{hosts['names']} in hosts.txt")
    lines = [
        f"names    {', '.join(books) or 'none'}",
        f"         {FeedState.of(naming['subscriptions'])}",
    ]
    lines += [
        f"         {printable(row['url'])}: {printable(row['outcome'])}"
        for row in naming["subscriptions"]
        if row["failures"]
    ]
    if hosts and hosts["error"]:
        lines.append(f"         hosts.txt cannot be read: {printable(hosts['error'])}")
    if hosts and hosts["faults"]:
        left = counted(hosts["faults"], "line")
        lines.append(f"         hosts.txt: {left} left out; {printable(hosts['first_faults'][0])}")
    return lines
