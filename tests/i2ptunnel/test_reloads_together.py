"""Reloads: beside the loop, one after the other, and to their end."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.loader import Loaded
from i2ptunnel.editing import ConfigurationEditor
from i2ptunnel.finishing import finish
from tests.support.console import TUNNELS, Visitor, console
from tests.support.waiting import until


def _with(visitor: Visitor, tunnels: str) -> None:
    head = visitor.path.read_text().partition("\ntunnels:")[0]
    visitor.path.write_text(f"{head}\ntunnels:\n{tunnels}")


def _tunnel(name: str, directory: Path) -> str:
    return f'  {name}: {{type: httpclient, listen: "unix:{directory}/{name}"}}\n'


def _names(visitor: Visitor) -> list[str]:
    return [str(one["name"]) for one in visitor.program.manager.status()]


def test_after_a_hangup_the_loop_goes_on_and_the_last_file_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with console(tmp_path, tunnels=TUNNELS) as visitor:
            program = visitor.program
            reread, may_end, begun = program.reread, threading.Event(), threading.Event()
            is_first = True

            def slow() -> Loaded:
                nonlocal is_first
                if not is_first:
                    return reread()
                is_first = False
                loaded = reread()
                begun.set()
                assert may_end.wait(10)
                return loaded

            monkeypatch.setattr(program, "reread", slow)
            _with(visitor, _tunnel("old", tmp_path))
            program._on_hangup()
            await asyncio.to_thread(begun.wait, 10)
            _with(visitor, _tunnel("new", tmp_path))
            program._on_hangup()
            assert _names(visitor) == ["web", "site"]
            may_end.set()
            async with asyncio.timeout(20):
                await until("the new tunnel alone", lambda: _names(visitor) == ["new"])
                await program.apply(reread())  # all others are over
            assert _names(visitor) == ["new"]

    asyncio.run(main())


def test_two_reloads_at_once_end_and_the_later_one_holds(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path, tunnels=TUNNELS) as visitor:
            program, port = visitor.program, visitor.port
            text = visitor.path.read_text()
            visitor.path.write_text(text.replace("control:\n", "x-was:\n"))
            without = program.reread()
            visitor.path.write_text(text)
            _with(visitor, _tunnel("new", tmp_path))
            last = program.reread()
            async with asyncio.timeout(20):
                await asyncio.gather(program.apply(without), program.apply(last))
            assert _names(visitor) == ["new"]
            assert set(program.services.status()) == {"control", "console"}
            assert not program.services.failed
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()

    asyncio.run(main())


def test_without_its_blocklist_nothing_is_reloaded(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path, tunnels=TUNNELS) as visitor:
            program, listed = visitor.program, tmp_path / "blocked.txt"
            before = program.loaded
            listed.write_text("192.0.2.0/24\n")
            text = visitor.path.read_text()
            visitor.path.write_text(text.replace("router:", f"router:\n  blocklist_file: {listed}"))
            _with(visitor, _tunnel("new", tmp_path))
            loaded = program.reread()
            listed.unlink()
            with pytest.raises(Unavailable, match="blocked"):
                await program.apply(loaded)
            assert program.loaded is before
            assert _names(visitor) == ["web", "site"]
            listed.write_text("192.0.2.0/24\n")
            await program.apply(loaded)
            assert [str(one) for one in program.router.config.blocked_addresses] == ["192.0.2.0/24"]
            assert _names(visitor) == ["new"]

    asyncio.run(main())


def test_two_consoles_that_change_the_file_at_once_lose_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path, tunnels=TUNNELS) as visitor:
            _with(visitor, _tunnel("one", tmp_path))
            await visitor.program.apply(visitor.program.reread())
            await asyncio.gather(
                *(
                    ConfigurationEditor(visitor.program).edit(
                        lambda text, name=name: text + _tunnel(name, tmp_path)  # type: ignore[misc]
                    )
                    for name in ("two", "three")
                )
            )
            assert sorted(_names(visitor)) == ["one", "three", "two"]
            assert sorted(visitor.program.reread().configuration.tunnels) == ["one", "three", "two"]

    asyncio.run(main())


def test_what_was_begun_is_ended_though_nobody_waits() -> None:
    async def main() -> None:
        may_end, done = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            await may_end.wait()
            done.set()

        waiting = asyncio.create_task(finish(work()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        may_end.set()
        async with asyncio.timeout(10):
            await done.wait()

    asyncio.run(main())
