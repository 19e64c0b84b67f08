"""Browse addresses of all kinds where nothing can hide: ``python -m tests.support.leak_run DIR``.

Seven of our routers, an eepsite, an HTTP and a SOCKS proxy, in a network that is closed and
watched. Prints as JSON what was tried, what came back, and what was sent to anybody but the routers
and services. A process of its own, because its network is.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from i2ptunnel.config.client_models import HttpClientSection, SocksSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.protocols.own_pages import chromium_options
from tests.support import leaks, web_site
from tests.support.browser import Page, browser
from tests.support.origin import Origin
from tests.support.own_network import TWO_HOPS, b32_of, own_network

HTTP_PORT, SOCKS_PORT, ROUTER_PORT = 4444, 4447, 20078
TOGETHER = 16
ANSWER_S = 90.0
CHROMIUM_S = 12.0

_HOSTS = """
example.com www.example.org a.b.c.example.net EXAMPLE.COM example.com. www.example.org..
xn--bcher-kva.example bücher.example пример.example 例え.example straße.example example。com
onion facebookwkhpilnemxj7asaniu7vnjjbiltxjqhye3mhbshg7kx5tfyd.onion short.onion a.onion.
localhost LOCALHOST localhost. sub.localhost localhost.localdomain ip6-localhost broadcasthost
127.0.0.1 127.0.0.1. 127.1 127.0.1 127.255.255.254 0.0.0.0 0 2130706433 0x7f000001 0x7f.1
0x7f.0.0.1 0177.0.0.1 017700000001 127.0.0.1.nip.example １２７.0.0.1 ①②⑦.0.0.1
10.0.0.1 172.16.0.1 172.31.255.1 192.168.0.1 192.168.1.1 169.254.169.254 100.64.0.1 192.168.257
3232235777 0xc0a80101 224.0.0.1 255.255.255.255 240.0.0.1 198.18.0.1 198.19.255.254
8.8.8.8 1.1.1.1 203.0.113.5 134744072 0x08080808 8.8.8.8. 8.8.2056 010.8.8.8
[::1] [::] [fe80::1] [fc00::1] [fd12:3456::1] [ff02::1] [2001:db8::1] [2606:4700::1111]
[::ffff:127.0.0.1] [::ffff:8.8.8.8] [64:ff9b::808:808] [2002:7f00:1::] [::7f00:1] [::ffff:7f00:1]
router printer.local fritz.box nas.lan intranet wpad wpad.localdomain gateway.home.arpa _dmarc
i2p unknown.i2p unknown.i2p. bücher.i2p xn--bcher-kva.i2p ünknown.i2p unknown.i2p.example.com
unknown.i2p.onion example.com.i2p.example short.b32.i2p b32.i2p unknown.I2P proxy.i2p.example
localhost.i2p 127.0.0.1.i2p unknown.i2p.alt example.alt 1.0.0.127.in-addr.arpa example.com%00.i2p
"""
HOSTS = _HOSTS.split()
PORTS = ("", ":8080", ":3000", ":8443")


def addresses() -> list[tuple[str, str]]:
    """(host, port suffix) of everything that is browsed."""
    return [(host, PORTS[number % len(PORTS)]) for number, host in enumerate(HOSTS)]


async def ask_http(host: str, port: str) -> str:
    return await _status(f"GET http://{host}{port}/ HTTP/1.1\r\nHost: {host}{port}\r\n\r\n")


async def ask_connect(host: str, port: str) -> str:
    to = f"{host}{port or ':443'}"
    return await _status(f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n")


async def _status(request: str) -> str:
    """The status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", HTTP_PORT)
    try:
        writer.write(request.encode())
        return (await reader.readline()).decode().split(" ")[1]
    finally:
        writer.close()


async def ask_socks5(host: str, port: str) -> str:
    """The reply code; a literal address goes as such."""
    number = int(port[1:] or 80).to_bytes(2)
    try:
        literal = ipaddress.ip_address(host.strip("[]"))
        to = (b"\1" if literal.version == 4 else b"\4") + literal.packed
    except ValueError:
        name = host.encode()
        to = b"\3" + bytes((len(name),)) + name
    answers = []
    for command in (b"\1", b"\xf0"):
        answer = await _socks(b"\5\1\0", b"\5" + command + b"\0" + to + number)
        answers.append(str(answer[1]) if answer else "closed")
    return " ".join(answers)


async def ask_socks4a(host: str, port: str) -> str:
    """The reply code."""
    number = int(port[1:] or 80).to_bytes(2)
    answer = await _socks(b"", b"\4\1" + number + b"\0\0\0\1u\0" + host.encode() + b"\0")
    return str(answer[1]) if answer else "closed"


