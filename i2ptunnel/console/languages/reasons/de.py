"""German."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "state": "Zustand",
    "clock": "Uhr",
    "reachability": "Erreichbarkeit",
    "known routers": "bekannte Router",
    "links": "Verbindungen",
    "tunnel builds": "Tunnelbau",
    "configuration": "Konfiguration",
    "data directory": "Datenverzeichnis",
    "disk": "Platte",
    "keys": "Schlüssel",
    "native extra": "nativer Zusatz",
    "descriptors": "Deskriptoren",
    "ports": "Ports",
    "file modes": "Dateirechte",
    "daily rhythm": "Tagesrhythmus",
    "interfaces": "Schnittstellen",
    "It is tried again by itself; i2ptunnel tunnels restart NAME tries at once.": (
        "Es wird von selbst wieder versucht; i2ptunnel tunnels restart NAME versucht es sofort."
    ),
    "It is tried again by itself.": "Es wird von selbst wieder versucht.",
    "Set it: timedatectl set-ntp true.": "Stellen Sie sie: timedatectl set-ntp true.",
    "nothing has been heard yet that it could be compared with": (
        "es gibt noch nichts, womit sie verglichen werden könnte"
    ),
    "right, as {who} say": "richtig, sagen {who}",
    "hidden: nobody is meant to connect": "versteckt: niemand soll sich verbinden",
    (
        "Forward the router's port for TCP and UDP to this machine, and open it in the "
        "firewall: “Firewall” in docs/INSTALL.md."
    ): (
        "Leiten Sie den Port des Routers für TCP und UDP an diesen Rechner weiter und öffnen "
        "Sie ihn in der Firewall: „Firewall“ in docs/INSTALL.md."
    ),
    "{count}, {floodfills} floodfill": "{count}, davon {floodfills} Floodfill",
    "this machine has no network": "dieser Rechner hat kein Netz",
    "Check its connection and its firewall.": "Prüfen Sie seine Verbindung und seine Firewall.",
    "Check that the firewall lets outgoing TCP and UDP to all ports through.": (
        "Prüfen Sie, ob die Firewall ausgehendes TCP und UDP an alle Ports durchlässt."
    ),
    "no router is connected yet": "noch ist kein Router verbunden",
    "{count}; reseed servers are being asked": "{count}; Reseed-Server werden gefragt",
    "Wait a minute.": "Warten Sie eine Minute.",
    "Fetch some: i2ptunnel netdb reseed, or netdb import FILE.": (
        "Holen Sie welche: i2ptunnel netdb reseed, oder netdb import FILE."
    ),
    "Import a file until then: i2ptunnel netdb import FILE.": (
        "Importieren Sie bis dahin eine Datei: i2ptunnel netdb import FILE."
    ),
    "{succeeded} of {started}: too few to judge": (
        "{succeeded} von {started}: zu wenige für ein Urteil"
    ),
    "{share} of {started} succeeded": "{share} von {started} gelangen",
    (
        "If this lasts for hours, the network is under load or attacked, or the clock or the "
        "firewall is wrong: see the other lines."
    ): (
        "Dauert das Stunden, ist das Netz überlastet oder wird angegriffen, oder Uhr oder "
        "Firewall stimmen nicht: siehe die anderen Zeilen."
    ),
    "the file cannot be loaded any more: {why}": "die Datei lässt sich nicht mehr laden: {why}",
    "Correct it: i2ptunnel check -c FILE. What runs keeps running.": (
        "Berichtigen Sie sie: i2ptunnel check -c FILE. Was läuft, läuft weiter."
    ),
    "the file has changed since the start: {names}": (
        "die Datei hat sich seit dem Start geändert: {names}"
    ),
    "This takes effect when the program is started anew.": (
        "Das wirkt, wenn das Programm neu gestartet wird."
    ),
    "the file says something else than what runs: {changes}": (
        "die Datei sagt etwas anderes, als läuft: {changes}"
    ),
    "i2ptunnel reload takes it over.": "i2ptunnel reload übernimmt es.",
    "what runs is what the file says": "es läuft, was die Datei sagt",
    "only the owner can read the keys in {place}": (
        "nur der Besitzer kann die Schlüssel in {place} lesen"
    ),
    "{size} free at {place}: state cannot be kept": (
        "{size} frei bei {place}: der Zustand kann nicht gespeichert werden"
    ),
    "{size} free at {place}": "{size} frei bei {place}",
    "Free some space on the disk of {place}.": "Schaffen Sie Platz auf der Platte von {place}.",
    "tunnel {name}: the {what} ended {when}": "Tunnel {name}: {what} endete am {when}",
    "tunnel {name}: the {what} ends {when}": "Tunnel {name}: {what} endet am {when}",
    "Restore it: i2ptunnel restore FILE.": "Stellen Sie ihn wieder her: i2ptunnel restore FILE.",
    "{found}; a router with much traffic needs less with the extra": (
        "{found}; ein Router mit viel Verkehr braucht mit dem Zusatz weniger"
    ),
    "See “Faster: the native extra” in docs/INSTALL.md.": (
        "Siehe „Faster: the native extra“ in docs/INSTALL.md."
    ),
    "{count} of {most} connections tracked": "{count} von {most} Verbindungen verfolgt",
    "nobody listens at {place} ({what})": "niemand hört an {place} ({what})",
    "See what i2ptunnel status says of it.": "Sehen Sie, was i2ptunnel status dazu sagt.",
    "Stop that program, or change the port in the configuration.": (
        "Halten Sie jenes Programm an oder ändern Sie den Port in der Konfiguration."
    ),
    "all free": "alle frei",
    "all ours": "alle von diesem Programm",
    "it is not off daily, as far as its boots tell": "nach seinen Starts ist er nicht täglich aus",
    "the system keeps it with time servers": "das System hält sie mit Zeitservern richtig",
    "cannot listen on {place}: {why}": "kann an {place} nicht lauschen: {why}",
    "the listener ended": "es wird nicht mehr gelauscht",
    "the I2P session ended": "die I2P-Sitzung ist zu Ende",
    "an internal error": "ein interner Fehler",
    "no tunnels yet: {why}": "noch keine Tunnel: {why}",
    "there is no tunnel {name}": "es gibt keinen Tunnel {name}",
    "the {book} book has another address for {name}": (
        "das Buch {book} hat für {name} eine andere Adresse"
    ),
    "not a destination or .b32.i2p address": "weder eine Destination noch eine .b32.i2p-Adresse",
    "the name is in no address book": "der Name steht in keinem Adressbuch",
    "the address book cannot be read": "das Adressbuch ist nicht lesbar",
    "there are no tunnels into I2P yet; try again later": (
        "es gibt noch keine Tunnel ins I2P-Netz; versuchen Sie es später"
    ),
    "{added} added, {changed} changed, {removed} removed": (
        "{added} hinzugefügt, {changed} geändert, {removed} entfernt"
    ),
    "not changed": "unverändert",
    "what came is not a hosts.txt": "was kam, ist keine hosts.txt",
    "the feed redirects too often": "das Abonnement leitet zu oft weiter",
    "the feed took too long": "das Abonnement brauchte zu lange",
    "the feed's server answers with status {status}": (
        "der Server des Abonnements antwortet mit Status {status}"
    ),
    "nothing was changed here since the program has started": (
        "seit dem Start des Programms wurde hier nichts geändert"
    ),
    "the configuration cannot be changed: {why}": (
        "die Konfiguration lässt sich nicht ändern: {why}"
    ),
    "the configuration cannot be read: {why}": "die Konfiguration lässt sich nicht lesen: {why}",
    "the file was changed meanwhile; look at it again": (
        "die Datei wurde inzwischen geändert; sehen Sie sie noch einmal an"
    ),
    "the program runs without a configuration file of its own: start it with -c FILE": (
        "das Programm läuft ohne eigene Konfigurationsdatei: starten Sie es mit -c FILE"
    ),
    "give a magnet link or a torrent file": (
        "geben Sie einen Magnet-Link oder eine Torrent-Datei an"
    ),
    "the magnet link is too long": "der Magnet-Link ist zu lang",
    "torrent files have at most {count} bytes here": (
        "Torrent-Dateien haben hier höchstens {count} Bytes"
    ),
    "this is no magnet link: {why}": "das ist kein Magnet-Link: {why}",
    "this is no torrent file: {why}": "das ist keine Torrent-Datei: {why}",
    "the torrent is there already": "der Torrent ist schon da",
    "there are {count} torrents already": "es gibt schon {count} Torrents",
    "another torrent has files at {name}": "ein anderer Torrent hat Dateien bei {name}",
    "the torrent has files outside of its directory": (
        "der Torrent hat Dateien außerhalb seines Verzeichnisses"
    ),
    "the torrent has symbolic links": "der Torrent hat symbolische Links",
    "no torrent has this ID or name": "kein Torrent hat diese ID oder diesen Namen",
    "the torrent client is starting": "der Torrent-Client startet",
    "the torrent client does not answer": "der Torrent-Client antwortet nicht",
    "the torrent client has ended": "der Torrent-Client ist zu Ende",
    "it is not running: {why}": "er läuft nicht: {why}",
    "libtorrent is not installed, which it needs: pip install libtorrent": (
        "libtorrent ist nicht installiert, wird aber gebraucht: pip install libtorrent"
    ),
    "rates are not negative, and connections are from 2 to 2000": (
        "Raten sind nicht negativ, und Verbindungen gibt es 2 bis 2000"
    ),
    "name": "Name",
    "tunnels": "Tunnel",
    "lease_set": "Lease-Set",
    "stream": "Stream",
    "server": "Server",
    "is known": "ist bekannt",
    "is the address itself": "ist die Adresse selbst",
    "are there": "sind da",
    "was found": "wurde gefunden",
    "was answered": "wurde beantwortet",
    "said {words}": "sagte {words}",
    "nothing came within {seconds} s": "innerhalb von {seconds} s kam nichts",
    "this is no URL; write http://name.i2p/ or name.i2p:PORT": (
        "das ist keine URL; schreiben Sie http://name.i2p/ oder name.i2p:PORT"
    ),
    "{state}, up {time}: {why}": "{state}, läuft seit {time}: {why}",
    "{state}, up {time}": "{state}, läuft seit {time}",
    "1 key file looked at": "1 Schlüsseldatei geprüft",
    "{count} key files looked at": "{count} Schlüsseldateien geprüft",
    "1 router connected": "1 Router verbunden",
    "{count} routers connected": "{count} Router verbunden",
    "only 1 router connected": "nur 1 Router verbunden",
    "only {count} routers connected": "nur {count} Router verbunden",
    "of the last {tries} tries, {tests} peer tests and {calls} connections got in": (
        "von den letzten {tries} Versuchen kamen {tests} Peer-Tests und {calls} Verbindungen durch"
    ),
    "nobody has tried to connect yet": "noch hat niemand versucht, sich zu verbinden",
    "the address is from {by}, and nobody has connected to it yet": (
        "die Adresse stammt von {by}, und noch hat sich niemand mit ihr verbunden"
    ),
    "{reached} got through to us and {unreached} did not: too few to tell": (
        "{reached} kamen durch, {unreached} nicht: zu wenige für ein Urteil"
    ),
    "{count} routers that we had not called tried to connect and did not get through": (
        "{count} Router, die nicht gerufen waren, versuchten sich zu verbinden und kamen "
        "nicht durch"
    ),
    "the NAT shows every router another port ({ports}), so nobody can connect": (
        "das NAT zeigt jedem Router einen anderen Port ({ports}), so kann sich niemand verbinden"
    ),
    "the country is {country}, one of the strict countries": (
        "das Land ist {country}, eines der strengen Länder"
    ),
    "hidden until this router's address, and so its country, is known": (
        "versteckt, bis die Adresse dieses Routers und damit sein Land bekannt ist"
    ),
    "it has just started": "er ist eben erst gestartet",
    "all criteria of a floodfill are met": "alle Bedingungen für einen Floodfill sind erfüllt",
    "all criteria of a floodfill are met; it is one in {wait}": (
        "alle Bedingungen für einen Floodfill sind erfüllt; er wird in {wait} einer"
    ),
    "{why}; it ends in {wait} if that lasts": "{why}; hält das an, endet die Rolle in {wait}",
    "floodfill: {value} is set": "floodfill: {value} ist eingestellt",
    "it is hidden": "er ist versteckt",
    "other routers cannot reach it at a public IPv4 address over NTCP2": (
        "andere Router erreichen ihn an keiner öffentlichen IPv4-Adresse über NTCP2"
    ),
    "it carries no transit": "er leitet nichts für andere weiter",
    "it shares {rate} KB/s, a floodfill at least {least}": (
        "er teilt {rate} KB/s, ein Floodfill mindestens {least}"
    ),
    "it has run for {time} of {least} min": "er läuft seit {time} von {least} min",
    "the system's clock is wrong by {seconds} s": "die Uhr des Systems geht um {seconds} s falsch",
    "the machine is busy: timers are {late} ms late": (
        "der Rechner ist ausgelastet: Zeitgeber kommen {late} ms zu spät"
    ),
    "it is near the limits of its links or transit tunnels": (
        "er ist nahe an den Grenzen seiner Verbindungen oder Transittunnel"
    ),
    "it knows {count} routers, a floodfill at least {least}": (
        "er kennt {count} Router, ein Floodfill mindestens {least}"
    ),
    "it is connected to {count} routers, a floodfill at least {least}": (
        "er ist mit {count} Routern verbunden, ein Floodfill mit mindestens {least}"
    ),
    "it carries {count} transit tunnels, a floodfill at least {least}": (
        "er trägt {count} Transittunnel, ein Floodfill mindestens {least}"
    ),
    "there are {count} floodfills, which is enough": "es gibt {count} Floodfills, das genügt",
}
