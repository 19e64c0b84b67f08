"""Kinds of values that only tunnels have: keys, hashes, services, credentials, port maps."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

import ipaddress
import os
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from core.base.errors import DecodeError
from core.data.encoding import b64decode, b64encode
from core.data.identity import Destination, b32_to_hash, hash_to_b32
from i2ptunnel.blocklist import RIGHT, Entry, parse_entry
from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.faults import Refused, shown
from i2ptunnel.config.kinds import (
    FilePath,
    Kind,
    Place,
    ScalarKind,
    Schema,
    Text,
    check_no_variable,
)
from i2ptunnel.config.network_kinds import (
    DestinationKind,
    DestinationName,
    Endpoint,
    EndpointKind,
    read_port,
)
from i2ptunnel.config.nodes import Mapping, Node, Scalar, kind_name
from i2ptunnel.config.options import Section, option

K = TypeVar("K")
T = TypeVar("T")

KEY_BYTES = 32
_ENTRIES_MAX = 64
_TARGETS_MAX = 16
_ENCRYPTION_TYPES = (7, 6, 4, 0)


class _KeyFile(Text):
    """A file name below the data directory, or an absolute path."""

    def __init__(self) -> None:
        super().__init__("write a file name like site.dat", r"[^/\0][^\0]{0,254}|/[^\0]{1,1023}")

    def convert(self, node: Scalar) -> str:
        check_no_variable(node.text)
        if node.text.startswith("~"):
            raise ValueError("write a file name like site.dat, or the path without ~")
        return os.fsdecode(super().convert(node).encode())


KEY_FILE = _KeyFile()
LISTEN = EndpointKind(is_listener=True)
UDP_LISTEN = EndpointKind(is_listener=True, unix=False)
UDP_TARGET = EndpointKind(is_listener=False, unix=False)
#: of the file beside a key file, for what a destination keeps besides its identity
LASTING_SUFFIX = ".session"
SECRET_WORD = Text("write some text", r"\S(.*\S)?", length_max=255)


class EncryptionTypeKind(ScalarKind[int]):
    """The number of an encryption type that lease sets may have keys of."""

    word = "encryption type"
    right = f"write one of: {', '.join(str(one) for one in _ENCRYPTION_TYPES)}"

    def convert(self, node: Scalar) -> int:
        """One of the numbers."""
        if node.text not in map(str, _ENCRYPTION_TYPES):
            raise ValueError(self.right)
        return int(node.text)

    def schema(self) -> Schema:
        """The numbers."""
        return {"enum": list(_ENCRYPTION_TYPES)}

    def plain(self, value: int) -> Any:
        """An int as it is."""
        return value


class HashKind(ScalarKind[bytes]):
    """The b32 address or base64 form of a destination; its value is the hash."""

    word = "….b32.i2p"
    right = "write a b32 address (52 letters and digits and .b32.i2p) or a base64 destination"

    def convert(self, node: Scalar) -> bytes:
        """The 32-byte hash of a ``.b32.i2p`` address or of a base64 destination."""
        text = node.text
        try:
            label = text.lower().removesuffix(".b32.i2p")
            if len(label) == 52:
                return b32_to_hash(label)
            return Destination.from_base64(text).hash
        except DecodeError:
            raise ValueError(self.right) from None

    def schema(self) -> Schema:
        """52 characters are base32's 32 bytes; a destination is longer."""
        return {"type": "string", "minLength": 52}

    def plain(self, value: bytes) -> Any:
        """As a ``.b32.i2p`` address, whatever it was read from."""
        return hash_to_b32(value)


class KeyKind(ScalarKind[bytes]):
    """32 bytes in I2P's base64."""

    word = "key"
    right = "write a key of 32 bytes in base64 (44 characters)"

    def convert(self, node: Scalar) -> bytes:
        """32 bytes in I2P's base64."""
        try:
            key = b64decode(node.text)
        except DecodeError:
            raise ValueError(self.right) from None
        if len(key) != KEY_BYTES:
            raise ValueError(self.right)
        return key

    def schema(self) -> Schema:
        """The length, with or without padding."""
        return {"type": "string", "minLength": 43, "maxLength": 44}

    def plain(self, value: bytes) -> Any:
        """In I2P's base64."""
        return b64encode(value)


