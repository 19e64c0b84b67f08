"""What commands read: configurations and address books of other routers, and backups."""

from __future__ import annotations

import io
import tarfile
import zlib
from pathlib import Path

from core.base.errors import DecodeError
from core.data.mapping import write_mapping
from i2ptunnel.backup.archive import MANIFEST, Manifest, read_members
from i2ptunnel.importing import i2pd_tunnels, java_tunnels
from i2ptunnel.importing.blockfile import Blockfile
from i2ptunnel.importing.draft import Options
from i2ptunnel.importing.formats import parse_ini, parse_properties
from i2ptunnel.reaching import WhyFault, read_place
from tests.fuzz.core_targets import ALICE
from tests.fuzz.runner import Target
from tests.i2ptunnel.importing.test_blockfile import make

_DATA = Path(__file__).parents[1] / "i2ptunnel" / "importing" / "data"


def _i2pd(raw: bytes) -> None:
    made = []
    for name, values in parse_ini(raw.decode("utf-8", "replace")).sections.items():
        draft = i2pd_tunnels.read_tunnel(Options("x", name, values), [])
        if draft is not None:
            made.append(draft)
    i2pd_tunnels.merge_servers(made)


def _java(raw: bytes) -> None:
    properties = parse_properties(raw.decode("utf-8", "replace"))
    for number, (name, values) in enumerate(java_tunnels.split_tunnels(properties)):
        java_tunnels.read_tunnel(Options("x", name, values), number, [])


def _blockfile(raw: bytes) -> None:
    list(Blockfile(raw).entries())


def _members(raw: bytes) -> None:
    for _, pieces in read_members([raw]):
        for piece in pieces:
            assert len(piece) <= 65536


def _place(raw: bytes) -> None:
    place = read_place(raw.decode("utf-8", "replace"))
    # What is sent from it is one line of printable ASCII.
    assert place.path is None or (place.path.isascii() and " " not in place.path)
    assert place.path is None or place.path.isprintable()


def _archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in ((MANIFEST, b"{}"), ("data/site.dat", b"x" * 700)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return zlib.compress(file.getvalue(), 6, 31)


_ENTRY = b"\1" + write_mapping({"s": "x"}) + ALICE.destination.raw

TARGETS: tuple[Target, ...] = (
    Target(
        "import i2pd",
        _i2pd,
        tuple(path.read_bytes() for path in sorted(_DATA.glob("i2pd/**/*.conf"))),
        (),
    ),
    Target("import java", _java, ((_DATA / "java/i2ptunnel.config").read_bytes(),), ()),
    Target("import blockfile", _blockfile, (make({"hosts.txt": [("a.i2p", _ENTRY)]}),)),
    Target("backup inside", _members, (_archive(),)),
    Target(
        "backup list",
        Manifest.parse,
        (Manifest("0.1.0", 1, "/var/lib/i2ptunnel").write(),),
        (DecodeError,),
    ),
    Target(
        "why",
        _place,
        (b"http://site.i2p/a?b", b"irc://irc.i2p", b"site.i2p:22", ALICE.destination.b64.encode()),
        (WhyFault,),
    ),
)
