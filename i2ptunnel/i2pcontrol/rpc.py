"""JSON-RPC 2.0 (jsonrpc.org/specification) without I/O: requests in, responses out.

Batches and notifications are served as the specification says. A request that is not one gets an
error with its id as far as that can be read, and ends nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
#: requests in one batch
BATCH_MAX = 32

Params: TypeAlias = dict[str, Any]
Method: TypeAlias = Callable[[str, Params], Awaitable[dict[str, Any]]]
"""Called with the name of the method and its parameters; raises :class:`RpcError`."""


class RpcError(Exception):
    """What the client is told. ``code``: of JSON-RPC, or of I2PControl (-32001 to -32006)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    params: Params
    id: Any
    is_notification: bool


async def serve(body: bytes, call: Method) -> bytes:
    """The response to the body of one HTTP request; empty if nothing is to be answered."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return _write(_error(None, RpcError(PARSE_ERROR, "not JSON")))
    if not isinstance(said, list):
        answer = await _serve_one(said, call)
        return b"" if answer is None else _write(answer)
    if not 0 < len(said) <= BATCH_MAX:
        wrong = RpcError(INVALID_REQUEST, f"a batch has 1 to {BATCH_MAX} requests")
        return _write(_error(None, wrong))
    answers = [await _serve_one(one, call) for one in said]
    known = [answer for answer in answers if answer is not None]
    return _write(known) if known else b""


async def _serve_one(said: Any, call: Method) -> dict[str, Any] | None:
    """The response to one request; None for a notification."""
    try:
        request = _read(said)
    except RpcError as error:
        return _error(_id_of(said), error)
    try:
        result = await call(request.method, request.params)
    except RpcError as error:
        return None if request.is_notification else _error(request.id, error)
    if request.is_notification:
        return None
    return {"jsonrpc": "2.0", "id": request.id, "result": result}


def _read(said: Any) -> _Request:
    if not isinstance(said, dict):
        raise RpcError(INVALID_REQUEST, "a request is an object")
    # i2pd serves requests that do not say the version.
    if said.get("jsonrpc", "2.0") != "2.0":
        raise RpcError(INVALID_REQUEST, "only JSON-RPC 2.0 is spoken")
    method, params = said.get("method"), said.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "the method is missing")
    if isinstance(said.get("id"), dict | list | bool):
        raise RpcError(INVALID_REQUEST, "an id is a text, a number or null")
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "the parameters are given by name")
    return _Request(method, params, said.get("id"), "id" not in said)


def _id_of(said: Any) -> Any:
    request_id = said.get("id") if isinstance(said, dict) else None
    return request_id if isinstance(request_id, str | int | float) else None


def _error(request_id: Any, error: RpcError) -> dict[str, Any]:
    shown = {"code": error.code, "message": error.message}
    return {"jsonrpc": "2.0", "id": request_id, "error": shown}


def _write(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
