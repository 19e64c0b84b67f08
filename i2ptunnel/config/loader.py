"""Reads configuration files and profiles into a :class:`Configuration`, or says all that is wrong.

Several sources (profiles, then a file) are laid on top of each other before they are read
(:mod:`i2ptunnel.config.layers`). Each value keeps the place it came from.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from i2ptunnel.config.checks import check_configuration
from i2ptunnel.config.faults import ConfigError, Fault, Faults, Refused, Source
from i2ptunnel.config.file_checks import check_files, check_own_files
from i2ptunnel.config.kinds import Place
from i2ptunnel.config.layers import Layers
from i2ptunnel.config.layers import read_source as read_source
from i2ptunnel.config.model import CONFIGURATION, Configuration, default_data_dir
from i2ptunnel.config.nodes import Mapping, Node, Scalar
from i2ptunnel.config.router_checks import check_router


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, where its values stand, and the data directory it uses."""

    configuration: Configuration
    root: Mapping
    data_dir: Path
    files: tuple[Path, ...] = ()
    """The user's own files it was read from: the one that was named, then what it extends."""
    warnings: tuple[Fault, ...] = ()
    """What is of no use, and keeps nothing from running."""
    is_default_dir: bool = False
    """Whether neither the file nor the command says which data directory it is."""
    origins: tuple[str, ...] = ()
    """The paths of what the command named, profiles included."""


def _check_purpose(root: Mapping, faults: Faults) -> None:
    """A file that says nothing is a mistake; a router without tunnels says ``router: {}``."""
    torrents = root.entries.get("torrents")
    if torrents is not None and isinstance(torrents.value, Mapping):
        return
    if "router" in root.entries or not all(_is_empty(e.value) for e in root.entries.values()):
        return
    wrong = "there are no tunnels" if root.entries else "the file is empty"
    faults.add(root.mark, "", wrong, "add tunnels:, or router: {} for a router without tunnels")


def _is_empty(node: Node) -> bool:
    if isinstance(node, Mapping):
        return not node.entries
    return node.is_null if isinstance(node, Scalar) else not node.items


def load(
    sources: Sequence[tuple[bytes, Source]],
    data_dir: Path | None = None,
    files: bool = False,
    beside: Sequence[tuple[bytes, Source]] = (),
) -> Loaded:
    """Read and check; raises :class:`ConfigError` with every fault.

    ``sources`` are laid on top of each other, the first one on what stands side by side in
    ``beside``. ``data_dir`` overrides the one in the file; ``files`` also checks what is on disk.
    """
    faults = Faults()
    layers = Layers(faults)
    root = layers.read(beside, sources)
    if not faults:
        _check_purpose(root, faults)
    try:
        configuration = CONFIGURATION.read(root, Place("", faults))
    except Refused as refused:
        faults.record(refused)
        raise ConfigError(faults.in_order()) from None
    directory = data_dir or configuration.router.data_dir or default_data_dir(dict(os.environ))
    check_router(configuration.router, root, faults)
    check_configuration(configuration, root, directory, faults)
    files_read = tuple(dict.fromkeys(layers.files))
    check_own_files(configuration, root, directory, files_read, faults)
    if files:
        check_files(configuration, root, directory, faults)
    faults.raise_if_any()
    router = replace(configuration.router, data_dir=directory)
    is_default = data_dir is None and configuration.router.data_dir is None
    return Loaded(
        replace(configuration, router=router),
        root,
        directory,
        files_read,
        tuple(faults.warnings),
        is_default,
        tuple(os.path.realpath(source.name) for _, source in (*beside, *sources)),
    )


def load_text(text: str, name: str = "i2ptunnel.yaml", base: Path | None = None) -> Loaded:
    """Read a configuration from memory."""
    return load([(text.encode(), Source(name, base or Path.cwd()))])
