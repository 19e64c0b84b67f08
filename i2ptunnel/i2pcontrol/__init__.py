"""I2PControl: JSON-RPC 2.0 over HTTPS for programs that watch and manage routers.

``rpc`` is the protocol without I/O, ``access`` passwords and tokens, the others the methods, which
are faces of :mod:`i2ptunnel.commands`. Sources: the I2PControl specification (API 1), and what i2pd
and Java's plugin add to it.
"""
