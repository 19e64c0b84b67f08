"""German."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "Die Anfrage ist nicht brauchbar",
    "This is not an I2P address": "Das ist keine I2P-Adresse",
    "A .b32.i2p address has 52 letters a-z and digits 2-7. Check that all of it was copied.": (
        "Eine .b32.i2p-Adresse besteht aus 52 Buchstaben a-z und Ziffern 2-7. Prüfen Sie, ob sie "
        "vollständig kopiert wurde."
    ),
    "This address needs a secret word": "Diese Adresse braucht ein Geheimwort",
    (
        "The owner has encrypted how this site is reached. Ask the owner for the word and enter "
        "it here."
    ): (
        "Der Betreiber hat verschlüsselt, wie diese Seite zu erreichen ist. Fragen Sie ihn nach "
        "dem Wort und geben Sie es hier ein."
    ),
    "This address is for invited visitors": "Diese Adresse ist für eingeladene Besucher",
    (
        "The owner has encrypted how this site is reached. Enter the key that you agreed on with "
        "the owner."
    ): (
        "Der Betreiber hat verschlüsselt, wie diese Seite zu erreichen ist. Geben Sie den "
        "Schlüssel ein, den Sie mit ihm vereinbart haben."
    ),
    "This is not a key": "Das ist kein Schlüssel",
    "A key has 44 characters. Go back, check that all of it was copied, and try again.": (
        "Ein Schlüssel hat 44 Zeichen. Gehen Sie zurück, prüfen Sie, ob er vollständig kopiert "
        "wurde, und versuchen Sie es noch einmal."
    ),
    "The key does not open this address": "Der Schlüssel öffnet diese Adresse nicht",
    "It may contain a typing error, or the owner has withdrawn it. Enter another key.": (
        "Vielleicht enthält er einen Tippfehler, oder der Betreiber hat ihn zurückgezogen. Geben "
        "Sie einen anderen Schlüssel ein."
    ),
    "This address is on your own network": "Diese Adresse ist in Ihrem eigenen Netz",
    (
        "The I2P proxy never connects to this machine or its network, so that no site in I2P can "
        "reach them through your browser. Open this address in another browser, or in a profile "
        "without the proxy."
    ): (
        "Der I2P-Proxy verbindet nie mit diesem Rechner oder seinem Netz, damit keine Seite in "
        "I2P sie über Ihren Browser erreichen kann. Öffnen Sie diese Adresse in einem anderen "
        "Browser oder in einem Profil ohne den Proxy."
    ),
    "This port is not allowed": "Dieser Port ist nicht erlaubt",
    "The proxy only connects to the ports that connect_ports names in its configuration.": (
        "Der Proxy verbindet nur zu den Ports, die connect_ports in seiner Konfiguration nennt."
    ),
    "You may not use this proxy": "Sie dürfen diesen Proxy nicht benutzen",
    "Your address is not among those that allow names in the proxy's configuration.": (
        "Ihre Adresse gehört nicht zu denen, die allow in der Konfiguration des Proxys nennt."
    ),
    "The site closed the connection": "Die Seite hat die Verbindung geschlossen",
    (
        "The site was reached, but it refused or ended the connection. Try again, or come back "
        "later."
    ): (
        "Die Seite wurde erreicht, hat die Verbindung aber abgelehnt oder beendet. Versuchen Sie "
        "es noch einmal oder später."
    ),
    "User name and password are needed": "Benutzername und Passwort sind nötig",
    "The request did not arrive in time": "Die Anfrage kam nicht rechtzeitig an",
    "This name is not in the address book": "Dieser Name steht nicht im Adressbuch",
    "Open the site by its .b32.i2p address, or follow a link that brings the address along.": (
        "Öffnen Sie die Seite mit ihrer .b32.i2p-Adresse, oder folgen Sie einem Link, der die "
        "Adresse mitbringt."
    ),
    (
        "Open the site by its .b32.i2p address, or look the name up at one of these sites, which "
        "know many:"
    ): (
        "Öffnen Sie die Seite mit ihrer .b32.i2p-Adresse, oder schlagen Sie den Namen bei einer "
        "dieser Seiten nach, die viele kennen:"
    ),
    "The site's answer cannot be used": "Die Antwort der Seite ist nicht brauchbar",
    "The site's web server does not follow the rules of HTTP. Only its owner can change that.": (
        "Der Webserver der Seite hält sich nicht an die Regeln von HTTP. Nur ihr Betreiber kann "
        "das ändern."
    ),
    "The outproxy cannot reach this address": "Der Outproxy erreicht diese Adresse nicht",
    "Check that the address is correct, or try again later.": (
        "Prüfen Sie, ob die Adresse stimmt, oder versuchen Sie es später noch einmal."
    ),
    "No outproxy could be reached": "Kein Outproxy war erreichbar",
    (
        "Addresses outside I2P are opened through an outproxy, and none of yours answers. Try "
        "again later, or name another one under outproxies in the configuration."
    ): (
        "Adressen außerhalb von I2P werden über einen Outproxy geöffnet, und von Ihren antwortet "
        "keiner. Versuchen Sie es später noch einmal, oder nennen Sie in der Konfiguration unter "
        "outproxies einen anderen."
    ),
    "This address is outside I2P": "Diese Adresse ist außerhalb von I2P",
    (
        "This proxy only opens .i2p addresses. To open others through I2P, name outproxies in "
        "the configuration; or use another browser for them."
    ): (
        "Dieser Proxy öffnet nur .i2p-Adressen. Um andere über I2P zu öffnen, nennen Sie in der "
        "Konfiguration outproxies; oder benutzen Sie dafür einen anderen Browser."
    ),
    "Too many connections": "Zu viele Verbindungen",
    "Try again in a moment.": "Versuchen Sie es gleich noch einmal.",
    "All I2P addresses are in use": "Alle I2P-Adressen sind in Gebrauch",
    (
        "This proxy visits each site from another I2P address and has none left at the moment. "
        "Close some pages and try again, or raise max_identities in the configuration."
    ): (
        "Dieser Proxy besucht jede Seite unter einer anderen I2P-Adresse und hat gerade keine "
        "mehr frei. Schließen Sie einige Seiten und versuchen Sie es noch einmal, oder erhöhen "
        "Sie max_identities in der Konfiguration."
    ),
    "The web server does not answer": "Der Webserver antwortet nicht",
    "Try again later.": "Versuchen Sie es später noch einmal.",
    "The site cannot be found": "Die Seite ist nicht zu finden",
    (
        "The network does not know how to reach it at the moment. It is probably offline. Try "
        "again later."
    ): (
        "Das Netz weiß gerade nicht, wie sie zu erreichen ist. Wahrscheinlich ist sie offline. "
        "Versuchen Sie es später noch einmal."
    ),
    "The site uses another encryption": "Die Seite benutzt eine andere Verschlüsselung",
    (
        "The site is there, but it offers no encryption that this router supports. Only its "
        "owner can change that."
    ): (
        "Die Seite ist da, bietet aber keine Verschlüsselung an, die dieser Router beherrscht. "
        "Nur ihr Betreiber kann das ändern."
    ),
    "The site does not answer": "Die Seite antwortet nicht",
    "The site may be offline, or the network is slow at the moment. Try again.": (
        "Die Seite ist vielleicht offline, oder das Netz ist gerade langsam. Versuchen Sie es "
        "noch einmal."
    ),
    "Open the address book's site": "Die Seite des Adressbuchs öffnen",
    "The link and the address book name different addresses": (
        "Der Link und das Adressbuch nennen verschiedene Adressen"
    ),
    (
        "One of the two may be an attempt to deceive you. If you do not know which one is right, "
        "trust the address book."
    ): (
        "Eine der beiden könnte ein Täuschungsversuch sein. Wenn Sie nicht wissen, welche "
        "stimmt, vertrauen Sie dem Adressbuch."
    ),
    "The address in this link is damaged": "Die Adresse in diesem Link ist beschädigt",
    (
        "The link should bring the address of the site along, but it cannot be read. Open the "
        "name without it, or copy the link again."
    ): (
        "Der Link soll die Adresse der Seite mitbringen, aber sie ist nicht lesbar. Öffnen Sie "
        "den Namen ohne sie, oder kopieren Sie den Link noch einmal."
    ),
    "This form is no longer valid": "Dieses Formular gilt nicht mehr",
    (
        "The proxy has restarted since the page was shown. Go back, reload the page and choose "
        "again."
    ): (
        "Der Proxy wurde neu gestartet, seit die Seite angezeigt wurde. Gehen Sie zurück, laden "
        "Sie die Seite neu und wählen Sie noch einmal."
    ),
    "The upload is too large": "Die hochgeladenen Daten sind zu groß",
    "The proxy accepts no more than max_upload allows in its configuration.": (
        "Der Proxy nimmt nicht mehr an, als max_upload in seiner Konfiguration erlaubt."
    ),
    "There is no such page": "Diese Seite gibt es nicht",
    "It could not be saved": "Es ließ sich nicht speichern",
    "This proxy supports CONNECT only": "Dieser Proxy unterstützt nur CONNECT",
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
        "Use a browser or browser profile for I2P only. One that also opens other sites can be "
        "recognised by them."
    ): (
        "Benutzen Sie einen Browser oder ein Browser-Profil nur für I2P. Einen, der auch andere "
        "Seiten öffnet, können diese wiedererkennen."
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
    "Open, do not save": "Öffnen, nicht speichern",
    "Save in the private book": "Im privaten Buch speichern",
    "Save in the local book": "Im lokalen Buch speichern",
    "Save in the router book": "Im Router-Buch speichern",
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
        "Import a reseed file, or RouterInfo files of other routers, with: i2ptunnel netdb "
        "import FILE"
    ): (
        "Importieren Sie eine Reseed-Datei oder RouterInfo-Dateien anderer Router mit: "
        "i2ptunnel netdb import DATEI"
    ),
    ("Other routers are being fetched from reseed servers; {bundles} of {wanted} have answered."): (
        "Andere Router werden von Reseed-Servern geholt; bisher haben {bundles} von {wanted} "
        "geantwortet."
    ),
    (
        "No other router is known. The reseed servers were asked lately, and limit how often; they "
        "are asked again in {time}."
    ): (
        "Es ist kein anderer Router bekannt. Die Reseed-Server wurden kürzlich gefragt "
        "und begrenzen, wie oft; sie werden in {time} wieder gefragt."
    ),
    "No other router is known, and no reseed server has brought any.": (
        "Es ist kein anderer Router bekannt, und kein Reseed-Server hat welche geliefert."
    ),
    "Check that this machine is online and can resolve names.": (
        "Prüfen Sie, ob dieser Rechner online ist und Namen auflösen kann."
    ),
    "Check router.reseed.proxy, and that the proxy is running.": (
        "Prüfen Sie router.reseed.proxy, und ob der Proxy läuft."
    ),
    (
        "Somebody may be intercepting connections here, or CA certificates are missing on this "
        "machine (package ca-certificates)."
    ): (
        "Vielleicht fängt hier jemand Verbindungen ab, oder auf diesem Rechner fehlen "
        "CA-Zertifikate (Paket ca-certificates)."
    ),
    "Install a newer i2ptunnel: this one does not know all present signers.": (
        "Installieren Sie ein neueres i2ptunnel: Dieses kennt nicht alle jetzigen Unterzeichner."
    ),
    (
        "It is tried again. If reseed servers are blocked here, set router.reseed.proxy, or "
        "get i2pseeds.su3 by another way and run: i2ptunnel netdb import i2pseeds.su3"
    ): (
        "Es wird wieder versucht. Falls Reseed-Server hier gesperrt sind, setzen Sie "
        "router.reseed.proxy, oder besorgen Sie sich i2pseeds.su3 auf anderem Weg und führen "
        "Sie aus: i2ptunnel netdb import i2pseeds.su3"
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
    "The router that is used over I2CP cannot be reached: {why}.": (
        "Der Router, der über I2CP benutzt wird, ist nicht erreichbar: {why}."
    ),
    "Start that router, and enable I2CP in it; it is tried again.": (
        "Starten Sie diesen Router und schalten Sie I2CP in ihm ein; es wird wieder versucht."
    ),
    "The router at {address} is building the tunnels.": (
        "Der Router unter {address} baut die Tunnel auf."
    ),
    "The router found nothing under this address": (
        "Der Router hat unter dieser Adresse nichts gefunden"
    ),
    (
        "The router that this proxy uses over I2CP found nothing under this encrypted "
        "address. i2pd cannot look up such addresses, Java I2P can."
    ): (
        "Der Router, den dieser Proxy über I2CP benutzt, hat unter dieser "
        "verschlüsselten Adresse nichts gefunden. i2pd kann solche Adressen nicht "
        "nachschlagen, Java I2P schon."
    ),
    "The router is starting.": "Der Router startet.",
    "The router is stopping.": "Der Router wird beendet.",
    "The site has no files now": "Die Seite hat zurzeit keine Dateien",
    "This is the address of the I2P proxy itself": "Das ist die Adresse des I2P-Proxys selbst",
    "This browser uses the proxy already. The pages of the proxy are at:": (
        "Dieser Browser benutzt den Proxy bereits. Die Seiten des Proxys finden Sie unter:"
    ),
    "Reload this page and enter the user name and password of the proxy.": (
        "Laden Sie diese Seite neu und geben Sie Benutzername und Passwort des Proxys ein."
    ),
    "The connection between this browser and the proxy was too slow. Try again.": (
        "Die Verbindung zwischen diesem Browser und dem Proxy war zu langsam. Versuchen Sie es "
        "noch einmal."
    ),
    "How do you want to go on?": "Wie möchten Sie fortfahren?",
    "The proxy forgets the name when it stops.": (
        "Der Proxy vergisst den Namen, wenn er beendet wird."
    ),
    "Only you use the name. It is never published.": (
        "Nur Sie benutzen den Namen. Er wird nie veröffentlicht."
    ),
    "The name is also part of the address book that you publish, if you publish one.": (
        "Der Name gehört auch zu dem Adressbuch, das Sie veröffentlichen, falls Sie eines "
        "veröffentlichen."
    ),
    (
        "The name is treated like one from a subscription: the owner of the address can change "
        "it later with a signature."
    ): (
        "Der Name gilt wie einer aus einem Abonnement: Der Inhaber der Adresse kann ihn später "
        "mit einer Signatur ändern."
    ),
    "Address book": "Adressbuch",
    "Link": "Link",
    "Open the link's site": "Die Seite des Links öffnen",
    (
        "To give the name the link's address, remove it from the address book first, and then "
        "open the link again:"
    ): (
        "Um dem Namen die Adresse des Links zu geben, entfernen Sie ihn zuerst aus dem "
        "Adressbuch und öffnen dann den Link noch einmal:"
    ),
    "Check the address.": "Prüfen Sie die Adresse.",
    "About this proxy": "Über diesen Proxy",
    "Go back and try again.": "Gehen Sie zurück und versuchen Sie es noch einmal.",
    "Open the name without it": "Den Namen ohne sie öffnen",
    "Names": "Namen",
    "No subscription is set up, so new names do not arrive by themselves.": (
        "Es ist kein Abonnement eingerichtet, also kommen neue Namen nicht von selbst."
    ),
    "The subscriptions have not been fetched yet. This happens as soon as the router is ready.": (
        "Die Abonnements wurden noch nicht abgerufen. Das geschieht, sobald der Router bereit ist."
    ),
    "The subscriptions could not be fetched yet. The next attempt follows in {next}.": (
        "Die Abonnements konnten noch nicht abgerufen werden. Der nächste Versuch folgt in {next}."
    ),
    "The subscriptions were last fetched {ago} ago. The next fetch follows in {next}.": (
        "Die Abonnements wurden zuletzt vor {ago} abgerufen. Der nächste Abruf folgt in {next}."
    ),
    (
        "The subscriptions were last fetched {ago} ago. The last attempt failed; the next one "
        "follows in {next}."
    ): (
        "Die Abonnements wurden zuletzt vor {ago} abgerufen. Der letzte Versuch ist gescheitert; "
        "der nächste folgt in {next}."
    ),
    (
        "When the proxy is set, open this address in the same browser. It shows whether "
        "everything works:"
    ): (
        "Wenn der Proxy eingestellt ist, öffnen Sie im selben Browser diese Adresse. Sie zeigt, "
        "ob alles funktioniert:"
    ),
    "This is a proxy: set it as such in the browser.": (
        "Das ist ein Proxy: Stellen Sie ihn im Browser als solchen ein."
    ),
    "Https needs CONNECT: set this proxy for https too.": (
        "Https braucht CONNECT: Stellen Sie diesen Proxy auch für https ein."
    ),
    "Only http addresses work here.": "Hier funktionieren nur http-Adressen.",
    "The address is not a proper host name.": "Die Adresse ist kein gültiger Hostname.",
    (
        "The link says which address belongs to this name, but nobody has checked that. Whoever "
        "writes a link can put any address there. The link's address is:"
    ): (
        "Der Link sagt, welche Adresse zu diesem Namen gehört, aber niemand hat das geprüft. Wer "
        "einen Link schreibt, kann jede Adresse hineinschreiben. Die Adresse des Links ist:"
    ),
    "Leave the list of exceptions empty.": "Lassen Sie die Liste der Ausnahmen leer.",
    "The name is in the address book": "Der Name steht im Adressbuch",
    "This proxy has tunnels into I2P": "Dieser Proxy hat Tunnel ins I2P-Netz",
    "The network knows how to reach the site": "Das Netz weiß, wie die Seite zu erreichen ist",
    "The site answers": "Die Seite antwortet",
    "Its web server sends a page": "Ihr Webserver sendet eine Seite",
}
