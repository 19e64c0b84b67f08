"""Sizes, offsets and life times of tunnels (tunnel-message.md, tunnel-creation-ecies.md).

One short-form TunnelData message, the unit of the hot path, is 1037 bytes::

    type 1 | message id 4 | expiration seconds 4 | tunnel id 4 | IV 16 | encrypted data 1008
"""

from __future__ import annotations

IV_BYTES = 16
DATA_BYTES = 1008
LAYER_BYTES = IV_BYTES + DATA_BYTES
"""What one hop encrypts: IV and data."""
PAYLOAD_BYTES_MAX = DATA_BYTES - 5
"""Delivery instructions and fragments; 4 bytes checksum and the zero byte are off."""

SHORT_HEADER_BYTES = 9
STANDARD_HEADER_BYTES = 16
SHORT_DATA_BYTES = SHORT_HEADER_BYTES + 4 + LAYER_BYTES
SHORT_IV_OFFSET = SHORT_HEADER_BYTES + 4
SHORT_DATA_OFFSET = SHORT_IV_OFFSET + IV_BYTES

MESSAGE_BYTES_MAX = 62_708
"""Largest I2NP message that 64 fragments carry; i2pd and Java use the same number."""
FRAGMENT_NUMBER_MAX = 63

TUNNEL_LIFETIME_S = 600.0
"""Our own tunnels, from the moment the build request was made."""
TRANSIT_LIFETIME_S = 660.0
"""Tunnels of others: a minute more, for clock skew and slow builds (i2pd: the same)."""
TRANSIT_UNUSED_S = 120.0
"""Tunnels of others that nothing came through by then are dropped (API 0.9.68; i2pd: the same)."""

MESSAGE_PAST_S = 60
MESSAGE_FUTURE_S = 240
"""Accepted window of an expiration relative to now (i2pd: -60..+180, Java: -90..+240)."""
