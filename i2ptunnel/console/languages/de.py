"""German."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Accepted since the start": "Angenommen seit dem Start",
    "Actions": "Aktionen",
    "Add": "Hinzufügen",
    "Add a name": "Namen hinzufügen",
    "Added": "Hinzugefügt",
    "Address": "Adresse",
    "Address in I2P": "Adresse in I2P",
    "Addresses, one on each line": "Adressen, eine je Zeile",
    "All kinds": "Alle Arten",
    "All options": "Alle Optionen",
    "Back": "Zurück",
    "Bandwidth": "Bandbreite",
    "Beginning of the hash": "Anfang des Hashes",
    "Book": "Buch",
    "Cancel": "Abbrechen",
    "Capabilities": "Fähigkeiten",
    "Carried": "Übertragen",
    "Change": "Ändern",
    "Change the configuration": "Konfiguration ändern",
    "Change the subscriptions": "Abonnements ändern",
    "Change {name}": "{name} ändern",
    "Changed while they run: {names}": "Im Betrieb geändert: {names}",
    "Chat": "Chat",
    "Check the change": "Änderung prüfen",
    "Clock": "Uhr",
    "Configuration": "Konfiguration",
    "Confirm the change": "Änderung bestätigen",
    "Connected routers": "Verbundene Router",
    "Connections": "Verbindungen",
    "Data directory": "Datenverzeichnis",
    "Direction": "Richtung",
    "Download the new file": "Neue Datei herunterladen",
    "Download the new file, put it in place yourself, and reload.": (
        "Laden Sie die neue Datei herunter, legen Sie sie selbst an ihren Platz und laden Sie "
        "die Konfiguration neu."
    ),
    "Enter about:profiles as address, and make a new profile.": (
        "Geben Sie about:profiles als Adresse ein und legen Sie ein neues Profil an."
    ),
    "Everything works: {ready} of {all} tunnels are ready.": (
        "Alles in Ordnung: {ready} von {all} Tunneln sind bereit."
    ),
    "Fetch now": "Jetzt abrufen",
    "Fetched": "Abgerufen",
    "Figures": "Zahlen",
    "Go on": "Weiter",
    "Hops": "Stationen",
    "It is here now:": "Sie ist jetzt hier:",
    "It is switched off.": "Sie ist ausgeschaltet.",
    "It opens this page in the browser and signs you in.": (
        "Das öffnet diese Seite im Browser und meldet Sie an."
    ),
    "Its .b32.i2p address, or the whole destination.": (
        "Die .b32.i2p-Adresse oder die ganze Destination."
    ),
    "Kind": "Art",
    "Known routers": "Bekannte Router",
    "Floodfill router": "Floodfill-Router",
    "yes": "ja",
    "no": "nein",
    "Common address": "Gemeinsame Adresse",
    "{up} of {all} machines up": "{up} von {all} Maschinen laufen",
    "Last heard": "Zuletzt gehört",
    "Level": "Stufe",
    "Lines that change": "Zeilen, die sich ändern",
    "Log": "Protokoll",
    "Loss": "Verlust",
    "Make the change": "Änderung ausführen",
    "Measured": "Gemessen",
    "Message": "Meldung",
    "Name": "Name",
    "Network": "Netz",
    "New tunnel": "Neuer Tunnel",
    "New: {names}": "Neu: {names}",
    "Next": "Weiter",
    "Not possible": "Nicht möglich",
    "Notes": "Notizen",
    "Nothing is found.": "Nichts gefunden.",
    "Nothing would change.": "Es würde sich nichts ändern.",
    "On the machine where the router runs, enter:": (
        "Geben Sie auf dem Rechner, auf dem der Router läuft, ein:"
    ),
    "On this machine": "Auf diesem Rechner",
    "Open tunnels": "Offene Tunnel",
    "Or sign in with the password": "Oder melden Sie sich mit dem Passwort an",
    "Outcome": "Ergebnis",
    "Overview": "Übersicht",
    "Own tunnels": "Eigene Tunnel",
    "Pages": "Seiten",
    "Part of a name, or an address": "Teil eines Namens oder eine Adresse",
    "Part {number} of {last}": "Teil {number} von {last}",
    "Parts of the list": "Teile der Liste",
    "Previous": "Zurück",
    "Proxy {name} at {address}": "Proxy {name} an {address}",
    "Published": "Veröffentlicht",
    "QR code of the address": "QR-Code der Adresse",
    "Reachable from outside": "Von außen erreichbar",
    "Remove": "Entfernen",
    "Removed: {names}": "Entfernt: {names}",
    "Replace another address of this name": "Eine andere Adresse dieses Namens ersetzen",
    "Restart": "Neu starten",
    "Restarted: {names}": "Neu gestartet: {names}",
    "Round trip": "Umlaufzeit",
    "Router": "Router",
    "Router in use": "Benutzter Router",
    "Running for": "Läuft seit",
    "Search": "Suchen",
    "Services that cannot listen": "Dienste, die nicht lauschen können",
    "Session": "Sitzung",
    "Settings": "Einstellungen",
    "Show": "Anzeigen",
    "Sign in": "Anmelden",
    "Sign out": "Abmelden",
    "Start": "Starten",
    "State": "Zustand",
    "Stop": "Anhalten",
    "Subscription": "Abonnement",
    "Subscriptions": "Abonnements",
    "Take the last change back": "Letzte Änderung zurücknehmen",
    "Takes effect at once: {names}": "Wirkt sofort: {names}",
    "Takes effect when the program is started anew: {names}": (
        "Wirkt nach einem Neustart des Programms: {names}"
    ),
    "The I2P console": "Die I2P-Konsole",
    "The change cannot be written from here: {why}.": (
        "Die Änderung kann von hier aus nicht geschrieben werden: {why}."
    ),
    "The change is made.": "Die Änderung ist ausgeführt.",
    "The console has moved": "Die Konsole ist umgezogen",
    "The last day": "Der letzte Tag",
    "The last hour": "Die letzte Stunde",
    "The name is saved.": "Der Name ist gespeichert.",
    "The request took too long.": "Die Anfrage dauerte zu lange.",
    "The router itself": "Der Router selbst",
    "The subscriptions are being fetched.": "Die Abonnements werden abgerufen.",
    "There are no tunnels yet.": "Es gibt noch keine Tunnel.",
    "There is a tunnel of this name already.": "Es gibt schon einen Tunnel dieses Namens.",
    "There is no such page.": "Diese Seite gibt es nicht.",
    "There is no such tunnel.": "Diesen Tunnel gibt es nicht.",
    "There is no web proxy.": "Es gibt keinen Web-Proxy.",
    "This file has been used, or is older than a minute.": (
        "Diese Datei wurde schon benutzt oder ist älter als eine Minute."
    ),
    "This form cannot be read.": "Dieses Formular ist nicht lesbar.",
    "This form is not of this session; load the page again.": (
        "Dieses Formular gehört nicht zu dieser Sitzung; laden Sie die Seite neu."
    ),
    "This page is not asked for like that.": "So wird diese Seite nicht abgerufen.",
    "Time": "Zeit",
    "To the content": "Zum Inhalt",
    "To the first page": "Zur ersten Seite",
    "Transit": "Transit",
    "Transit tunnels": "Transittunnel",
    "Transport": "Transport",
    "Tunnel builds": "Tunnelbau",
    "Tunnel {name} failed: {why}.": "Der Tunnel {name} ist gescheitert: {why}.",
    "Tunnels": "Tunnel",
    (
        "Tunnels that lead through this router for others. They make everybody harder to "
        "find, you too."
    ): (
        "Tunnel anderer, die durch diesen Router führen. Sie machen alle schwerer zu finden, "
        "auch Sie."
    ),
    (
        "Use a browser profile for I2P only: what it keeps from other sites would make you "
        "known in I2P."
    ): (
        "Benutzen Sie ein eigenes Browserprofil nur für I2P: Was der Browser von anderen "
        "Seiten behält, würde Sie in I2P erkennbar machen."
    ),
    "Version": "Version",
    "What would change is shown first. The keys of a server stay in the data directory.": (
        "Zuerst wird gezeigt, was sich ändern würde. Die Schlüssel eines Servers bleiben im "
        "Datenverzeichnis."
    ),
    "When it is set up, open this page in it:": (
        "Öffnen Sie darin nach dem Einrichten diese Seite:"
    ),
    "Write a name.": "Geben Sie einen Namen ein.",
    "You are not signed in.": "Sie sind nicht angemeldet.",
    "Too many attempts; wait a minute.": "Zu viele Versuche; warten Sie eine Minute.",
    "Too many wrong passwords; wait a minute.": (
        "Zu viele falsche Passwörter; warten Sie eine Minute."
    ),
    "The password is wrong.": "Das Passwort ist falsch.",
    "a day ago": "vor einem Tag",
    "a profile": "ein Profil",
    "all books": "alle Bücher",
    "an hour ago": "vor einer Stunde",
    "compared with {source}": "verglichen mit: {source}",
    "failed {count} times": "{count}-mal gescheitert",
    "failing": "versagt",
    "refused": "abgewiesen",
    "fast": "schnell",
    "for {time}": "seit {time}",
    "hidden": "verborgen",
    "high capacity": "leistungsfähig",
    "inbound": "eingehend",
    "local": "lokal",
    "never": "nie",
    "next in {time}": "wieder in {time}",
    "no hops": "keine Stationen",
    "none yet": "noch keine",
    "not compared yet": "noch nicht verglichen",
    "not failing": "brauchbar",
    "not published": "nicht veröffentlicht",
    "now": "jetzt",
    "other routers": "andere Router",
    "outbound": "ausgehend",
    "private": "privat",
    "router": "Router",
    "time servers": "Zeitserver",
    "tried again in {time}": "neuer Versuch in {time}",
    "usual: {value}": "üblich: {value}",
    "{count} in all": "{count} insgesamt",
    "{count} of them floodfill": "davon {count} Floodfill",
    "{name} gets another address: {new} instead of {old}": (
        "{name} bekommt eine andere Adresse: {new} statt {old}"
    ),
    "{name} is removed.": "{name} ist entfernt.",
    "{received} in, {sent} out": "{received} ein, {sent} aus",
    "{share} % succeeded": "{share} % gelungen",
    "{time} ago": "vor {time}",
    "in": "ein",
    "out": "aus",
    "for others": "für andere",
    "own": "eigene",
    "ready": "bereit",
    "building": "im Aufbau",
    "starting": "startet",
    "stopping": "hält an",
    "stopped": "angehalten",
    "reseeding": "erster Kontakt",
    "degraded": "eingeschränkt",
    "failed": "gescheitert",
    "ok": "in Ordnung",
    "firewalled": "hinter einer Firewall",
    "symmetric nat": "symmetrisches NAT",
    "unknown": "unbekannt",
    "{ready} of {tunnels} tunnels are ready.": "{ready} von {tunnels} Tunneln sind bereit.",
    "{count} tunnels failed: {names}.": "{count} Tunnel sind gescheitert: {names}.",
    "Browse I2P": "In I2P surfen",
    "A web proxy for your browser.": "Ein Web-Proxy für Ihren Browser.",
    "SOCKS proxy": "SOCKS-Proxy",
    "For programs that can use one.": "Für Programme, die einen benutzen können.",
    "An IRC network in I2P for your chat program.": "Ein IRC-Netz in I2P für Ihr Chatprogramm.",
    "Reach a service": "Einen Dienst erreichen",
    "One address in I2P at a port of this machine, such as SSH.": (
        "Eine Adresse in I2P an einem Port dieses Rechners, zum Beispiel SSH."
    ),
    "Publish a folder": "Einen Ordner veröffentlichen",
    "The files of a folder as a web site in I2P.": (
        "Die Dateien eines Ordners als Webseite in I2P."
    ),
    "Publish a web server": "Einen Webserver veröffentlichen",
    "A web server of this machine, seen in I2P.": (
        "Ein Webserver dieses Rechners, sichtbar in I2P."
    ),
    "Publish a service": "Einen Dienst veröffentlichen",
    "Any other service of this machine, such as SSH.": (
        "Ein anderer Dienst dieses Rechners, zum Beispiel SSH."
    ),
    "A passphrase has 8 characters or more.": "Eine Passphrase hat mindestens 8 Zeichen.",
    "Backup": "Sicherung",
    "Done": "Fertig",
    "Download the backup": "Sicherung herunterladen",
    (
        "Keys, names, state and configuration in one file, encrypted with a passphrase. "
        "Without the passphrase it is lost."
    ): (
        "Schlüssel, Namen, Zustand und Konfiguration in einer Datei, mit einer Passphrase "
        "verschlüsselt. Ohne die Passphrase ist sie verloren."
    ),
    "Magnet link": "Magnet-Link",
    "Once more": "Noch einmal",
    "Passphrase": "Passphrase",
    "Pause": "Anhalten",
    "Peers": "Gegenstellen",
    "Rates": "Raten",
    "Resume": "Fortsetzen",
    "The two are not the same.": "Die beiden sind nicht gleich.",
    "There are no torrents yet.": "Es gibt noch keine Torrents.",
    "To restore it, stop the program and run:": (
        "Zum Wiederherstellen halten Sie das Programm an und führen aus:"
    ),
    "Torrents": "Torrents",
    "Check-up": "Prüfung",
    "What": "Was",
    "Finding": "Befund",
    "Why does a site not open?": "Warum öffnet sich eine Seite nicht?",
    "Try it": "Versuchen",
    "It is visited once through I2P; that takes up to half a minute.": (
        "Die Seite wird einmal durch I2P besucht; das dauert bis zu einer halben Minute."
    ),
    "Step": "Schritt",
    "note": "Hinweis",
    "warning": "Warnung",
    "problem": "Problem",
    "Add a torrent": "Torrent hinzufügen",
    "or torrent file": "oder Torrent-Datei",
    "Start it later": "Später starten",
    "Limits of all torrents together": "Grenzen für alle Torrents zusammen",
    "Download, kB/s": "Herunterladen, kB/s",
    "Upload, kB/s": "Hochladen, kB/s",
    "no limit": "keine Grenze",
    "Set": "Setzen",
    "They hold until the program is started anew. The configuration has those that stay.": (
        "Sie gelten, bis das Programm neu startet. Dauerhafte stehen in der Konfiguration."
    ),
    "The torrent client is installed and switched off. It reaches nothing but I2P.": (
        "Der Torrent-Client ist installiert und ausgeschaltet. Er erreicht nichts außer I2P."
    ),
    "Switch it on": "Einschalten",
    "Remove a torrent": "Torrent entfernen",
    "Remove it, keep its files": "Entfernen, Dateien behalten",
    "Remove it and delete its files": "Entfernen und Dateien löschen",
    "tracker: {words}": "Tracker: {words}",
    "{name} is added.": "{name} ist hinzugefügt.",
    "Not in I2P, and therefore removed from it: {count} trackers, seeds or peers.": (
        "Nicht in I2P und darum daraus entfernt: {count} Tracker, Web-Seeds oder Gegenstellen."
    ),
    "It has no tracker in I2P, so it finds no peers.": (
        "Er hat keinen Tracker in I2P und findet darum keine Gegenstellen."
    ),
    "The torrent is removed.": "Der Torrent ist entfernt.",
    "There is no such torrent.": "Diesen Torrent gibt es nicht.",
    "The limits are set.": "Die Grenzen sind gesetzt.",
    "Limits are whole numbers.": "Grenzen sind ganze Zahlen.",
    "checking": "wird geprüft",
    "metadata": "wartet auf Metadaten",
    "downloading": "lädt herunter",
    "seeding": "wird verteilt",
    "paused": "angehalten",
    "error": "Fehler",
    "Conflicts": "Konflikte",
    (
        "A subscription has another address for these names. They stay as they are until you "
        "decide otherwise."
    ): (
        "Ein Abonnement hat für diese Namen eine andere Adresse. Sie bleiben, wie sie sind, "
        "bis Sie anders entscheiden."
    ),
    "In your books": "In Ihren Büchern",
    "In the subscription": "Im Abonnement",
    "Use this address": "Diese Adresse verwenden",
    "No subscription has another address for a name that you know.": (
        "Kein Abonnement hat eine andere Adresse für einen Namen, den Sie kennen."
    ),
    "{name} has the other address now.": "{name} hat jetzt die andere Adresse.",
}
