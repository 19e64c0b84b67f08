"""Why a message in a tunnel went no further."""

from __future__ import annotations

from enum import Enum


class Drop(Enum):
    """Why a message went no further."""

    MALFORMED = "malformed"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"
    UNKNOWN_TUNNEL = "unknown_tunnel"
    WRONG_HOP = "wrong_hop"
    BANDWIDTH = "bandwidth"
    LOOP = "loop"
    INCOMPLETE = "incomplete"
    """Fragments of it were missing for too long, or took too much room."""
    TARGET = "target"
    """At an endpoint: too old, or for one router too many."""
    FULL = "full"
    """At a gateway: too much waited already."""
    FOREIGN = "foreign"
    """In a tunnel of ours: asks us to deliver elsewhere, which would unmask us."""
