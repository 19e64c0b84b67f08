"""Our program over another router's I2CP, and pages through any proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.appliance import Appliance
from tests.support.curl import fetch
from tests.support.i2pd_net import wait_until

SHAPE: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 2},
    "outbound": {"length": 1, "quantity": 2},
}
#: the same, in i2pd's words
I2PD_SHAPE = "inbound.length = 1\noutbound.length = 1\n"


def proxy_at(address: str) -> dict[str, Any]:
    """The section of a proxy for everybody on this machine."""
    listen = {"listen": f"{address}:4444", "allow": ["127.0.0.0/8"]}
    return {"type": "httpclient", **listen, **SHAPE}


def site_of(origin_port: int, name: str, **options: Any) -> dict[str, Any]:
    """The section of a site with a key of its own."""
    target = {"target": f"127.0.0.1:{origin_port}", "keys": f"{name}.dat"}
    return {"type": "httpserver", **target, **SHAPE, **options}


def over_i2cp(root: Path, address: str, router: str, origin_port: int) -> Appliance:
    """Ours with a proxy, a site and an encrypted one over ``router``; it has none of its own."""
    appliance = Appliance(root, address, 0)
    appliance.config["router"] = {"data_dir": str(appliance.data_dir), "i2cp": router}
    appliance.config["tunnels"] = {
        "web": proxy_at(address),
        "site": site_of(origin_port, "site"),
        "secret-site": site_of(origin_port, "secret-site", encrypted={"enabled": True}),
    }
    return appliance


def names_of(appliance: Appliance) -> dict[str, str]:
    """The addresses of its sites, by tunnel."""
    status = appliance.status()
    assert status is not None
    return {tunnel["name"]: tunnel["b32"] for tunnel in status["tunnels"] if tunnel.get("b32")}


def fetched(
    proxy: str, url: str, timeout_s: float = 60, within_s: float = 60, **more: Any
) -> bytes:
    """What curl brings, once the site is found."""
    found: list[bytes] = []

    def is_there() -> bool:
        answer = fetch(url, proxy=proxy, timeout_s=timeout_s, **more)
        if answer.status == 200:
            found.append(answer.body)
        return bool(found)

    wait_until(url, is_there, within_s, 0.5)
    return found[0]
