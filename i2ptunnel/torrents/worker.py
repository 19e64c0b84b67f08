"""The process that has libtorrent: ``python -m i2ptunnel.torrents.worker DESCRIPTOR``.

The descriptor is a socket to the program that started it. JSON lines go over it: first the task in,
then one greeting out, with the socket that the program has to answer SAM at; afterwards requests
in (``{"id": 1, "do": "pause", …}``), and out replies (``{"id": 1, "ok": …}`` or ``"error"``) and
news (``{"torrents": […], …}``). Its end, or a request to stop, ends the process.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from i2ptunnel.torrents.confinement import (
    CannotConfine,
    die_with_parent,
    drop_rights,
    leave_network,
    limit_calls,
    limit_files,
)
from i2ptunnel.torrents.settings import SAM_HOST, SAM_PORT

_BACKLOG = 512
_UMASK = 0o077
_TASK_BYTES_MAX = 1 << 16
_SYSTEM = ("/usr", "/lib", "/lib64", "/dev/null", "/dev/urandom")


def main() -> int:
    """The worker's life; returns its exit status."""
    control = socket.socket(fileno=int(sys.argv[1]))
    lines = control.makefile("rb")
    task = json.loads(lines.readline(_TASK_BYTES_MAX))
    os.umask(_UMASK)
    try:
        listener, are_files_limited = _confine(task)
        from i2ptunnel.torrents.engine import Engine

        engine = Engine(task)
    except (CannotConfine, OSError, ImportError, RuntimeError) as error:
        _send(control, {"error": str(error)})
        return 1
    greeting = json.dumps({"listening": True, "files_limited": are_files_limited})
    socket.send_fds(control, [greeting.encode() + b"\n"], [listener.fileno()])
    listener.close()
    engine.run(control)
    os._exit(0)  # the session's end would wait until trackers have heard of it


def _confine(task: dict[str, Any]) -> tuple[socket.socket, bool]:
    """Shut this process in; the socket at which SAM is to be answered, and whether files are, too.

    libtorrent is loaded in between, when there is no network any more and files still can be had.
    """
    leave_network()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((SAM_HOST, SAM_PORT))
    listener.listen(_BACKLOG)
    import i2ptunnel.torrents.engine  # noqa: F401

    drop_rights()
    die_with_parent()  # which is forgotten when rights change
    readable = {Path(sys.prefix), Path(sys.base_prefix), *map(Path, _SYSTEM)}
    are_files_limited = limit_files(
        [Path(task["download_dir"]), Path(task["state_dir"])],
        [path for path in sorted(readable) if path.exists()],
    )
    limit_calls()
    return listener, are_files_limited


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
