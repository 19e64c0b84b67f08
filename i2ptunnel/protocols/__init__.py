"""The protocols of the tunnels' two ends, without I/O: HTTP/1, SOCKS, error pages, filters."""
