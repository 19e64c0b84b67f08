"""The address books that the options of a command mean."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from i2ptunnel.cli.sources import load_sources
from i2ptunnel.naming.books import FILE_NAME, AddressBooks


def data_dir_of(arguments: argparse.Namespace) -> Path:
    """The data directory that the options mean."""
    if arguments.data_dir is not None and arguments.config is None:
        return Path(arguments.data_dir)
    return load_sources(arguments).data_dir


@contextmanager
def open_books(arguments: argparse.Namespace) -> Iterator[AddressBooks]:
    """The books of the data directory that the options mean; raises FileFault."""
    books = AddressBooks(data_dir_of(arguments) / FILE_NAME, time.time)
    try:
        yield books
    finally:
        books.close()
