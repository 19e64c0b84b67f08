"""Moves bytes between local sockets and I2P streams: listeners, the pump, HTTP exchanges."""
