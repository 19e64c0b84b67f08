"""The SAM protocol without I/O: lines, requests, replies, options, and who listens where."""
