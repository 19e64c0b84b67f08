"""Proxy auto-configuration files: which addresses a browser sends to the proxy."""

from __future__ import annotations

import json

CONTENT_TYPE = "application/x-ns-proxy-autoconfig"


def pac_file(proxy: str, *, is_for_all: bool, is_tls: bool = False) -> bytes:
    """The file. ``proxy`` is ``host:port``; ``is_for_all``: also for addresses outside I2P.

    ``is_tls``: the browser speaks TLS with the proxy. Without ``is_for_all``, other addresses are
    opened without the proxy, as if there were none; with it none is, this machine's neither: a
    site must not reach what runs beside the browser.
    """
    rest = "return I2P;" if is_for_all else 'return "DIRECT";'
    return (
        "function FindProxyForURL(url, host) {\n"
        f"  var I2P = {json.dumps(('HTTPS ' if is_tls else 'PROXY ') + proxy)};\n"
        '  host = host.toLowerCase().replace(/\\.$/, "");\n'
        "  // no DIRECT behind it: when the proxy is down, the name must not go to DNS\n"
        '  if (host === "i2p" || /\\.i2p(\\.alt)?$/.test(host)) return I2P;\n'
        f"  {rest}\n"
        "}\n"
    ).encode()


def firefox_policies(proxy: str) -> bytes:
    """A ``policies.json`` for a Firefox that is used for I2P only."""
    policies = {
        "Proxy": {
            "Mode": "manual",
            "HTTPProxy": proxy,
            "UseHTTPProxyForAllProtocols": True,
            "Passthrough": "",
            "UseProxyForDNS": True,
        },
        "DNSOverHTTPS": {"Enabled": False, "Locked": True},
        "HttpsOnlyMode": "disallowed",
        "NetworkPrediction": False,
        "SearchSuggestEnabled": False,
        "DisableTelemetry": True,
        "DisableFirefoxStudies": True,
        "CaptivePortal": False,
        "Preferences": {
            "media.peerconnection.enabled": {"Value": False, "Status": "locked"},
            # Else pages could reach what runs beside the browser; the proxy refuses it.
            "network.proxy.allow_hijacking_localhost": {"Value": True, "Status": "locked"},
            "network.dns.disablePrefetch": {"Value": True, "Status": "locked"},
            "network.http.speculative-parallel-limit": {"Value": 0, "Status": "locked"},
            "browser.fixup.domainsuffixwhitelist.i2p": {"Value": True, "Status": "default"},
        },
    }
    return (json.dumps({"policies": policies}, indent=2) + "\n").encode()
