"""Common structures: identities, private keys, router infos, lease sets and their encodings."""
