"""Who may use I2PControl: one password, and tokens that end."""

from __future__ import annotations

from collections.abc import Callable

from core.api import SystemEntropy
from core.base.bounded import BoundedMap
from i2ptunnel.i2pcontrol.rpc import INVALID_PARAMS, RpcError
from i2ptunnel.passwords import PasswordGuard, PasswordRefused

WRONG_PASSWORD = -32001
NO_TOKEN = -32002
UNKNOWN_TOKEN = -32003
EXPIRED_TOKEN = -32004
API_MISSING = -32005
API_UNKNOWN = -32006

API_VERSION = 1
#: Java's plugin: a day
TOKEN_LIFE_S = 86400.0
TOKENS_MAX = 256


def check_may_write(*, may_write: bool) -> None:
    """Raise RpcError unless the owner allowed changes."""
    if not may_write:
        raise RpcError(INVALID_PARAMS, "nothing may be changed: interfaces.i2pcontrol.write")


class Access:
    """``sealed``: see :func:`i2ptunnel.passwords.seal`; ``clock``: monotonic seconds."""

    def __init__(self, sealed: str, clock: Callable[[], float]) -> None:
        self._guard = PasswordGuard(sealed, clock)
        self._clock = clock
        #: token -> when it ends
        self._tokens: BoundedMap[str, float] = BoundedMap(TOKENS_MAX)

    async def authenticate(self, params: dict[str, object], client: str) -> dict[str, object]:
        """``Authenticate``: a token for API and Password; raises RpcError."""
        api, password = params.get("API"), params.get("Password")
        if api is None:
            raise RpcError(API_MISSING, "the parameter API is missing: 1 is spoken here")
        if api not in (API_VERSION, str(API_VERSION)):
            raise RpcError(API_UNKNOWN, "only API 1 is spoken here")
        try:
            await self._guard.check(password, client)
        except PasswordRefused as refused:
            raise RpcError(WRONG_PASSWORD, str(refused)) from None
        token = SystemEntropy().random_bytes(24).hex()
        self._tokens.put(token, self._clock() + TOKEN_LIFE_S)
        return {"API": API_VERSION, "Token": token}

    def check(self, params: dict[str, object]) -> None:
        """Raise RpcError unless the parameters have a token that holds."""
        token = params.get("Token")
        if not isinstance(token, str) or not token:
            raise RpcError(NO_TOKEN, "the parameter Token is missing: call Authenticate first")
        ends_at = self._tokens.get(token)
        if ends_at is None:
            raise RpcError(UNKNOWN_TOKEN, "the token is unknown: call Authenticate again")
        if self._clock() >= ends_at:
            self._tokens.pop(token, None)
            raise RpcError(EXPIRED_TOKEN, "the token has expired: call Authenticate again")

    def replace(self, sealed: str) -> None:
        """Another password from now on; all tokens end."""
        self._guard.replace(sealed)
        self._tokens = BoundedMap(TOKENS_MAX)
