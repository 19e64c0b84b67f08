"""Who shares a session with whom, and what happens to key files."""

from __future__ import annotations

import asyncio
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from core.api import FileFault, LastingKeys, SessionConfig, create_key_file
from core.base.calendar import DAY_S
from core.base.errors import Unavailable
from core.crypto.x25519 import X25519Key
from core.data.daily_keys import make_daily_keys, write_daily_keys
from core.data.identity import Destination
from core.data.lease_set_layers import AuthScheme, ClientAuthorisation
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.client_models import CONNECT_TIMEOUT_MAX_S, HttpClientSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.router_model import ShapeSection
from i2ptunnel.config.server_models import ServerSection, ServerTunnelSection, UdpServerSection
from i2ptunnel.config.tunnel_parts import (
    EncryptedSection,
    LeaseSetClientSection,
    MetaSection,
    StreamingSection,
    TunnelSection,
)
from i2ptunnel.keyfiles import generate_keys, load_or_create_keys, read_keys, write_new_keys
from i2ptunnel.naming.resolver import FileResolver
from i2ptunnel.resting import RestingSession
from i2ptunnel.sessions import SessionPool, encrypted_options
from i2ptunnel.tunnels.base import RestPolicy, SessionRequest
from i2ptunnel.tunnels.table import TUNNEL_CLASSES
from tests.support.deterministic import SeededEntropy
from tests.support.loopback_session import LoopbackNetwork
from tests.support.tunnel_bench import context
from tests.support.waiting import until

SHAPE = ShapeSection()


class FakeSession:
    """Counts; can be closed from outside."""

    def __init__(self, config: SessionConfig) -> None:
        self.config = config
        self.is_closed = False

    @property
    def is_ready(self) -> bool:
        return not self.is_closed

    @property
    def destination(self) -> Destination:
        raise NotImplementedError

    async def wait_ready(self, timeout_s: float) -> None:
        if self.is_closed:
            raise Unavailable("closed", code="closed")

    async def connect(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    async def lookup(self, *_: Any) -> Any:
        return None

    async def accept(self) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        self.is_closed = True


async def open_fake(config: SessionConfig) -> Any:
    return FakeSession(config)


def request(
    name: str, keys: str | None = None, shared: bool = True, length: int = 3
) -> SessionRequest:
    return SessionRequest(
        name=name,
        inbound=ShapeSection(length=length),
        outbound=SHAPE,
        keys_file=keys,
        is_shared=shared,
        publish=False,
    )


def test_sharing(tmp_path: Path) -> None:
    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path)
        a, b = await asyncio.gather(pool.open(request("a")), pool.open(request("b")))
        other_shape = await pool.open(request("c", length=2))
        own = await pool.open(request("d", shared=False))
        assert a is b
        assert len({id(s) for s in (a, other_shape, own)}) == 3
        assert pool.count == 3
        await pool.release(a)
        assert a.is_ready
        await pool.release(b)
        assert not a.is_ready and pool.count == 2
        again = await pool.open(request("a"))
        assert again is not a

    asyncio.run(main())


def test_only_who_can_be_found_answers_strangers(tmp_path: Path) -> None:
    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path)
        shared: Any = await pool.open(request("browser"))
        own: Any = await pool.open(request("chat", keys="chat.dat", shared=False))
        server: Any = await pool.open(replace(request("site", keys="site.dat"), publish=True))
        for client in (shared, own):
            options = client.config.streaming
            assert not options.accepts_streams and not options.answer_pings
        assert server.config.streaming.accepts_streams and server.config.streaming.answer_pings
        quiet: Any = await pool.open(
            replace(request("site", keys="site.dat"), publish=True, answer_pings=False)
        )
        assert quiet is not server
        assert quiet.config.streaming.accepts_streams
        assert not quiet.config.streaming.answer_pings

    asyncio.run(main())


def test_streaming_of_sessions(tmp_path: Path) -> None:
    """Who wants other streams has another session; a tunnel's own patience decides on connects."""
    other = StreamingSection(
        max_window=64,
        congestion="cubic",
        ack_delay=0.2,
        max_resends=5,
        inactivity_timeout=30.0,
        inactivity_action="disconnect",
    )

    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path)
        usual: Any = await pool.open(request("a"))
        first: Any = await pool.open(replace(request("b"), streaming=other))
        second: Any = await pool.open(replace(request("c"), streaming=other))
        assert usual is not first is second
        options = first.config.streaming
        assert (options.window_max, options.congestion, options.resend_max) == (64, "cubic", 5)
        assert (options.ack_delay_max_s, options.keepalive_s) == (0.2, 30.0)
        assert options.ends_inactive and not usual.config.streaming.ends_inactive
        assert options.connect_timeout_s >= CONNECT_TIMEOUT_MAX_S

    asyncio.run(main())


