"""The native twins against the pure code: same results, same errors, same state afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import core.api  # noqa: F401 - marks everything that has a twin
from core.base import native
from core.base.errors import DecodeError, I2PError, LocalError, PeerError
from core.crypto import aead, chacha20, hkdf
from core.i2np.message import make_standard
from core.transport.ntcp2 import blocks, frames
from core.transport.ntcp2.keys import DirectionKeys
from core.transport.ssu2 import header, packets
from core.transport.ssu2.framing import write_block
from core.transport.ssu2.keys import SessionKeys
from core.tunnel import endpoint, fragments, gateway, hop_cipher, sorter
from tests.support.deterministic import SeededEntropy

pytestmark = pytest.mark.native

SEEDS = range(12)
HASH = bytes(range(32))


def twins(name: str, chosen: Any) -> tuple[Any, Any]:
    """(pure, native); ``chosen`` is what the module offers under that name."""
    pure = native.pure_twins[name]
    assert chosen is not pure, f"{name} is not native"
    return pure, chosen


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the kind of its error."""
    try:
        return call()
    except I2PError as error:
        return type(error), getattr(error, "reason", None)


def random_sizes(rand: random.Random, *usual: int) -> Iterator[int]:
    while True:
        yield rand.choice(usual) if rand.random() < 0.5 else rand.randrange(4000)


def test_the_extra_is_in_use_and_complete() -> None:
    assert native.has_twins
    assert native.is_compiled
    assert fragments.__file__.endswith(".so")
    extra = __import__("i2ptunnel_native")
    assert set(extra.__all__) == set(native.pure_twins)


@pytest.mark.parametrize("seed", SEEDS)
def test_hop_encryptor(seed: int) -> None:
    rand = random.Random(seed)
    kinds = twins("HopEncryptor", hop_cipher.HopEncryptor)
    pure, fast = (kind(random.Random(seed).randbytes(32), bytes(32)) for kind in kinds)
    for _ in range(6):
        count = rand.choice((0, 1, 2, 5, 16, 35))
        ids, tail = rand.randbytes(4 * count), rand.randbytes(8)
        layers = [rand.randbytes(1024) for _ in range(count)]
        shorts = [rand.randbytes(1037) for _ in range(count)]
        assert pure.encrypt(layers) == fast.encrypt(layers)
        assert pure.encrypt_at(shorts, 13) == fast.encrypt_at(shorts, 13)
        results: list[list[bytes]] = [[], []]
        for kind, out in zip((pure, fast), results, strict=True):
            kind.emit(layers, ids, tail, out)
            kind.relay(shorts, ids, tail[4:], out)
        assert results[0] == results[1]
        for wrong in (b"", bytes(1023), bytes(1025)):
            for kind in (pure, fast):
                with pytest.raises(LocalError):
                    kind.encrypt([layers[0] if layers else bytes(1024), wrong])


@pytest.mark.parametrize("hops", [0, 1, 2, 3, 7])
def test_layer_decryptor(hops: int) -> None:
    rand = random.Random(hops)
    keys = [(rand.randbytes(32), rand.randbytes(32)) for _ in range(hops)]
    pure, fast = (kind(keys) for kind in twins("LayerDecryptor", hop_cipher.LayerDecryptor))
    for count in (0, 1, 5, 16, 35, 1):
        layers = [rand.randbytes(1024) for _ in range(count)]
        assert pure.decrypt(layers) == fast.decrypt(layers)
        shorts = [rand.randbytes(1037) for _ in range(count)]
        assert pure.decrypt_at(shorts, 13) == fast.decrypt_at(shorts, 13)
        results: list[list[bytes]] = [[], []]
        for kind, out in zip((pure, fast), results, strict=True):
            kind.emit(layers, random.Random(count).randbytes(4 * count), bytes(8), out)
        assert results[0] == results[1]
    for kind in (pure, fast):
        with pytest.raises(LocalError):
            kind.decrypt([bytes(1008)])


