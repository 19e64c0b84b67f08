"""Garlic encryption: cloves, the ECIES-X25519 ratchet, one-shot messages to routers and replies."""
