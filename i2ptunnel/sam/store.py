"""Sessions that come back after a restart: one file each, private to this user, while they live.

Only a session that was created with ``i2ptunnel.resume=true`` has one. Its form is our own: JSON
with everything that SESSION CREATE and SESSION ADD said, and the private keys.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.api import (
    FileFault,
    LastingKeys,
    check_private,
    make_directory,
    read_limited,
    write_atomic,
)
from core.base.errors import DecodeError, system_reason
from core.data.encoding import b64decode, b64encode
from core.data.private_keys import PrivateKeys
from i2ptunnel.sam.protocol.requests import SessionRequest
from i2ptunnel.sam.protocol.styles import STYLES
from i2ptunnel.sam.protocol.versions import Version, format_version, parse_version

DIRECTORY = "sam"
_SUFFIX = ".session"
_TITLE = "i2ptunnel sam session 1"
_BYTES_MAX = 256 * 1024

_log = logging.getLogger("i2ptunnel.sam")


@dataclass(frozen=True, slots=True)
class StoredSession:
    """What is needed to make a session again. ``requests``: the subsessions."""

    request: SessionRequest
    version: Version
    client: str
    user: str
    keys: PrivateKeys
    lasting: LastingKeys
    requests: tuple[SessionRequest, ...] = field(default=())


class SessionStore:
    """The files in ``sam/`` of the data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / DIRECTORY

    def save(self, session: StoredSession) -> None:
        """On the disk when it returns; raises FileFault. Blocks."""
        make_directory(self._directory)
        content = {
            "title": _TITLE,
            "version": format_version(session.version),
            "client": session.client,
            "user": session.user,
            "keys": session.keys.to_base64(),
            "encryption": b64encode(session.lasting.encryption),
            "peer_order": b64encode(session.lasting.peer_order),
            "request": _plain(session.request),
            "subsessions": [_plain(one) for one in session.requests],
        }
        write_atomic(self._path(session.request.id), json.dumps(content, indent=1).encode())

    def forget(self, name: str) -> None:
        """Delete what is kept of a session; harmless if nothing is. Raises FileFault."""
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            what = f"cannot be deleted: {system_reason(error)}"
            raise FileFault(self._path(name), what) from error

    def load(self) -> Iterator[StoredSession]:
        """All of them; one that cannot be read stays where it is, and is told in the log."""
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            try:
                check_private(path)
                yield _parse(read_limited(path, _BYTES_MAX))
            except (DecodeError, KeyError, TypeError, ValueError, OSError):
                _log.warning("%s is no SAM session that can come back; delete it", path)
            except FileFault as fault:
                _log.warning("%s", fault)

    def _path(self, name: str) -> Path:
        digest = hashlib.sha256(name.encode()).hexdigest()[:40]
        return self._directory / f"{digest}{_SUFFIX}"


def _plain(request: SessionRequest) -> dict[str, Any]:
    return {
        "style": request.style.name,
        "id": request.id,
        "host": request.host,
        "port": request.port,
        "from_port": request.from_port,
        "to_port": request.to_port,
        "protocol": request.protocol,
        "header": request.header,
        "listen_port": request.listen_port,
        "listen_protocol": request.listen_protocol,
        "options": dict(request.options),
    }


def _request(plain: Mapping[str, Any]) -> SessionRequest:
    options = plain["options"]
    port = plain["port"]
    return SessionRequest(
        STYLES[str(plain["style"])],
        str(plain["id"]),
        host=str(plain["host"]),
        port=None if port is None else int(port),
        from_port=int(plain["from_port"]),
        to_port=int(plain["to_port"]),
        protocol=int(plain["protocol"]),
        header=bool(plain["header"]),
        listen_port=int(plain["listen_port"]),
        listen_protocol=int(plain["listen_protocol"]),
        options={str(key): str(value) for key, value in options.items()},
    )


def _parse(data: bytes) -> StoredSession:
    content = json.loads(data)
    if content["title"] != _TITLE:
        raise ValueError("another version")
    lasting = LastingKeys(b64decode(content["encryption"]), b64decode(content["peer_order"]))
    return StoredSession(
        _request(content["request"]),
        parse_version(content["version"]),
        str(content["client"]),
        str(content["user"]),
        PrivateKeys.from_base64(content["keys"]),
        lasting,
        tuple(_request(one) for one in content["subsessions"]),
    )


def forget_quietly(store: SessionStore, name: str) -> None:
    """:meth:`SessionStore.forget`, with a line in the log if it fails."""
    with contextlib.suppress(FileFault):
        store.forget(name)
