"""The address books that the options of a command mean."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager

from i2ptunnel.cli.places import data_dir_of
from i2ptunnel.naming.books import FILE_NAME, AddressBooks


@contextmanager
def open_books(arguments: argparse.Namespace, *, writes: bool = False) -> Iterator[AddressBooks]:
    """The books of the data directory that the options mean; raises FileFault."""
    books = AddressBooks(data_dir_of(arguments, writes=writes) / FILE_NAME, time.time)
    try:
        yield books
    finally:
        books.close()
