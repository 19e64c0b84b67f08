"""An import from beginning to end: read everything, then write everything, or nothing.

All that is written goes into one directory: ``i2ptunnel.yaml``, which names the directory itself
as ``router.data_dir``, the key files, and ``addresses.sqlite`` with the names.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.api import FileFault, create_key_file, keep_key_sum, make_directory, read_limited
from core.base.errors import DecodeError
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.checks import is_reserved
from i2ptunnel.directories import Directory, room_beside
from i2ptunnel.importing import i2pd_router, i2pd_tunnels, java_router, java_tunnels
from i2ptunnel.importing.books import BookText, read_books, read_subscriptions
from i2ptunnel.importing.draft import Draft, Note, Options, TunnelDraft, slug
from i2ptunnel.importing.formats import parse_ini, parse_properties, read_text
from i2ptunnel.importing.places import Found, find, find_file
from i2ptunnel.importing.yaml_text import write_text
from i2ptunnel.keyfiles import KEY_FILE_BYTES_MAX
from i2ptunnel.naming.books import FILE_NAME, AddressBooks
from i2ptunnel.printable import counted
from i2ptunnel.rights import rights_for

YAML_NAME = "i2ptunnel.yaml"
_FILTER_BYTES_MAX = 1024 * 1024
#: what both routers keep their own identity in
_ROUTER_KEYS = ("router.keys", "router.keys.dat", "router.info")
Progress = Callable[[str], None]


@dataclass(slots=True)
class Conversion:
    """What an import makes. ``keys`` and ``files``: name in the directory -> content.

    ``missing``: (tunnel, key file) of keys that were not found.
    """

    text: str
    tunnels: list[TunnelDraft]
    notes: list[Note]
    read: list[Path]
    keys: dict[str, tuple[bytes, PrivateKeys]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    books: list[BookText] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The files that :meth:`write` makes, the configuration first."""
        books = [FILE_NAME] if self.books else []
        return [YAML_NAME, *sorted(self.keys), *sorted(self.files), *books]

    def write(self, directory: Path, progress: Progress) -> dict[str, int]:
        """Write everything; names that were added, by book. Raises FileFault.

        Nothing is overwritten: if one of the files is there, nothing at all is written.
        """
        for name in self.names:
            if (directory / name).exists() or (directory / name).is_symlink():
                raise FileFault(directory / name, "is there already; choose another --out")
        beside = room_beside(directory)
        with (
            tempfile.TemporaryDirectory(dir=beside, prefix=".import-") as made,
            Directory.open(directory, make=True) as out,
        ):
            counts = self._make(Path(made), progress)
            found = [path for path in Path(made).rglob("*") if path.is_file()]
            # The configuration comes last: it is there if everything is.
            for path in sorted(found, key=lambda path: path.name == YAML_NAME):
                parts = path.relative_to(made).parts
                with out.inside(parts[:-1], make=True) as place, path.open("rb") as content:
                    place.write(parts[-1], content, replace=False)
        return counts

    def _make(self, directory: Path, progress: Progress) -> dict[str, int]:
        for name, (data, keys) in self.keys.items():
            progress(f"keys: {name}")
            path = directory / name
            make_directory(path.parent)
            create_key_file(path, data)
            keep_key_sum(path, data, keys)
        for name, data in self.files.items():
            make_directory((directory / name).parent)
            create_key_file(directory / name, data)
        create_key_file(directory / YAML_NAME, self.text.encode())
        return self._write_books(directory, progress)

    def _write_books(self, directory: Path, progress: Progress) -> dict[str, int]:
        counts: dict[str, int] = {}
        if not self.books:
            return counts
        books = AddressBooks(directory / FILE_NAME, time.time)
        try:
            for one in self.books:
                progress(f"names: {one.source}")
                done = books.import_text(one.book, one.text)
                counts[one.book.word] = counts.get(one.book.word, 0) + done.added
                if done.faults or done.conflicts:
                    left = f"{counted(done.faults, 'line')} wrong, {done.conflicts} known otherwise"
                    first = f" ({done.first_faults[0]})" if done.first_faults else ""
                    self.notes.append(Note(one.source, "", "names", f"{left}{first}"))
        finally:
            books.close()
        return counts


