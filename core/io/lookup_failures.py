"""What a search for a destination that failed is told to applications."""

from __future__ import annotations

from core.base.errors import Retry, Unavailable

_NOT_FOUND_TEXTS = {
    "blinded_lookup_failed": "the router that is reached over I2CP found no lease set for this "
    "address; i2pd looks up no encrypted addresses, Java I2P does",
    "lease_set_not_found": "no lease set found: the destination may be offline",
    "encryption_unsupported": "the destination offers no encryption that this router knows",
    "secret_required": "this address needs a secret, and none is given",
    "client_key_required": "this address is for authorised clients, and no client key is given",
    "client_key_refused": "the destination does not let this client key in",
    "unknown_name": "the router's address book does not have this name",
}


def not_found(why: str = "") -> Unavailable:
    """``why``: one of the codes above; anything else means that no lease set was found."""
    code = why if why in _NOT_FOUND_TEXTS else "lease_set_not_found"
    is_lasting = code not in ("lease_set_not_found", "blinded_lookup_failed")
    retry = Retry.NEVER if is_lasting else Retry.AFTER
    return Unavailable(_NOT_FOUND_TEXTS[code], code, retry)
