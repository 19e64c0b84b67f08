"""Bytes between local sockets and I2P streams: listener, sockets, pump, HTTP relay."""
