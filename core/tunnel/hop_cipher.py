"""Layer encryption of tunnel messages (tunnel-implementation.md "participant processing").

Each hop encrypts the IV with its IV key (AES-ECB), the data with its layer key (AES-CBC under the
encrypted IV), and the IV a second time. The creator undoes it: for an outbound tunnel in advance,
for an inbound tunnel on arrival; both are the same operation.

Contexts are made once for each hop and never finalised. CBC *encryption* with a new IV on a running
chain: the first block is XORed with ``iv ^ last ciphertext block``. CBC *decryption*: feed
``iv || data`` and drop the first 16 bytes, for a whole batch in one call. IVs of a batch go through
ECB in one call.

What always holds: a message is checked to be exactly 1024 bytes before a context sees it, because
a partial block would shift every later message of the tunnel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.base.errors import LocalError
from core.base.native import accelerated
from core.crypto.aes import CbcDecryptor, CbcEncryptor, EcbDecryptor, EcbEncryptor
from core.tunnel.constants import DATA_BYTES, IV_BYTES, LAYER_BYTES


def _check_lengths(messages: Sequence[bytes]) -> None:
    for message in messages:
        if len(message) != LAYER_BYTES:
            raise LocalError(f"tunnel layer of {len(message)} bytes")


def _write_tunnel_data(
    layers: Iterable[tuple[bytes, bytes]], ids: bytes, tail: bytes, out: list[bytes]
) -> None:
    join, append = b"".join, out.append
    at = 0
    for iv, data in layers:
        end = at + 4
        append(join((b"\x12", ids[at:end], tail, iv, data)))
        at = end


@accelerated
class HopEncryptor:
    """One hop's layer, as the hop applies it; ``layer_key`` and ``iv_key`` are 32 bytes each."""

    __slots__ = ("_cbc", "_ecb", "_last")

    def __init__(self, layer_key: bytes, iv_key: bytes) -> None:
        self._ecb = EcbEncryptor(iv_key).update
        self._cbc = CbcEncryptor(layer_key, bytes(16)).update
        self._last = 0

    def encrypt(self, messages: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """(IV 16, data 1008) for each 1024-byte ``IV || data``; LocalError on another length."""
        _check_lengths(messages)
        return self.encrypt_at(messages, 0)

    def encrypt_at(self, messages: Sequence[bytes], offset: int) -> list[tuple[bytes, bytes]]:
        """Like :meth:`encrypt`, the layer starting at ``offset`` and reaching to the end.

        The hot path: the caller has checked every length.
        """
        ecb, cbc, from_bytes = self._ecb, self._cbc, int.from_bytes
        data_at = offset + IV_BYTES
        rest_at = data_at + 16
        if len(messages) == 1:
            message = messages[0]
            inner = ecb(message[offset:data_at])
            first = from_bytes(message[data_at:rest_at], "big") ^ from_bytes(inner, "big")
            data = cbc((first ^ self._last).to_bytes(16, "big") + message[rest_at:])
            self._last = from_bytes(data[-16:], "big")
            return [(ecb(inner), data)]
        inners = ecb(b"".join([message[offset:data_at] for message in messages]))
        outers = ecb(inners)
        last = self._last
        result: list[tuple[bytes, bytes]] = []
        at = 0
        for message in messages:
            end = at + 16
            first = from_bytes(message[data_at:rest_at], "big") ^ from_bytes(inners[at:end], "big")
            data = cbc((first ^ last).to_bytes(16, "big") + message[rest_at:])
            last = from_bytes(data[-16:], "big")
            result.append((outers[at:end], data))
            at = end
        self._last = last
        return result

    def emit(self, messages: Sequence[bytes], ids: bytes, tail: bytes, out: list[bytes]) -> None:
        """Append to ``out`` short-form TunnelData around ``IV || data`` of our own, encrypted.

        ``ids`` has 4 bytes for each of them; ``tail`` is the 4-byte expiration in seconds and the
        4-byte tunnel id.
        """
        _write_tunnel_data(self.encrypt_at(messages, 0), ids, tail, out)

    def relay(
        self, messages: Sequence[bytes], ids: bytes, next_id: bytes, out: list[bytes]
    ) -> None:
        """Append to ``out`` what a participant passes on for short-form TunnelData ``messages``.

        ``ids`` has 4 bytes for each of them. The same as :meth:`encrypt_at` and new headers, in
        one loop: most of what a router does for others happens here.
        """
        cbc, from_bytes, join, append = self._cbc, int.from_bytes, b"".join, out.append
        inners = self._ecb(join([message[13:29] for message in messages]))
        outers = self._ecb(inners)
        last = self._last
        at = id_at = 0
        for message in messages:
            end = at + 16
            id_end = id_at + 4
            first = from_bytes(message[29:45], "big") ^ from_bytes(inners[at:end], "big")
            data = cbc((first ^ last).to_bytes(16, "big") + message[45:])
            last = from_bytes(data[-16:], "big")
            # i2pd: every hop draws a new message id and keeps the expiration.
            append(join((b"\x12", ids[id_at:id_end], message[5:9], next_id, outers[at:end], data)))
            at = end
            id_at = id_end
        self._last = last


@accelerated
class LayerDecryptor:
    """All layers of a tunnel, as its creator undoes them.

    ``keys`` are (layer key, IV key) in the order in which the layers come off: for an inbound
    tunnel the hop next to us first, for an outbound tunnel the endpoint first.
    """

    __slots__ = ("_hops",)

    def __init__(self, keys: Sequence[tuple[bytes, bytes]]) -> None:
        self._hops = [
            (EcbDecryptor(iv_key).update, CbcDecryptor(layer_key, bytes(16)).update)
            for layer_key, iv_key in keys
        ]

    def decrypt(self, messages: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """(IV 16, data 1008) for each 1024-byte ``IV || data``; LocalError on another length."""
        _check_lengths(messages)
        return self.decrypt_at(messages, 0)

    def emit(self, messages: Sequence[bytes], ids: bytes, tail: bytes, out: list[bytes]) -> None:
        """As :meth:`HopEncryptor.emit`, with the layers taken off in advance."""
        _write_tunnel_data(self.decrypt_at(messages, 0), ids, tail, out)

    def decrypt_at(self, messages: Sequence[bytes], offset: int) -> list[tuple[bytes, bytes]]:
        """Like :meth:`decrypt`, the layer starting at ``offset`` and reaching to the end.

        The hot path: the caller has checked every length.
        """
        data_at = offset + IV_BYTES
        datas = [message[data_at:] for message in messages]
        ivs = b"".join([message[offset:data_at] for message in messages])
        if len(messages) == 1:
            data = datas[0]
            for ecb, cbc in self._hops:
                ivs = ecb(ivs)
                data = cbc(ivs + data)[16:]
                ivs = ecb(ivs)
            return [(ivs, data)]
        starts = range(0, len(ivs), IV_BYTES)
        ends = range(LAYER_BYTES, LAYER_BYTES * len(datas) + 1, LAYER_BYTES)
        for ecb, cbc in self._hops:
            ivs = ecb(ivs)
            parts: list[bytes] = []
            for at, data in zip(starts, datas, strict=True):
                parts.append(ivs[at : at + IV_BYTES])
                parts.append(data)
            # What came before each IV spoils only the block that is dropped.
            plain = cbc(b"".join(parts))
            datas = [plain[end - DATA_BYTES : end] for end in ends]
            ivs = ecb(ivs)
        return [(ivs[at : at + IV_BYTES], data) for at, data in zip(starts, datas, strict=True)]
