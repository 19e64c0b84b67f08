"""Which files of i2pd and Java I2P there are below what the user names, each once.

A distribution spreads them: Debian has i2pd's configuration in ``/etc/i2pd`` and its keys in
``/var/lib/i2pd``, with links from one to the other. So all directories given are looked at
together, and a file that two names lead to is read once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from core.api import FileFault
from i2ptunnel.importing.formats import parse_ini, parse_properties, read_text

FILES_MAX = 5000
_TUNNEL_DIRECTORIES = ("tunnels.d", "tunnels.conf.d")
_JAVA_BOOKS = ("privatehosts.txt", "userhosts.txt", "hosts.txt")
BLOCKFILE = "hostsdb.blockfile"


@dataclass(slots=True)
class Found:
    """The files by what they are, and the directories where key files are looked for."""

    i2pd_conf: list[Path] = field(default_factory=list)
    i2pd_tunnels: list[Path] = field(default_factory=list)
    java_router: list[Path] = field(default_factory=list)
    java_tunnels: list[Path] = field(default_factory=list)
    java_clients: list[Path] = field(default_factory=list)
    books: list[Path] = field(default_factory=list)
    blockfiles: list[Path] = field(default_factory=list)
    i2pd_books: list[Path] = field(default_factory=list)
    subscriptions: list[Path] = field(default_factory=list)
    key_files: list[Path] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def add(self, kind: list[Path], path: Path) -> None:
        """Note a file of a kind, unless it is there by another name."""
        real = os.path.realpath(path)
        if _is_file(path) and real not in self._seen and len(self._seen) < FILES_MAX:
            self._seen.add(real)
            kind.append(path)

    def root(self, directory: Path) -> None:
        """A directory that relative names may start at."""
        if directory not in self.roots:
            self.roots.append(directory)

    @property
    def files(self) -> list[Path]:
        """Everything that is read, in the order of reading."""
        return [
            *(*self.i2pd_conf, *self.i2pd_tunnels, *self.java_router, *self.java_clients),
            *(*self.java_tunnels, *self.blockfiles, *self.books, *self.i2pd_books),
            *(*self.subscriptions, *self.key_files),
        ]


def find(paths: list[Path]) -> Found:
    """What is there; raises FileFault if a path is not, or if there is nothing to import."""
    found = Found()
    for path in paths:
        try:
            is_directory = path.is_dir()
            if not is_directory and not path.is_file():
                raise FileFault(path, "there is no such file or directory")
            _look_into(path, found) if is_directory else _look_at(path, found)
        except OSError as error:
            raise FileFault(path, f"cannot be read: {error.strerror or error}") from None
    for path in list(found.i2pd_conf):
        _follow(path, found)
    if not found.files:
        names = "i2pd.conf, tunnels.conf, router.config, i2ptunnel.config or an address book"
        where = ", ".join(map(str, paths))
        raise FileFault(paths[0], f"nothing of i2pd or Java I2P is in {where}: no {names}")
    return found


def _look_into(directory: Path, found: Found) -> None:
    # Everything is looked for at once, so that no file is hidden from the user by a permission.
    sorted(directory.iterdir())
    found.root(directory)
    found.add(found.i2pd_conf, directory / "i2pd.conf")
    found.add(found.i2pd_tunnels, directory / "tunnels.conf")
    for name in _TUNNEL_DIRECTORIES:
        _add_all(found, found.i2pd_tunnels, directory / name, "*.conf")
    found.add(found.java_router, directory / "router.config")
    found.add(found.java_clients, directory / "clients.config")
    _add_all(found, found.java_clients, directory / "clients.config.d", "*.config")
    split = directory / "i2ptunnel.config.d"
    _add_all(found, found.java_tunnels, split, "*.config")
    _add_all(found, found.java_tunnels, split, "*/*.config")
    if not found.java_tunnels:
        # Java splits this file at its first start and does not look at it again.
        found.add(found.java_tunnels, directory / "i2ptunnel.config")
    for place in (directory, directory / "addressbook"):
        found.add(found.blockfiles, place / BLOCKFILE)
        for name in _JAVA_BOOKS:
            found.add(found.books, place / name)
        found.add(found.i2pd_books, place / "addresses.csv")
        found.add(found.i2pd_books, place / "local.csv")
        found.add(found.subscriptions, place / "subscriptions.txt")
    _add_all(found, found.i2pd_tunnels if _are_tunnels(directory) else [], directory, "*.conf")
    _add_all(found, found.java_tunnels if _are_split(directory) else [], directory, "*.config")


def _are_tunnels(directory: Path) -> bool:
    """Whether this is i2pd's directory of tunnels itself."""
    return directory.name in _TUNNEL_DIRECTORIES


def _are_split(directory: Path) -> bool:
    return directory.name == "i2ptunnel.config.d"


def _add_all(found: Found, kind: list[Path], directory: Path, pattern: str) -> None:
    if directory.is_dir():
        for path in sorted(directory.glob(pattern)):
            found.add(kind, path)


def _look_at(path: Path, found: Found) -> None:
    """A file that was named itself, by its name or by what is in it."""
    found.root(path.parent)
    name = path.name
    if name == BLOCKFILE or name.endswith(".blockfile"):
        found.add(found.blockfiles, path)
    elif name.endswith(".csv"):
        found.add(found.i2pd_books, path)
    elif name == "subscriptions.txt":
        found.add(found.subscriptions, path)
    elif name.endswith(".txt"):
        found.add(found.books, path)
    elif name.endswith(".dat"):
        found.add(found.key_files, path)
    elif name.endswith(".config"):
        properties = parse_properties(read_text(path))
        if any(key.startswith("clientApp.") for key in properties):
            found.add(found.java_clients, path)
        elif "type" in properties or any(key.startswith("tunnel.") for key in properties):
            found.add(found.java_tunnels, path)
        else:
            found.add(found.java_router, path)
    elif name == "i2pd.conf":
        found.add(found.i2pd_conf, path)
    else:
        ini = parse_ini(read_text(path))
        sections = ini.sections
        if len(ini.faults) >= sum(map(len, sections.values())):
            # A line with = is in any text; what came out would be a configuration of defaults.
            raise FileFault(path, "is no configuration of i2pd or Java I2P")
        is_tunnels = any("type" in options for name, options in sections.items() if name)
        found.add(found.i2pd_tunnels if is_tunnels else found.i2pd_conf, path)


def _follow(path: Path, found: Found) -> None:
    """Where an ``i2pd.conf`` says its other files are."""
    said = parse_ini(read_text(path), has_trailing_comments=True).sections[""]
    directory = Path(said["datadir"]) if said.get("datadir", "").startswith("/") else path.parent
    if directory.is_dir():
        found.root(directory)
        for name in ("addresses.csv", "local.csv"):
            found.add(found.i2pd_books, directory / "addressbook" / name)
    if said.get("tunconf"):
        found.add(found.i2pd_tunnels, directory / said["tunconf"])
    if said.get("tunnelsdir"):
        _add_all(found, found.i2pd_tunnels, directory / said["tunnelsdir"], "*.conf")


def find_file(name: str, roots: list[Path]) -> Path | None:
    """The file that a configuration names, or None: relative names start at one of ``roots``."""
    path = Path(name)
    candidates = [root / path for root in roots]
    if path.is_absolute():
        # A copy of the machine's files: the end of the path is below a directory given.
        candidates = [path, *(root / path.name for root in roots)]
    return next((one for one in candidates if _is_file(one)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is none
        return False
