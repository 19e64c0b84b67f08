"""A torrent's state in words and numbers, for everybody who asks."""

from __future__ import annotations

from typing import Any

import libtorrent as lt

from i2ptunnel.torrents.requests import short

_STATES = {
    "checking_files": "checking",
    "checking_resume_data": "checking",
    "downloading_metadata": "metadata",
    "downloading": "downloading",
    "finished": "seeding",
    "seeding": "seeding",
}


def state_of(status: Any) -> str:
    """In one word, of libtorrent's ``torrent_status``."""
    if int(status.flags) & int(lt.torrent_flags.paused):
        return "paused"
    return _STATES.get(str(status.state), "checking")


def describe(
    name: str, status: Any, state: str, fault: str, tracker_error: str | None
) -> dict[str, Any]:
    """What is told of a torrent; ``fault`` is empty if there is none."""
    return {
        "id": name,
        "name": short(status.name or name),
        "state": state,
        "size": status.total_wanted,
        "done": status.total_wanted_done,
        "download_rate": status.download_payload_rate,
        "upload_rate": status.upload_payload_rate,
        "downloaded": status.all_time_download,
        "uploaded": status.all_time_upload,
        "peers": status.num_peers,
        "seeds": status.num_seeds,
        "added": status.added_time,
        "error": fault or None,
        "tracker_error": tracker_error,
    }
