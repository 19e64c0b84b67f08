"""Files that users posted: each option is carried, mapped or refused with its reason."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from i2ptunnel.cli.main import main
from i2ptunnel.keyfiles import generate_keys

_DATA = Path(__file__).parent / "data" / "posted"


@dataclass(frozen=True)
class Posted:
    """``carried``: the configuration. ``refused``: section -> option -> words of the reason."""

    folder: str
    carried: dict[str, Any]
    refused: dict[str, dict[str, str]]
    keys: tuple[str, ...] = ()
    off: dict[str, str] = field(default_factory=dict)
    """tunnel -> words of why it is off"""


def _shape(inbound: dict[str, int], outbound: dict[str, int]) -> dict[str, Any]:
    return {"inbound": inbound, "outbound": outbound}


_B, _C = "b" * 51 + "a.b32.i2p", "c" * 51 + "q.b32.i2p"
_OPEN = "everybody"
_ALWAYS_JAVA = {
    "option.i2cp.destination.sigType = 7": "key file",
    "option.i2cp.closeIdleTime = 1800000": "not turned on",
}
_GAME = {
    "type": "client",
    **_shape({"length": 1, "quantity": 3, "backup_quantity": 2}, {"length": 1, "quantity": 3}),
    "delay_open": False,
    "destination": [_C],
    "reduce_after": "20m",
    "reduce_to": 1,
}

POSTED = [
    Posted(
        "i2pd-proxy",
        {
            "router": {
                "data_dir": ".",
                # 256 KiB/s, half of it shared, of our 4 MB/s
                "bandwidth": {"share": "3.28%"},
                "floodfill": False,
                "ipv6": False,
                "ntcp2": {"enabled": False},
                "reseed": {
                    "urls": ["https://reseed.example.org/", "https://reseed2.example.org/"],
                    "proxy": "http://127.0.0.1:9910",
                },
                "exploratory": _shape({"quantity": 3}, {"quantity": 3}),
            },
            "control": {"log": "error"},
            "interfaces": {"sam": {"listen": "127.0.0.1:7656"}},
            "tunnels": {
                # The line that turns it off is below [reseed], where i2pd does not read it.
                "httpproxy": {
                    "type": "httpclient",
                    "listen": "127.0.0.1:4444",
                    **_shape({"quantity": 8}, {"quantity": 8}),
                    "shared": False,
                    "outproxies": ["http://exit.example.i2p:3128"],
                },
                "socksproxy": {
                    "type": "sockstunnel",
                    "listen": "127.0.0.1:4447",
                    "shared": False,
                },
            },
        },
        {
            "": {
                "socksproxy.address = 0.0.0.0": _OPEN,
                "logfile = /var/log/i2pd/i2pd.log": "journal",
                "ssu = false": "long gone",
                "http.hostname = localhost": "web console",
                "http.auth": "web console",
                "http.user = i2pd": "web console",
                "http.pass": "web console",
                "http.address, http.port": "other machines",
                "precomputation.elgamal = false": "no use",
                "meshnets.yggdrasil = true": "host:",
                "reseed.nat = true": "no such option",
                "reseed.upnp.enabled = false": "no such option",
                "reseed.limits.transittunnels = 500": "no such option",
                "reseed.httpproxy.enabled = false": "no such option",
            }
        },
    ),
    Posted(
        "i2pd-services",
        {
            "router": {"data_dir": "."},
            "tunnels": {
                "XMPP-c2s": {
                    "type": "server",
                    "target": "127.0.0.1:5222",
                    "ports": {5269: "127.0.0.1:5269"},
                    "keys": "xmpp.dat",
                },
                "web": {
                    "type": "httpserver",
                    "target": "127.0.0.1:80",
                    "ports": {70: "127.0.0.1:72", 22: "127.0.0.1:22"},
                    "plain_ports": [70, 22],
                    "keys": "git.dat",
                },
                "SERVER-IRC-SSL": {
                    "type": "ircserver",
                    "target": "127.0.0.1:9999",
                    "keys": "irc-ssl.dat",
                },
                "HTTP-EXIT": {
                    "type": "httpclient",
                    "listen": "127.0.0.1:4450",
                    "outproxies": [f"http://{'a' * 52}.b32.i2p"],
                    **_shape({"length": 1, "quantity": 8}, {"length": 1, "quantity": 8}),
                    "shared": False,
                },
                "SOCKS-EXIT1": {
                    "type": "client",
                    "listen": "127.0.0.1:4460",
                    "destination": _B,
                    **_shape({"length": 1}, {"length": 1}),
                    "shared": False,
                },
                "socksexit2-i2p": {
                    "type": "client",
                    "listen": "127.0.0.1:4480",
                    "destination": f"{_B}:1080",
                    **_shape({"length": 1}, {"length": 1}),
                    "streaming": {"ack_delay": "20ms"},
                    "shared": False,
                },
            },
        },
        {
            "web": {
                "inbound.backupQuantity = 2": "here it is backup_quantity",
                "crypto.tags.inbound = 1": "follows the traffic",
                "gzip = true": "compressed",
                "signaturetype = 7": "key file",
            },
            "SOCKS-EXIT1": {"cryptotype = 9": "lease set"},
        },
        ("xmpp.dat", "git.dat", "irc-ssl.dat"),
    ),
    Posted(
        "i2pd-thread",
        {
            "router": {"data_dir": "."},
            "tunnels": {
                "ssh": {
                    "type": "server",
                    "enabled": False,
                    "target": "127.0.0.1:22",
                    "source": "127.0.0.1",
                    "unique_local": False,
                },
                "forum": {
                    "type": "client",
                    "listen": "127.0.0.1:9079",
                    "destination": "forum.example.i2p",
                    "shared": False,
                },
                "httpproxy-xmpp": {
                    "type": "httpclient",
                    "listen": "127.0.0.1:4445",
                    "shared": False,
                },
            },
        },
        {
            "popi2p": {"type = client      ; mandatory": "a comment needs a line of its own"},
            "ssh": {"no keys": "keep their address", "key": "no such option"},
            "forum": {"address = 0.0.0.0": _OPEN},
        },
        off={"ssh": "its address would change"},
    ),
    Posted(
        "java-container",
        {
            "router": {"data_dir": "."},
            "interfaces": {"i2cp": {"listen": "127.0.0.1:7654"}},
            "control": {"console": {"listen": "127.0.0.1:7657"}},
            "tunnels": {
                "I2P-HTTP-Proxy": {
                    "type": "httpclient",
                    **_shape(
                        {"length": 3, "length_variance": 0}, {"length": 3, "length_variance": 0}
                    ),
                    "listen": "127.0.0.1:4444",
                    "reduce_after": "15m",
                    "reduce_to": 1,
                },
                "I2P-webserver": {
                    "type": "httpserver",
                    "enabled": False,
                    "target": "0.0.0.0:7658",
                    "hostname": "mysite.i2p",
                    "keys": "eepsite/eepPriv.dat",
                },
                "gitssh-example-i2p": {
                    "type": "client",
                    "enabled": False,
                    **_shape({"quantity": 3, "backup_quantity": 1}, {"quantity": 3}),
                    "listen": "127.0.0.1:7670",
                    "shared": False,
                    "delay_open": True,
                    "destination": ["gitssh.example.i2p"],
                    "reduce_after": "20m",
                    "reduce_to": 1,
                },
                "Other-IRC-Tunnel": {
                    "type": "ircclient",
                    "listen": "127.0.0.1:6669",
                    "shared": False,
                    "delay_open": True,
                    "new_keys": False,
                    "destination": ["irc.example.i2p:6667"],
                    "streaming": {"max_window": 16},
                    "reduce_after": "10m",
                    "reduce_to": 1,
                    "close_after": "20m",
                },
            },
        },
        {
            "": {
                "i2cp.tcp.bindAllInterfaces": "users",
                "routerconsole.newsLastUpdated = 0": "other console",
                "routerconsole.theme = light": "other console",
                "routerconsole.welcomeWizardComplete = false": "other console",
                "Open Router Console in web browser at startup": "a program of Java I2P",
                "program SAM application bridge": "nothing says who may",
            },
            "I2P HTTP Proxy": {
                "interface = 0.0.0.0": _OPEN,
                "proxyList: false.i2p": "none",
                "option.i2ptunnel.httpclient.SSLOutproxies: false.i2p": "none",
                "i2cpHost = 0.0.0.0": "router.i2cp",
                "i2cpPort = 7654": "router.i2cp",
                "option.inbound.nickname = shared clients": "names",
                "option.outbound.nickname = shared clients": "names",
                "option.i2cp.leaseSetEncType = 4,0": "encryption_types",
                "option.i2p.streaming.connectDelay = 1000": "first packet",
                "option.outbound.priority = 10": "fair shares",
            },
            "I2P webserver": {
                "option.inbound.nickname = eepsite": "names",
                "option.shouldBundleReplyInfo = false": "multihomed",
            },
            "gitssh.example.i2p": {
                "interface = 0.0.0.0": _OPEN,
                "option.i2cp.closeIdleTime = 1800000": "not turned on",
                "option.i2cp.leaseSetEncType = 4": "encryption_types",
            },
            "Other IRC Tunnel": {
                "interface = 0.0.0.0": _OPEN,
                "i2cpHost = 0.0.0.0": "router.i2cp",
                "i2cpPort = 7654": "router.i2cp",
                "option.inbound.nickname = Other": "names",
                "option.i2cp.destination.sigType = 7": "key file",
            },
        },
        ("eepsite/eepPriv.dat",),
    ),
    Posted(
        "java-desktop",
        {
            "router": {
                "data_dir": ".",
                "port": 18729,
                "bandwidth": {"inbound": "8869KiB/s", "outbound": "1115KiB/s", "share": "80%"},
            },
            "interfaces": {"i2cp": {"listen": "127.0.0.1:7654"}},
            "tunnels": {
                "I2P-HTTP-Proxy": {
                    "type": "httpclient",
                    **_shape(
                        {"length": 2, "quantity": 3, "length_variance": 0, "backup_quantity": 3},
                        {"length": 2, "quantity": 3, "backup_quantity": 3},
                    ),
                    "listen": "127.0.0.1:7671",
                    "shared": False,
                    "new_keys": False,
                    "https_outproxies": ["http://exit.example.i2p"],
                    "reduce_after": "15m",
                    "reduce_to": 1,
                },
                # Two files have one name.
                "game-example-i2p": {
                    **_GAME,
                    "listen": "127.0.0.1:7681",
                    "keys": "game2-privKeys.dat",
                },
                "game-example-i2p-2": {
                    **_GAME,
                    "listen": "127.0.0.1:7680",
                    "keys": "game-privKeys.dat",
                },
            },
        },
        {
            "": {
                "i2np.inboundBurstKBytes.bandwidth = 178379": "state",
                "i2np.bandwidth.inboundBurstKBytesPerSecond = 8919": "no bursts",
                "i2np.bandwidth.outboundBurstKBytes = 23301": "no bursts",
                "i2np.bandwidth.outboundBurstKBytesPerSecond = 1165": "no bursts",
                "i2np.lastCountry = xx": "state",
                "i2np.udp.internalPort = 18729": "router.port",
                "jbigi.lastProcessor = Some Core i3/i5/i7/64": "native library",
                "router.firstVersion = 1.9.0": "state",
                "router.passwordManager.migrated": "state",
                "router.previousVersion = 2.0.0": "state",
                "router.startup.jetty9.migrated = true": "state",
                "router.updateDisabled = true": "updates",
                "routerconsole.lang = en": "other console",
                "routerconsole.theme = dark": "other console",
            },
            "I2P HTTP Proxy": {
                **_ALWAYS_JAVA,
                "proxyList: false.i2p": "none",
                "i2cpHost = 127.0.0.1": "router.i2cp",
                "i2cpPort = 7654": "router.i2cp",
                "option.i2cp.leaseSetEncType = 4,0": "encryption_types",
                "option.i2p.streaming.connectDelay = 1000": "first packet",
                "option.inbound.nickname = shared clients": "names",
                "option.outbound.priority = 10": "fair shares",
                "privKeyFile": "persistentClientKey",
            },
            "game.example.i2p": {
                **_ALWAYS_JAVA,
                "option.i2p.streaming.connectDelay = 0": "first packet",
            },
        },
        ("game-privKeys.dat", "game2-privKeys.dat"),
    ),
]


@pytest.mark.parametrize("posted", POSTED, ids=lambda one: one.folder)
def test_posted(posted: Posted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    shutil.copytree(_DATA / posted.folder, home)
    keys = {name: generate_keys() for name in posted.keys}
    for name, made in keys.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(made.write())
    assert main(["import", str(home), "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    written = (out / "i2ptunnel.yaml").read_text()
    assert yaml.safe_load(written) == posted.carried

    told: dict[str, dict[str, str]] = {}
    for note in report["not_carried"]:
        told.setdefault(note["section"] or "", {})[note["option"]] = note["reason"]
    assert {section: set(options) for section, options in told.items()} == {
        section: set(options) for section, options in posted.refused.items()
    }
    for section, options in posted.refused.items():
        for option, words in options.items():
            assert words in told[section][option], option

    for tunnel in report["tunnels"]:
        why = posted.off.get(tunnel["name"])
        assert why is None or why in tunnel["not_enabled_because"]
        if tunnel["keys"]:
            assert tunnel["address"] == keys[tunnel["keys"]].destination.b32
    assert not report["missing_keys"]
    assert "changeme-please" not in written + json.dumps(report)
    assert main(["check", "-c", str(out / "i2ptunnel.yaml")]) == 0
    assert f"{len(posted.carried['tunnels'])} tunnels" in capsys.readouterr().out
