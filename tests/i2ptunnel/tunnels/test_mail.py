"""``smtpclient`` and ``pop3client``, from mail library to mail server."""

from __future__ import annotations

import asyncio
import poplib
import random
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.config.client_models import Pop3ClientSection, SmtpClientSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import ServerTunnelSection
from i2ptunnel.tunnels import mail
from i2ptunnel.tunnels.base import Tunnel
from tests.support.loopback_session import LoopbackNetwork
from tests.support.mail import PASSWORD, USER, MailServer
from tests.support.tunnel_bench import ANY_PORT, TableResolver, port_of, running

SMTP, POP3 = DestinationName("smtp.i2p"), DestinationName("pop.i2p")


@asynccontextmanager
async def mail_tunnels(root: Path) -> AsyncIterator[tuple[Tunnel[Any], Tunnel[Any]]]:
    """The two client tunnels, with a mail server behind two server tunnels."""
    network, resolver = LoopbackNetwork(), TableResolver({})
    server = MailServer(root)
    await server.start()
    try:
        async with (
            running("s", target_of(server.smtp_port), network, resolver) as smtp_site,
            running("p", target_of(server.pop3_port), network, resolver) as pop3_site,
            running(
                "smtp", SmtpClientSection(listen=ANY_PORT, destination=(SMTP,)), network, resolver
            ) as smtp,
            running(
                "pop3", Pop3ClientSection(listen=ANY_PORT, destination=(POP3,)), network, resolver
            ) as pop3,
        ):
            for name, site in (("smtp.i2p", smtp_site), ("pop.i2p", pop3_site)):
                assert site.session is not None
                resolver.hosts[name] = site.session.destination.hash
            yield smtp, pop3
    finally:
        await server.stop()


def target_of(port: int) -> ServerTunnelSection:
    return ServerTunnelSection(target=Endpoint("127.0.0.1", port))


def fetch_all(port: int) -> list[bytes]:
    box = poplib.POP3("127.0.0.1", port, timeout=20)
    box.user(USER)
    box.pass_(PASSWORD)
    count = len(box.list()[1])
    mails = [b"\r\n".join(box.retr(number)[1]) for number in range(1, count + 1)]
    box.quit()
    return mails


@pytest.fixture
def private_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "machine_words", lambda: frozenset(("wonderland",)))


@pytest.mark.usefixtures("private_words")
def test_a_letter_with_an_attachment_arrives_clean_and_byte_for_byte(tmp_path: Path) -> None:
    attached = random.Random(1).randbytes(700_000)
    letter = EmailMessage()
    letter["From"], letter["To"] = "alice@mail.i2p", "bob@mail.i2p"
    letter["Date"] = "Mon, 30 Nov 2026 10:00:05 +0100"
    letter["Message-ID"] = "<1.2@wonderland.lan>"
    letter["X-Mailer"] = "a program on wonderland"
    letter.set_content(".a dot first\nand the end\n")
    letter.add_attachment(attached, maintype="application", subtype="octet-stream", filename="x")
    letter.set_boundary("=-wonderland-77")

    def send(port: int) -> tuple[bytes, dict[str, str]]:
        with smtplib.SMTP("127.0.0.1", port, "wonderland.lan", timeout=20) as program:
            program.ehlo()
            program.send_message(letter)
            return program.ehlo_resp or b"", program.esmtp_features

    async def main() -> None:
        async with mail_tunnels(tmp_path / "mail") as (smtp, pop3):
            greeting, features = await asyncio.to_thread(send, port_of(smtp))
            assert b"wonderland" not in greeting
            assert set(features) <= {"size", "8bitmime", "smtputf8", "auth"}
            (got,) = await asyncio.to_thread(fetch_all, port_of(pop3))
            received = message_from_bytes(got)
            assert b"wonderland" not in got.replace(b"X-Peer", b"")
            assert received["Date"] == "Mon, 30 Nov 2026 09:00:05 +0000"
            text, file = received.get_payload()
            assert text.get_payload(decode=True) == b".a dot first\r\nand the end\r\n"
            assert file.get_payload(decode=True) == attached
            assert smtp.counts["mails_sent"] == 1 and smtp.counts["mail_fields_dropped"] == 1

    asyncio.run(main())