@pytest.mark.parametrize("seed", SEEDS)
def test_tunnel_data_sorter(seed: int) -> None:
    """Duplicates of now, of the last generation and of long ago; generations end by time and by
    size, and grow past what a table begins with."""
    rand = random.Random(seed)
    receivers: dict[int, object] = {number: object() for number in (1, 2, 0xFFFFFFFF)}
    pure, fast = (kind(10.0, 900) for kind in twins("TunnelDataSorter", sorter.TunnelDataSorter))
    now = 0.0
    known: list[bytes] = []
    for _ in range(60):
        now += rand.choice((0.0, 0.1, 1.0, 10.0, 25.0) if rand.random() < 0.2 else (0.0, 0.1))
        messages = [
            b"\x12"
            + rand.randbytes(4)
            + rand.choice((99, 100, 150, 200, 201)).to_bytes(4, "big")
            + rand.choice((1, 2, 3, 0xFFFFFFFF)).to_bytes(4, "big")
            + rand.choice((bytes(7) + bytes([rand.randrange(3)]), rand.randbytes(8)))
            + rand.randbytes(8)
            + bytes(rand.choice((1008, 1008, 1008, 1007)))
            for _ in range(60)
        ]
        messages += rand.sample(messages, 9) + rand.sample(known, min(len(known), 9))
        known += messages
        results = [one.sort(messages, receivers, 100, 200, now) for one in (pure, fast)]
        assert results[0] == results[1]
        assert list(results[0][0]) == list(results[1][0])


def session_keys(rand: random.Random, *, is_initiator: bool) -> tuple[SessionKeys, SessionKeys]:
    """Of both ends of an SSU2 session."""
    cipher, mask_1, mask_2 = ((rand.randbytes(32), rand.randbytes(32)) for _ in range(3))
    ids = rand.getrandbits(64), rand.getrandbits(64)

    def end(here: int, there: int, *, is_initiator: bool) -> SessionKeys:
        return SessionKeys(
            cipher[here],
            cipher[there],
            mask_1[here],
            mask_2[here],
            mask_1[there],
            mask_2[there],
            ids[here],
            ids[there],
            is_initiator,
        )

    return end(0, 1, is_initiator=is_initiator), end(1, 0, is_initiator=not is_initiator)


@pytest.mark.parametrize("seed", SEEDS)
def test_header_masks(seed: int) -> None:
    rand = random.Random(seed)
    key = rand.randbytes(32)
    pure, fast = (kind(key) for kind in twins("ChaChaMask", chacha20.ChaChaMask))
    for size in (0, 1, 8, 16, 48, 64, 65, 200):
        nonce, data = rand.randbytes(12), rand.randbytes(size)
        assert pure.xor(nonce, data) == fast.xor(nonce, data)
        packet = rand.randbytes(40 + size)
        read, fast_read = twins("read_destination", header.read_destination)
        assert read(packet, pure) == fast_read(packet, fast)
    for kind in twins("ChaChaMask", chacha20.ChaChaMask):
        with pytest.raises(LocalError):
            kind(bytes(31))
        with pytest.raises(ValueError):
            kind(key).xor(bytes(11), b"data")


def blocks_of(rand: random.Random) -> bytes:
    """A payload of blocks, at times with one that overruns it, or with an end that is none."""
    made = b""
    for _ in range(rand.randrange(6)):
        kind = rand.choice((0, 3, 3, 3, 12, 254, rand.randrange(256)))
        data = rand.randbytes(rand.choice((0, 1, 8, 9, 10, 200, 1040)))
        made += write_block(kind, data)
    made += rand.choice((b"", b"", b"\x03", b"\x03\xff\xff", b"\x03\0\x09" + bytes(5)))
    return made + bytes(max(0, 8 - len(made)))


@pytest.mark.parametrize("seed", SEEDS)
def test_datagrams(seed: int) -> None:
    rand = random.Random(seed)
    ours, theirs = session_keys(rand, is_initiator=bool(seed % 2))
    sealers = [kind(ours) for kind in twins("PacketSealer", packets.PacketSealer)]
    openers = [kind(theirs) for kind in twins("PacketOpener", packets.PacketOpener)]
    for _ in range(60):
        if rand.random() < 0.1:
            number = rand.choice((5, 0xFFFF, 0xFFFFFF00))
            for sealer in sealers:
                sealer.next_number = number
        payload, flags = blocks_of(rand), rand.choice((0, 1, 255))
        pure, fast = (sealer.seal(payload, flags) for sealer in sealers)
        assert pure == fast and sealers[0].next_number == sealers[1].next_number
        damaged = bytearray(pure)
        damaged[rand.randrange(len(pure))] ^= 1 << rand.randrange(8)
        for datagram in (pure, bytes(damaged), rand.randbytes(len(pure)), pure[:40]):
            results = [(one.is_data(datagram), one.read(datagram)) for one in openers]
            assert results[0] == results[1]
        assert openers[0].read(pure) is not None
    for sealer, opener in zip(sealers, openers, strict=True):
        for wrong in (b"", bytes(7)):
            with pytest.raises(LocalError):
                sealer.seal(wrong)
        for call in (opener.read, opener.is_data):
            with pytest.raises(LocalError):
                call(bytes(39))


