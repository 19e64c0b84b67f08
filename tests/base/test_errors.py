"""The words of the system for what it refuses."""

from __future__ import annotations

import errno
import socket

import pytest

from core.base.errors import system_reason


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ECONNREFUSED, "Connect call failed ('192.0.2.1', 80)"),
            "connection refused",
        ),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "name or service not known",
        ),
        (OSError("Multiple exceptions"), "multiple exceptions"),
        (TimeoutError(), "no answer"),
    ],
)
def test_reasons_are_the_systems_words_without_addresses(error: OSError, words: str) -> None:
    assert system_reason(error, "no answer") == words


def test_an_error_that_says_nothing_has_a_name() -> None:
    assert system_reason(TimeoutError()) == "timeouterror"
