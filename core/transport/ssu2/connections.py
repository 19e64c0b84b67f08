"""The data phase as it begins: what a connection needs besides its keys."""

from __future__ import annotations

from core.base.reassembly import ReassemblyMemory
from core.transport.ssu2.connection import Connection
from core.transport.ssu2.context import Context
from core.transport.ssu2.keys import SessionKeys
from core.transport.ssu2.path_mtu import MTU_MAX, MTU_MIN, LocalMtu
from core.transport.ssu2.session import Ssu2Session


class Connections:
    """Makes the connections of all sessions, which share the memory for fragments."""

    __slots__ = ("_context", "_memory", "_mtu")

    def __init__(self, context: Context, mtu: LocalMtu) -> None:
        self._context = context
        self._mtu = mtu
        self._memory = ReassemblyMemory()

    def begin(
        self, session: Ssu2Session, keys: SessionKeys, rtt_s: float, now: float
    ) -> Connection:
        """A connection for a session whose handshake is done."""
        context = self._context
        peer_mtu = session.address.mtu if session.address is not None else 0
        mtu = max(MTU_MIN, min(self._mtu.of(session.remote.is_ipv6), peer_mtu or MTU_MAX))
        return Connection(
            keys,
            session.remote,
            mtu=mtu,
            wall=context.wall,
            entropy=context.entropy,
            stats=context.stats,
            now=now,
            rtt_s=rtt_s,
            memory=self._memory,
        )
