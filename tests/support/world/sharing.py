"""What a thousand routers in one process hold in common: RouterInfos are parsed and verified once.

A RouterInfo cannot change, and whether its signature is good does not depend on who asks. So all
routers of a world may hold the same object for the same bytes. Nothing that any of them does
becomes other than before, as a test of trace hashes shows; it only costs less memory and time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from core.data.router_info import RouterInfo


@contextmanager
def shared_router_infos() -> Iterator[None]:
    """Until the end of the block. Kept are all that were seen: for worlds of some hours."""
    infos: dict[bytes, RouterInfo] = {}
    verdicts: dict[bytes, bool] = {}
    parse, verify = RouterInfo.parse, RouterInfo.verify

    def parse_once(data: bytes) -> RouterInfo:
        data = bytes(data)
        info = infos.get(data)
        if info is None:
            info = infos[data] = parse(data)
        return info

    def verify_once(info: RouterInfo) -> bool:
        verdict = verdicts.get(info.raw)
        if verdict is None:
            verdict = verdicts[info.raw] = verify(info)
        return verdict

    with (
        patch.object(RouterInfo, "parse", staticmethod(parse_once)),
        patch.object(RouterInfo, "verify", verify_once),
    ):
        yield
