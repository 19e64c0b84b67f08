"""The transports of a router, made from its keys and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.base.errors import LocalError
from core.router.config import RouterConfig
from core.router.identity import RouterKeys
from core.transport.context import TransportContext
from core.transport.ntcp2.endpoint import Ntcp2Endpoint
from core.transport.ports import Endpoint

EndpointFactory = Callable[[TransportContext], Sequence[Endpoint]]


def ntcp2_only(config: RouterConfig, keys: RouterKeys, port: int) -> EndpointFactory:
    """NTCP2, which listens on ``port``, or only dials if that is 0."""

    def make(context: TransportContext) -> Sequence[Endpoint]:
        static_key, iv = keys.ntcp2_static, keys.ntcp2_iv
        return [Ntcp2Endpoint(context, static_key, iv, host=config.host, port=port)]

    return make


def ntcp2_of(endpoints: Sequence[Endpoint]) -> Ntcp2Endpoint:
    """The NTCP2 transport among these; LocalError if there is none."""
    for endpoint in endpoints:
        if isinstance(endpoint, Ntcp2Endpoint):
            return endpoint
    raise LocalError("this router has no NTCP2")
