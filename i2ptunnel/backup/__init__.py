"""Backups: keys, address books, state and configuration in one encrypted file, and the way back.

:func:`archive.make_backup` gives the file piece by piece, :mod:`restoring` reads it.
"""
