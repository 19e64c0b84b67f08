"""libtorrent's session, obedient to requests: the part of the worker that has torrents.

What is known of a torrent is kept (``keeping``) when it is added, when something about it changes,
and every minute while it transfers.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libtorrent as lt

from i2ptunnel.torrents.clean import (
    Removed,
    is_public,
    keep_handle_clean,
    keep_i2p_alone,
    open_to_others,
)
from i2ptunnel.torrents.describe import describe, state_of
from i2ptunnel.torrents.keeping import StateFiles
from i2ptunnel.torrents.requests import (
    Refused,
    check_files,
    hash_of,
    id_of,
    parameters_of,
    short,
    trackers_of,
)
from i2ptunnel.torrents.settings import TORRENTS_MAX, limit_settings, session_settings

NEWS_S = 1.0
SAVE_S = 60.0
ANNOUNCE_S = 2.0
STOP_S = 3.0
_DELETE_S = 30.0
_WAIT_MS = 50
#: how libtorrent's words begin for an announce that has to wait for the SAM session
_NO_SESSION = "Waiting for i2p"
_READ_BYTES = 1 << 16
_PREFIX_MIN = 4
_PRIORITY = 4
_ALERTS = (
    lt.alert.category_t.error_notification
    | lt.alert.category_t.status_notification
    | lt.alert.category_t.storage_notification
    | lt.alert.category_t.tracker_notification
)


class Engine:
    """One session. ``task``: directories, options, limits and trackers, from the configuration."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._download_dir = Path(task["download_dir"])
        self._files = StateFiles(Path(task["state_dir"]))
        self._trackers = tuple(task["trackers"])
        self._torrents_max = min(int(task["max_torrents"]), TORRENTS_MAX)
        settings: Any = session_settings(task) | limit_settings(task["limits"])
        settings["alert_mask"] = int(_ALERTS)
        self._session = lt.session(settings)
        self._saved_at = time.monotonic()
        #: ID (the info hash that was known when it was added) -> the torrent
        self._handles: dict[str, Any] = {}
        #: by ID: why a torrent is held back, and the last words of its trackers
        self._faults: dict[str, str] = {}
        self._tracker_errors: dict[str, str] = {}
        #: by ID: requests that wait until the files are gone
        self._deleting: dict[str, tuple[int, float]] = {}
        #: by ID: requests that wait until the torrent's state is on the disk, and how often it is
        #: being saved
        self._saving: dict[str, list[int]] = {}
        self._saves: Counter[str] = Counter()
        #: by ID: those with all content on the disk, and those of which it is being written
        self._whole: set[str] = set()
        self._flushing: set[str] = set()
        #: by ID: those that announced before there was a SAM session, and when to announce again
        self._early: set[str] = set()
        self._announce_at = 0.0
        self._i2p_error: str | None = None
        self._news: dict[str, Any] = {}
        self._out: list[dict[str, Any]] = []
        self._does: dict[str, Callable[[dict[str, Any]], Any]] = {
            "add": self._add,
            "pause": self._pause,
            "resume": self._resume,
            "remove": self._remove,
            "limits": self._limit,
        }
        self._load()

    # Life

    def run(self, control: socket.socket) -> None:
        """Until the other end closes, or asks to stop."""
        woken, waker = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(waker, False)
        self._session.set_alert_fd(waker)
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(control, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select(NEWS_S)}
                if woken in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(woken, _READ_BYTES)
                self._read_alerts()
                if control in ready:
                    data = control.recv(_READ_BYTES)
                    *lines, buffer = (buffer + data).split(b"\n")
                    if not data or not all(map(self._obey, lines)):
                        break
                self._tend()
                self._flush(control)
        self._stop()
        self._flush(control)

    def _obey(self, line: bytes) -> bool:
        """Whether to go on."""
        request = json.loads(line)
        if request["do"] == "stop":
            return False
        number = int(request["id"])
        try:
            result = self._does[request["do"]](request)
        except Refused as refused:
            self._out.append({"id": number, "error": str(refused)})
        except RuntimeError as error:  # what libtorrent throws
            self._out.append({"id": number, "error": short(str(error))})
        else:
            if result is not None:
                self._out.append({"id": number, "ok": result})
        return True

    def _flush(self, control: socket.socket) -> None:
        out, self._out = self._out, []
        with contextlib.suppress(OSError):  # nobody listens any more: the end comes next
            for message in out:
                control.sendall(json.dumps(message).encode() + b"\n")

    def _tend(self) -> None:
        now = time.monotonic()
        if now - self._saved_at >= SAVE_S:
            self._saved_at = now
            for name in self._handles:
                self._save(name, lt.save_resume_flags_t.only_if_modified)
        for name, (number, until) in list(self._deleting.items()):
            if now >= until:
                self._deleted(name, number, "the files could not be deleted in time")
        if self._early and now >= self._announce_at:
            # By itself libtorrent waits longer each time, though nothing was sent.
            self._announce_at = now + ANNOUNCE_S
            for name in self._early & {*self._handles}:
                self._handles[name].force_reannounce()
            self._early.clear()
        news = self._status()
        if news != self._news:
            self._news = news
            self._out.append(news)

    def _stop(self) -> None:
        """Write what is not written yet; no longer than STOP_S."""
        until = time.monotonic() + STOP_S
        self._session.pause()
        for name, handle in self._handles.items():
            if name not in self._whole and handle.torrent_file() is not None:
                self._flushing.add(name)
                handle.flush_cache()
        self._wait(lambda: not self._flushing, until)
        for name in self._handles:
            self._save(name, lt.save_resume_flags_t.only_if_modified)
        if self._wait(lambda: not self._saves.total(), until):
            self._files.finish()

    def _wait(self, is_over: Callable[[], bool], until: float) -> bool:
        while not is_over() and time.monotonic() < until:
            self._session.wait_for_alert(_WAIT_MS)
            self._read_alerts()
        return is_over()

    # What is kept

    def _load(self) -> None:
        """All torrents of the state directory; what cannot be used is put aside."""
        for name, parameters in self._files.load(self._torrents_max):
            try:
                self._start(parameters, name, is_new=False)
            except RuntimeError:
                self._files.put_aside(name)
                continue
            if self._files.is_after_crash and not self._files.is_whole(name):
                # What libtorrent had in memory, and took for written, may be missing.
                self._handles[name].force_recheck()

    def _save(self, name: str, flags: Any = None) -> None:
        more = lt.save_resume_flags_t.save_info_dict
        self._handles[name].save_resume_data(int(more) | int(flags or 0))
        self._saves[name] += 1

    def _write(self, name: str, parameters: Any) -> None:
        try:
            self._files.write(name, parameters)
        except OSError as error:
            self._faults[name] = f"its state cannot be kept: {error.strerror}"

    def _start(self, parameters: Any, name: str, *, is_new: bool) -> Removed:
        removed = keep_i2p_alone(parameters, self._trackers if is_new else ())
        parameters.save_path = str(self._download_dir)
        parameters.part_file_dir = ""
        parameters.renamed_files = {}
        flags = int(parameters.flags) & ~int(lt.torrent_flags.auto_managed)
        if parameters.ti is None:
            flags |= int(lt.torrent_flags.default_dont_download)
        else:
            # What was saved when the metadata of a magnet link came says that nothing is wanted.
            flags &= ~int(lt.torrent_flags.default_dont_download)
            parameters.file_priorities, parameters.piece_priorities = [], []
            try:
                self._check(parameters.ti, name)
            except Refused as refused:
                if is_new:
                    raise
                self._faults[name] = str(refused)
                flags |= int(lt.torrent_flags.paused)
                parameters.file_priorities = [0] * parameters.ti.layout().num_files()
        parameters.flags = flags
        if is_new:
            self._write(name, parameters)
        handle = self._session.add_torrent(parameters)
        self._handles[name] = handle
        keep_handle_clean(handle)
        return removed

    def _check(self, info: Any, name: str) -> None:
        """Raise Refused for files that do not belong into the directory, or that are another's."""
        others = (one.torrent_file() for own, one in self._handles.items() if own != name)
        check_files(info, (other for other in others if other is not None))

    # Requests

    def _add(self, request: dict[str, Any]) -> dict[str, Any]:
        parameters = parameters_of(request)
        name = id_of(parameters)
        if len(self._handles) >= self._torrents_max:
            raise Refused(f"there are {self._torrents_max} torrents already")
        if name in self._handles or name in self._deleting:
            raise Refused("the torrent is there already")
        if request.get("paused"):
            parameters.flags = int(parameters.flags) | int(lt.torrent_flags.paused)
        else:
            parameters.flags = int(parameters.flags) & ~int(lt.torrent_flags.paused)
        parameters.trackers = [*parameters.trackers, *trackers_of(request, parameters.ti)]
        self._faults.pop(name, None)
        removed = self._start(parameters, name, is_new=True)
        info = parameters.ti
        return {
            "id": name,
            "name": short(parameters.name if info is None else info.name()) or name,
            "trackers": len(parameters.trackers),
            "removed": removed.plain(),
        }

    def _pause(self, request: dict[str, Any]) -> None:
        name, handle = self._find(request)
        handle.pause()
        self._save_for(request, name)

    def _resume(self, request: dict[str, Any]) -> None:
        name, handle = self._find(request)
        handle.clear_error()
        if name in self._faults and (info := handle.torrent_file()) is not None:
            self._check(info, name)
            self._open(handle, info)
        self._faults.pop(name, None)
        handle.resume()
        handle.force_reannounce()
        self._save_for(request, name)

    def _save_for(self, request: dict[str, Any], name: str) -> None:
        """The answer waits until a crash cannot undo what was asked for."""
        self._saving.setdefault(name, []).append(int(request["id"]))
        self._save(name)

    def _remove(self, request: dict[str, Any]) -> str | None:
        name, handle = self._find(request)
        has_files = handle.torrent_file() is not None
        with_data = bool(request.get("data")) and has_files and name not in self._faults
        del self._handles[name]
        self._session.remove_torrent(handle, lt.session.delete_files if with_data else 0)
        self._files.forget(name)
        self._faults.pop(name, None)
        self._tracker_errors.pop(name, None)
        self._whole.discard(name)
        self._flushing.discard(name)
        self._saves.pop(name, None)
        self._saved(name)
        if not with_data:
            return name
        self._deleting[name] = int(request["id"]), time.monotonic() + _DELETE_S
        return None

    def _deleted(self, name: str, number: int, error: str = "") -> None:
        self._deleting.pop(name, None)
        self._out.append({"id": number, "error": error} if error else {"id": number, "ok": name})

    def _limit(self, request: dict[str, Any]) -> dict[str, Any]:
        settings: Any = limit_settings(request["limits"])
        self._session.apply_settings(settings)
        return {}

    def _find(self, request: dict[str, Any]) -> tuple[str, Any]:
        """By ID, the beginning of one, or the name; raises Refused."""
        wanted = str(request["torrent"])
        found = [
            (name, handle)
            for name, handle in self._handles.items()
            if wanted == handle.status().name
            or (len(wanted) >= _PREFIX_MIN and name.startswith(wanted.lower()))
        ]
        if len(found) != 1:
            text = "no torrent has" if not found else "several torrents have"
            raise Refused(f"{text} this ID or name")
        return found[0]

    # Alerts

    def _read_alerts(self) -> None:
        for alert in self._session.pop_alerts():
            match alert:
                case lt.save_resume_data_alert() | lt.save_resume_data_failed_alert():
                    self._on_saved(alert)
                case lt.cache_flushed_alert():
                    self._on_flushed(alert)
                case lt.metadata_received_alert():
                    self._on_metadata(alert)
                case lt.torrent_deleted_alert() | lt.torrent_delete_failed_alert():
                    self._on_deleted(alert)
                case lt.tracker_reply_alert():
                    self._tracker_errors.pop(self._name(alert), None)
                case lt.tracker_error_alert():
                    if name := self._name(alert):
                        text = alert.error_message() or alert.error.message()
                        self._tracker_errors[name] = short(text)
                        if text.startswith(_NO_SESSION):
                            self._early.add(name)
                case lt.i2p_alert():
                    self._i2p_error = short(alert.error.message())
                case _:
                    pass

    def _name(self, alert: Any) -> str:
        """The ID of a torrent, empty if it was removed."""
        return next((name for name, one in self._handles.items() if one == alert.handle), "")

    def _on_saved(self, alert: Any) -> None:
        name = self._name(alert)
        if not name:  # it was removed meanwhile
            return
        if isinstance(alert, lt.save_resume_data_alert):
            self._write(name, alert.params)
        self._saves[name] -= 1
        if self._saves[name] <= 0:
            del self._saves[name]
            self._saved(name)

    def _on_flushed(self, alert: Any) -> None:
        name = self._name(alert)
        if name not in self._flushing:
            return
        self._flushing.discard(name)
        if alert.handle.status().is_seeding:
            self._whole.add(name)
            self._files.mark_whole(name)
            self._save(name)

    def _saved(self, name: str) -> None:
        for number in self._saving.pop(name, ()):
            self._out.append({"id": number, "ok": name})

    def _on_metadata(self, alert: Any) -> None:
        """What a magnet link did not say is known now; nothing of it has been loaded yet."""
        handle, name = alert.handle, self._name(alert)
        info = handle.torrent_file() if name else None
        if info is None:
            return
        try:
            self._check(info, name)
        except Refused as refused:
            self._faults[name] = str(refused)
            handle.pause()
        else:
            self._open(handle, info)
        keep_handle_clean(handle)
        if is_public(info):
            open_to_others(handle, self._trackers)
        self._save(name)

    def _open(self, handle: Any, info: Any) -> None:
        handle.prioritize_files([_PRIORITY] * info.layout().num_files())

    def _on_deleted(self, alert: Any) -> None:
        hashes = alert.info_hashes
        for name in {hash_of(hashes), str(hashes.get_best())} & {*self._deleting}:
            is_bad = isinstance(alert, lt.torrent_delete_failed_alert)
            error = short(alert.error.message()) if is_bad else ""
            self._deleted(name, self._deleting[name][0], error)

    # State

    def _status(self) -> dict[str, Any]:
        torrents = sorted(
            (self._describe(name, handle.status()) for name, handle in self._handles.items()),
            key=lambda one: (one["added"], one["id"]),
        )
        if any(torrent["peers"] for torrent in torrents):
            self._i2p_error = None
        return {"torrents": torrents, "i2p_error": self._i2p_error}

    def _complete(self, name: str) -> str:
        """All of it has come; it is told when it is on the disk."""
        if name not in self._flushing:
            self._flushing.add(name)
            self._handles[name].flush_cache()
        return "downloading"

    def _describe(self, name: str, status: Any) -> dict[str, Any]:
        fault = self._faults.get(name) or short(
            status.errc.message() if status.errc.value() else ""
        )
        if fault:
            state = "error"
        else:
            state = state_of(status)
            if state not in ("seeding", "paused"):
                self._whole.discard(name)
            elif state == "seeding" and name not in self._whole:
                state = self._complete(name)
        return describe(name, status, state, fault, self._tracker_errors.get(name))