def convert(paths: list[Path], directory: Path, progress: Progress = lambda _: None) -> Conversion:
    """Read all of it. ``directory``: where it will be written. Raises FileFault.

    Root reads no more than the owner of the files may: they can name any file, and be links.
    """
    found = find(paths)
    with rights_for(*found.roots, *found.files):
        return _convert(found, directory, progress)


def _convert(found: Found, directory: Path, progress: Progress) -> Conversion:
    draft = Draft()
    tunnels = [*_read_i2pd(found, draft, progress), *_read_java(found, draft, progress)]
    urls = read_subscriptions(found, draft.notes)
    if urls:
        draft.set("naming.subscriptions", urls, "subscriptions.txt")
    made = Conversion("", tunnels, draft.notes, found.files)
    made.files |= draft.files
    _find_keys(made, found, progress)
    _find_filters(made, found)
    _note_identity(made, found)
    draft.values = {"router": {"data_dir": "."} | draft.values.pop("router", {})} | draft.values
    sources = "\n".join(f"  {path}" for path in found.files)
    title = f"Made by `i2ptunnel import` on {time.strftime('%Y-%m-%d', time.gmtime())} from\n"
    made.text = write_text(title + sources, draft, tunnels, directory.absolute())
    made.books = read_books(found, draft.notes)
    made.notes = [*draft.notes, *(note for tunnel in tunnels for note in tunnel.notes)]
    return made


def _read_i2pd(found: Found, draft: Draft, progress: Progress) -> list[TunnelDraft]:
    tunnels: list[TunnelDraft] = []
    for path in found.i2pd_conf:
        progress(str(path))
        draft.source = str(path)
        ini = parse_ini(read_text(path), has_trailing_comments=True)
        values = {
            (f"{section}.{key}" if section else key): value
            for section, options in ini.sections.items()
            for key, value in options.items()
        }
        options = Options(str(path), "", values)
        for made in i2pd_router.read_router(options, draft):
            made.name = slug(made.name, [one.name for one in tunnels])
            tunnels.append(made)
        draft.notes += options.notes + _line_notes(path, ini.faults)
    for path in found.i2pd_tunnels:
        progress(str(path))
        ini = parse_ini(read_text(path))
        made_here: list[TunnelDraft] = []
        for section, values in ini.sections.items():
            if not section:
                continue
            taken = [one.name for one in (*tunnels, *made_here)]
            options = Options(str(path), section, values)
            tunnel = i2pd_tunnels.read_tunnel(options, taken)
            if tunnel is None:
                draft.notes += options.notes
            else:
                made_here.append(tunnel)
        draft.notes += _line_notes(path, ini.faults)
        tunnels += made_here
    return i2pd_tunnels.merge_servers(tunnels)


def _read_java(found: Found, draft: Draft, progress: Progress) -> list[TunnelDraft]:
    for path in found.java_router:
        progress(str(path))
        draft.source = str(path)
        options = Options(str(path), "", parse_properties(read_text(path)))
        java_router.read_router(options, draft)
        draft.notes += options.notes
    for path in found.java_clients:
        for values in java_router.split_clients(parse_properties(read_text(path))):
            options = Options(str(path), "", values)
            java_router.read_client(options, draft)
            draft.notes += options.notes
    tunnels: list[TunnelDraft] = []
    number = 0
    for path in found.java_tunnels:
        progress(str(path))
        for section, values in java_tunnels.split_tunnels(parse_properties(read_text(path))):
            options = Options(str(path), section, values)
            place = section.removeprefix("tunnel.") or path.name.partition("-")[0]
            index = int(place) if place.isdecimal() else number
            tunnel = java_tunnels.read_tunnel(options, index, [one.name for one in tunnels])
            number += 1
            if tunnel is None:
                draft.notes += options.notes
            else:
                tunnels.append(tunnel)
    return i2pd_tunnels.merge_servers(tunnels)


