"""What an IRC client may tell a server in I2P, and a server the client; without I/O.

Both directions are allow lists: what is unknown is dropped and counted. From the client nothing
goes out that tells who or where the user is without the user having typed it: addresses and host
names (USER, PING, PONG, DCC), the program and its version (QUIT and PART messages, CTCP replies),
the local clock (PING, CTCP), login and real name of the user's account (USER). From the server
nothing comes in that makes a client answer by itself or connect to somewhere outside I2P.

What a program puts into USER unasked is the login name and the real name of whoever runs it, also
on another machine of the local network, so nothing of it passes: the configuration says what does.
NICK passes, for the user is known by it; but programs begin with the login name there too, and so
the user is told when the nick is one. PING and PONG carry tokens of ours and of the server.

Java: keeps user name and real name, and passes NICK and PONG as they are. i2pd: has no filter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from core.base.bounded import BoundedMap
from core.base.errors import DecodeError
from i2ptunnel.protocols.irc_commands import (
    CAPABILITIES_HIDDEN,
    CLIENT_TAGS,
    FROM_CLIENT,
    FROM_SERVER,
    NUMERICS_DROPPED,
)
from i2ptunnel.protocols.irc_dcc import (
    DccDesk,
    DccMessage,
    translate_inbound,
    translate_outbound,
)
from i2ptunnel.protocols.irc_line import IrcLine, LineBuffer

LEAVING = b"leaving"
NOBODY = b"user"
PINGS_MAX = 16
TOLD_MAX = 32
_CTCP = b"\x01"
_WORDS = (re.compile(r"\w+"), re.compile(r"[^\W_]+"))
_MODE = re.compile(rb"[0-9]{1,3}")


class IrcClientFilter:
    """One connection. Give it the bytes of both sides, take what may go on to each.

    ``private_words`` are names of the local machine and its users (lower case); ``dcc`` None: DCC
    is off. ``user`` and ``real_name`` go out in USER, whatever the client says there.
    """

    def __init__(
        self,
        private_words: frozenset[str] = frozenset(),
        dcc: DccDesk | None = None,
        *,
        user: bytes = NOBODY,
        real_name: bytes = NOBODY,
    ) -> None:
        self._private_words = private_words
        self._dcc = dcc
        self._user = user
        self._real_name = real_name
        self._from_client = LineBuffer()
        self._from_server = LineBuffer()
        self._to_client: list[bytes] = []
        self._to_server: list[bytes] = []
        self._nick = b"*"
        # our token -> what the client had sent
        self._pings: BoundedMap[bytes, tuple[bytes, ...]] = BoundedMap(PINGS_MAX)
        self._ping_number = 0
        self._server_tokens: BoundedMap[bytes, None] = BoundedMap(PINGS_MAX)
        self._told: set[bytes] = set()
        #: dropped lines by direction and cause
        self.counters: Counter[str] = Counter()

    def receive_from_client(self, data: bytes) -> None:
        """Bytes from the local program, cut anywhere."""
        self._filter(data, self._from_client, self._on_client_line, self._to_server, "client")

    def receive_from_server(self, data: bytes) -> None:
        """Bytes from I2P, cut anywhere."""
        self._filter(data, self._from_server, self._on_server_line, self._to_client, "server")

    def data_to_server(self) -> bytes:
        """What there is to send into I2P."""
        return _take(self._to_server)

    def data_to_client(self) -> bytes:
        """What there is to send to the local program."""
        return _take(self._to_client)

    def _filter(
        self,
        data: bytes,
        buffer: LineBuffer,
        rule: Callable[[IrcLine], IrcLine | None],
        out: list[bytes],
        side: str,
    ) -> None:
        overlong = buffer.overlong
        for raw in buffer.feed(data):
            try:
                passed = rule(IrcLine.parse(raw))
            except DecodeError:
                passed = None
            if passed is None:
                self.counters[f"{side}_lines_dropped"] += 1
            else:
                out.append(passed.write())
        self.counters[f"{side}_lines_dropped"] += buffer.overlong - overlong

    # From the client.

    def _on_client_line(self, line: IrcLine) -> IrcLine | None:
        if line.source:
            return None  # clients have no business with sources; it could name user and host
        tags = tuple(tag for tag in line.tags if tag.partition(b"=")[0] in CLIENT_TAGS)
        line = replace(line, tags=tags)
        rule = self._CLIENT_RULES.get(line.command)
        if rule is not None:
            return rule(self, line)
        if line.command in FROM_CLIENT:
            return line
        self._tell(line.command, b"421", b"%s :does not pass to I2P" % line.command)
        return None

    def _out_user(self, line: IrcLine) -> IrcLine | None:
        mode = line.parameter(1)
        if not _MODE.fullmatch(mode):
            mode = b"0"  # RFC 1459 clients write their host name here
        return line.with_parameters(self._user, mode, b"*", self._real_name)

    def _out_nick(self, line: IrcLine) -> IrcLine | None:
        nick = line.parameter(0)
        if self._is_private(nick):
            self._tell(
                b"NICK",
                b"NOTICE",
                b":your nick is a name of this machine or of one of its users; /nick changes it",
            )
        return replace(line, parameters=(nick,)) if nick else None

    def _out_setname(self, line: IrcLine) -> IrcLine | None:
        name = line.parameter(0)
        return line.with_parameters(self._real_name if self._is_private(name) else name)

    def _out_ping(self, line: IrcLine) -> IrcLine | None:
        # Clients put the local clock in here, or the address they know the server by: 127.0.0.1.
        if not line.parameters:
            return line
        if len(line.parameters) > 2:
            return None
        self._ping_number += 1
        token = b"i2p-%d" % self._ping_number
        self._pings.put(token, line.parameters)
        return line.with_parameters(token)

    def _out_pong(self, line: IrcLine) -> IrcLine | None:
        # Some clients add their own name, or answer only a part of what the server asked for.
        known = [word for word in line.parameters if word in self._server_tokens]
        words = known or list(self._server_tokens)[-1:]
        return line.with_parameters(*words) if words else None

    def _out_quit(self, line: IrcLine) -> IrcLine | None:
        return line.with_parameters(LEAVING)

    def _out_part(self, line: IrcLine) -> IrcLine | None:
        channels = line.parameter(0)
        if len(line.parameters) < 2:
            return line if channels else None
        return line.with_parameters(channels, LEAVING)

    def _out_message(self, line: IrcLine) -> IrcLine | None:
        if len(line.parameters) < 2:
            return None
        text = line.parameters[1]
        is_notice = line.command == b"NOTICE"
        if is_notice and text[:4].upper() == b"DCC ":
            return None  # mIRC: announces the file again, with the local IP address as text
        if _CTCP not in text:
            return line
        verb, argument = _split_ctcp(text)
        if verb == b"ACTION" and not is_notice:
            return line
        if verb == b"DCC" and self._dcc is not None:
            dcc = translate_outbound(DccMessage.parse(argument), self._dcc)
            if dcc is not None:
                return line.with_parameters(line.parameters[0], _ctcp(dcc.write()))
        elif verb == b"XDCC" and self._dcc is not None:
            return line
        if not is_notice:
            self._tell(verb, b"NOTICE", b":%s was not sent: it could identify you" % verb[:32])
        return None

    def _out_tags_only(self, line: IrcLine) -> IrcLine | None:
        return line if line.tags and line.parameters else None

    def _is_private(self, name: bytes) -> bool:
        text = name.decode("utf-8", "replace").casefold()
        words = {
            text,
            text.lstrip("~"),
            *(word for words in _WORDS for word in words.findall(text)),
        }
        return not words.isdisjoint(self._private_words)

    def _tell(self, what: bytes, command: bytes, text: bytes) -> None:
        """Say once to the user that something does not pass."""
        if what not in self._told and len(self._told) < TOLD_MAX:
            self._told.add(what)
            self._to_client.append(b":i2ptunnel %s %s %s\r\n" % (command, self._nick, text))

    # From the server.

    def _on_server_line(self, line: IrcLine) -> IrcLine | None:
        command = line.command
        rule = self._SERVER_RULES.get(command)
        if rule is not None:
            return rule(self, line)
        if command.isdigit():
            if command == b"001" and line.parameters:
                self._nick = line.parameters[0]
            return None if command in NUMERICS_DROPPED else line
        return line if command in FROM_SERVER else None

    def _in_ping(self, line: IrcLine) -> IrcLine | None:
        for word in line.parameters[:2]:
            self._server_tokens.put(word, None)
        return line if line.parameters else None

    def _in_pong(self, line: IrcLine) -> IrcLine | None:
        for word in line.parameters[:2]:
            sent = self._pings.pop(word)
            if sent is not None:
                # "PING token server" is answered in the name of that server
                server = sent[1:] or tuple(other for other in line.parameters[:1] if other != word)
                return line.with_parameters(*server, sent[0])
        return line

    def _in_cap(self, line: IrcLine) -> IrcLine | None:
        if len(line.parameters) < 3:
            return line if line.parameters else None
        offered = [
            word
            for word in line.parameters[-1].split()
            if word.lstrip(b"-").partition(b"=")[0].lower() not in CAPABILITIES_HIDDEN
        ]
        return line.with_parameters(*line.parameters[:-1], b" ".join(offered))

    def _in_message(self, line: IrcLine) -> IrcLine | None:
        if len(line.parameters) < 2:
            return None
        text = line.parameters[1]
        if _CTCP not in text:
            return line
        verb, argument = _split_ctcp(text)
        is_notice = line.command == b"NOTICE"
        if verb == b"ACTION" and not is_notice:
            return line
        if self._dcc is None or is_notice:
            return None
        if verb == b"XDCC":
            return line
        if verb != b"DCC":
            return None
        dcc = translate_inbound(DccMessage.parse(argument), self._dcc)
        if dcc is None:
            return None
        return line.with_parameters(line.parameters[0], _ctcp(dcc.write()))

    _CLIENT_RULES: ClassVar[dict[bytes, Callable[[IrcClientFilter, IrcLine], IrcLine | None]]] = {
        b"NICK": _out_nick,
        b"NOTICE": _out_message,
        b"PART": _out_part,
        b"PING": _out_ping,
        b"PONG": _out_pong,
        b"PRIVMSG": _out_message,
        b"QUIT": _out_quit,
        b"SETNAME": _out_setname,
        b"TAGMSG": _out_tags_only,
        b"USER": _out_user,
    }
    _SERVER_RULES: ClassVar[dict[bytes, Callable[[IrcClientFilter, IrcLine], IrcLine | None]]] = {
        b"CAP": _in_cap,
        b"NOTICE": _in_message,
        b"PING": _in_ping,
        b"PONG": _in_pong,
        b"PRIVMSG": _in_message,
    }


def _take(pieces: list[bytes]) -> bytes:
    data = b"".join(pieces)
    pieces.clear()
    return data


def _split_ctcp(text: bytes) -> tuple[bytes, bytes]:
    """(verb, argument) of a message that is one CTCP as a whole; DecodeError for any other."""
    inner = text[1:].removesuffix(_CTCP)
    if text[:1] != _CTCP or _CTCP in inner:
        raise DecodeError("CTCP within other text")
    verb, _, argument = inner.partition(b" ")
    return verb.upper(), argument


def _ctcp(text: bytes) -> bytes:
    return _CTCP + text + _CTCP
