"""From the names people use to destination hashes."""
