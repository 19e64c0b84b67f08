"""French."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "La requête est inutilisable",
    "This is not an I2P address": "Ce n’est pas une adresse I2P",
    "A .b32.i2p address has 52 letters a-z and digits 2-7; check that it was copied whole.": (
        "Une adresse .b32.i2p a 52 lettres a-z et chiffres 2-7 ; vérifiez qu’elle a été "
        "copiée en entier."
    ),
    "This address needs a secret word": "Cette adresse demande un mot secret",
    "Its owner encrypts where it can be found. Ask for the word and enter it here.": (
        "Son propriétaire chiffre l’endroit où elle se trouve. Demandez le mot et saisissez-le ici."
    ),
    "This address is for invited visitors": "Cette adresse est réservée aux visiteurs invités",
    "Its owner encrypts where it can be found. Enter the key that you agreed on.": (
        "Son propriétaire chiffre l’endroit où elle se trouve. Saisissez la clé convenue."
    ),
    "This is not a key": "Ce n’est pas une clé",
    "A key has 44 characters; check that it was copied whole. Go back and try again.": (
        "Une clé a 44 caractères ; vérifiez qu’elle a été copiée en entier. Revenez en "
        "arrière et réessayez."
    ),
    "The key does not open this address": "La clé n’ouvre pas cette adresse",
    "It was mistyped, or the owner has withdrawn it. Try another one.": (
        "Elle est mal saisie, ou le propriétaire l’a retirée. Essayez-en une autre."
    ),
    "This address is on your own network": "Cette adresse est dans votre propre réseau",
    (
        "The I2P proxy does not connect to this machine or its network. Add the address to the "
        "exceptions of the browser's proxy settings."
    ): (
        "Le proxy I2P ne se connecte ni à cette machine ni à son réseau. Ajoutez l’adresse "
        "aux exceptions de proxy du navigateur."
    ),
    "This port is not allowed": "Ce port n’est pas autorisé",
    "See connect_ports in the settings.": "Voir connect_ports dans les réglages.",
    "You may not use this proxy": "Vous ne pouvez pas utiliser ce proxy",
    "See allow in its settings.": "Voir allow dans ses réglages.",
    "The site closed the connection": "Le site a fermé la connexion",
    "It was reached, but it refused or broke off the connection. Try again later.": (
        "Il a été joint, mais a refusé ou rompu la connexion. Réessayez plus tard."
    ),
    "User name and password are needed": "Nom d’utilisateur et mot de passe requis",
    "The request did not arrive in time": "La requête n’est pas arrivée à temps",
    "This name is not in the address book": "Ce nom n’est pas dans le carnet d’adresses",
    "Ask for the site's .b32.i2p address.": "Demandez l’adresse .b32.i2p du site.",
    "Ask for the site's .b32.i2p address, or ask one of these sites for it.": (
        "Demandez l’adresse .b32.i2p du site, ou cherchez-la sur l’un de ces sites."
    ),
    "The site's answer cannot be used": "La réponse du site est inutilisable",
    "It does not follow the rules of HTTP.": "Elle ne suit pas les règles de HTTP.",
    "The outproxy cannot reach this address": "L’outproxy n’atteint pas cette adresse",
    "Check that it is written right.": "Vérifiez qu’elle est bien écrite.",
    "No outproxy could be reached": "Aucun outproxy n’est joignable",
    "Addresses outside I2P need one.": "Les adresses hors d’I2P en ont besoin.",
    "This address is outside I2P": "Cette adresse est hors d’I2P",
    "Only .i2p addresses can be opened here. For others, set outproxies in the settings.": (
        "Seules les adresses .i2p s’ouvrent ici. Pour les autres, renseignez outproxies dans "
        "les réglages."
    ),
    "Too many connections": "Trop de connexions",
    "Try again in a moment.": "Réessayez dans un instant.",
    "All I2P addresses are in use": "Toutes les adresses I2P sont utilisées",
    (
        "This proxy visits sites under different addresses, and it has no more of them at the "
        "moment. Close some pages, or raise max_identities in the settings."
    ): (
        "Ce proxy visite les sites sous des adresses différentes, et il n’en a plus pour "
        "l’instant. Fermez des pages ou augmentez max_identities dans les réglages."
    ),
    "The web server does not answer": "Le serveur web ne répond pas",
    "Try again later.": "Réessayez plus tard.",
    "The site cannot be found": "Le site est introuvable",
    "No router knows a way to it at the moment. It is probably offline; try again later.": (
        "Aucun routeur ne connaît de chemin pour l’instant. Il est sans doute hors ligne ; "
        "réessayez plus tard."
    ),
    "The site uses another encryption": "Le site utilise un autre chiffrement",
    "It is there, but it offers no encryption that this router knows. Its owner can change that.": (
        "Il est là, mais n’offre aucun chiffrement que ce routeur connaisse. Son propriétaire "
        "peut y remédier."
    ),
    "The site does not answer": "Le site ne répond pas",
    "It may be offline, or the way to it is congested. Try again later.": (
        "Il est peut-être hors ligne, ou le chemin est encombré. Réessayez plus tard."
    ),
    (
        "The link tells an address for it. Whether it is the right one cannot be checked. Anybody "
        "who makes links could write it."
    ): (
        "Le lien en donne une adresse. On ne peut pas vérifier que c’est la bonne. N’importe "
        "qui peut l’écrire dans un lien."
    ),
    "Open the address book's site": "Ouvrir le site du carnet",
    "The link tells another address than the address book": (
        "Le lien donne une autre adresse que le carnet"
    ),
    "One of the two may be an attempt to deceive you. The link's address is:": (
        "L’une des deux peut être une tromperie. L’adresse du lien est :"
    ),
    "The address in this link is damaged": "L’adresse de ce lien est abîmée",
    "Remove it and open the name alone.": "Supprimez-la et ouvrez le nom seul.",
    "This form is no longer valid": "Ce formulaire n’est plus valable",
    "Open the link again and decide anew.": "Rouvrez le lien et décidez à nouveau.",
    "The upload is too large": "L’envoi est trop volumineux",
    "See max_upload in the settings.": "Voir max_upload dans les réglages.",
    "There is no such page": "Cette page n’existe pas",
    "It could not be saved": "L’enregistrement a échoué",
    "This proxy knows CONNECT only": "Ce proxy ne connaît que CONNECT",
    "Set it as the proxy for https, and an httpclient tunnel as the one for http.": (
        "Réglez-le comme proxy pour https, et un tunnel httpclient pour http."
    ),
    "This is a SOCKS proxy": "C’est un proxy SOCKS",
    "Enter this address as SOCKS host in the browser's settings, not as HTTP proxy.": (
        "Saisissez cette adresse comme hôte SOCKS dans le navigateur, pas comme proxy HTTP."
    ),
    "Status": "État",
    "Set up a browser": "Régler un navigateur",
    "Test this browser": "Tester ce navigateur",
    "Ready: .i2p addresses can be opened.": "Prêt : les adresses .i2p peuvent être ouvertes.",
    "They go to an outproxy.": "Elles passent par un outproxy.",
    "They are refused.": "Elles sont refusées.",
    "Proxy": "Proxy",
    "Addresses outside I2P": "Adresses hors d’I2P",
    "Requests": "Requêtes",
    "Bytes sent": "Octets envoyés",
    "Bytes received": "Octets reçus",
    "The I2P proxy works": "Le proxy I2P fonctionne",
    (
        "Use a browser, or a profile of it, for I2P alone: one that also opens other sites can be "
        "recognised by them."
    ): (
        "Utilisez un navigateur, ou un profil, pour I2P seul : s’il ouvre aussi d’autres "
        "sites, ils peuvent le reconnaître."
    ),
    "Settings → Network Settings → Manual proxy configuration:": (
        "Paramètres → Paramètres réseau → Configuration manuelle du proxy :"
    ),
    "as HTTP proxy, also for HTTPS.": "comme proxy HTTP, aussi pour HTTPS.",
    "Or install this file:": "Ou installez ce fichier :",
    "Automatic configuration (PAC)": "Configuration automatique (PAC)",
    ".i2p addresses go to the proxy, all others are opened directly": (
        "les adresses .i2p passent par le proxy, les autres s’ouvrent directement"
    ),
    "everything goes to the proxy": "tout passe par le proxy",
    (
        "Your browser uses the proxy. It sent the headers on the left; sites in I2P get those on "
        "the right."
    ): (
        "Votre navigateur utilise le proxy. Il a envoyé les en-têtes de gauche ; les sites "
        "d’I2P reçoivent ceux de droite."
    ),
    "Header": "En-tête",
    "From the browser": "Du navigateur",
    "To the site": "Au site",
    "removed": "supprimé",
    "Open it, without saving the name": "Ouvrir sans enregistrer le nom",
    "Save in my private address book": "Enregistrer dans mon carnet privé",
    "Save in my public address book": "Enregistrer dans mon carnet public",
    "Save in the router's address book": "Enregistrer dans le carnet du routeur",
    "Secret word": "Mot secret",
    "Key (44 characters)": "Clé (44 caractères)",
    "Open": "Ouvrir",
    "Open and remember": "Ouvrir et retenir",
    "The router is not ready": "Le routeur n'est pas prêt",
    "The I2P proxy is not ready": "Le proxy I2P n'est pas prêt",
    "This page loads again by itself.": "Cette page se recharge d'elle-même.",
    "Try again": "Réessayer",
    "This machine's clock is {time} ahead of what other routers say.": (
        "L'horloge de cette machine avance de {time} par rapport aux autres routeurs."
    ),
    "This machine's clock is {time} behind what other routers say.": (
        "L'horloge de cette machine retarde de {time} par rapport aux autres routeurs."
    ),
    "Set the clock right, for example with: timedatectl set-ntp true": (
        "Réglez l'horloge, par exemple avec : timedatectl set-ntp true"
    ),
    "No other router is known, so there is no way into the network.": (
        "Aucun autre routeur n'est connu, il n'y a donc pas de chemin vers le réseau."
    ),
    (
        "Import RouterInfo files of other routers with: i2ptunnel netdb import FILE (this "
        "version does not fetch them by itself)."
    ): (
        "Importez des fichiers RouterInfo d'autres routeurs avec : i2ptunnel netdb import "
        "FICHIER (cette version ne les télécharge pas elle-même)."
    ),
    "None of the {routers} known routers is connected yet.": (
        "Aucun des {routers} routeurs connus n'est encore connecté."
    ),
    (
        "If this lasts, check that this machine is online and that no firewall stops the "
        "router's outgoing connections."
    ): (
        "Si cela dure, vérifiez que cette machine est en ligne et qu'aucun pare-feu ne bloque "
        "les connexions sortantes du routeur."
    ),
    "The router is building its tunnels; {succeeded} of {started} builds succeeded so far.": (
        "Le routeur construit ses tunnels ; {succeeded} essais sur {started} ont réussi jusqu'ici."
    ),
    "The router is starting.": "Le routeur démarre.",
    "The router is stopping.": "Le routeur s'arrête.",
    "The site has no files now": "Le site n'a pas de fichiers en ce moment",
}