class RouterHashKind(KeyKind):
    """The hash of a router."""

    word = "router hash"
    right = "write the hash of a router in base64 (44 characters)"


class BlockedKind(ScalarKind[Entry]):
    """The hash of a router, or addresses."""

    word = "router hash, address, network or range"
    right = RIGHT

    def convert(self, node: Scalar) -> Entry:
        """One of them."""
        return parse_entry(node.text)

    def schema(self) -> Schema:
        """Characters only."""
        return {"type": "string", "pattern": r"^[0-9A-Za-z~=.:/ -]+$"}

    def plain(self, value: Entry) -> Any:
        """As it may be written."""
        return b64encode(value) if isinstance(value, bytes) else str(value)


class _KeyedMap(Kind[tuple[tuple[K, T], ...]], Generic[K, T]):
    """A mapping whose keys are all of one kind, and its values of another."""

    #: in words, one and several; what one may look like; a mapping as it may be written
    key_word: ClassVar[str]
    keys_word: ClassVar[str]
    key_pattern: ClassVar[str]
    example: ClassVar[str]

    def __init__(self, inner: Kind[T]) -> None:
        self._inner = inner
        self.word = f"{self.key_word} -> {inner.word}"

    @abstractmethod
    def read_key(self, text: str) -> K:
        """A key; raises ValueError that says what would be right."""

    def read(self, node: Node, place: Place) -> tuple[tuple[K, T], ...]:
        if isinstance(node, Scalar) and node.is_null:
            return ()
        if not isinstance(node, Mapping):
            raise Refused(
                node.mark,
                place.path,
                f"{kind_name(node)} where {self.keys_word} belong",
                f"write {self.example}",
            )
        if len(node.entries) > _ENTRIES_MAX:
            raise Refused(
                node.mark, place.path, f"{len(node.entries)} entries", f"at most {_ENTRIES_MAX}"
            )
        values: dict[K, T] = {}
        for key, entry in node.entries.items():
            here = place.at(key)
            try:
                values[self.read_key(key)] = self._inner.read(entry.value, here)
            except ValueError as error:
                wrong = f"{shown(key)} is no {self.key_word}"
                place.faults.add(entry.key_mark, here.path, wrong, str(error))
            except Refused as refused:
                place.faults.record(refused)
        return tuple(values.items())

    def schema(self) -> Schema:
        return {
            "type": ["object", "null"],
            "propertyNames": {"pattern": self.key_pattern},
            "additionalProperties": self._inner.schema(),
        }

    def show(self, value: tuple[tuple[K, T], ...]) -> str:
        entries = (f"{key}: {self._inner.show(item)}" for key, item in value)
        return "{" + ", ".join(entries) + "}"

    def plain(self, value: tuple[tuple[K, T], ...]) -> Any:
        return {str(key): self._inner.plain(item) for key, item in value}


class PortMap(_KeyedMap[int, T]):
    """I2P ports, each with a value of one kind."""

    key_word, keys_word = "port", "ports"
    key_pattern = "^[0-9]{1,5}$"
    example = "{443: …}"

    def read_key(self, text: str) -> int:
        """1 to 65535; port 0 stands for any and has no entry."""
        return read_port(text)


class AddressMap(_KeyedMap[str, T]):
    """IP addresses in their usual form, each with a value of one kind."""

    key_word, keys_word = "address", "addresses"
    key_pattern = "^[0-9A-Fa-f:.]{2,45}$"
    example = "{10.1.2.3: …}"

    def read_key(self, text: str) -> str:
        """In its usual form, so that two spellings of one address are found out."""
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            raise ValueError("write an IP address like 10.1.2.3") from None


