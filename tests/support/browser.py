"""Headless Chromium, set to a proxy as users do it, driven through its debugging pipe.

``async with browser(...) as page``: one tab of a fresh profile that is removed afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support import fetch_chromium

_COMMAND_TIMEOUT_S = 30.0
_MESSAGE_BYTES_MAX = 1 << 26
# Chromium reads commands from descriptor 3 and answers on 4.
_LAUNCH = """import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 100) for end in sys.argv[1:3]]
for number, end in enumerate(ends, 3):
    os.dup2(end, number)
    os.close(end)
os.execv(sys.argv[3], sys.argv[3:])
"""
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--no-zygote",
    "--disable-breakpad",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=DnsOverHttps,AsyncDns,OptimizationHints,MediaRouter,HttpsUpgrades",
    "--remote-debugging-pipe",
    "--window-size=1000,700",
)


class PageError(AssertionError):
    """Chromium refused a command or a script failed."""


class Page:
    """One tab. ``statuses``: address of each response -> HTTP status."""

    def __init__(self, reader: asyncio.StreamReader, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session = ""
        self._last = 0
        self.statuses: dict[str, int] = {}
        self.failures: dict[str, str] = {}
        self.policy_breaches: list[str] = []
        self._urls: dict[str, str] = {}
        self.downloads: dict[str, str] = {}
        """File name -> state: inProgress, completed or canceled."""

    async def call(
        self, method: str, _timeout_s: float = _COMMAND_TIMEOUT_S, **parameters: Any
    ) -> dict[str, Any]:
        """One command of the DevTools protocol; raises PageError."""
        self._last += 1
        number = self._last
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        waiting = asyncio.get_running_loop().create_future()
        self._answers[number] = waiting
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(_timeout_s):
            answer: dict[str, Any] = await waiting
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def read(self) -> None:
        """Take what Chromium says, until it ends."""
        while True:
            try:
                message = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            except asyncio.IncompleteReadError:
                for waiting in self._answers.values():
                    if not waiting.done():
                        waiting.set_exception(PageError("Chromium has ended"))
                return
            if "id" in message:
                waiting = self._answers.pop(message["id"])
                if not waiting.done():
                    waiting.set_result(message)
            else:
                self._on_event(message["method"], message["params"])

    def _on_event(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self._urls[parameters["requestId"]] = parameters["request"]["url"]
        elif method == "Network.responseReceived":
            self.statuses[parameters["response"]["url"]] = parameters["response"]["status"]
        elif method == "Network.loadingFailed":
            url = self._urls.get(parameters["requestId"], "")
            self.failures[url] = parameters["errorText"]
        elif method == "Log.entryAdded" and parameters["entry"]["source"] == "security":
            self.policy_breaches.append(parameters["entry"]["text"])
        elif method == "Browser.downloadWillBegin":
            self._urls[parameters["guid"]] = parameters["suggestedFilename"]
        elif method == "Browser.downloadProgress":
            name = self._urls.get(parameters["guid"], "")
            self.downloads[name] = parameters["state"]

    async def attach(self, downloads: Path) -> None:
        """Take the tab that Chromium opened."""
        while True:
            targets = (await self.call("Target.getTargets"))["targetInfos"]
            pages = [target for target in targets if target["type"] == "page"]
            if pages:
                break
            await asyncio.sleep(0.05)
        await self.call(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(downloads),
            eventsEnabled=True,
        )
        attached = await self.call(
            "Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        await self.call("Page.enable")
        await self.call("Network.enable")
        await self.call("Log.enable")

    # What users do

    async def open(self, url: str, timeout_s: float = 60) -> int:
        """Go to a page and wait until all of it is there; its HTTP status, 0 if none came."""
        async with asyncio.timeout(timeout_s):
            await self.call("Page.navigate", _timeout_s=timeout_s, url=url)
            await self.loaded(timeout_s)
        status = await self.evaluate("performance.getEntriesByType('navigation')[0].responseStatus")
        return int(status)

    async def loaded(self, timeout_s: float = 60, *, title: str = "") -> None:
        """Wait for the end of loading, of the page with ``title`` if that is given."""
        condition = f"document.title.includes({json.dumps(title)})"
        await self.until(f"document.readyState === 'complete' && {condition}", timeout_s)

    async def evaluate(self, script: str) -> Any:
        """The value of an expression; promises are awaited."""
        result = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise PageError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def until(self, condition: str, timeout_s: float = 60) -> None:
        """Wait for a script's condition to be true, on whatever page then is open."""
        deadline = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(PageError):
                if await self.evaluate(condition):
                    return
            if time.monotonic() > deadline:
                text = await self.evaluate("location.href + '\\n' + document.body.innerText")
                raise PageError(f"not within {timeout_s} s: {condition}\n{text}")
            await asyncio.sleep(0.05)

    async def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element."""
        quoted = json.dumps(selector)
        x, y = await self.evaluate(
            f"(() => {{ const element = document.querySelector({quoted});"
            "element.scrollIntoView({block: 'center'});"
            "const box = element.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def text(self, selector: str = "body") -> str:
        return str(await self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    async def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file to upload."""
        field = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"document.readyState === 'complete' && {field} !== null", 20)
        # By object: node numbers end with every change of the document.
        found = await self.call("Runtime.evaluate", expression=field)
        await self.call(
            "DOM.setFileInputFiles", objectId=found["result"]["objectId"], files=[str(path)]
        )

    async def screenshot(self, path: Path) -> None:
        """What is seen, as a PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def browser(root: Path, proxy: str, *options: str) -> AsyncIterator[Page]:
    """Chromium with a new profile below ``root``; ``proxy`` as ``--proxy-server`` has it."""
    (root / "profile").mkdir(parents=True)
    downloads = root / "downloads"
    downloads.mkdir()
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    with (root / "chromium.log").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _LAUNCH,
            str(to_read),
            str(from_write),
            str(fetch_chromium.program()),
            *_OPTIONS,
            f"--browser-subprocess-path={fetch_chromium.program()}",
            f"--user-data-dir={root / 'profile'}",
            f"--proxy-server={proxy}",
            *options,
            "about:blank",
            pass_fds=(to_read, from_write),
            start_new_session=True,
            env={"PATH": os.environ["PATH"], "HOME": str(root), "LANG": "C.UTF-8"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
        )
    os.close(to_read)
    os.close(from_write)
    reader = asyncio.StreamReader(limit=_MESSAGE_BYTES_MAX)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_read, "rb")
    )
    page = Page(reader, to_write)
    reading = asyncio.create_task(page.read())
    try:
        await page.attach(downloads)
        yield page
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await reading
        transport.close()
        os.close(to_write)