def test_what_tunnels_ask_for(tmp_path: Path) -> None:
    network = LoopbackNetwork()
    other = StreamingSection(max_window=64)
    models: list[TunnelSection] = [
        ServerTunnelSection(target=Endpoint("127.0.0.1", 9), streaming=other, multihomed=True),
        HttpClientSection(listen=Endpoint("127.0.0.1", 0), streaming=other),
        UdpServerSection(target=Endpoint("127.0.0.1", 9), multihomed=True),
    ]
    for model in models:
        tunnel = TUNNEL_CLASSES[model.TYPE](model, context("a", network, FileResolver(tmp_path)))
        asked = tunnel.session_request()
        has_streams = not isinstance(model, UdpServerSection)
        assert asked.streaming == (other if has_streams else StreamingSection())
        assert asked.is_multihomed is isinstance(model, ServerSection)


def test_a_site_with_other_homes(tmp_path: Path) -> None:
    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path)
        site = replace(request("site", keys="site.dat", shared=False), publish=True)
        for is_multihomed in (False, True):
            session: Any = await pool.open(replace(site, is_multihomed=is_multihomed))
            assert session.config.is_multihomed is is_multihomed

    asyncio.run(main())


def test_one_of_several_machines(tmp_path: Path) -> None:
    """The common address is signed for by what is in its file; this machine must be in the list."""
    entropy = SeededEntropy("machines")
    common, own, other = (PrivateKeys.generate_destination(entropy) for _ in range(3))
    transient = common.authorise_transient(entropy, int(time.time()) + 86_400)
    write_new_keys(tmp_path / "site.dat", own)
    machines = ((own.destination.b32, 3), (other.destination.b32, 7))
    site = replace(
        request("site", keys="site.dat", shared=False),
        publish=True,
        meta=MetaSection(keys="common.dat", machines=machines),
    )

    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path)
        with pytest.raises(FileFault, match="no such key file"):
            await pool.open(site)
        write_new_keys(tmp_path / "common.dat", transient)
        session: Any = await pool.open(site)
        options = session.config.meta
        assert options.machines == ((own.hash, 3), (other.hash, 7))
        assert options.keys.destination == common.destination
        assert options.keys.offline == transient.offline
        others = replace(site, meta=MetaSection(keys="common.dat", machines=machines[1:]))
        with pytest.raises(FileFault, match=f"lacks this machine, {own.destination.b32}"):
            await pool.open(others)

    asyncio.run(main())


def test_a_session_that_ended_is_not_handed_out_again(tmp_path: Path) -> None:
    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path)
        first = await pool.open(request("a"))
        await first.close()
        second = await pool.open(request("b"))
        assert second is not first and second.is_ready
        await pool.release(first)
        assert second.is_ready and pool.count == 1

    asyncio.run(main())


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path)
        one: Any = await pool.open(request("a", keys="a.dat", shared=False))
        await pool.release(one)
        two: Any = await pool.open(request("a", keys="a.dat", shared=False))
        assert one.config.keys.hash == two.config.keys.hash
        assert stat.S_IMODE((tmp_path / "a.dat").stat().st_mode) == 0o600

    asyncio.run(main())


def lasting_of(tmp_path: Path, wanted: SessionRequest) -> LastingKeys | None:
    """What a start of the program gives the session."""

    async def main() -> LastingKeys | None:
        session: Any = await SessionPool(open_fake, tmp_path).open(wanted)
        config: SessionConfig = session.config
        return config.lasting

    return asyncio.run(main())


def test_keys_of_the_lease_set_are_kept_beside_those_of_the_destination(tmp_path: Path) -> None:
    site = request("site", keys="site.dat", shared=False)
    path = tmp_path / "site.dat.session"
    first = lasting_of(tmp_path, site)
    assert first is not None and len({first.encryption, first.peer_order}) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lasting_of(tmp_path, site) == first
    path.unlink()
    second = lasting_of(tmp_path, site)
    assert second is not None and second != first
    other = lasting_of(tmp_path, request("other", keys="other.dat", shared=False))
    assert other is not None and other.encryption != second.encryption


