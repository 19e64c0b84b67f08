"""Lines of the SSH console: what they mean, how they go on, and what is not offered."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.commands import COMMANDS
from i2ptunnel.ssh.answers import answer_lines
from i2ptunnel.ssh.words import Request, Words, WrongLine

WORDS = Words(COMMANDS)
#: commands of the table that are for this machine's user alone
NOT_OFFERED = {"netdb-export", "netdb-import", "torrents-add"}


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("status", Request("status")),
        ("status --json", Request("status", {}, True)),
        ("watch status", Request("status", {}, False, 2.0)),
        ("watch 5 tunnels list --json", Request("tunnels", {}, True, 5.0)),
        ("tunnels", Request("tunnels")),
        ("tunnels restart 'my web'", Request("tunnel-restart", {"name": "my web"})),
        ("ping site.i2p", Request("ping", {"wait_s": 30.0, "destination": "site.i2p"})),
        ("ping site.i2p --wait-s 5s", Request("ping", {"wait_s": 5.0, "destination": "site.i2p"})),
        ("torrents list", Request("torrents-list")),
        ("torrents pause abcd", Request("torrents-pause", {"torrent": "abcd"})),
        (
            "torrents remove 'a film' --data",
            Request("torrents-remove", {"torrent": "a film", "data": True}),
        ),
        ("address list", Request("address-list")),
        (
            "address list foo --book=local",
            Request("address-list", {"part": "foo", "book": "local"}),
        ),
        (
            "address add a.i2p b --replace --notes 'two words'",
            Request(
                "address-add",
                {"name": "a.i2p", "target": "b", "replace": True, "notes": "two words"},
            ),
        ),
        (
            "address fetch http://a.i2p/ http://b.i2p/",
            Request("address-fetch", {"urls": ["http://a.i2p/", "http://b.i2p/"]}),
        ),
    ],
)
def test_lines(line: str, request_: Request) -> None:
    assert WORDS.parse(line) == request_


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "help"),
        ("bash", "no command 'bash'"),
        ("scp -t /tmp", "no command 'scp'"),
        ("keys show x.dat", "no command 'keys'"),
        ("backup", "no command"),
        ("import x", "no command"),
        ("torrents add /tmp/a.torrent", "torrents what? list, pause, remove, resume"),
        ("netdb export /tmp", "netdb what? list"),
        ("netdb import /tmp", "netdb what?"),
        ("status; id", "no command 'status;'"),
        ("status extra", "'extra' is too much; write status"),
        ("plan --origins /etc/passwd", "no --origins"),
        ("reload --origins=/etc/passwd", "no --origins"),
        ("tunnels start", "NAME is missing; write tunnels start NAME"),
        ("address add 'x", "no closing quotation"),
        ("address list --book", "--book needs a value"),
        ("ping x --wait-s never", "wait-s:"),
        ("watch 0 status", "from 1 to 3600"),
        ("watch", "help"),
        ("x" * 5000, "too long"),
    ],
)
def test_lines_that_are_wrong(line: str, told: str) -> None:
    with pytest.raises(WrongLine) as caught:
        WORDS.parse(line)
    assert told in str(caught.value)


def test_no_command_is_offered_by_accident() -> None:
    assert {*COMMANDS} - {known.name for known in WORDS.known.values()} >= NOT_OFFERED

    async def backup(program: Any, *, to: Path | None = None) -> None:
        """With a path."""

    assert not Words({"status": backup, "backup": backup}).known


@pytest.mark.parametrize(
    ("start", "done", "found"),
    [
        ("st", "status ", []),
        ("a", "address ", []),
        ("address l", "address l", ["list", "lookup"]),
        ("address lo", "address lookup ", []),
        ("tunnels sta", "tunnels start ", []),
        ("tunnels start w", "tunnels start web ", []),
        ("tunnels start x", "tunnels start x", []),
        ("watch sta", "watch status ", []),
        ("watch 5 tunnels stop ", "watch 5 tunnels stop ", ["site", "web"]),
        ("address list --b", "address list --book ", []),
        ("address list --book l", "address list --book local ", []),
        ("status --", "status --json ", []),
        ("torrents remove a", "torrents remove ab12 ", []),
        ("bash -", "bash -", []),
    ],
)
def test_completion(start: str, done: str, found: list[str]) -> None:
    def values(command: str, argument: str) -> Iterable[str]:
        if command.startswith("tunnel-"):
            return ["web", "site"]
        if argument == "torrent":
            return ["ab12", "cd34"]
        return ["local", "router"] if argument == "book" else []

    assert WORDS.complete(start, values) == (done, found)


def test_help_names_every_command_once() -> None:
    lines = list(WORDS.help_lines())
    assert [line for line in lines if line.startswith("address add ")] == [
        "address add NAME TARGET [--book] [--replace] [--further] [--notes]"
    ]
    for known in WORDS.known.values():
        assert known.help and known.usage in lines


def test_answers_of_any_form_move_no_cursor() -> None:
    result = {
        "text": "\x1b[2Jclear", "none": None, "yes": True, "rows": [{"a": 1}, {"a": 2}],
        "deep": {"x": ["one", "two\x07"]}, "empty": [],
    }  # fmt: skip
    lines = list(answer_lines("other", {}, result, is_json=False))
    assert lines == [
        "text   \\x1b[2Jclear",
        "none   -",
        "yes    yes",
        "rows",
        "  a  1",
        "",
        "  a  2",
        "deep",
        "  x",
        "    one",
        "    two\\x07",
        "empty  -",
    ]
    assert list(answer_lines("x", {}, None, is_json=False)) == ["done"]
    assert list(answer_lines("x", {}, [], is_json=False)) == ["nothing"]
    assert "".join(answer_lines("x", {}, iter([1, 2]), is_json=True)) == "[  1,  2]"
    assert "".join(answer_lines("x", {}, iter([]), is_json=True)) == "[]"
