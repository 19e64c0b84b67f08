"""Datagrams: raw, formats 1, 2 and 3, and the demultiplexer by protocol and port."""
