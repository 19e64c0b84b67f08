"""miniupnpd, the gateway of most home routers, and nft, from Debian."""

from __future__ import annotations

from tests.support.debian import Bundle

_BUNDLE = Bundle("miniupnpd", "trixie", ("miniupnpd-nftables", "nftables"))


def miniupnpd_command() -> list[str]:
    _BUNDLE.require()
    return _BUNDLE.command("usr/sbin/miniupnpd")


def nft_command() -> list[str]:
    _BUNDLE.require()
    return _BUNDLE.command("usr/sbin/nft")


if __name__ == "__main__":
    _BUNDLE.fetch()