async def _socks(greeting: bytes, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", SOCKS_PORT)
    try:
        if greeting:
            writer.write(greeting)
            await reader.readexactly(2)
        writer.write(request)
        return await reader.read(64)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def ask_all(ask: Callable[[str, str], Awaitable[str]]) -> dict[str, str]:
    """Address -> what came back."""
    answers: dict[str, str] = {}
    turn = asyncio.Semaphore(TOGETHER)

    async def one(host: str, port: str) -> None:
        async with turn:
            try:
                async with asyncio.timeout(ANSWER_S):
                    answers[host + port] = await ask(host, port)
            except TimeoutError:
                answers[host + port] = "nothing"

    async with asyncio.TaskGroup() as group:
        for host, port in addresses():
            group.create_task(one(host, port))
    return answers


# What a page can make a browser do with an address.
_TEMPT = """(async urls => {
  const jobs = [];
  for (const url of urls) {
    const image = new Image();
    jobs.push(new Promise(done => { image.onload = image.onerror = done; }));
    image.src = url;
    for (const kind of ['dns-prefetch', 'preconnect', 'prefetch']) {
      const link = document.createElement('link');
      link.rel = kind; link.href = url; document.head.append(link);
    }
    jobs.push(fetch(url, {mode: 'no-cors'}).catch(() => 0));
    try { new WebSocket(url.replace('http', 'ws')); } catch {}
    try { navigator.sendBeacon(url); } catch {}
  }
  for (const url of urls.slice(0, 8)) {
    const frame = document.createElement('iframe');
    frame.src = url; document.body.append(frame);
  }
  const peers = new RTCPeerConnection({iceServers: [{urls: [
    'stun:stun.example.com:3478', 'stun:203.0.113.9:3478', 'turn:203.0.113.9?transport=tcp'],
    username: 'u', credential: 'c'}]});
  peers.createDataChannel('d');
  await peers.setLocalDescription();
  await Promise.race([Promise.all(jobs), new Promise(done => setTimeout(done, LIMIT))]);
  return urls.length;
})"""


async def tempt(page: Page, site: str) -> dict[str, int]:
    """A page of the site that loads every address; then some are opened.

    ``tried`` and ``refused``: addresses, and how many of them were refused by the proxy or by
    Chromium itself.
    """
    urls = [f"http://{host}{port}/x.png" for host, port in addresses()]
    urls += [f"https://{host}/" for host in HOSTS[::4]]
    assert await page.open(f"http://{site}{web_site.PREFIX}second.html") == 200
    script = _TEMPT.replace("LIMIT", str(int(CHROMIUM_S * 1000)))
    tried = await page.evaluate(f"{script}({json.dumps(urls)})")
    for url in ("http://example.com/", "http://localhost/", "https://[::1]/", "http://a.onion/"):
        with suppress(AssertionError, TimeoutError):
            await page.open(url, 15)
    return {"tried": int(tried), "refused": len({*page.statuses, *page.failures})}


async def browse(root: Path, site: str, options: tuple[str, ...]) -> dict[str, int]:
    """With Chromium."""
    proxy, *others = (shlex.split(option)[0] for option in options)
    async with browser(root, proxy.partition("=")[2], *others) as page:
        return await tempt(page, site)


def breaches(watch: leaks.Watch, allowed: set[tuple[str, int]]) -> dict[str, Any]:
    """What was sent elsewhere, and asked of name servers, since the last time."""
    sent = sorted(
        f"{address} {protocol} {port}"
        for address, protocol, port in watch.sent
        if protocol != socket.IPPROTO_TCP or (address, port) not in allowed
    )
    found = {"sent": sent, "names": sorted(set(watch.names)), "seen": len(watch.sent)}
    watch.forget()
    return found


async def run(root: Path, watch: leaks.Watch) -> dict[str, Any]:
    result: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        origin = stack.enter_context(Origin())
        network = await stack.enter_async_context(own_network(root / "net", 6, ends=2))
        site = HttpServerSection(target=(Endpoint("127.0.0.1", origin.port),), **TWO_HOPS)
        web = HttpClientSection(listen=Endpoint("127.0.0.1", HTTP_PORT), **TWO_HOPS)
        socks = SocksSection(listen=Endpoint("127.0.0.1", SOCKS_PORT), **TWO_HOPS)
        serving = await network.run(network.routers[-1], {"site": site})
        using = await network.run(network.routers[-2], {"web": web, "socks": socks})
        await network.until_ready(serving, using)
        name = b32_of(serving, "site")
        allowed = {(f"127.78.{number}.1", ROUTER_PORT) for number in range(1, 7)}
        allowed |= {("127.0.0.1", port) for port in (HTTP_PORT, SOCKS_PORT, origin.port)}

        # The watch has eyes: all of this is seen.
        await asyncio.to_thread(socket.getaddrinfo, "seen.example", 80)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as packets:
            packets.sendto(b"x", ("2001:db8::2", 9))
        with suppress(OSError):
            socket.create_connection(("203.0.113.2", 80), 5).close()
        await asyncio.sleep(0.5)
        result["control"] = breaches(watch, allowed)

        for ask in (ask_http, ask_connect, ask_socks5, ask_socks4a):
            answers = await ask_all(ask)
            await asyncio.sleep(0.3)
            result[ask.__name__] = {"answers": answers, **breaches(watch, allowed)}
        told = chromium_options(f"127.0.0.1:{HTTP_PORT}")
        by_socks = (f"--proxy-server=socks5://127.0.0.1:{SOCKS_PORT}", *told[1:])
        for kind, options in (("chromium_http", told), ("chromium_socks", by_socks)):
            counts = await browse(root / kind, name, options)
            result[kind] = {**counts, **breaches(watch, allowed)}
    return result


def main() -> int:
    leaks.enter_closed_world()
    with leaks.Watch() as watch:
        result = asyncio.run(run(Path(sys.argv[1]), watch))
    result["lost"] = watch.lost
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