class DestinationMap(_KeyedMap[str, T]):
    """Destinations by their b32 address, one at least, each with a value of one kind."""

    key_word, keys_word = "b32 address", "b32 addresses"
    key_pattern = r"^[a-zA-Z2-7]{52}(\.b32\.i2p)?$"
    example = "{….b32.i2p: …}"

    def read(self, node: Node, place: Place) -> tuple[tuple[str, T], ...]:
        """As of every map, but for an empty one."""
        if isinstance(node, Mapping) and not node.entries:
            raise Refused(node.mark, place.path, "is empty", f"write {self.example}")
        return super().read(node, place)

    def read_key(self, text: str) -> str:
        """With its ending, so that two spellings of one address are found out."""
        label = text.lower().removesuffix(".b32.i2p")
        try:
            return hash_to_b32(b32_to_hash(label))
        except DecodeError:
            raise ValueError("write 52 letters and digits and .b32.i2p") from None


Targets = Endpoint | tuple[Endpoint, ...]


class TargetKind(Kind[Targets]):
    """A local service, or several that do the same."""

    def __init__(self) -> None:
        self._one = EndpointKind(is_listener=False)
        self._many = ListOf(self._one, count_max=_TARGETS_MAX)
        self.word = f"{self._one.word}, or a list of them"

    def read(self, node: Node, place: Place) -> Targets:
        """One endpoint, or a list of several services, which may not be empty."""
        if isinstance(node, Scalar):
            return self._one.read(node, place)
        targets = self._many.read(node, place)
        if not targets:
            raise Refused(node.mark, place.path, "an empty list", "write at least one service")
        return targets

    def schema(self) -> Schema:
        """Either form."""
        return {"anyOf": [self._one.schema(), {**self._many.schema(), "minItems": 1}]}

    def show(self, value: Targets) -> str:
        """In the form in which it was written."""
        return str(value) if isinstance(value, Endpoint) else self._many.show(value)

    def plain(self, value: Targets) -> Any:
        """In the form in which it was written."""
        return str(value) if isinstance(value, Endpoint) else self._many.plain(value)


def targets_of(value: Targets | None) -> tuple[Endpoint, ...]:
    """The services as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, Endpoint) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class _CredentialSection:
    """An encrypted destination with what opens it."""

    address: DestinationName = option(DestinationKind(), "the destination")
    secret: str = option(SECRET_WORD, "the secret word of its owner", default="")
    client_key: bytes | None = option(
        Maybe(KeyKind()), "our private key, or the one shared with its owner", default=None
    )
    client_key_file: Path | None = option(
        Maybe(FilePath()), "file whose first line is that key", default=None
    )


class TargetDestinationKind(Kind[DestinationName]):
    """A destination, or a mapping of one and what opens its encrypted lease set."""

    word = "destination[:port] | {address, secret, client_key}"

    def __init__(self) -> None:
        self._plain = DestinationKind()
        self._section = Section(_CredentialSection)

    def read(self, node: Node, place: Place) -> DestinationName:
        """A destination, or a mapping that also has what an encrypted lease set needs."""
        if not isinstance(node, Mapping):
            return self._plain.read(node, place)
        found = self._section.read(node, place)
        if found.client_key is not None and found.client_key_file is not None:
            raise Refused(node.mark, place.path, "client_key is there twice", "keep one of the two")
        return DestinationName(
            found.address.name,
            found.address.port,
            found.secret,
            found.client_key,
            found.client_key_file,
        )

    def schema(self) -> Schema:
        """Either form."""
        return {"anyOf": [self._plain.schema(), self._section.schema()]}

    def plain(self, value: DestinationName) -> Any:
        """The short form if there is nothing to keep secret."""
        if not value.secret and value.client_key is None and value.client_key_file is None:
            return self._plain.plain(value)
        address = DestinationName(value.name, value.port)
        return self._section.plain(
            _CredentialSection(
                address=address,
                secret=value.secret,
                client_key=value.client_key,
                client_key_file=value.client_key_file,
            )
        )
