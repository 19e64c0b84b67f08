"""What a line means: a command of the table with its arguments; and how a line can go on.

The table is ``i2ptunnel.commands.COMMANDS``: ``address-lookup`` is ``address lookup`` here, and its
arguments are the function's own. A command is offered if it stands in :data:`OFFERED`, so that a
new one is not by accident. None has a path of this machine, a key or a backup in it.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from core.base.errors import I2PError
from i2ptunnel.config.units import read_duration

#: names of commands that may be used over SSH, where they exist
OFFERED = (
    "status", "tunnels", "tunnel-start", "tunnel-stop", "tunnel-restart", "plan", "reload",
    "address-lookup", "address-list", "address-add", "address-remove", "address-status",
    "address-conflicts", "address-fetch", "torrents-list", "torrents-pause", "torrents-resume",
    "torrents-remove", "netdb-list", "netdb-reseed", "ping", "why", "doctor", "logs",
)  # fmt: skip
#: arguments that name files of this machine, or are for other faces only
_HIDDEN = frozenset(("origins",))
#: arguments with a default that need no ``--`` in front of them
_PLAIN = frozenset(("part", "urls"))
#: what the command line gives by itself, too
_USUAL: Mapping[str, Mapping[str, Any]] = {"ping": {"wait_s": 30.0}}
#: for people; other commands are told by what their function says of itself
_HELP: Mapping[str, str] = {
    "status": "the state of the program",
    "tunnels": "the tunnels and their states",
    "tunnel-start": "start a stopped tunnel, or try a failed one at once",
    "tunnel-stop": "stop a tunnel until it is started again",
    "tunnel-restart": "start a tunnel anew",
    "plan": "what a reload would change",
    "reload": "read the configuration again: all or nothing",
    "address-lookup": "the address behind a name, or the names of an address",
    "address-list": "the names that are known, or those that contain PART",
    "address-add": "give an address a name",
    "address-remove": "forget a name; feeds cannot bring it back",
    "address-status": "how many names are known, and how the subscriptions are",
    "address-conflicts": "names for which a subscription has another address",
    "address-fetch": "fetch these subscriptions now, or all of them",
    "torrents-list": "the torrents, and how far each is",
    "torrents-pause": "stop a torrent's transfers; TORRENT is an ID, its beginning, or a name",
    "torrents-resume": "go on with a torrent, also after an error",
    "torrents-remove": "forget a torrent; --data: and delete its files",
    "netdb-list": "the routers that are known",
    "netdb-reseed": "ask reseed servers for routers now",
    "ping": "whether a destination answers, and how fast",
    "logs": "the last lines of the log",
}
WATCH_S = 2.0
WATCH_MIN_S, WATCH_MAX_S = 1.0, 3600.0
LINE_CHARACTERS_MAX = 4096
#: words that are no commands of the table
HELP, EXIT, WATCH = ("help", "?"), ("exit", "quit", "logout"), "watch"


class WrongLine(I2PError):
    """A line that is no command; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Known:
    """A command: its name in the table, its words here, its arguments and their types."""

    name: str
    words: tuple[str, ...]
    positional: tuple[str, ...]
    options: tuple[str, ...]
    hints: Mapping[str, Any]
    required: frozenset[str]
    help: str

    @property
    def usage(self) -> str:
        """The words, then NAMES of what follows, then options in brackets."""
        plain = [
            one.upper() if one in self.required else f"[{one.upper()}]" for one in self.positional
        ]
        more = [f"[--{_dashed(one)}]" for one in self.options]
        return " ".join((*self.words, *plain, *more))


