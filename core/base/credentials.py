"""Files that a service manager hands to one service (systemd.exec(5), LoadCredential=)."""

from __future__ import annotations

import os
from pathlib import Path

_PLACE = "/run/credentials"


def is_credential(path: Path) -> bool:
    """Whether the file ``path`` is where the service manager puts credentials.

    Nobody else can write there, and who may read is its business: it uses ACLs, whose mask looks
    like a group that can read.
    """
    own = os.environ.get("CREDENTIALS_DIRECTORY", "")
    places = (_PLACE, own) if own.startswith("/") else (_PLACE,)
    return any(path.is_relative_to(place) for place in places)
