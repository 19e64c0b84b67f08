"""Messages that i2pd made, recorded once: handshakes both ways, sessions, one-shot messages.

i2pd (libi2pd, 2.58) ran as the other side. What it received from us came from the seeds below, so
its answers open only if we still derive exactly the same bytes.
"""

from __future__ import annotations

from core.crypto.aead import ChaChaPoly
from core.crypto.x25519 import X25519Key
from core.garlic import handshake
from core.garlic.cloves import Clove, Delivery, parse_payload, write_cloves, write_date_time
from core.garlic.handshake import SplitKeys
from core.garlic.one_shot import OneShotKeys
from core.garlic.router import RouterGarlic
from core.garlic.tagset import ReceiveTagSet, TagTable
from tests.support.deterministic import FakeWallClock, SeededEntropy

BOB_STATIC = "0bcabd6d02dfb2f41d71878c7dd13898931ba506b7336ea0cd1a5d6760af9758"
REPLY_1 = (
    "e7128f9ba61ef790941a08781b1e710aafaa88bb350e09cee2bb4a5f40f595a9f354ab410e375e1f9b483e32"
    "36cf790202d61bcfd6be6a84b5ea1ee38a56455dcd8bc0b44db77db49662e373da821e850fe689899bb20ac5"
    "d95741233db9654ba9dfc05ccdecc316b1b79e6bd9465e09676fbc169c1af4801a29ff949103ce9cc91a0ee9"
    "7e"
)
REPLY_2 = (
    "f56e29e14ef38c6a941a08781b1e710aafaa88bb350e09cee2bb4a5f40f595a9f354ab410e375e1f33c80746"
    "cf854f22ca986c6d9244b484b5ea1ee38a56455dcd8bc0b44db77db49662e373da821e850fe689899bb20ac5"
    "d95741233db9654ba9dfc05cf8c3de35b1b79e6bca444f0c706fbc1f9c0d01d5228c11ad860f9b8068586ab8"
    "598a1897a096edba"
)
EXISTING = [
    (
        "20934db341230060a4d221b0f079855bb0d9753ab642c46152f800788e6e175c5d9e8c37d8df7b1094925c55"
        "b2697db1264a01cb102851b1733f29dd9b4c196cc6571defe809c8ee3dadaa337e2fdb5c4001"
    ),
    (
        "2788f273c45df91e2be12da66fa6c922dc775b92e864451510f46df013ce287ae2a6d686795cc35a4d9b4051"
        "f00d87d42b9692d4a4245222f5a1be233cf1c51d5831902b8cdcb9fed67404d41bfd23596f4161c2e4b070"
    ),
    (
        "4e69c978a2db239014195c8885d23824d07c6cd57906da40e3e2a240252117ee9dfa855df066d9507172d5ee"
        "c127b0230bb6a738762741f6f32702277e1d14b2a2357e0b0409491dc0b59af5a64be074"
    ),
]
NEW_SESSION = (
    "569b558b80770b430f064ec8758c1ed4716388c764e5e67f02fc7bb9f4ad8d865737a5c30eba5bb84feb5640"
    "0c72c5c919f76d935ce272e78fc477d58d3391ba209a39eb90fb8ebe42d086910406743692c15072167a0dbc"
    "b6f12d92eb5ff46974c09473b9d04fc7edf074733e379ad48914c7cb2add5c098d87abefd98c122302e296ec"
    "29843e823451a52a9f84dbd02b5802079f35b783aa2661eb68f942c36b7debe8bba70ac4f62a"
)
ANSWER = [
    (
        "a9e44dff0053a40e4b79c43941aec1fd89f45b584dc4e1e6d337830085a5154f6fec162d3039dd0569b314a8"
        "a61b5d6cb510db61497245d5aa2e63d183270182f34964bca2e96023b812afac10fb7067b78254"
    ),
    (
        "10694988f9c79a28be6d56e679d0ee96308451335e957e403e1b7b29b45ffdc93f4662be38700f0c5777b10f"
        "f6951f64e06a6f5fc0c37da991c5d299a68da7a44a6e060d841b6ba9c25fb6e2d1ca38c4"
    ),
]
ROUTER = (
    "eeca8b4af9ff699d84a57c2f07c621ba29f1f42498f277475fdd68d599515d1bbc165c60f71d2c6eefe9293f"
    "09aeb8a518a9a6d128587d1300278b6ed142658a4ddac71b233d3d47cbd271c0032d8064c6023d242b49"
)
TAGGED = (
    "000102030405060713b85031b97dbf69530a5d2c972f214893c483d4c0535b5aecf8fc122a35db39457cce74"
    "473d056790c6d81611bf"
)

RECORDED_AT = 1795247408


def bodies(payload: bytes) -> list[bytes]:
    return [clove.body for clove in parse_payload(payload).cloves]


def existing(keys: SplitKeys, inbound: bytes, messages: list[str]) -> list[list[bytes]]:
    """Open existing session messages, last one first."""
    table = TagTable()
    tag_set = ReceiveTagSet(table, None, keys.chain_key, inbound, window=24, window_max=24)
    opened = []
    for text in reversed(messages):
        message = bytes.fromhex(text)
        found = table.find(message[:8])
        assert found is not None
        key = tag_set.key(found[1])
        assert key is not None
        opened.append(bodies(ChaChaPoly(key).open(found[1], message[8:], message[:8])))
    return opened[::-1]


def our_key() -> tuple[SeededEntropy, X25519Key]:
    entropy = SeededEntropy("i2pd vectors")
    return entropy, X25519Key.generate(entropy)


def test_we_are_alice() -> None:
    entropy, static = our_key()
    hello = Clove(Delivery.DESTINATION, bytes(32), None, 20, 77, 1, b"hello")
    payload = write_date_time(RECORDED_AT) + write_cloves([hello])
    outgoing, _ = handshake.seal_new_session(static, bytes.fromhex(BOB_STATIC), payload, entropy)
    first, keys = outgoing.open_reply(bytes.fromhex(REPLY_1))
    assert bodies(first) == [b"reply"]
    second, same_keys = outgoing.open_reply(bytes.fromhex(REPLY_2))
    assert bodies(second) == [b"again"]
    assert same_keys == keys  # i2pd: repeats its ephemeral key in further replies
    assert existing(keys, keys.bob_to_alice, EXISTING) == [[b"es0"], [b"es1"], [b"es2"]]


def test_we_are_bob() -> None:
    _, static = our_key()
    opened = handshake.open_new_session(
        static, handshake.responder_state(static.public), bytes.fromhex(NEW_SESSION)
    )
    assert bodies(opened.payload) == [b"from i2pd"]
    assert opened.handshake is not None
    ok = Clove(Delivery.LOCAL, None, None, 20, 1, 1, b"ok")
    _, keys = opened.handshake.seal_reply(write_cloves([ok]), SeededEntropy("i2pd vectors, bob"))
    assert existing(keys, keys.alice_to_bob, ANSWER) == [[b"a0"], [b"a1"]]


def test_router_message() -> None:
    _, static = our_key()
    wall = FakeWallClock(float(RECORDED_AT))
    cloves = RouterGarlic(static, wall).open(bytes.fromhex(ROUTER), 0.0)
    assert cloves is not None
    assert [clove.body for clove in cloves] == [b"routers!"]


def test_tagged_reply() -> None:
    keys = OneShotKeys()
    keys.register(bytes(range(8)), bytes(range(32)), 0.0)
    cloves = keys.open(bytes.fromhex(TAGGED), 1.0)
    assert cloves is not None
    assert [clove.body for clove in cloves] == [b"lookup!!"]
