"""``keys``: destination key files, in the format that Java I2P and i2pd read and write."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from core.api import FileFault, SystemEntropy, create_key_file, read_limited, write_atomic
from core.base.calendar import DAY_S, day_number
from core.base.errors import DecodeError, LocalError
from core.data.daily_keys import check_daily_keys, make_daily_keys, write_daily_keys
from core.data.encoding import b64encode
from core.data.lease_set_layers import client_public_key
from core.data.private_keys import PrivateKeys
from i2ptunnel.cli.exits import CommandFault, Exit, complain
from i2ptunnel.cli.output import add_json, tell
from i2ptunnel.cli.sources import path_argument
from i2ptunnel.keyfiles import (
    KEEP_IT,
    KEY_FILE_BYTES_MAX,
    daily_path,
    generate_keys,
    read_daily_keys,
    read_keys,
    replace_keys,
    write_new_keys,
)
from i2ptunnel.printable import moment_text
from i2ptunnel.relay.client_keys import KEY_BYTES, read_client_key
from i2ptunnel.text_files import decode_text

SIGNING_TYPES = {"ed25519": 7, "ecdsa-p256": 1, "ecdsa-p384": 2, "ecdsa-p521": 3, "reddsa": 11}
DAYS_MAX = 3660
SECRET_FILE_BYTES_MAX = 4096


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel keys``; all actions work on files, without a running program."""
    parser.description = __doc__
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    generate = actions.add_parser("generate", help="make a new key file")
    generate.add_argument("file", type=path_argument)
    generate.add_argument("--signing-type", choices=sorted(SIGNING_TYPES), default="ed25519")
    generate.set_defaults(run=_generate)
    show = actions.add_parser("show", help="the address of a key file")
    show.add_argument("file", type=path_argument)
    show.add_argument("--destination", action="store_true", help="the whole destination, base64")
    show.set_defaults(run=_show)
    imported = actions.add_parser("import", help="make a key file from another program's")
    imported.add_argument(
        "source", type=path_argument, help="a .dat file, or private keys in base64"
    )
    imported.add_argument("file", type=path_argument)
    imported.set_defaults(run=_import)
    export = actions.add_parser("export", help="private keys in base64, as SAM programs hold them")
    export.add_argument("file", type=path_argument)
    export.set_defaults(run=_export)
    transient = actions.add_parser(
        "transient", help="a key file that ends, for a server that must not have the real one"
    )
    transient.add_argument("master", type=path_argument, help="the key file that stays offline")
    transient.add_argument(
        "file", type=path_argument, help="replaced if it is an older one of the same"
    )
    transient.add_argument("--days", type=_days, default=90, help="how long it is good (90)")
    transient.add_argument(
        "--encrypted",
        action="store_true",
        help="for an encrypted lease set: also makes FILE with the ending .days, which it needs",
    )
    transient.add_argument(
        "--secret-file",
        type=path_argument,
        help="with --encrypted: file whose first line is the lease set's secret",
    )
    transient.set_defaults(run=_transient)
    client = actions.add_parser(
        "client", help="a client key for an encrypted destination; prints its public key"
    )
    client.add_argument(
        "file", type=path_argument, help="for client_key_file; made unless it is there"
    )
    client.set_defaults(run=_client)
    add_json(generate, show, imported, export, transient, client)


