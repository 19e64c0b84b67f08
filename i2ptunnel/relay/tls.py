"""TLS on a local connection, both sides, with the end of each direction on its own.

asyncio's TLS ends both directions at once; a service that answers after it has read to the end
needs more. So the library works on memory buffers here, and the connection below stays an ordinary
:class:`LocalChannel`.

What always holds: a certificate is verified whenever we are the client; there is no way around it.
Only a program that has its own streams forwarded to itself (SAM) is not asked who it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.api import ensure_certificate
from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.channel import READ_BYTES
from i2ptunnel.relay.local import LocalChannel

HANDSHAKE_TIMEOUT_S = 15.0


def _strict(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Early releases of Python 3.11 set it: an end that anybody can make would pass for the peer's.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """For a listener, TLS 1.2 and later; raises Unavailable ``bad_certificate``."""
    context = _strict(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    try:
        # Without a function for it the library would ask for a password on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(
            f"certificate {certificate} cannot be used: {_words(error)}", "bad_certificate"
        ) from None
    return context


async def own_server_context(certificate: Path, host: str) -> ssl.SSLContext:
    """For a listener at ``host`` with a certificate of its own, which is made when missing.

    Raises Unavailable ``bad_certificate`` or FileFault.
    """
    names = dict.fromkeys(("localhost", "127.0.0.1", "::1", host))
    for nameless in ("", "0.0.0.0", "::"):
        names.pop(nameless, None)
    await asyncio.to_thread(ensure_certificate, certificate, names)
    return server_context(certificate, None)


def client_context(ca: Path | None) -> ssl.SSLContext:
    """For a connection to a local service; raises Unavailable ``bad_certificate``."""
    try:
        context = _strict(ssl.create_default_context(cafile=None if ca is None else str(ca)))
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(
            f"certificate {ca} cannot be used: {_words(error)}", "bad_certificate"
        ) from None
    if ca is not None:
        # A certificate that is pinned vouches for itself, also when it is no authority.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class TlsChannel(LocalChannel):
    """A local connection that speaks TLS; :meth:`shake_hands` comes first."""

    def __init__(self) -> None:
        super().__init__()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._is_end_sent = False
        self._is_at_end = False

    async def shake_hands(
        self, context: ssl.SSLContext, *, server_name: str | None = None, is_server: bool = False
    ) -> None:
        """Raises Unavailable ``tls_failed``; the connection is reset then."""
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=is_server,
            server_hostname=None if is_server else server_name,
        )
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await self._shake()
        except (ssl.SSLError, TimeoutError) as error:
            with contextlib.suppress(Unavailable):
                await self._flush()  # the alert says why
            self.reset()
            raise Unavailable(f"TLS failed: {_words(error)}", "tls_failed") from None
        except BaseException:
            self.reset()
            raise

    async def _shake(self) -> None:
        assert self._tls is not None
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            else:
                await self._flush()
                return

    async def read(self, limit: int = READ_BYTES) -> bytes:
        """Decrypted bytes; empty at close_notify. Unavailable if the connection ends without it."""
        assert self._tls is not None
        while not self._is_at_end:
            try:
                data = self._tls.read(limit)
            except ssl.SSLWantReadError:
                self._push()
                await self._fill()
            except ssl.SSLZeroReturnError:
                self._is_at_end = True
            except ssl.SSLError as error:
                # An end without the TLS goodbye may have been made by anybody on the way.
                self.reset()
                raise Unavailable(f"TLS failed: {_words(error)}", "stream_reset") from None
            else:
                if data:
                    return data
                self._is_at_end = True
        return b""

    async def write(self, data: bytes) -> None:
        """Encrypts and sends; Unavailable after :meth:`close_write`."""
        assert self._tls is not None
        if self._is_end_sent:
            raise Unavailable("the local connection is closed", "stream_reset")
        view = memoryview(data)
        while view:
            try:
                view = view[self._tls.write(view) :]
            except ssl.SSLError as error:
                raise Unavailable(f"TLS failed: {_words(error)}", "stream_reset") from None
        await self._flush()

    async def close_write(self) -> None:
        """Say the TLS goodbye; the connection below stays open, the other side may go on."""
        if self._is_end_sent or self._tls is None:
            return
        self._is_end_sent = True
        with contextlib.suppress(ssl.SSLError):  # wants the other side's goodbye: not now
            self._tls.unwrap()
        await self._flush()

    async def close(self) -> None:
        """With close_notify first, so that the server can tell it from a cut."""
        with contextlib.suppress(Unavailable):
            await self.close_write()
        await super().close()

    def end(self) -> None:
        """With close_notify first; waits for nothing."""
        if self._tls is not None and not self._is_end_sent:
            self._is_end_sent = True
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._push()
        super().end()

    async def _fill(self) -> None:
        data = await super().read()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await super().write(self._outgoing.read())

    def _push(self) -> None:
        """Send what the library wants to say while reading, without waiting: it is little."""
        if self._outgoing.pending and self._transport is not None:
            self._transport.write(self._outgoing.read())


async def connect_tls(
    endpoint: Endpoint,
    timeout_s: float,
    context: ssl.SSLContext,
    server_name: str,
    source: str | None = None,
    is_own: Callable[[Any], bool] | None = None,
) -> TlsChannel:
    """Connect and shake hands; raises Unavailable ``target_unreachable`` or ``tls_failed``."""
    channel = await TlsChannel.connect(endpoint, timeout_s, source, is_own)
    assert isinstance(channel, TlsChannel)
    await channel.shake_hands(context, server_name=server_name)
    return channel


def _words(error: Exception) -> str:
    """Why, in words without places in the library's source."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.lower()
    if isinstance(error, ssl.SSLError):
        return (error.reason or "protocol error").lower().replace("_", " ")
    if isinstance(error, TimeoutError):
        return "no answer"
    return (getattr(error, "strerror", None) or "cannot be read").lower()
