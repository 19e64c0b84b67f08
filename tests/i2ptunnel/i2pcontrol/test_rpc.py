"""JSON-RPC 2.0: the cases of its specification."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from i2ptunnel.i2pcontrol.rpc import BATCH_MAX, INVALID_PARAMS, Params, RpcError, serve


async def method(name: str, params: Params) -> dict[str, Any]:
    if name != "Echo":
        raise RpcError(-32601, f"there is no method {name!r}")
    return {"Result": params["Echo"]}


def answer(body: bytes | str | list[Any] | dict[str, Any]) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = asyncio.run(serve(raw, method))
    return json.loads(said) if said else None


def request(**changes: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "Echo", "params": {"Echo": "hi"}} | changes


def test_a_request_gets_the_result_with_its_id() -> None:
    expected = {"jsonrpc": "2.0", "id": "a", "result": {"Result": "hi"}}
    assert answer(request(id="a")) == expected


def test_half_a_character_is_answered() -> None:
    assert answer(b'{"method": "Echo", "id": 1, "params": {"Echo": "\\ud800"}}') == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"Result": "?"},
    }


def test_a_notification_gets_nothing_even_if_it_fails() -> None:
    said = request()
    del said["id"]
    assert answer(said) is None
    assert answer(said | {"method": "Nothing"}) is None
    assert answer([said, said]) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (json.dumps(request(jsonrpc="1.0")).encode(), -32600),
        (json.dumps(request(method=7)).encode(), -32600),
        (json.dumps(request(id={})).encode(), -32600),
        (json.dumps(request(params=["hi"])).encode(), INVALID_PARAMS),
        (json.dumps(request(method="Nothing")).encode(), -32601),
        (json.dumps([1] * (BATCH_MAX + 1)).encode(), -32600),
    ],
)
def test_what_is_wrong_gets_its_code(body: bytes, code: int) -> None:
    said = answer(body)
    assert said["error"]["code"] == code
    assert "result" not in said


def test_in_a_batch_each_has_its_own_answer() -> None:
    said = answer([request(), 7, request(id=2, method="Nothing"), request(id=3)])
    assert [one["id"] for one in said] == [1, None, 2, 3]
    assert [one.get("error", {}).get("code") for one in said] == [None, -32600, -32601, None]
