"""What the session options of an I2CP client mean for its destination here."""

from __future__ import annotations

from collections.abc import Mapping

from core.base.errors import DecodeError
from core.client.hosted import HostedConfig
from core.data.encoding import b64decode
from core.i2cp.options import LENGTH_MAX, QUANTITY_MAX, flag_of, hashes_of, number_of
from core.tunnel.shape import TunnelShape

_NAME_LENGTH_MAX = 64


def hosted_config(options: Mapping[str, str]) -> HostedConfig:
    """What is wrong or too much becomes what is usual, or as much as there may be."""
    name = options.get("inbound.nickname") or options.get("outbound.nickname") or "I2CP"
    return HostedConfig(
        "".join(char for char in name if char.isprintable())[:_NAME_LENGTH_MAX],
        _shape_of(options, "inbound"),
        _shape_of(options, "outbound"),
        not flag_of(options, "i2cp.dontPublishLeaseSet", False),
        _secret_of(options),
        _client_key_of(options),
    )


def _shape_of(options: Mapping[str, str], direction: str) -> TunnelShape:
    return TunnelShape(
        number_of(options, f"{direction}.length", 3, (0, LENGTH_MAX)),
        number_of(options, f"{direction}.quantity", 2, (1, QUANTITY_MAX)),
        number_of(options, f"{direction}.lengthVariance", 0, (-2, 2)),
        number_of(options, f"{direction}.backupQuantity", 0, (0, QUANTITY_MAX)),
        hashes_of(options, f"{direction}.explicitPeers") or hashes_of(options, "explicitPeers"),
    )


def _secret_of(options: Mapping[str, str]) -> str:
    try:
        return b64decode(options.get("i2cp.leaseSetSecret", "")).decode("utf-8", "replace")
    except DecodeError:
        return ""


def _client_key_of(options: Mapping[str, str]) -> bytes | None:
    """What opens its lease set for us, too: its own client key, or a pre-shared one of a client."""
    _, _, psk = options.get("i2cp.leaseSetClient.psk.0", "").partition(":")
    text = options.get("i2cp.leaseSetPrivKey") or psk
    try:
        key = b64decode(text)
    except DecodeError:
        return None
    return key if len(key) == 32 else None
