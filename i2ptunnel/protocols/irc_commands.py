"""Which IRC commands pass the client's filter, in each direction.

Sources: what Java I2P's filter passes, and the IRCv3 specifications. What has a rule of its own
(PING, USER, PRIVMSG, …) is not in these tables but in ``irc_filter``.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


_USERS = """
    ACCEPT ADMIN AUTHENTICATE AWAY CAP COMMANDS CYCLE DCCALLOW DEVOICE FPART HELP HELPME HELPOP INFO
    INVITE ISON JOIN KICK KNOCK LINKS LIST LUSERS MAP MODE MOTD NAMES OPER PASS PROTOCTL RULES
    SILENCE SSLINFO STATS TBAN TIME TITLE TOPIC UNINVITE USERHOST USERS VERSION VHOST WATCH WHO
    WHOIS WHOWAS
"""
_IRCV3 = """
    BATCH CHATHISTORY MARKREAD METADATA MONITOR REDACT REGISTER RENAME VERIFY
"""
_SERVICES = """
    BOTSERV BS CHANSERV CS HELPSERV HOSTSERV HS MEMOSERV MS NICKSERV NS OPERSERV OS STATSERV
"""
_OPERATORS = """
    ADCHAT ADDMOTD ADDOMOTD CBAN CHATOPS CHECK CHGHOST CHGIDENT CHGNAME CLOSE DCCDENY DIE ELINE
    FILTER GLINE GLOBOPS GZLINE HTM JUMPSERVER KILL KLINE LOADMODULE LOCKSERV LOCOPS MKPASSWD NACHAT
    NICKLOCK NICKUNLOCK OLINE OPERMOTD REHASH RELOADMODULE RESTART RLINE SAJOIN SAKICK SAMODE SANICK
    SAPART SATOPIC SDESC SETHOST SETIDENT SHUN SPAMFILTER SQUIT TEMPSHUN TLINE UNDCCDENY UNLOCKSERV
    WALLOPS ZLINE
"""

#: from the client to the server, unchanged
FROM_CLIENT = _words(_USERS + _IRCV3 + _SERVICES + _OPERATORS)

#: from the server to the client, unchanged; numerics pass besides
FROM_SERVER = _words(
    """
    ACCOUNT ACK AUTHENTICATE AWAY BATCH CHGHOST ERROR FAIL GLOBOPS H INVITE JOIN KICK KILL KNOCK
    MARKREAD METADATA MODE MONITOR NICK NOTE PART PROTOCTL QUIT REDACT REGISTER RENAME SETNAME
    SILENCE TAGMSG TOPIC VERIFY WALLOPS WARN
    """
)

#: 010 sends the client to another server, which it would reach outside I2P; 670 starts TLS with us
NUMERICS_DROPPED = _words("010 670")

#: capabilities that make a client connect anew, with TLS, to a port that leads nowhere
CAPABILITIES_HIDDEN = _words("sts tls starttls")

#: tags a client may send; what it tells besides (that the user is typing, …) stays here
CLIENT_TAGS = _words(
    """
    batch label draft/multiline-concat +draft/reply +reply +draft/react +react +draft/unreact
    +unreact +draft/channel-context +channel-context
    """
)
