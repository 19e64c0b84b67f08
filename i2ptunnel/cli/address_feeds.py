"""``address sign``, ``subscribe``, ``unsubscribe``, ``fetch``: names between people."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from core.base.errors import LocalError
from core.data.private_keys import PrivateKeys
from i2ptunnel.cli.books import open_books
from i2ptunnel.cli.exits import CommandFault, Exit, complain
from i2ptunnel.cli.output import add_json, tell
from i2ptunnel.cli.places import data_dir_of
from i2ptunnel.cli.progress import Progress
from i2ptunnel.cli.sources import add_source_options, path_argument, text_argument
from i2ptunnel.config.units import show_duration
from i2ptunnel.control import NotRunning, ask
from i2ptunnel.keyfiles import read_keys
from i2ptunnel.naming import queries
from i2ptunnel.naming.fetch import FetchFault, read_feed_url
from i2ptunnel.naming.hosts_line import Action, make_line
from i2ptunnel.naming.names import normalise, suggestion
from i2ptunnel.printable import counted, printable

_FETCH_TIMEOUT_S = 3600.0
_ACTIONS = {action.value or "add": action for action in Action}


def add_feed_actions(actions: Any) -> None:
    """The actions of ``i2ptunnel address`` about feeds: publishing them, subscribing to them."""
    sign = actions.add_parser("sign", help="a signed line for those who publish names")
    sign.add_argument("name", type=text_argument)
    sign.add_argument("keys", type=path_argument, help="the key file of the (new) destination")
    sign.add_argument("--command", dest="word", choices=list(_ACTIONS), default="add")
    sign.add_argument(
        "--old-name", default="", type=text_argument, help="the older name, or the parent"
    )
    sign.add_argument(
        "--old-keys", type=path_argument, help="the key file of the older destination"
    )
    sign.set_defaults(run=_sign)
    subscribe = actions.add_parser("subscribe", help="add a feed of names; without URL: list them")
    subscribe.add_argument("url", nargs="?", type=text_argument)
    subscribe.set_defaults(run=_subscribe)
    unsubscribe = actions.add_parser("unsubscribe", help="remove a feed; its names stay")
    unsubscribe.add_argument("url", type=text_argument)
    unsubscribe.set_defaults(run=_unsubscribe)
    fetch = actions.add_parser("fetch", help="fetch the feeds now")
    fetch.add_argument("url", nargs="?", type=text_argument, help="only this one")
    fetch.set_defaults(run=_fetch)
    conflicts = actions.add_parser(
        "conflicts", help="names that stayed as they were although a feed has another address"
    )
    conflicts.set_defaults(run=_conflicts)
    for action in (subscribe, unsubscribe, fetch, conflicts):
        add_source_options(action)
    add_json(sign, subscribe, unsubscribe, fetch, conflicts)


def _keys(path: Path) -> PrivateKeys:
    keys = read_keys(path)
    if keys is None:
        raise CommandFault(f"{path}: there is no such file")
    return keys


def _sign(arguments: argparse.Namespace) -> int:
    try:
        line = make_line(
            _ACTIONS[arguments.word],
            normalise(arguments.name),
            _keys(arguments.keys),
            date=int(time.time()),
            old_name=normalise(arguments.old_name),
            old_keys=_keys(arguments.old_keys) if arguments.old_keys else None,
        )
    except LocalError as error:
        raise CommandFault(str(error)) from None
    tell(arguments, {"line": line.text}, line.text)
    return Exit.OK


def _url(text: str) -> str:
    try:
        return str(read_feed_url(text))
    except FetchFault as fault:
        raise CommandFault(f"{printable(text)}: {fault}", Exit.USAGE) from None


def _subscribe(arguments: argparse.Namespace) -> int:
    if arguments.url is None:
        return _list(arguments)
    url = _url(arguments.url)
    with open_books(arguments, writes=True) as books:
        is_new = books.subscribe(url)
    said = f"{'subscribed to' if is_new else 'already subscribed to'} {url}"
    tell(arguments, {"url": url, "is_new": is_new}, said)
    return Exit.OK


def _rows(arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], bool]:
    """From the running appliance, which knows the YAML it runs with; else from the files.

    Also whether it runs.
    """
    from i2ptunnel.cli.sources import load_sources
    from i2ptunnel.naming.feeds import describe
    from i2ptunnel.naming.store import SubscriptionRow

    try:
        status = ask(data_dir_of(arguments) / "control.sock", "address-status")
        return list(status["subscriptions"]), True
    except NotRunning:
        naming = load_sources(arguments).configuration.naming
        with open_books(arguments) as books:
            stored = books.store.subscriptions()
        feeds = {url: stored.get(url, SubscriptionRow(url)) for url in naming.subscriptions}
        feeds |= {url: row for url, row in stored.items() if row.is_own}
        return [describe(row, naming.interval, time.time()) for row in feeds.values()], False


def why_unknown(arguments: argparse.Namespace) -> str:
    """What to tell somebody whose name no book has: a likely slip, or what the feeds do.

    It follows a semicolon.
    """
    from i2ptunnel.naming.feed_state import FeedState

    meant = suggestion(arguments.name)
    if meant is not None:
        return f"did you mean {meant}?"
    rows, is_running = _rows(arguments)
    if not is_running:
        return "i2ptunnel is not running here, so subscriptions bring no new names"
    return FeedState.of(rows).clause


def _list(arguments: argparse.Namespace) -> int:
    rows, _ = _rows(arguments)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return Exit.OK
    for row in rows:
        ago = row["fetched_ago_s"]
        when = "never fetched" if ago is None else f"fetched {_span(ago)} ago"
        due = f"next in {_span(row['next_in_s'])}" if row["next_in_s"] else "due now"
        print(f"{row['url']}\n  {when}, {due}, from {row['by']}")
        if row["outcome"]:
            print(f"  last: {printable(row['outcome'])}")
    print(counted(len(rows), "subscription"))
    return Exit.OK


def _span(seconds: float) -> str:
    if seconds >= 3600:
        seconds = round(seconds / 60) * 60
    return show_duration(max(0, round(seconds)))


def _unsubscribe(arguments: argparse.Namespace) -> int:
    url = _url(arguments.url)
    with open_books(arguments, writes=True) as books:
        if not books.unsubscribe(url):
            raise CommandFault("not subscribed by command; see subscriptions: in the YAML file")
    tell(arguments, {"url": url}, "unsubscribed")
    return Exit.OK


def _conflicts(arguments: argparse.Namespace) -> int:
    urls = {row["url"] for row in _rows(arguments)[0]}
    with open_books(arguments) as books:
        found = queries.conflicts(books, urls)
    lines = [
        f"{printable(one['name'])}\n  {one['book']:12}  {one['address']}\n"
        f"  subscription  {one['other_address']}  ({printable(one['subscription'])})"
        for one in found
    ]
    tell(arguments, found, *lines, counted(len(found), "conflict"))
    return Exit.OK


def _fetch(arguments: argparse.Namespace) -> int:
    urls = None if arguments.url is None else [_url(arguments.url)]
    socket = data_dir_of(arguments) / "control.sock"
    with Progress() as progress:
        progress.show("fetching names …")
        results = ask(socket, "address-fetch", urls=urls, timeout_s=_FETCH_TIMEOUT_S)
    if arguments.json:
        print(json.dumps(results, indent=2))
    elif not results:
        raise CommandFault("there is no such subscription" if urls else "no subscriptions")
    else:
        for result in results:
            print(f"{result['url']}: {printable(result['outcome'])}")
    failed = [result for result in results if not result["is_ok"]]
    if failed and not arguments.json:
        complain(f"{len(failed)} of {len(results)} failed")
    return Exit.FAILED if failed else Exit.OK
