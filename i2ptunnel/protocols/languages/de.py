"""German."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "Die Anfrage ist nicht brauchbar",
    "This is not an I2P address": "Das ist keine I2P-Adresse",
    "A .b32.i2p address has 52 letters a-z and digits 2-7; check that it was copied whole.": (
        "Eine .b32.i2p-Adresse hat 52 Buchstaben a-z und Ziffern 2-7; prüfen Sie, ob sie ganz "
        "kopiert wurde."
    ),
    "This address needs a secret word": "Diese Adresse braucht ein Geheimwort",
    "Its owner encrypts where it can be found. Ask for the word and enter it here.": (
        "Ihr Besitzer verschlüsselt, wo sie zu finden ist. Fragen Sie nach dem Wort und geben "
        "Sie es hier ein."
    ),
    "This address is for invited visitors": "Diese Adresse ist für eingeladene Besucher",
    "Its owner encrypts where it can be found. Enter the key that you agreed on.": (
        "Ihr Besitzer verschlüsselt, wo sie zu finden ist. Geben Sie den vereinbarten "
        "Schlüssel ein."
    ),
    "This is not a key": "Das ist kein Schlüssel",
    "A key has 44 characters; check that it was copied whole. Go back and try again.": (
        "Ein Schlüssel hat 44 Zeichen; prüfen Sie, ob er ganz kopiert wurde. Gehen Sie zurück "
        "und versuchen Sie es noch einmal."
    ),
    "The key does not open this address": "Der Schlüssel öffnet diese Adresse nicht",
    "It was mistyped, or the owner has withdrawn it. Try another one.": (
        "Er ist vertippt, oder der Besitzer hat ihn zurückgezogen. Versuchen Sie einen anderen."
    ),
    "This address is on your own network": "Diese Adresse ist in Ihrem eigenen Netz",
    (
        "The I2P proxy does not connect to this machine or its network. Add the address to the "
        "exceptions of the browser's proxy settings."
    ): (
        "Der I2P-Proxy verbindet nicht mit diesem Rechner oder seinem Netz. Tragen Sie die "
        "Adresse bei den Ausnahmen in den Proxy-Einstellungen des Browsers ein."
    ),
    "This port is not allowed": "Dieser Port ist nicht erlaubt",
    "See connect_ports in the settings.": "Siehe connect_ports in den Einstellungen.",
    "You may not use this proxy": "Sie dürfen diesen Proxy nicht benutzen",
    "See allow in its settings.": "Siehe allow in seinen Einstellungen.",
    "The site closed the connection": "Die Seite hat die Verbindung geschlossen",
    "It was reached, but it refused or broke off the connection. Try again later.": (
        "Sie wurde erreicht, hat die Verbindung aber abgelehnt oder abgebrochen. Versuchen "
        "Sie es später noch einmal."
    ),
    "User name and password are needed": "Benutzername und Passwort sind nötig",
    "The request did not arrive in time": "Die Anfrage kam nicht rechtzeitig an",
    "This name is not in the address book": "Dieser Name steht nicht im Adressbuch",
    "Ask for the site's .b32.i2p address.": "Fragen Sie nach der .b32.i2p-Adresse der Seite.",
    "Ask for the site's .b32.i2p address, or ask one of these sites for it.": (
        "Fragen Sie nach der .b32.i2p-Adresse der Seite, oder fragen Sie eine dieser Seiten danach."
    ),
    "The site's answer cannot be used": "Die Antwort der Seite ist nicht brauchbar",
    "It does not follow the rules of HTTP.": "Sie folgt den Regeln von HTTP nicht.",
    "The outproxy cannot reach this address": "Der Outproxy erreicht diese Adresse nicht",
    "Check that it is written right.": "Prüfen Sie, ob sie richtig geschrieben ist.",
    "No outproxy could be reached": "Kein Outproxy war erreichbar",
    "Addresses outside I2P need one.": "Adressen außerhalb von I2P brauchen einen.",
    "This address is outside I2P": "Diese Adresse ist außerhalb von I2P",
    "Only .i2p addresses can be opened here. For others, set outproxies in the settings.": (
        "Nur .i2p-Adressen lassen sich hier öffnen. Für andere setzen Sie outproxies in den "
        "Einstellungen."
    ),
    "Too many connections": "Zu viele Verbindungen",
    "Try again in a moment.": "Versuchen Sie es gleich noch einmal.",
    "All I2P addresses are in use": "Alle I2P-Adressen sind in Gebrauch",
    (
        "This proxy visits sites under different addresses, and it has no more of them at the "
        "moment. Close some pages, or raise max_identities in the settings."
    ): (
        "Dieser Proxy besucht Seiten unter verschiedenen Adressen, und er hat gerade keine "
        "mehr frei. Schließen Sie einige Seiten, oder erhöhen Sie max_identities in den "
        "Einstellungen."
    ),
    "The web server does not answer": "Der Webserver antwortet nicht",
    "Try again later.": "Versuchen Sie es später noch einmal.",
    "The site cannot be found": "Die Seite ist nicht zu finden",
    "No router knows a way to it at the moment. It is probably offline; try again later.": (
        "Kein Router kennt gerade einen Weg zu ihr. Wahrscheinlich ist sie offline; versuchen "
        "Sie es später noch einmal."
    ),
    "The site uses another encryption": "Die Seite benutzt eine andere Verschlüsselung",
    "It is there, but it offers no encryption that this router knows. Its owner can change that.": (
        "Sie ist da, bietet aber keine Verschlüsselung an, die dieser Router kennt. Ihr Betreiber "
        "kann das ändern."
    ),
    "The site does not answer": "Die Seite antwortet nicht",
    "It may be offline, or the way to it is congested. Try again later.": (
        "Vielleicht ist sie offline, oder der Weg zu ihr ist überlastet. Versuchen Sie es "
        "später noch einmal."
    ),
    (
        "The link tells an address for it. Whether it is the right one cannot be checked. Anybody "
        "who makes links could write it."
    ): (
        "Der Link nennt eine Adresse dafür. Ob es die richtige ist, lässt sich nicht prüfen. "
        "Jeder, der Links schreibt, könnte sie angeben."
    ),
    "Open the address book's site": "Die Seite des Adressbuchs öffnen",
    "The link tells another address than the address book": (
        "Der Link nennt eine andere Adresse als das Adressbuch"
    ),
    "One of the two may be an attempt to deceive you. The link's address is:": (
        "Eine der beiden könnte ein Täuschungsversuch sein. Die Adresse des Links ist:"
    ),
    "The address in this link is damaged": "Die Adresse in diesem Link ist beschädigt",
    "Remove it and open the name alone.": "Entfernen Sie sie und öffnen Sie den Namen allein.",
    "This form is no longer valid": "Dieses Formular gilt nicht mehr",
    "Open the link again and decide anew.": (
        "Öffnen Sie den Link noch einmal und entscheiden Sie neu."
    ),
    "The upload is too large": "Die hochgeladenen Daten sind zu groß",
    "See max_upload in the settings.": "Siehe max_upload in den Einstellungen.",
    "There is no such page": "Diese Seite gibt es nicht",
    "It could not be saved": "Es ließ sich nicht speichern",
    "This proxy knows CONNECT only": "Dieser Proxy kennt nur CONNECT",
    "Set it as the proxy for https, and an httpclient tunnel as the one for http.": (
        "Stellen Sie ihn als Proxy für https ein, und einen httpclient-Tunnel als den für http."
    ),
    "This is a SOCKS proxy": "Das ist ein SOCKS-Proxy",
    "Enter this address as SOCKS host in the browser's settings, not as HTTP proxy.": (
        "Tragen Sie diese Adresse in den Browser-Einstellungen als SOCKS-Host ein, nicht als "
        "HTTP-Proxy."
    ),
    "Status": "Zustand",
    "Set up a browser": "Browser einrichten",
    "Test this browser": "Diesen Browser testen",
    "Ready: .i2p addresses can be opened.": "Bereit: .i2p-Adressen lassen sich öffnen.",
    "They go to an outproxy.": "Sie gehen an einen Outproxy.",
    "They are refused.": "Sie werden abgelehnt.",
    "Proxy": "Proxy",
    "Addresses outside I2P": "Adressen außerhalb von I2P",
    "Requests": "Anfragen",
    "Bytes sent": "Gesendete Bytes",
    "Bytes received": "Empfangene Bytes",
    "The I2P proxy works": "Der I2P-Proxy funktioniert",
    (
        "Use a browser, or a profile of it, for I2P alone: one that also opens other sites can be "
        "recognised by them."
    ): (
        "Benutzen Sie einen Browser oder ein Browser-Profil nur für I2P: einen, der auch "
        "andere Seiten öffnet, können diese wiedererkennen."
    ),
    "Settings → Network Settings → Manual proxy configuration:": (
        "Einstellungen → Verbindungs-Einstellungen → Manuelle Proxy-Konfiguration:"
    ),
    "as HTTP proxy, also for HTTPS.": "als HTTP-Proxy, auch für HTTPS.",
    "Or install this file:": "Oder installieren Sie diese Datei:",
    "Automatic configuration (PAC)": "Automatische Konfiguration (PAC)",
    ".i2p addresses go to the proxy, all others are opened directly": (
        ".i2p-Adressen gehen an den Proxy, alle anderen werden direkt geöffnet"
    ),
    "everything goes to the proxy": "alles geht an den Proxy",
    (
        "Your browser uses the proxy. It sent the headers on the left; sites in I2P get those on "
        "the right."
    ): (
        "Ihr Browser benutzt den Proxy. Er hat die Kopfzeilen links geschickt; Seiten in I2P "
        "bekommen die rechts."
    ),
    "Header": "Kopfzeile",
    "From the browser": "Vom Browser",
    "To the site": "An die Seite",
    "removed": "entfernt",
    "Open it, without saving the name": "Öffnen, ohne den Namen zu speichern",
    "Save in my private address book": "In meinem privaten Adressbuch speichern",
    "Save in my public address book": "In meinem öffentlichen Adressbuch speichern",
    "Save in the router's address book": "Im Adressbuch des Routers speichern",
    "Secret word": "Geheimwort",
    "Key (44 characters)": "Schlüssel (44 Zeichen)",
    "Open": "Öffnen",
    "Open and remember": "Öffnen und merken",
    "The router is not ready": "Der Router ist nicht bereit",
    "The I2P proxy is not ready": "Der I2P-Proxy ist nicht bereit",
    "This page loads again by itself.": "Diese Seite lädt von selbst neu.",
    "Try again": "Noch einmal versuchen",
    "This machine's clock is {time} ahead of what other routers say.": (
        "Die Uhr dieses Rechners geht gegenüber den anderen Routern um {time} vor."
    ),
    "This machine's clock is {time} behind what other routers say.": (
        "Die Uhr dieses Rechners geht gegenüber den anderen Routern um {time} nach."
    ),
    "Set the clock right, for example with: timedatectl set-ntp true": (
        "Stellen Sie die Uhr richtig, zum Beispiel mit: timedatectl set-ntp true"
    ),
    "No other router is known, so there is no way into the network.": (
        "Es ist kein anderer Router bekannt, also gibt es keinen Weg ins Netz."
    ),
    (
        "Import RouterInfo files of other routers with: i2ptunnel netdb import FILE (this "
        "version does not fetch them by itself)."
    ): (
        "Importieren Sie RouterInfo-Dateien anderer Router mit: i2ptunnel netdb import DATEI "
        "(diese Version holt sie nicht selbst)."
    ),
    "None of the {routers} known routers is connected yet.": (
        "Von den {routers} bekannten Routern ist noch keiner verbunden."
    ),
    (
        "If this lasts, check that this machine is online and that no firewall stops the "
        "router's outgoing connections."
    ): (
        "Wenn das so bleibt, prüfen Sie, ob dieser Rechner online ist und keine Firewall die "
        "ausgehenden Verbindungen des Routers sperrt."
    ),
    "The router is building its tunnels; {succeeded} of {started} builds succeeded so far.": (
        "Der Router baut seine Tunnel auf; bisher sind {succeeded} von {started} Versuchen "
        "gelungen."
    ),
    "The router is starting.": "Der Router startet.",
    "The router is stopping.": "Der Router wird beendet.",
    "The site has no files now": "Die Seite hat zurzeit keine Dateien",
}
