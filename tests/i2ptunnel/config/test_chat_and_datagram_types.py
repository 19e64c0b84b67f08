"""The options of the IRC, UDP and Streamr types, read from YAML; every type has its class."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2ptunnel.config.client_models import IrcClientSection, SocksIrcSection, UdpClientSection
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.server_models import IrcServerSection, StreamrServerSection
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS
from i2ptunnel.tunnels.table import TUNNEL_CLASSES

GOOD = """
tunnels:
  irc:     {type: ircclient, listen: 127.0.0.1:6668, destination: irc.postman.i2p, dcc: true}
  ircd:
    type: ircserver
    target: 127.0.0.1:6667
    user_hostname: "%c.user.i2p"
    webirc_password: secret
  chats:
    type: socksirctunnel
    listen: 127.0.0.1:4448
    identity: {username: bob-1, real_name: Bob the Builder}
  tls:     {type: connectclient, listen: 127.0.0.1:4445, connect_ports: [443]}
  both:    {type: httpbidirserver, listen: 127.0.0.1:4446, target: 127.0.0.1:8080}
  cam:     {type: streamrserver, listen: 127.0.0.1:5005, keys: cam.dat}
  tv:      {type: streamrclient, destination: tv.i2p, target: 127.0.0.1:5006}
  game:    {type: udpclient, listen: 127.0.0.1:4448, destination: "game.i2p:7", datagram_version: 3}
  gamed:   {type: udpserver, target: 127.0.0.1:27015}
"""


def test_all_types_are_offered_and_have_a_class() -> None:
    tunnels = load_text(GOOD, base=Path("/etc/app")).configuration.tunnels
    assert {section.TYPE for section in tunnels.values()} <= set(TUNNEL_CLASSES)
    assert set(TUNNEL_MODELS) == set(TUNNEL_CLASSES)
    assert all(model.IS_AVAILABLE for model in TUNNEL_MODELS.values())


def test_options() -> None:
    tunnels = load_text(GOOD, base=Path("/etc/app")).configuration.tunnels
    irc, ircd, cam, game = (tunnels[name] for name in ("irc", "ircd", "cam", "game"))
    assert isinstance(irc, IrcClientSection) and irc.dcc
    chats = tunnels["chats"]
    assert isinstance(chats, SocksIrcSection)
    assert (irc.identity.username, irc.identity.real_name) == ("user", "user")
    assert (chats.identity.username, chats.identity.real_name) == ("bob-1", "Bob the Builder")
    assert isinstance(ircd, IrcServerSection)
    assert (ircd.user_hostname, ircd.cloak_key) == ("%c.user.i2p", None)
    assert "secret" not in repr(ircd)
    assert isinstance(cam, StreamrServerSection) and cam.max_subscribers == 10
    assert isinstance(game, UdpClientSection) and game.datagram_version == 3


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"%c.user.i2p"', '"%f.much-too-long.i2p"'),
        ('"%c.user.i2p"', '"%f.%c"'),
        ('"%c.user.i2p"', '"%x.i2p"'),
        ("secret", '"two words"'),
        ("bob-1", '"two words"'),
        ("bob-1", "~bob"),
        ("Bob the Builder", '"Bob\\nQUIT"'),
        ("datagram_version: 3", "datagram_version: 4"),
        ("5005", "4448"),  # taken by game, which is UDP too
        ("target: 127.0.0.1:27015", "target: unix:/run/x.sock"),
    ],
)
def test_faults(right: str, wrong: str) -> None:
    assert GOOD.count(right) == 1
    with pytest.raises(ConfigError):
        load_text(GOOD.replace(right, wrong), base=Path("/etc/app"))
