"""The SSH console: a face of the commands, for who has a key. asyncssh is imported here alone."""
