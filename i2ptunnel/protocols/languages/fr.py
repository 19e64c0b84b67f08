"""French."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "La requête est inutilisable",
    "This is not an I2P address": "Ce n’est pas une adresse I2P",
    "A .b32.i2p address has 52 letters a-z and digits 2-7. Check that all of it was copied.": (
        "Une adresse .b32.i2p comporte 52 lettres a-z et chiffres 2-7. Vérifiez qu’elle a été "
        "copiée en entier."
    ),
    "This address needs a secret word": "Cette adresse demande un mot secret",
    (
        "The owner has encrypted how this site is reached. Ask the owner for the word and enter "
        "it here."
    ): (
        "Le propriétaire a chiffré la façon de joindre ce site. Demandez-lui le mot et "
        "saisissez-le ici."
    ),
    "This address is for invited visitors": "Cette adresse est réservée aux visiteurs invités",
    (
        "The owner has encrypted how this site is reached. Enter the key that you agreed on with "
        "the owner."
    ): "Le propriétaire a chiffré la façon de joindre ce site. Saisissez la clé convenue avec lui.",
    "This is not a key": "Ce n’est pas une clé",
    "A key has 44 characters. Go back, check that all of it was copied, and try again.": (
        "Une clé comporte 44 caractères. Revenez en arrière, vérifiez qu’elle a été copiée en "
        "entier, puis réessayez."
    ),
    "The key does not open this address": "La clé n’ouvre pas cette adresse",
    "It may contain a typing error, or the owner has withdrawn it. Enter another key.": (
        "Elle contient peut-être une faute de frappe, ou le propriétaire l’a retirée. Saisissez "
        "une autre clé."
    ),
    "This address is on your own network": "Cette adresse est dans votre propre réseau",
    (
        "The I2P proxy never connects to this machine or its network, so that no site in I2P can "
        "reach them through your browser. Open this address in another browser, or in a profile "
        "without the proxy."
    ): (
        "Le proxy I2P ne se connecte jamais à cette machine ni à son réseau, afin qu’aucun site "
        "d’I2P ne puisse les atteindre par votre navigateur. Ouvrez cette adresse dans un autre "
        "navigateur, ou dans un profil sans le proxy."
    ),
    "This port is not allowed": "Ce port n’est pas autorisé",
    "The proxy only connects to the ports that connect_ports names in its configuration.": (
        "Le proxy ne se connecte qu’aux ports que connect_ports indique dans sa configuration."
    ),
    "You may not use this proxy": "Vous ne pouvez pas utiliser ce proxy",
    "Your address is not among those that allow names in the proxy's configuration.": (
        "Votre adresse n’est pas parmi celles que allow indique dans la configuration du proxy."
    ),
    "The site closed the connection": "Le site a fermé la connexion",
    (
        "The site was reached, but it refused or ended the connection. Try again, or come back "
        "later."
    ): (
        "Le site a été joint, mais il a refusé ou interrompu la connexion. Réessayez maintenant "
        "ou plus tard."
    ),
    "User name and password are needed": "Nom d’utilisateur et mot de passe requis",
    "The request did not arrive in time": "La requête n’est pas arrivée à temps",
    "This name is not in the address book": "Ce nom n’est pas dans le carnet d’adresses",
    "Open the site by its .b32.i2p address, or follow a link that brings the address along.": (
        "Ouvrez le site par son adresse .b32.i2p, ou suivez un lien qui fournit l’adresse."
    ),
    (
        "Open the site by its .b32.i2p address, or look the name up at one of these sites, which "
        "know many:"
    ): (
        "Ouvrez le site par son adresse .b32.i2p, ou cherchez le nom sur l’un de ces sites, qui "
        "en connaissent beaucoup :"
    ),
    "The site's answer cannot be used": "La réponse du site est inutilisable",
    "The site's web server does not follow the rules of HTTP. Only its owner can change that.": (
        "Le serveur web du site ne respecte pas les règles de HTTP. Seul son propriétaire peut y "
        "remédier."
    ),
    "The outproxy cannot reach this address": "L’outproxy n’atteint pas cette adresse",
    "Check that the address is correct, or try again later.": (
        "Vérifiez que l’adresse est correcte, ou réessayez plus tard."
    ),
    "No outproxy could be reached": "Aucun outproxy n’est joignable",
    (
        "Addresses outside I2P are opened through an outproxy, and none of yours answers. Try "
        "again later, or name another one under outproxies in the configuration."
    ): (
        "Les adresses hors d’I2P s’ouvrent par un outproxy, et aucun des vôtres ne répond. "
        "Réessayez plus tard, ou indiquez-en un autre sous outproxies dans la configuration."
    ),
    "This address is outside I2P": "Cette adresse est hors d’I2P",
    (
        "This proxy only opens .i2p addresses. To open others through I2P, name outproxies in "
        "the configuration; or use another browser for them."
    ): (
        "Ce proxy n’ouvre que les adresses .i2p. Pour en ouvrir d’autres par I2P, indiquez "
        "outproxies dans la configuration ; ou utilisez pour elles un autre navigateur."
    ),
    "Too many connections": "Trop de connexions",
    "Try again in a moment.": "Réessayez dans un instant.",
    "All I2P addresses are in use": "Toutes les adresses I2P sont utilisées",
    (
        "This proxy visits each site from another I2P address and has none left at the moment. "
        "Close some pages and try again, or raise max_identities in the configuration."
    ): (
        "Ce proxy visite chaque site sous une adresse I2P différente et n’en a plus pour "
        "l’instant. Fermez quelques pages et réessayez, ou augmentez max_identities dans la "
        "configuration."
    ),
    "The web server does not answer": "Le serveur web ne répond pas",
    "Try again later.": "Réessayez plus tard.",
    "The site cannot be found": "Le site est introuvable",
    (
        "The network does not know how to reach it at the moment. It is probably offline. Try "
        "again later."
    ): (
        "Le réseau ne sait pas comment le joindre pour l’instant. Il est probablement hors "
        "ligne. Réessayez plus tard."
    ),
    "The site uses another encryption": "Le site utilise un autre chiffrement",
    (
        "The site is there, but it offers no encryption that this router supports. Only its "
        "owner can change that."
    ): (
        "Le site est là, mais n’offre aucun chiffrement que ce routeur prenne en charge. Seul "
        "son propriétaire peut y remédier."
    ),
    "The site does not answer": "Le site ne répond pas",
    "The site may be offline, or the network is slow at the moment. Try again.": (
        "Le site est peut-être hors ligne, ou le réseau est lent pour l’instant. Réessayez."
    ),
    "Open the address book's site": "Ouvrir le site du carnet",
    "The link and the address book name different addresses": (
        "Le lien et le carnet d’adresses indiquent des adresses différentes"
    ),
    (
        "One of the two may be an attempt to deceive you. If you do not know which one is right, "
        "trust the address book."
    ): (
        "L’une des deux peut être une tentative de vous tromper. Si vous ne savez pas laquelle "
        "est la bonne, fiez-vous au carnet d’adresses."
    ),
    "The address in this link is damaged": "L’adresse de ce lien est abîmée",
    (
        "The link should bring the address of the site along, but it cannot be read. Open the "
        "name without it, or copy the link again."
    ): (
        "Le lien devrait fournir l’adresse du site, mais elle est illisible. Ouvrez le nom sans "
        "elle, ou copiez à nouveau le lien."
    ),
    "This form is no longer valid": "Ce formulaire n’est plus valable",
    (
        "The proxy has restarted since the page was shown. Go back, reload the page and choose "
        "again."
    ): (
        "Le proxy a redémarré depuis l’affichage de la page. Revenez en arrière, rechargez la "
        "page et choisissez à nouveau."
    ),
    "The upload is too large": "L’envoi est trop volumineux",
    "The proxy accepts no more than max_upload allows in its configuration.": (
        "Le proxy n’accepte pas plus que ce que max_upload autorise dans sa configuration."
    ),
    "There is no such page": "Cette page n’existe pas",
    "It could not be saved": "L’enregistrement a échoué",
    "This proxy supports CONNECT only": "Ce proxy ne prend en charge que CONNECT",
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
        "Use a browser or browser profile for I2P only. One that also opens other sites can be "
        "recognised by them."
    ): (
        "Utilisez un navigateur ou un profil réservé à I2P. S’il ouvre aussi d’autres sites, "
        "ceux-ci peuvent le reconnaître."
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
        "Votre navigateur utilise le proxy. Il a envoyé les en-têtes de gauche ; les sites d’I2P "
        "reçoivent ceux de droite."
    ),
    "Header": "En-tête",
    "From the browser": "Du navigateur",
    "To the site": "Au site",
    "removed": "supprimé",
    "Open, do not save": "Ouvrir sans enregistrer",
    "Save in the private book": "Enregistrer dans le carnet privé",
    "Save in the local book": "Enregistrer dans le carnet local",
    "Save in the router book": "Enregistrer dans le carnet du routeur",
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
        "Import a reseed file, or RouterInfo files of other routers, with: i2ptunnel netdb "
        "import FILE"
    ): (
        "Importez un fichier de reseed ou des fichiers RouterInfo d'autres routeurs avec : "
        "i2ptunnel netdb import FICHIER"
    ),
    ("Other routers are being fetched from reseed servers; {bundles} of {wanted} have answered."): (
        "D'autres routeurs sont demandés aux serveurs de reseed ; {bundles} sur {wanted} ont "
        "répondu."
    ),
    (
        "No other router is known. The reseed servers were asked lately, and limit how often; they "
        "are asked again in {time}."
    ): (
        "Aucun autre routeur n'est connu. Les serveurs de reseed ont été interrogés "
        "récemment et limitent la fréquence ; ils seront interrogés à nouveau dans "
        "{time}."
    ),
    "No other router is known, and no reseed server has brought any.": (
        "Aucun autre routeur n'est connu, et aucun serveur de reseed n'en a fourni."
    ),
    "Check that this machine is online and can resolve names.": (
        "Vérifiez que cette machine est en ligne et peut résoudre les noms."
    ),
    "Check router.reseed.proxy, and that the proxy is running.": (
        "Vérifiez router.reseed.proxy, et que le proxy fonctionne."
    ),
    (
        "Somebody may be intercepting connections here, or CA certificates are missing on this "
        "machine (package ca-certificates)."
    ): (
        "Quelqu'un intercepte peut-être les connexions ici, ou il manque des certificats "
        "d'autorité sur cette machine (paquet ca-certificates)."
    ),
    "Install a newer i2ptunnel: this one does not know all present signers.": (
        "Installez un i2ptunnel plus récent : celui-ci ne connaît pas tous les signataires actuels."
    ),
    (
        "It is tried again. If reseed servers are blocked here, set router.reseed.proxy, or "
        "get i2pseeds.su3 by another way and run: i2ptunnel netdb import i2pseeds.su3"
    ): (
        "Un nouvel essai aura lieu. Si les serveurs de reseed sont bloqués ici, définissez "
        "router.reseed.proxy, ou procurez-vous i2pseeds.su3 par un autre moyen et lancez : "
        "i2ptunnel netdb import i2pseeds.su3"
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
    "The router that is used over I2CP cannot be reached: {why}.": (
        "Le routeur utilisé par I2CP est injoignable : {why}."
    ),
    "Start that router, and enable I2CP in it; it is tried again.": (
        "Démarrez ce routeur et activez-y I2CP ; un nouvel essai suivra."
    ),
    "The router at {address} is building the tunnels.": (
        "Le routeur à {address} construit les tunnels."
    ),
    "The router found nothing under this address": ("Le routeur n'a rien trouvé à cette adresse"),
    (
        "The router that this proxy uses over I2CP found nothing under this encrypted "
        "address. i2pd cannot look up such addresses, Java I2P can."
    ): (
        "Le routeur que ce proxy utilise par I2CP n'a rien trouvé à cette adresse "
        "chiffrée. i2pd ne sait pas chercher de telles adresses, Java I2P le sait."
    ),
    "The router is starting.": "Le routeur démarre.",
    "The router is stopping.": "Le routeur s'arrête.",
    "The site has no files now": "Le site n'a pas de fichiers en ce moment",
    "This is the address of the I2P proxy itself": "C’est l’adresse du proxy I2P lui-même",
    "This browser uses the proxy already. The pages of the proxy are at:": (
        "Ce navigateur utilise déjà le proxy. Les pages du proxy se trouvent à l’adresse :"
    ),
    "Reload this page and enter the user name and password of the proxy.": (
        "Rechargez cette page et saisissez le nom d’utilisateur et le mot de passe du proxy."
    ),
    "The connection between this browser and the proxy was too slow. Try again.": (
        "La connexion entre ce navigateur et le proxy était trop lente. Réessayez."
    ),
    "How do you want to go on?": "Comment voulez-vous continuer ?",
    "The proxy forgets the name when it stops.": "Le proxy oublie le nom quand il s’arrête.",
    "Only you use the name. It is never published.": (
        "Vous seul utilisez le nom. Il n’est jamais publié."
    ),
    "The name is also part of the address book that you publish, if you publish one.": (
        "Le nom fait aussi partie du carnet que vous publiez, si vous en publiez un."
    ),
    (
        "The name is treated like one from a subscription: the owner of the address can change "
        "it later with a signature."
    ): (
        "Le nom est traité comme s’il venait d’un abonnement : le propriétaire de l’adresse peut "
        "le modifier plus tard par une signature."
    ),
    "Address book": "Carnet d’adresses",
    "Link": "Lien",
    "Open the link's site": "Ouvrir le site du lien",
    (
        "To give the name the link's address, remove it from the address book first, and then "
        "open the link again:"
    ): (
        "Pour donner au nom l’adresse du lien, retirez-le d’abord du carnet, puis ouvrez à "
        "nouveau le lien :"
    ),
    "Check the address.": "Vérifiez l’adresse.",
    "About this proxy": "À propos de ce proxy",
    "Go back and try again.": "Revenez en arrière et réessayez.",
    "Open the name without it": "Ouvrir le nom sans elle",
    "Names": "Noms",
    "No subscription is set up, so new names do not arrive by themselves.": (
        "Aucun abonnement n’est configuré ; les nouveaux noms n’arrivent donc pas d’eux-mêmes."
    ),
    "The subscriptions have not been fetched yet. This happens as soon as the router is ready.": (
        "Les abonnements n’ont pas encore été récupérés. Cela se fera dès que le routeur sera prêt."
    ),
    "The subscriptions could not be fetched yet. The next attempt follows in {next}.": (
        "Les abonnements n’ont pas encore pu être récupérés. Prochaine tentative dans {next}."
    ),
    "The subscriptions were last fetched {ago} ago. The next fetch follows in {next}.": (
        "Les abonnements ont été récupérés il y a {ago}. Prochaine récupération dans {next}."
    ),
    (
        "The subscriptions were last fetched {ago} ago. The last attempt failed; the next one "
        "follows in {next}."
    ): (
        "Les abonnements ont été récupérés il y a {ago}. La dernière tentative a échoué ; la "
        "prochaine aura lieu dans {next}."
    ),
    (
        "When the proxy is set, open this address in the same browser. It shows whether "
        "everything works:"
    ): (
        "Une fois le proxy réglé, ouvrez cette adresse dans le même navigateur. Elle montre si "
        "tout fonctionne :"
    ),
    "This is a proxy: set it as such in the browser.": (
        "Ceci est un proxy : réglez-le comme tel dans le navigateur."
    ),
    "Https needs CONNECT: set this proxy for https too.": (
        "Https a besoin de CONNECT : réglez aussi ce proxy pour https."
    ),
    "Only http addresses work here.": "Seules les adresses http fonctionnent ici.",
    "The address is not a proper host name.": "L’adresse n’est pas un nom d’hôte valide.",
    (
        "The link says which address belongs to this name, but nobody has checked that. Whoever "
        "writes a link can put any address there. The link's address is:"
    ): (
        "Le lien dit quelle adresse correspond à ce nom, mais personne ne l’a vérifié. Qui écrit "
        "un lien peut y mettre n’importe quelle adresse. L’adresse du lien est :"
    ),
    "Leave the list of exceptions empty.": "Laissez la liste des exceptions vide.",
    "The name is in the address book": "Le nom est dans le carnet d'adresses",
    "This proxy has tunnels into I2P": "Ce proxy a des tunnels vers I2P",
    "The network knows how to reach the site": "Le réseau sait comment joindre le site",
    "The site answers": "Le site répond",
    "Its web server sends a page": "Son serveur web envoie une page",
}
