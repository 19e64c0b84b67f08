"""``AddressBook``: names added and deleted, and where more of them come from.

The parameters are those of I2P proposal 170, which are Java's; each stands for an option of our
YAML. Paths of files have no counterpart: what is written and where is said in the file alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from i2ptunnel import commands
from i2ptunnel.editing import ConfigurationEditor, setting
from i2ptunnel.i2pcontrol.access import check_may_write
from i2ptunnel.i2pcontrol.rpc import INVALID_PARAMS, Params, RpcError
from i2ptunnel.naming.store import Book

_BOOKS = tuple(book.word for book in (Book.PRIVATE, Book.LOCAL, Book.ROUTER))
_UPDATE_DELAY = "update_delay"
_HOUR_S = 3600


class AddressBook:
    """``may_write``: whether this client may change anything."""

    def __init__(
        self, program: commands.Program, editor: ConfigurationEditor, *, may_write: bool
    ) -> None:
        self._program = program
        self._editor = editor
        self._may_write = may_write
        prefix = "i2p.router.addressbook"
        #: key of RouterInfo -> how it is read
        self.readers: dict[str, Callable[[], Awaitable[Any]]] = {
            **{f"{prefix}.{book}.list": partial(self._names, book) for book in _BOOKS},
            f"{prefix}.subscriptions": self._subscriptions,
            f"{prefix}.config": self._config,
        }

    async def call(self, params: Params) -> dict[str, Any]:
        """One request; raises RpcError or what the commands raise."""
        check_may_write(may_write=self._may_write)
        if "SetSubscriptions" in params:
            return await self._set_subscriptions(params["SetSubscriptions"])
        if "SetConfig" in params:
            return await self._set_config(params["SetConfig"])
        return await self._set_name(params)

    # What is told

    async def _names(self, book: str) -> dict[str, str]:
        entries = await commands.address_list(self._program, book=book)
        return {entry["name"]: entry["address"] for entry in entries}

    async def _subscriptions(self) -> dict[str, Any]:
        status = await commands.address_status(self._program)
        return {"path": self._path, "entries": [row["url"] for row in status["subscriptions"]]}

    async def _config(self) -> dict[str, Any]:
        interval_s = self._program.loaded.configuration.naming.interval
        return {"path": self._path, "entries": {_UPDATE_DELAY: f"{interval_s / _HOUR_S:g}"}}

    @property
    def _path(self) -> str | None:
        """Where the settings are written; None: a profile runs."""
        files = self._program.loaded.files
        return str(files[0]) if files else None

    # What changes

    async def _set_name(self, params: Params) -> dict[str, Any]:
        book, name = params.get("Type"), params.get("Hostname")
        if not isinstance(book, str) or book not in _BOOKS or not isinstance(name, str):
            raise RpcError(INVALID_PARAMS, f"Type ({', '.join(_BOOKS)}) and Hostname are needed")
        if "Delete" in params:
            had = await commands.address_remove(self._program, name=name, book=book)
            return {"success": bool(had), "message": "deleted" if had else "there was none"}
        target = params.get("Destination")
        if not isinstance(target, str):
            raise RpcError(INVALID_PARAMS, "Destination is needed")
        entry = await commands.address_add(
            self._program, name=name, target=target, book=book, replace=True
        )
        return {"success": True, "message": f"added {entry['name']}"}

    async def _set_subscriptions(self, urls: Any) -> dict[str, Any]:
        if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
            raise RpcError(INVALID_PARAMS, "SetSubscriptions is a list of URLs")
        message = await self._write("subscriptions", [_url(one) for one in urls])
        status = await commands.address_status(self._program)
        further = sum(row["by"] == "command" for row in status["subscriptions"])
        if further:
            message += f"; {further} of `i2ptunnel address subscribe` stay"
        return {"success": True, "message": message}

    async def _set_config(self, options: Any) -> dict[str, Any]:
        if not isinstance(options, dict) or not options:
            raise RpcError(INVALID_PARAMS, f"SetConfig is an object with {_UPDATE_DELAY}")
        unknown = [option for option in options if option != _UPDATE_DELAY]
        if unknown:
            raise RpcError(INVALID_PARAMS, f"without a counterpart here: {', '.join(unknown)}")
        hours = str(options[_UPDATE_DELAY])
        if not hours.isascii() or not hours.isdigit():
            raise RpcError(INVALID_PARAMS, f"{_UPDATE_DELAY} is a whole number of hours")
        return {"success": True, "message": await self._write("interval", f"{hours}h")}

    async def _write(self, option: str, value: Any) -> str:
        await self._editor.edit(setting((("naming", option), value)))
        return f"modified: {self._path}"


def _url(text: str) -> str:
    """A bare host, as the proposal writes it, means its hosts.txt."""
    return text if "://" in text else f"http://{text}/hosts.txt"
