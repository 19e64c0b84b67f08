"""Mail without what identifies its sender: header, dates, identifiers, boundaries."""

from __future__ import annotations

import pytest

from i2ptunnel.protocols.mail_filter import DEPTH_MAX, MailRefused, MessageFilter

PRIVATE = frozenset(("wonderland", "alice liddell"))


def cleaned(text: str, secret: bytes = b"s") -> str:
    """A whole message through the filter, line ends as LF."""
    message = MessageFilter(secret, PRIVATE)
    header, _, body = text.encode().partition(b"\n\n")
    lines = message.header(header.split(b"\n"))
    return b"\n".join((*lines, b"", *map(message.body_line, body.split(b"\n")))).decode()


def header_of(text: str) -> dict[str, str]:
    lines = cleaned(text + "\n\n").split("\n\n")[0].split("\n")
    return dict(line.split(": ", 1) for line in lines)


def test_only_what_a_letter_needs_is_left() -> None:
    text = """\
Received: from wonderland.lan ([192.168.1.7]) by mx; Mon, 30 Nov 2026 10:00:00 +0100
From: Alice <alice@mail.i2p>
To: bob@mail.i2p,
 eve@mail.i2p
Bcc: secret@mail.i2p
Subject: =?utf-8?q?hello?=
User-Agent: Mutt/2.2.9 (2022-11-12)
X-Mailer: swaks
X-Originating-IP: [203.0.113.7]
Sender: alice@wonderland.lan
Organization: Wonderland
Content-Language: de
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
this line is no field
Date: Mon, 30 Nov 2026 10:00:05 +0100 (CET)"""
    assert (
        cleaned(text + "\n\n.dots\n")
        == """\
From: Alice <alice@mail.i2p>
To: bob@mail.i2p,
 eve@mail.i2p
Subject: =?utf-8?q?hello?=
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Date: Mon, 30 Nov 2026 09:00:05 +0000

.dots
"""
    )


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Mon, 30 Nov 2026 10:00:05 +0100", "Mon, 30 Nov 2026 09:00:05 +0000"),
        ("Mon, 30 Nov 2026 00:00:05 GMT", "Mon, 30 Nov 2026 00:00:05 +0000"),
        ("1 Jan 2027 00:30:00 -1200", "Fri, 01 Jan 2027 12:30:00 +0000"),
        ("yesterday", None),
    ],
)
def test_the_date_has_no_zone(written: str, sent: str | None) -> None:
    assert header_of(f"From: a@mail.i2p\nDate: {written}").get("Date") == sent


def test_an_identifier_loses_its_host_and_answers_find_it_again() -> None:
    first = header_of("From: alice@mail.i2p\nMessage-ID: <20261130.1@wonderland.lan>")
    named = first["Message-ID"]
    assert named.endswith("@mail.i2p>") and "wonderland" not in named and "20261130" not in named
    second = header_of(
        "From: alice@mail.i2p\nMessage-ID: <20261130.2@wonderland.lan>\n"
        "References: <x@gmail.example> <20261130.1@wonderland.lan>\n"
        "In-Reply-To: <20261130.1@wonderland.lan>"
    )
    assert second["References"] == f"<x@gmail.example> {named}"
    assert second["In-Reply-To"] == named
    assert second["Message-ID"] != named


def test_an_identifier_that_says_nothing_stays() -> None:
    text = "From: alice@mail.i2p\nMessage-ID: <3c5d-11@mail.i2p>\nReferences: <77@mail.i2p>"
    assert header_of(text)["Message-ID"] == "<3c5d-11@mail.i2p>"
    assert header_of(text)["References"] == "<77@mail.i2p>"
    told = header_of("From: a@mail.i2p\nMessage-ID: <192.168.1.7.5@mail.i2p>")
    assert "192.168" not in told["Message-ID"]


NESTED = """\
From: alice@mail.i2p
Content-Type: multipart/mixed;
 boundary="{outer}"

This is a multi-part message.
--{outer}
Content-Type: multipart/alternative; boundary={inner}

--{inner}
Content-Type: text/plain

--{outer} is no boundary in the middle of this line
X-Mailer: a text may say so
--{inner}--
--{outer}
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

LS1vdXRlcg==
--{outer}--
"""


@pytest.mark.parametrize(
    ("outer", "inner", "told"),
    [
        ("=_abc", "inner", ""),
        ("----=_Part_1_192.168.1.7.99", "inner", "192.168"),
        ("outer", "----fe80::1:2:3--", "fe80"),
        ("wonderland-1", "wonderland-2", "wonderland"),
    ],
)
def test_boundaries_that_tell_are_replaced_and_the_structure_stays(
    outer: str, inner: str, told: str
) -> None:
    before = NESTED.format(outer=outer, inner=inner)
    after = cleaned(before)
    if not told:
        assert after == before
        return
    body = after.replace(f"--{outer} is no boundary", "")
    assert told not in body
    lines, was = after.split("\n"), before.split("\n")
    assert len(lines) == len(was)
    # The new boundaries stand exactly where the old ones stood.
    outer_now = lines[2].split('"')[1]
    inner_now = lines[6].split("boundary=")[1]
    assert after == before.replace(f"--{outer} is no", "@@").replace(outer, outer_now).replace(
        inner, inner_now
    ).replace("@@", f"--{outer} is no")


SIGNED = """\
From: alice@mail.i2p
X-Mailer: mine
Content-Type: multipart/signed; boundary="{outer}"; micalg=pgp-sha256

--{outer}
Content-Type: multipart/mixed; boundary="{inner}"

--{inner}
Content-Type: text/plain

hello{space}
--{inner}--
--{outer}
Content-Type: application/pgp-signature

--{outer}--
"""


def signed(outer: str, inner: str) -> str:
    return SIGNED.format(outer=outer, inner=inner, space="   ")


def test_what_is_signed_passes_whole_or_not_at_all() -> None:
    text = signed("one", "two")
    assert cleaned(text) == text.replace("X-Mailer: mine\n", "")
    outer_only = cleaned(signed("wonderland", "two"))
    assert "wonderland" not in outer_only and "hello   \n--two--" in outer_only
    with pytest.raises(MailRefused, match="signed"):
        cleaned(signed("one", "wonderland"))


def test_parts_are_nested_so_deep_and_no_deeper() -> None:
    text = "Content-Type: multipart/mixed; boundary=b0\n\n"
    for depth in range(DEPTH_MAX):
        text += f"--b{depth}\nContent-Type: multipart/mixed; boundary=b{depth + 1}\n\n"
    with pytest.raises(MailRefused, match="nested"):
        cleaned(text)