async def converse(port: int, *lines: bytes) -> list[bytes]:
    """Say everything at once; what came back until the end, by lines."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\r\n".join((*lines, b"QUIT", b"")))
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer.split(b"\r\n")[:-1]


LETTER = (b"MAIL FROM:<alice@mail.i2p> ENVID=secret BODY=8BITMIME", b"RCPT TO:<bob@mail.i2p>")


def test_commands_that_could_not_be_cleaned_are_refused_in_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with mail_tunnels(tmp_path / "mail") as (smtp, pop3):
            said = await converse(
                port_of(smtp),
                *(
                    b"EHLO wonderland",
                    b"STARTTLS",
                    b"NOOP",
                    b"BDAT 3",
                    b"XCLIENT NAME=x",
                    b"VRFY a",
                ),
                *LETTER,
                *(b"DATA", b"From: alice@mail.i2p", b"Subject: hi", b"", b"..dot", b"."),
            )
            codes = [line[:3] for line in said if line[3:4] != b"-"]
            expected = "220 250 502 250 502 502 502 250 250 354 250 221"
            assert b" ".join(codes) == expected.encode()
            said = await converse(port_of(pop3), b"CAPA", b"STLS", b"LANG de", b"NOOP")
            assert [line[:4] for line in said if line.startswith(b"-ERR")] == [b"-ERR"] * 3
            (got,) = await asyncio.to_thread(fetch_all, port_of(pop3))
            assert got.endswith(b"\r\n\r\n.dot")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("letter", "goes_on"),
    [
        ([b"Subject: a", b"X: bare\nline"], True),
        ([b"Subject: " + b"a" * 60_000 for _ in range(5)], True),
        # So late that the server has a part of it.
        ([b"Subject: a", b"", *[b"good" * 200] * 400, b"bare\n.\nline"], False),
    ],
)
def test_a_letter_that_is_refused_is_not_sent(
    tmp_path: Path, letter: list[bytes], goes_on: bool
) -> None:
    async def main() -> None:
        async with mail_tunnels(tmp_path / "mail") as (smtp, pop3):
            good = (*LETTER, b"DATA", b"From: alice@mail.i2p", b"", b"good", b".")
            said = await converse(
                port_of(smtp), b"EHLO x", *LETTER, b"DATA", *letter, b"more", b".", *good
            )
            codes = [line[:3] for line in said if line[3:4] != b"-"]
            first = [b"220", b"250", b"250", b"250", b"354", b"554"]
            rest = [b"250", b"250", b"354", b"250", b"221"] if goes_on else []
            assert codes == first + rest
            got = await asyncio.to_thread(fetch_all, port_of(pop3))
            assert len(got) == goes_on
            assert smtp.counts["mails_refused"] == 1

    asyncio.run(main())


def test_a_server_that_cannot_be_reached_is_told_in_the_protocol(tmp_path: Path) -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        resolver = TableResolver({"smtp.i2p": bytes(32), "pop.i2p": bytes(32)})
        smtp_section = SmtpClientSection(listen=ANY_PORT, destination=(SMTP,))
        pop3_section = Pop3ClientSection(listen=ANY_PORT, destination=(POP3,))
        async with (
            running("smtp", smtp_section, network, resolver) as smtp,
            running("pop3", pop3_section, network, resolver) as pop3,
        ):
            assert (await converse(port_of(smtp)))[0].startswith(b"421 4.3.2 ")
            assert (await converse(port_of(pop3)))[0].startswith(b"-ERR [SYS/TEMP] ")

    asyncio.run(main())