def _line_notes(path: Path, faults: list[str]) -> list[Note]:
    return [
        Note(str(path), "", line, text.strip())
        for line, _, text in (fault.partition(":") for fault in faults)
    ]


# Keys


def _find_keys(made: Conversion, found: Found, progress: Progress) -> None:
    names: dict[str, str] = {}
    for tunnel in made.tunnels:
        if tunnel.keys is None:
            continue
        progress(f"keys: {tunnel.keys}")
        name = names.get(tunnel.keys) or _own_name(tunnel.keys, {*made.keys, *names.values()})
        names[tunnel.keys] = name
        tunnel.set("keys", name, "" if name == tunnel.keys else f"keys = {tunnel.keys}")
        if name not in made.keys:
            _read_key(made, found, tunnel, name)
        if name in made.keys:
            tunnel.address = made.keys[name][1].destination.b32
    for path in found.key_files:
        name = _own_name(path.name, set(made.keys))
        if path.name not in _ROUTER_KEYS:
            _take_key(made, path, name)


def _own_name(name: str, taken: set[str]) -> str:
    """Where a key file is kept: by its own name, below the directory."""
    path = Path(name)
    inner = Path(path.name) if path.is_absolute() or ".." in path.parts else path
    if is_reserved(str(inner)) or inner.name.endswith((".sum", ".session")):
        inner = Path(f"tunnel-{inner.name}.dat")
    made, number = inner, 1
    while str(made) in taken:
        number += 1
        made = inner.with_name(f"{inner.stem}-{number}{inner.suffix}")
    return str(made)


def _read_key(made: Conversion, found: Found, tunnel: TunnelDraft, name: str) -> None:
    assert tunnel.keys is not None
    path = find_file(tunnel.keys, found.roots)
    if path is not None:
        if not _take_key(made, path, name) and tunnel.is_server:
            tunnel.turn_off(f"its key file {path} cannot be used")
        return
    made.missing.append((tunnel.name, tunnel.keys))
    tunnel.note(f"keys = {tunnel.keys}", f"the file is missing; copy it here as {name}")
    if tunnel.is_server:
        tunnel.turn_off(f"its keys are missing, and without {name} it gets a new address")


def _take_key(made: Conversion, path: Path, name: str) -> bool:
    """Take a key file if it is one; else say so."""
    try:
        data = read_limited(path, KEY_FILE_BYTES_MAX)
        keys = PrivateKeys.parse(data)
    except (DecodeError, FileFault) as error:
        why = error.problem if isinstance(error, FileFault) else str(error)
        made.notes.append(Note(str(path), "", "keys", f"no usable key file: {why}"))
        return False
    made.keys[name] = (data, keys)
    return True


def _find_filters(made: Conversion, found: Found) -> None:
    """Access filters of Java I2P are files of their own."""
    for tunnel in made.tunnels:
        wanted = tunnel.get("access.filter")
        if not wanted:
            continue
        try:
            path = find_file(wanted, found.roots)
            if path is None:
                raise FileFault(Path(wanted), "the file is missing")
            name = f"{tunnel.name}.filter"
            made.files[name] = read_limited(path, _FILTER_BYTES_MAX)
            tunnel.values["access"]["filter"] = name
        except FileFault as fault:
            del tunnel.values["access"]
            tunnel.note(f"filterDefinition = {wanted}", fault.problem)
            tunnel.turn_off("its access filter is missing")


def _note_identity(made: Conversion, found: Found) -> None:
    for root in found.roots:
        for name in _ROUTER_KEYS[:2]:
            if (root / name).is_file():
                why = "the router gets an identity of its own; no address of a tunnel depends on it"
                made.notes.append(Note(str(root / name), "", "keys of the router", why))
