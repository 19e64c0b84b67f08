"""``keys``: destination key files, in the format that Java I2P and i2pd read and write."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.api import FileFault, read_limited
from core.base.errors import DecodeError
from core.data.private_keys import PrivateKeys
from i2ptunnel.cli.exits import CommandFault, Exit
from i2ptunnel.keyfiles import KEY_FILE_BYTES_MAX, generate_keys, read_keys, write_new_keys

SIGNING_TYPES = {"ed25519": 7, "ecdsa-p256": 1, "ecdsa-p384": 2, "ecdsa-p521": 3, "reddsa": 11}


def add_keys(parser: argparse.ArgumentParser) -> None:
    parser.description = __doc__
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    generate = actions.add_parser("generate", help="make a new key file")
    generate.add_argument("file", type=Path)
    generate.add_argument("--signing-type", choices=sorted(SIGNING_TYPES), default="ed25519")
    generate.set_defaults(run=_generate)
    show = actions.add_parser("show", help="the address of a key file")
    show.add_argument("file", type=Path)
    show.add_argument("--destination", action="store_true", help="the whole destination, base64")
    show.set_defaults(run=_show)
    imported = actions.add_parser("import", help="make a key file from another program's")
    imported.add_argument("source", type=Path, help="a .dat file, or private keys in base64")
    imported.add_argument("file", type=Path)
    imported.set_defaults(run=_import)
    export = actions.add_parser("export", help="private keys in base64, as SAM programs hold them")
    export.add_argument("file", type=Path)
    export.set_defaults(run=_export)


def _read(path: Path) -> PrivateKeys:
    keys = read_keys(path)
    if keys is None:
        raise CommandFault(f"{path}: there is no such file")
    return keys


def _print_address(keys: PrivateKeys) -> None:
    names = {number: name for name, number in SIGNING_TYPES.items()}
    signing_type = keys.destination.signing_type
    print(f"address       {keys.destination.b32}")
    print(f"signing type  {names.get(signing_type, signing_type)}")
    if keys.offline is not None:
        print(f"offline key   valid until {keys.offline.expires_s} (Unix time)")


def _generate(arguments: argparse.Namespace) -> int:
    keys = generate_keys(SIGNING_TYPES[arguments.signing_type])
    write_new_keys(arguments.file, keys)
    _print_address(keys)
    return Exit.OK


def _show(arguments: argparse.Namespace) -> int:
    keys = _read(arguments.file)
    if arguments.destination:
        print(keys.destination.b64)
    else:
        _print_address(keys)
    return Exit.OK


def _import(arguments: argparse.Namespace) -> int:
    data = read_limited(arguments.source, KEY_FILE_BYTES_MAX)
    try:
        keys = PrivateKeys.parse(data)
    except DecodeError:
        try:
            keys = PrivateKeys.from_base64("".join(data.decode("ascii").split()))
        except (DecodeError, UnicodeDecodeError):
            raise FileFault(arguments.source, "holds no private keys") from None
    write_new_keys(arguments.file, keys)
    _print_address(keys)
    return Exit.OK


def _export(arguments: argparse.Namespace) -> int:
    keys = _read(arguments.file)
    if sys.stdout.isatty():
        print("Whoever has this line has your address:", file=sys.stderr)
    print(keys.to_base64())
    return Exit.OK