def test_another_destination_does_not_take_over_what_was_kept(tmp_path: Path) -> None:
    site = request("site", keys="site.dat", shared=False)
    first = lasting_of(tmp_path, site)
    for name in ("site.dat", "site.dat.sum"):
        (tmp_path / name).unlink()
    second = lasting_of(tmp_path, site)
    assert first is not None and second is not None
    assert first.encryption != second.encryption and first.peer_order != second.peer_order
    assert lasting_of(tmp_path, site) == second


def test_what_is_kept_stays_in_the_data_directory(tmp_path: Path) -> None:
    elsewhere, data = tmp_path / "credentials", tmp_path / "data"
    data.mkdir()
    keys = generate_keys()
    write_new_keys(elsewhere / "site.dat", keys)
    site = request("site", keys=str(elsewhere / "site.dat"), shared=False)
    first = lasting_of(data, site)
    assert first is not None and lasting_of(data, site) == first
    assert [path.name for path in data.iterdir()] == [f"{keys.destination.b32}.session"]
    assert {path.name for path in elsewhere.iterdir()} == {"site.dat", "site.dat.sum"}


def test_addresses_that_end_keep_nothing(tmp_path: Path) -> None:
    changing = replace(
        request("a", keys="a.dat", shared=False), rest=RestPolicy(close_after_s=60, new_keys=True)
    )
    for wanted in (request("a"), request("a", shared=False), changing):

        async def main(wanted: SessionRequest = wanted) -> SessionConfig:
            configs: list[SessionConfig] = []

            async def open_noted(config: SessionConfig) -> Any:
                configs.append(config)
                return FakeSession(config)

            pool = SessionPool(open_noted, tmp_path)
            await pool.release(await pool.open(wanted))
            return configs[0]

        assert asyncio.run(main()).lasting is None
    assert not list(tmp_path.glob("*.session"))


def test_a_resting_session_comes_back_with_what_is_kept(tmp_path: Path) -> None:
    async def main() -> list[LastingKeys | None]:
        given: list[LastingKeys | None] = []

        async def open_noted(config: SessionConfig) -> Any:
            given.append(config.lasting)
            return FakeSession(config)

        pool = SessionPool(open_noted, tmp_path)
        wanted = replace(
            request("a", keys="a.dat", shared=False), rest=RestPolicy(close_after_s=0.01)
        )
        session = cast(RestingSession, await pool.open(wanted))
        await until("it rests", lambda: session.is_asleep)
        await session.lookup(b"h" * 32)
        await pool.release(session)
        return given

    first, second = asyncio.run(main())
    assert first is not None and first == second


def test_a_damaged_file_of_kept_keys_is_named_and_left_alone(tmp_path: Path) -> None:
    site = request("site", keys="site.dat", shared=False)
    path = tmp_path / "site.dat.session"
    lasting_of(tmp_path, site)
    whole = path.read_bytes()
    flipped = whole[:60] + bytes((whole[60] ^ 1,)) + whole[61:]
    for data in (b"", whole[:-1], whole + b"x", flipped, bytes(len(whole))):
        path.write_bytes(data)
        with pytest.raises(FileFault, match=r"site\.dat\.session: is .*remove it"):
            lasting_of(tmp_path, site)
        assert path.read_bytes() == data
    path.write_bytes(whole)
    path.chmod(0o644)
    with pytest.raises(FileFault, match="chmod 600"):
        lasting_of(tmp_path, site)


def test_damaged_or_open_key_files_are_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    write_new_keys(path, generate_keys())
    whole = path.read_bytes()
    for data in (b"", whole[:100], whole[:500], b"\xff" * 700, whole[:-1]):
        path.write_bytes(data)
        with pytest.raises(FileFault):
            load_or_create_keys(path)
        assert path.read_bytes() == data
    path.write_bytes(whole)
    path.chmod(0o640)
    with pytest.raises(FileFault, match="chmod 600"):
        load_or_create_keys(path)
    path.chmod(0o600)
    assert load_or_create_keys(path).write() == whole
    with pytest.raises(FileFault, match="exists already"):
        write_new_keys(path, generate_keys())
    assert read_keys(tmp_path / "none.dat") is None