def _days(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= DAYS_MAX:
        raise argparse.ArgumentTypeError(f"write a number of days from 1 to {DAYS_MAX}")
    return int(text)


def _read(path: Path) -> PrivateKeys:
    keys = read_keys(path)
    if keys is None:
        raise CommandFault(f"{path}: there is no such file")
    return keys


def _print_address(arguments: argparse.Namespace, keys: PrivateKeys, **more: str) -> None:
    """The address of keys, and how they sign; ``more``: what else was made."""
    names = {number: name for name, number in SIGNING_TYPES.items()}
    signing_type = names.get(keys.destination.signing_type, str(keys.destination.signing_type))
    report: dict[str, object] = {"address": keys.destination.b32, "signing_type": signing_type}
    lines = [f"address       {keys.destination.b32}", f"signing type  {signing_type}"]
    if keys.offline is not None:
        report["expires"] = keys.offline.expires_s
        lines.append(f"offline key   valid until {moment_text(keys.offline.expires_s)}")
    lines += [f"{name.replace('_', ' '):12}  {value}" for name, value in more.items()]
    tell(arguments, report | more, *lines)


def _generate(arguments: argparse.Namespace) -> int:
    keys = generate_keys(SIGNING_TYPES[arguments.signing_type])
    write_new_keys(arguments.file, keys)
    _print_address(arguments, keys)
    complain(f"{arguments.file}: {KEEP_IT}")
    return Exit.OK


def _show(arguments: argparse.Namespace) -> int:
    keys = _read(arguments.file)
    if arguments.destination:
        tell(arguments, {"destination": keys.destination.b64}, keys.destination.b64)
    else:
        _print_address(arguments, keys)
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
    _print_address(arguments, keys)
    return Exit.OK


def _transient(arguments: argparse.Namespace) -> int:
    master, expires_s = _read(arguments.master), int(time.time()) + arguments.days * DAY_S
    if master.offline is not None:
        raise CommandFault(f"{arguments.master}: is a transient key itself")
    if arguments.secret_file is not None and not arguments.encrypted:
        raise CommandFault("--secret-file: only an encrypted lease set has a secret")
    keys = master.authorise_transient(SystemEntropy(), expires_s)
    old = read_keys(arguments.file)
    if old is not None and (old.offline is None or old.hash != master.hash):
        raise CommandFault(f"{arguments.file}: is there already, and no transient key of this one")
    more = {"daily_keys": str(_make_daily(arguments, master))} if arguments.encrypted else {}
    if old is None:
        write_new_keys(arguments.file, keys)
    else:
        replace_keys(arguments.file, keys)
    _print_address(arguments, keys, **more)
    return Exit.OK


def _make_daily(arguments: argparse.Namespace, master: PrivateKeys) -> Path:
    """The file of daily keys, from yesterday on: the clocks of two machines differ."""
    path = daily_path(arguments.file)
    secret = ""
    if arguments.secret_file is not None:
        secret = _first_line(arguments.secret_file)
    yesterday = day_number(time.time()) - 1
    try:
        daily = make_daily_keys(master, secret, SystemEntropy(), yesterday, arguments.days + 2)
    except LocalError as error:
        raise CommandFault(f"{arguments.master}: {error}; make one of type reddsa") from None
    old = read_daily_keys(path)
    if old:
        try:
            check_daily_keys(old, master.destination, secret)
        except DecodeError:
            raise CommandFault(
                f"{path}: is there already, for another key or secret; move it away"
            ) from None
    write_atomic(path, write_daily_keys(daily))
    return path


def _first_line(path: Path) -> str:
    try:
        text = decode_text(read_limited(path, SECRET_FILE_BYTES_MAX))
    except DecodeError as error:
        raise CommandFault(f"{path}: {error}") from None
    line = text.partition("\n")[0].strip()
    if not line:
        raise CommandFault(f"{path}: the first line is empty")
    return line


def _client(arguments: argparse.Namespace) -> int:
    path: Path = arguments.file
    key = read_client_key(path) if path.exists() else None
    if key is None:
        key = SystemEntropy().random_bytes(KEY_BYTES)
        create_key_file(path, f"{b64encode(key)}\n".encode())
    public = b64encode(client_public_key(key))
    tell(arguments, {"public_key": public}, f"public key    {public}")
    return Exit.OK


def _export(arguments: argparse.Namespace) -> int:
    keys = _read(arguments.file)
    if sys.stdout.isatty():
        print("Whoever has this line has your address:", file=sys.stderr)
    text = keys.to_base64()
    tell(arguments, {"private_keys": text, "address": keys.destination.b32}, text)
    return Exit.OK