def deliveries(rand: random.Random) -> list[tuple[int, bytes | None, int | None, bytes]]:
    sizes = random_sizes(rand, 0, 960, 987, 1003, 1960, 1970, 60_000, 62_692, 62_693)
    made: list[tuple[int, bytes | None, int | None, bytes]] = []
    for _ in range(rand.randrange(12)):
        kind = rand.randrange(3)
        message_id = rand.choice((0, rand.getrandbits(32)))
        size = next(sizes)
        body = rand.randbytes(min(size, 62_692))
        message = make_standard(20, message_id, 1_700_000_000_000, body)
        if size > len(body):
            message += b"more than fits"
        made.append((kind, HASH if kind else None, 99 if kind == 1 else None, message))
    return made


@pytest.mark.parametrize("seed", range(40))
def test_pack(seed: int) -> None:
    batch = deliveries(random.Random(seed))
    pure, fast = twins("pack", fragments.pack)
    assert outcome(lambda: pure(batch)) == outcome(lambda: fast(batch))


@pytest.mark.parametrize("wrong", [(1, HASH, 0), (1, HASH[:31], 5), (2, None, None), (3, HASH, 1)])
def test_pack_refuses_alike(wrong: tuple[int, bytes | None, int | None]) -> None:
    for pack in twins("pack", fragments.pack):
        with pytest.raises(LocalError):
            pack([(*wrong, bytes(100))])
        with pytest.raises(LocalError):
            pack([(0, None, None, bytes(15))])


@pytest.mark.parametrize("seed", SEEDS)
def test_preprocessor(seed: int) -> None:
    kinds = twins("Preprocessor", gateway.Preprocessor)
    pure, fast = (kind(SeededEntropy(seed)) for kind in kinds)
    rand = random.Random(seed)
    for _ in range(30):
        payloads = [rand.randbytes(rand.randint(1, 1003)) for _ in range(rand.randrange(9))]
        assert pure.wrap(payloads) == fast.wrap(payloads)