@dataclass(frozen=True, slots=True)
class Request:
    """A command to call. ``watch_s``: again after so long, None: once."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_json: bool = False
    watch_s: float | None = None


def _dashed(name: str) -> str:
    return name.replace("_", "-")


class Words:
    """The commands that are offered, from the table of all."""

    def __init__(self, commands: Mapping[str, Callable[..., Any]]) -> None:
        self.known = {
            one.words: one
            for name in OFFERED
            if name in commands and (one := _known(name, commands[name])) is not None
        }

    # Reading a line

    def parse(self, line: str) -> Request:
        """Raises WrongLine. Help and exit are not commands."""
        if len(line) > LINE_CHARACTERS_MAX:
            raise WrongLine("the line is too long")
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise WrongLine(str(error).lower()) from None
        watch_s = None
        if words and words[0] == WATCH:
            watch_s, words = _watched(words[1:])
        command, rest = self._find(words)
        is_json = "--json" in rest
        arguments = _arguments(command, [word for word in rest if word != "--json"])
        return Request(command.name, arguments, is_json, watch_s)

    def _find(self, words: list[str]) -> tuple[Known, list[str]]:
        if words[1:2] == ["list"] and (words[0],) in self.known:
            words = [words[0], *words[2:]]  # tunnels list
        for length in (2, 1):
            found = self.known.get(tuple(words[:length]))
            if found is not None and len(words) >= length:
                return found, words[length:]
        second = sorted(
            known[1] for known in self.known if known[:1] == tuple(words[:1]) and known[1:]
        )
        if second:
            raise WrongLine(f"{words[0]} what? {', '.join(second)}")
        raise WrongLine(
            f"there is no command {words[0]!r}; help lists them"
            if words
            else "help lists the commands"
        )

    def help_lines(self) -> Iterable[str]:
        """Each command with its arguments, and what it does."""
        rows = [(known.usage, known.help) for known in self.known.values()]
        rows += [
            ("watch [SECONDS] COMMAND", "the same again and again, until Ctrl-C"),
            ("help, exit", "this list; the end"),
        ]
        for usage, text in rows:
            yield usage
            yield f"    {text}"
        yield "With --json a command answers for programs."

    # Completing one

    def complete(
        self, start: str, values: Callable[[str, str], Iterable[str]]
    ) -> tuple[str, list[str]]:
        """The line as far as it is certain, and what could follow if it is not.

        ``values``: (command, argument) -> what is known for it.
        """
        words, part = _split(start)
        prefix = start[: len(start) - len(part)]
        if words[:1] == [WATCH]:
            words = words[2:] if _is_number(words[1:2]) else words[1:]
            extra = []
        else:
            extra = [*HELP[:1], *EXIT[:1], WATCH] if not words else []
        found = sorted({*extra, *self._next(words, part, values)})
        found = [one for one in found if one.startswith(part)]
        if len(found) == 1:
            return f"{prefix}{_quoted(found[0])} ", []
        common = _common(found)
        return prefix + (common if len(common) > len(part) else part), found

    def _next(
        self, words: list[str], part: str, values: Callable[[str, str], Iterable[str]]
    ) -> Iterable[str]:
        depth = len(words)
        if depth < 2:
            yield from (
                known[depth]
                for known in self.known
                if known[:depth] == tuple(words) and len(known) > depth
            )
        if not words:
            return
        try:
            command, rest = self._find(words)
        except WrongLine:
            return
        if rest and rest[-1].startswith("--") and rest[-1] != "--json":
            option = rest[-1][2:].replace("-", "_")
            if command.hints.get(option) is not bool:
                yield from values(command.name, option)
                return
        if part.startswith("-"):
            yield from (f"--{_dashed(one)}" for one in command.options)
            yield "--json"
            return
        at = sum(not word.startswith("--") for word in rest)
        if at < len(command.positional):
            yield from values(command.name, command.positional[at])


def _known(name: str, function: Callable[..., Any]) -> Known | None:
    """None if it takes a path: such a command is for this machine only."""
    hints = get_type_hints(function)
    parameters = [
        one
        for one in inspect.signature(function).parameters.values()
        if one.kind is one.KEYWORD_ONLY and one.name not in _HIDDEN
    ]
    if any(Path in _types(hints[one.name]) for one in parameters):
        return None
    usual = _USUAL.get(name, {})
    required = [
        one.name for one in parameters if one.default is one.empty and one.name not in usual
    ]
    plain = [*required, *(one.name for one in parameters if one.name in _PLAIN)]
    options = [one.name for one in parameters if one.name not in plain]
    head, _, tail = name.partition("-")
    words = (("tunnels" if head == "tunnel" else head), *((tail,) if tail else ()))
    said = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ").replace("``", "")
    text = _HELP.get(name, said)
    return Known(
        name,
        words,
        tuple(plain),
        tuple(options),
        hints,
        frozenset(required),
        text.split("; raises")[0],
    )


def _types(hint: Any) -> set[Any]:
    return {hint}.union(*map(_types, get_args(hint))) if get_args(hint) else {hint}


def _watched(words: list[str]) -> tuple[float, list[str]]:
    if not _is_number(words[:1]):
        return WATCH_S, words
    seconds = float(words[0])
    if not WATCH_MIN_S <= seconds <= WATCH_MAX_S:
        raise WrongLine(f"watch: from {WATCH_MIN_S:.0f} to {WATCH_MAX_S:.0f} seconds")
    return seconds, words[1:]


def _is_number(words: list[str]) -> bool:
    return bool(words) and words[0].isascii() and words[0].isdigit() and len(words[0]) < 6


def _arguments(command: Known, words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {**_USUAL.get(command.name, {})}
    plain = list(command.positional)
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word.startswith("--") and len(word) > 2:
            name, mark, text = word[2:].partition("=")
            name = name.replace("-", "_")
            if name not in command.options:
                raise WrongLine(f"there is no --{_dashed(name)}; write {command.usage}")
            if command.hints[name] is bool:
                found[name] = True
                continue
            if not mark and not queue:
                raise WrongLine(f"--{_dashed(name)} needs a value")
            found[name] = _value(command, name, text if mark else queue.pop(0))
        elif plain and list in _origins(command.hints[plain[0]]):
            found[plain.pop(0)] = [word, *queue]
            queue = []
        elif plain:
            name = plain.pop(0)
            found[name] = _value(command, name, word)
        else:
            raise WrongLine(f"{word!r} is too much; write {command.usage}")
    missing = [name for name in plain if name in command.required]
    if missing:
        raise WrongLine(f"{missing[0].upper()} is missing; write {command.usage}")
    return found


def _origins(hint: Any) -> set[Any]:
    return {get_origin(one) for one in (hint, *get_args(hint))}


def _value(command: Known, name: str, text: str) -> Any:
    types = _types(command.hints[name])
    try:
        if float in types:
            return float(read_duration(text))
        if int in types:
            return int(text)
    except ValueError as error:
        raise WrongLine(f"{_dashed(name)}: {error}") from None
    return text


def _split(start: str) -> tuple[list[str], str]:
    """The whole words of a line, and the one that is being written."""
    words = start.split(" ")
    return [word for word in words[:-1] if word], words[-1]


def _quoted(word: str) -> str:
    return shlex.quote(word)


def _common(words: list[str]) -> str:
    if not words:
        return ""
    first, last = min(words), max(words)
    at = 0
    while at < len(first) and at < len(last) and first[at] == last[at]:
        at += 1
    return first[:at]