def test_a_session_may_linger_for_a_tunnel_that_starts_anew(tmp_path: Path) -> None:
    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path, linger_s=0.05)
        first = await pool.open(request("a", keys="a.dat", shared=False))
        await pool.release(first)
        assert await pool.open(request("a", keys="a.dat", shared=False)) is first
        await pool.release(first)
        await until("it is closed", lambda: not pool.count)
        assert not first.is_ready
        other = await pool.open(request("b"))
        await pool.release(other)
        await pool.close_unused()
        assert not other.is_ready and pool.count == 0

    asyncio.run(main())


def test_sessions_that_rest_differently_are_not_shared(tmp_path: Path) -> None:
    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path)
        late = replace(request("b"), rest=RestPolicy(delay_open=True))
        plain, one, two = [await pool.open(r) for r in (request("a"), late, late)]
        assert plain is not one is two
        assert isinstance(one, RestingSession) and one.is_asleep
        for session in (plain, one, two):
            await pool.release(session)
        assert pool.count == 0

    asyncio.run(main())


def test_encrypted_lease_sets(tmp_path: Path) -> None:
    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path)
        key = X25519Key.generate(SeededEntropy("client")).public
        section = EncryptedSection(
            enabled=True,
            secret="word",
            clients=(LeaseSetClientSection(name="me", public_key=key),),
        )
        server = replace(request("a", "a.dat", shared=False), publish=True, encrypted=section)
        config = cast(FakeSession, await pool.open(server)).config
        assert config.keys is not None and config.encrypted is not None
        assert config.keys.destination.signing_type == 11, "the type made for this"
        assert config.encrypted.secret == "word"
        assert config.encrypted.authorisation == ClientAuthorisation(AuthScheme.DH, (key,))
        shared = replace(section, clients=(LeaseSetClientSection(name="me", shared_key=key),))
        options = encrypted_options(shared)
        assert options is not None
        assert options.authorisation == ClientAuthorisation(AuthScheme.PSK, (key,))
        bad = replace(section, clients=(LeaseSetClientSection(name="me", public_key=bytes(32)),))
        with pytest.raises(Unavailable, match=r"encrypted\.clients"):
            encrypted_options(bad)
        write_new_keys(tmp_path / "old.dat", generate_keys(1))
        with pytest.raises(FileFault, match="encrypted"):
            await pool.open(replace(server, keys_file="old.dat"))

    asyncio.run(main())


def test_encrypted_lease_sets_of_an_offline_key(tmp_path: Path) -> None:
    entropy, path = SeededEntropy("offline"), tmp_path / "a.dat"
    master = generate_keys(11)
    now = DAY_S * 20_000.0 + 100

    def put(secret: str, first_day: int) -> None:
        keys = make_daily_keys(master, secret, entropy, first_day, 2)
        (tmp_path / "a.days").unlink(missing_ok=True)
        create_key_file(tmp_path / "a.days", write_daily_keys(keys))

    async def main() -> None:
        pool = SessionPool(open_fake, tmp_path, linger_s=60, wall=lambda: now)
        section = EncryptedSection(enabled=True, secret="word")
        server = replace(request("a", "a.dat", shared=False), publish=True, encrypted=section)
        write_new_keys(path, master.authorise_transient(entropy, int(now) + 40 * DAY_S))
        with pytest.raises(FileFault, match="keys transient --encrypted"):
            await pool.open(server)
        for secret, day, wrong in (("", 20_000, "another destination"), ("word", 19_998, "today")):
            put(secret, day)
            with pytest.raises(FileFault, match=wrong):
                await pool.open(server)
        put("word", 20_000)
        first = cast(FakeSession, await pool.open(server))
        encrypted = first.config.encrypted
        assert encrypted is not None and encrypted.secret == "word"
        assert [key.day for key in encrypted.daily_keys] == [20_000, 20_001]
        await pool.release(cast(Any, first))
        put("word", 20_000)
        second = cast(FakeSession, await pool.open(server))
        assert second is not first, "new daily keys need a new session"
        (tmp_path / "a.days").chmod(0o640)
        with pytest.raises(FileFault, match="chmod 600"):
            await pool.open(replace(server, name="b"))
        await pool.release(cast(Any, second))
        await pool.close_unused()

    asyncio.run(main())