@pytest.mark.parametrize("seed", range(40))
def test_endpoint(seed: int) -> None:
    """Whole, damaged, shuffled and repeated tunnel messages."""
    rand = random.Random(seed)
    pure, fast = (kind() for kind in twins("Endpoint", endpoint.Endpoint))
    for _ in range(4):
        try:
            payloads = fragments.pack(deliveries(rand))
        except LocalError:
            continue
        for index in range(len(payloads)):
            if rand.random() < 0.1:
                payload = bytearray(payloads[index])
                payload[rand.randrange(min(len(payload), 50))] = rand.randrange(256)
                payloads[index] = bytes(payload)
        plain = gateway.Preprocessor(SeededEntropy(seed)).wrap(payloads)
        layers = [(message[:16], message[16:]) for message in plain]
        if rand.random() < 0.5:
            rand.shuffle(layers)
        layers += rand.sample(layers, len(layers) // 4)
        layers += [(bytes(16), bytes(1008)), (bytes(16), b"\1" * 1008)]
        assert pure.receive(layers, 1.0) == fast.receive(layers, 1.0)
        assert pure.malformed == fast.malformed
        assert pure.reassembler.dropped == fast.reassembler.dropped
        assert pure.reassembler.waiting_bytes == fast.reassembler.waiting_bytes


def keys(seed: int) -> DirectionKeys:
    entropy = SeededEntropy(seed)
    return DirectionKeys(*(entropy.random_bytes(size) for size in (32, 16, 8)))


def padding(size: int) -> bytes:
    return blocks.write_padding(size % 65) if size % 3 else b""


@pytest.mark.parametrize("seed", SEEDS)
def test_frames(seed: int) -> None:
    """What one seals the other opens, in pieces of any size, blocks and all."""
    rand = random.Random(seed)
    pure, fast = (kind(keys(seed)) for kind in twins("FrameSealer", frames.FrameSealer))
    openers = [kind(keys(seed)) for kind in twins("FrameOpener", frames.FrameOpener)]
    sizes = random_sizes(rand, 9, 1037, 16_381, 16_382, 40_000, 65_516)
    splits = twins("split_blocks", blocks.split_blocks)
    for _ in range(8):
        equal = rand.random() < 0.5
        messages = [
            rand.randbytes(1037 if equal else max(9, next(sizes)))
            for _ in range(rand.choice((1, 2, 9, 20, 60)))
        ]
        if max(map(len, messages)) > 65_000:
            stream = pure.seal_messages(messages, lambda _: b"")
            assert stream == fast.seal_messages(messages, lambda _: b"")
        else:
            stream = pure.seal_messages(messages, padding)
            assert stream == fast.seal_messages(messages, padding)
        control = rand.randbytes(rand.randrange(300))
        sealed = pure.seal(control)
        assert sealed == fast.seal(control)
        stream += sealed
        payloads: list[list[bytes]] = [[], []]
        at = 0
        while at < len(stream):
            size = rand.choice((1, 2, 17, 5000, 70_000))
            for opener, out in zip(openers, payloads, strict=True):
                opener.open(memoryview(stream)[at : at + size], out)
                assert opener.is_inside_frame == openers[0].is_inside_frame
            at += size
        assert payloads[0] == payloads[1]
        assert openers[0].frames == openers[1].frames
        received: list[list[bytes]] = [[], []]
        for payload in payloads[0]:
            others: list[list[tuple[int, bytes]]] = [[], []]
            whole = [
                split(payload, received[index], others[index]) for index, split in enumerate(splits)
            ]
            assert whole[0] == whole[1]
            assert others[0] == others[1]
        assert received[0] == received[1]
        assert received[0][: len(messages)] == messages
    assert pure.frames == fast.frames


@pytest.mark.parametrize("seed", SEEDS)
def test_frames_that_are_forged(seed: int) -> None:
    rand = random.Random(seed)
    good = frames.FrameSealer(keys(seed)).seal(rand.randbytes(300))
    bad = bytearray(good + frames.FrameSealer(keys(seed)).seal(bytes(40)))
    bad[rand.randrange(len(bad))] ^= 1 << rand.randrange(8)
    seen = []
    for kind in twins("FrameOpener", frames.FrameOpener):
        payloads: list[bytes] = []
        opener = kind(keys(seed))
        try:
            opener.open(bytes(bad), payloads)
            seen.append((None, payloads, opener.is_inside_frame))
        except PeerError as error:
            seen.append((error.reason, payloads, None))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("seed", range(60))
def test_blocks_of_junk(seed: int) -> None:
    rand = random.Random(seed)
    junk = b"".join(
        bytes((rand.choice((0, 3, 4, 254)),))
        + rand.choice((0, 8, 9, 30, 400)).to_bytes(2, "big")
        + rand.randbytes(rand.choice((0, 8, 9, 30)))
        for _ in range(rand.randrange(9))
    )
    results = []
    for split in twins("split_blocks", blocks.split_blocks):
        messages: list[bytes] = []
        others: list[tuple[int, bytes]] = []
        results.append((split(junk, messages, others), messages, others))
    assert results[0] == results[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_chain_step(seed: int) -> None:
    rand = random.Random(seed)
    makers = twins("chain_step", hkdf.chain_step)
    ikm, info = rand.randbytes(rand.randrange(80)), rand.randbytes(rand.randrange(80))
    pure, fast = (maker(ikm, info) for maker in makers)
    key = rand.randbytes(32)
    for _ in range(20):
        assert pure(key) == fast(key)
        key, _ = pure(key)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000, 1812, 62_000])
def test_seal_and_open_once(size: int) -> None:
    rand = random.Random(size)
    seal_pure, seal_fast = twins("seal_once", aead.seal_once)
    open_pure, open_fast = twins("open_once", aead.open_once)
    for number in (0, 1, 65_533, (1 << 64) - 1):
        key, data, ad = (rand.randbytes(count) for count in (32, size, rand.choice((0, 8))))
        sealed = seal_pure(key, number, data, ad)
        assert sealed == seal_fast(key, number, data, ad)
        assert open_pure(key, number, b"tag" + sealed, 3, ad) == data
        assert open_fast(key, number, b"tag" + sealed, 3, ad) == data
        forged = bytearray(sealed)
        forged[rand.randrange(len(forged))] ^= 4
        for opened in (open_pure, open_fast):
            with pytest.raises(DecodeError):
                opened(key, number, bytes(forged), 0, ad)
            with pytest.raises(DecodeError):
                opened(key, number, sealed[:15], 0, ad)
