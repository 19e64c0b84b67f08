"""Names that tell whose machine this is."""

from __future__ import annotations

import pwd
import socket

_PEOPLE_FROM_ID = 1000
_NOBODY_ID = 65534
_WORD_CHARACTERS_MIN = 3
# Names that most machines have say nothing.
_COMMON = frozenset(("localhost", "user", "debian", "ubuntu", "root"))


def machine_words() -> frozenset[str]:
    """Lower-case names of host, logins and people."""
    words = {socket.gethostname(), socket.gethostname().partition(".")[0]}
    for entry in pwd.getpwall():
        if _PEOPLE_FROM_ID <= entry.pw_uid < _NOBODY_ID:
            words.update((entry.pw_name, entry.pw_gecos, entry.pw_gecos.partition(",")[0]))
    folded = {word.casefold() for word in words if len(word) >= _WORD_CHARACTERS_MIN}
    return frozenset(folded - _COMMON)
