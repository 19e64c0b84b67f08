"""NTCP2: Noise XK over TCP (specs/ntcp2)."""
