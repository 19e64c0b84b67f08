"""Which hosts are one *site*: what ``isolate: site`` visits under one I2P address.

In I2P a site is a name with everything below it, as a browser sees it too (its cookies go to all of
them): ``forum.example.i2p`` belongs to ``example.i2p``. Addresses (``….b32.i2p``) stand alone.

Outside it is the domain that somebody registered. The list of all suffixes under which people
register (publicsuffix.org) has ten thousand entries and changes every week, so only what is certain
without it is put together: where names are known to be registered right below the top, and below
well-known second levels (``co.uk``). When in doubt the whole host name is the site: two sites taken
for one could tell that they have the same visitor, one taken for two only costs an address more.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: top levels right below which names are registered
_FLAT = _words(
    """
    com net org info biz edu gov mil int
    be ch cz de dk eu fi ie li lt lu nl si sk
    """
)
#: second levels right below which names are registered, whatever the country
_SECOND_LEVELS = _words(
    """
    ac asn asso biz co com conf firm id info ltd me med net nhs or ord org plc police priv store
    """
)
#: and those that may have a further level (``nsw.edu.au``, ``leeds.sch.uk``)
_DEEPER = _words("edu gob gop gouv gov gv k12 mil nom sch school")
#: names whose owners give names below them to anybody, each of them another site
_HOSTERS = _words(
    """
    000webhostapp.com afraid.org akamaihd.net akamaized.net altervista.org amazonaws.com
    angelfire.com appspot.com awsapps.com azureedge.net azurefd.net azurewebsites.net b-cdn.net
    backblazeb2.com blogspot.com cdn77.org cloudapp.com cloudapp.net cloudfront.net ddns.net
    digitaloceanspaces.com duckdns.org dyndns.org eu.org fandom.com fastly.net firebaseapp.com
    githubusercontent.com googleapis.com googleusercontent.com herokuapp.com hopto.org
    hubspotpagebuilder.com iki.fi jimdo.com jimdosite.com linodeobjects.com livejournal.com
    medium.com mooo.com myshopify.com neocities.org netlify.com ngrok.com no-ip.biz no-ip.info no-
    ip.org noip.com oraclecloud.com over-blog.com readthedocs.org serveftp.com shopify.com
    sourceforge.net squarespace.com substack.com sytes.net trafficmanager.net tripod.com
    tumblr.com typepad.com wasabisys.com webflow.com weebly.com wikia.com windows.net wixsite.com
    wordpress.com wpengine.com zapto.org zendesk.com
    """
)


def registered_name(host: str) -> str:
    """The name that a normalised I2P host belongs to; an address is one by itself."""
    labels = host.split(".")
    if len(labels) < 3 or labels[-1] != "i2p" or labels[-2] == "b32":
        return host
    return ".".join(labels[-2:])


def site_outside(host: str) -> str:
    """The site of a normalised host outside I2P: its registered domain where that is certain."""
    labels = host.split(".")
    if len(labels) <= 2 or ":" in host or labels[-1].isdigit():
        return host
    top, second = labels[-1], labels[-2]
    whole = host.removeprefix("www.")
    if second in _DEEPER or f"{second}.{top}" in _HOSTERS:
        return whole
    # example.co.uk; example.uk.com: codes of countries are sold as if they were top levels
    if (len(top) == 2 and second in _SECOND_LEVELS) or (top in _FLAT and len(second) <= 2):
        return ".".join(labels[-3:])
    return ".".join(labels[-2:]) if top in _FLAT else whole
