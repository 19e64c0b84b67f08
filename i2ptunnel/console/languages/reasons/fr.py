"""French."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "state": "état",
    "clock": "horloge",
    "reachability": "accessibilité",
    "known routers": "routeurs connus",
    "links": "liaisons",
    "tunnel builds": "construction des tunnels",
    "configuration": "configuration",
    "data directory": "répertoire de données",
    "disk": "disque",
    "keys": "clés",
    "native extra": "extra natif",
    "descriptors": "descripteurs",
    "ports": "ports",
    "file modes": "droits des fichiers",
    "daily rhythm": "rythme quotidien",
    "interfaces": "interfaces",
    "It is tried again by itself; i2ptunnel tunnels restart NAME tries at once.": (
        "Un nouvel essai a lieu tout seul ; i2ptunnel tunnels restart NAME essaie aussitôt."
    ),
    "It is tried again by itself.": "Un nouvel essai a lieu tout seul.",
    "Set it: timedatectl set-ntp true.": "Réglez-la : timedatectl set-ntp true.",
    "nothing has been heard yet that it could be compared with": "rien encore à quoi la comparer",
    "right, as {who} say": "juste, selon {who}",
    "hidden: nobody is meant to connect": "caché : personne ne doit se connecter",
    (
        "Forward the router's port for TCP and UDP to this machine, and open it in the "
        "firewall: “Firewall” in docs/INSTALL.md."
    ): (
        "Redirigez le port du routeur en TCP et UDP vers cette machine et ouvrez-le dans le "
        "pare-feu : « Firewall » dans docs/INSTALL.md."
    ),
    "{count}, {floodfills} floodfill": "{count}, dont {floodfills} floodfill",
    "this machine has no network": "cette machine n’a pas de réseau",
    "Check its connection and its firewall.": "Vérifiez sa connexion et son pare-feu.",
    "Check that the firewall lets outgoing TCP and UDP to all ports through.": (
        "Vérifiez que le pare-feu laisse sortir TCP et UDP vers tous les ports."
    ),
    "no router is connected yet": "aucun routeur n’est encore connecté",
    "{count}; reseed servers are being asked": "{count} ; les serveurs de reseed sont interrogés",
    "Wait a minute.": "Attendez une minute.",
    "Fetch some: i2ptunnel netdb reseed, or netdb import FILE.": (
        "Allez en chercher : i2ptunnel netdb reseed, ou netdb import FILE."
    ),
    "Import a file until then: i2ptunnel netdb import FILE.": (
        "En attendant, importez un fichier : i2ptunnel netdb import FILE."
    ),
    "{succeeded} of {started}: too few to judge": "{succeeded} sur {started} : trop peu pour juger",
    "{share} of {started} succeeded": "{share} sur {started} ont réussi",
    (
        "If this lasts for hours, the network is under load or attacked, or the clock or the "
        "firewall is wrong: see the other lines."
    ): (
        "Si cela dure des heures, le réseau est chargé ou attaqué, ou l’horloge ou le "
        "pare-feu sont mal réglés : voyez les autres lignes."
    ),
    "the file cannot be loaded any more: {why}": "le fichier ne peut plus être chargé : {why}",
    "Correct it: i2ptunnel check -c FILE. What runs keeps running.": (
        "Corrigez-le : i2ptunnel check -c FILE. Ce qui tourne continue."
    ),
    "the file has changed since the start: {names}": (
        "le fichier a changé depuis le démarrage : {names}"
    ),
    "This takes effect when the program is started anew.": (
        "Cela prend effet au prochain démarrage du programme."
    ),
    "the file says something else than what runs: {changes}": (
        "le fichier dit autre chose que ce qui tourne : {changes}"
    ),
    "i2ptunnel reload takes it over.": "i2ptunnel reload l’applique.",
    "what runs is what the file says": "ce qui tourne est ce que dit le fichier",
    "only the owner can read the keys in {place}": (
        "seul le propriétaire peut lire les clés de {place}"
    ),
    "{size} free at {place}: state cannot be kept": (
        "{size} libres sur {place} : l’état ne peut pas être gardé"
    ),
    "{size} free at {place}": "{size} libres sur {place}",
    "Free some space on the disk of {place}.": "Libérez de la place sur le disque de {place}.",
    "tunnel {name}: the {what} ended {when}": "tunnel {name} : {what} a pris fin le {when}",
    "tunnel {name}: the {what} ends {when}": "tunnel {name} : {what} prend fin le {when}",
    "Restore it: i2ptunnel restore FILE.": "Restaurez-la : i2ptunnel restore FILE.",
    "{found}; a router with much traffic needs less with the extra": (
        "{found} ; un routeur à fort trafic consomme moins avec l’extra"
    ),
    "See “Faster: the native extra” in docs/INSTALL.md.": (
        "Voyez « Faster: the native extra » dans docs/INSTALL.md."
    ),
    "{count} of {most} connections tracked": "{count} connexions suivies sur {most}",
    "nobody listens at {place} ({what})": "personne n’écoute sur {place} ({what})",
    "See what i2ptunnel status says of it.": "Voyez ce qu’en dit i2ptunnel status.",
    "Stop that program, or change the port in the configuration.": (
        "Arrêtez ce programme ou changez le port dans la configuration."
    ),
    "all free": "tous libres",
    "all ours": "tous à nous",
    "it is not off daily, as far as its boots tell": (
        "d’après ses démarrages, elle n’est pas éteinte chaque jour"
    ),
    "the system keeps it with time servers": (
        "le système la tient à l’heure avec des serveurs de temps"
    ),
    "cannot listen on {place}: {why}": "impossible d’écouter sur {place} : {why}",
    "the listener ended": "l’écoute a pris fin",
    "the I2P session ended": "la session I2P a pris fin",
    "an internal error": "une erreur interne",
    "no tunnels yet: {why}": "pas encore de tunnels : {why}",
    "there is no tunnel {name}": "il n’y a pas de tunnel {name}",
    "the {book} book has another address for {name}": (
        "le carnet {book} a une autre adresse pour {name}"
    ),
    "not a destination or .b32.i2p address": "ni une destination ni une adresse .b32.i2p",
    "the name is in no address book": "le nom n’est dans aucun carnet",
    "the address book cannot be read": "le carnet d’adresses est illisible",
    "there are no tunnels into I2P yet; try again later": (
        "il n’y a pas encore de tunnels vers I2P ; réessayez plus tard"
    ),
    "{added} added, {changed} changed, {removed} removed": (
        "{added} ajoutés, {changed} changés, {removed} retirés"
    ),
    "not changed": "inchangé",
    "what came is not a hosts.txt": "ce qui est arrivé n’est pas un hosts.txt",
    "the feed redirects too often": "l’abonnement redirige trop souvent",
    "the feed took too long": "l’abonnement a mis trop de temps",
    "the feed's server answers with status {status}": (
        "le serveur de l’abonnement répond par l’état {status}"
    ),
    "nothing was changed here since the program has started": (
        "rien n’a été changé ici depuis le démarrage du programme"
    ),
    "the configuration cannot be changed: {why}": (
        "la configuration ne peut pas être changée : {why}"
    ),
    "the configuration cannot be read: {why}": "la configuration ne peut pas être lue : {why}",
    "the file was changed meanwhile; look at it again": (
        "le fichier a été changé entre-temps ; regardez-le de nouveau"
    ),
    "the program runs without a configuration file of its own: start it with -c FILE": (
        "le programme tourne sans fichier de configuration à lui : démarrez-le avec -c FILE"
    ),
    "give a magnet link or a torrent file": "donnez un lien magnet ou un fichier torrent",
    "the magnet link is too long": "le lien magnet est trop long",
    "torrent files have at most {count} bytes here": (
        "les fichiers torrent ont ici au plus {count} octets"
    ),
    "this is no magnet link: {why}": "ce n’est pas un lien magnet : {why}",
    "this is no torrent file: {why}": "ce n’est pas un fichier torrent : {why}",
    "the torrent is there already": "le torrent est déjà là",
    "there are {count} torrents already": "il y a déjà {count} torrents",
    "another torrent has files at {name}": "un autre torrent a des fichiers dans {name}",
    "the torrent has files outside of its directory": (
        "le torrent a des fichiers hors de son répertoire"
    ),
    "the torrent has symbolic links": "le torrent a des liens symboliques",
    "no torrent has this ID or name": "aucun torrent n’a cet identifiant ou ce nom",
    "the torrent client is starting": "le client torrent démarre",
    "the torrent client does not answer": "le client torrent ne répond pas",
    "the torrent client has ended": "le client torrent s’est arrêté",
    "it is not running: {why}": "il ne tourne pas : {why}",
    "libtorrent is not installed, which it needs: pip install libtorrent": (
        "libtorrent n’est pas installé, or il le faut : pip install libtorrent"
    ),
    "rates are not negative, and connections are from 2 to 2000": (
        "les débits ne sont pas négatifs et les connexions vont de 2 à 2000"
    ),
    "name": "nom",
    "tunnels": "tunnels",
    "lease_set": "lease set",
    "stream": "flux",
    "server": "serveur",
    "is known": "est connu",
    "is the address itself": "est l’adresse elle-même",
    "are there": "sont là",
    "was found": "a été trouvé",
    "was answered": "a reçu une réponse",
    "said {words}": "a dit {words}",
    "nothing came within {seconds} s": "rien n’est venu en {seconds} s",
    "this is no URL; write http://name.i2p/ or name.i2p:PORT": (
        "ce n’est pas une URL ; écrivez http://name.i2p/ ou name.i2p:PORT"
    ),
    "{state}, up {time}: {why}": "{state}, en marche depuis {time} : {why}",
    "{state}, up {time}": "{state}, en marche depuis {time}",
    "1 key file looked at": "1 fichier de clés examiné",
    "{count} key files looked at": "{count} fichiers de clés examinés",
    "1 router connected": "1 routeur connecté",
    "{count} routers connected": "{count} routeurs connectés",
    "only 1 router connected": "seulement 1 routeur connecté",
    "only {count} routers connected": "seulement {count} routeurs connectés",
    "of the last {tries} tries, {tests} peer tests and {calls} connections got in": (
        "sur les {tries} derniers essais, {tests} tests et {calls} connexions sont entrés"
    ),
    "nobody has tried to connect yet": "personne n’a encore essayé de se connecter",
    "the address is from {by}, and nobody has connected to it yet": (
        "l’adresse vient de {by} et personne ne s’y est encore connecté"
    ),
    "{reached} got through to us and {unreached} did not: too few to tell": (
        "{reached} sont passés et {unreached} non : trop peu pour le dire"
    ),
    "{count} routers that we had not called tried to connect and did not get through": (
        "{count} routeurs que nous n’avions pas appelés ont essayé de se connecter sans y parvenir"
    ),
    "the NAT shows every router another port ({ports}), so nobody can connect": (
        "le NAT montre un autre port à chaque routeur ({ports}), personne ne peut donc se connecter"
    ),
    "the country is {country}, one of the strict countries": (
        "le pays est {country}, l’un des pays stricts"
    ),
    "hidden until this router's address, and so its country, is known": (
        "caché jusqu’à ce que l’adresse de ce routeur, et donc son pays, soit connue"
    ),
    "it has just started": "il vient de démarrer",
    "all criteria of a floodfill are met": "tous les critères d’un floodfill sont remplis",
    "all criteria of a floodfill are met; it is one in {wait}": (
        "tous les critères d’un floodfill sont remplis ; il en sera un dans {wait}"
    ),
    "{why}; it ends in {wait} if that lasts": (
        "{why} ; si cela dure, il ne le sera plus dans {wait}"
    ),
    "floodfill: {value} is set": "floodfill: {value} est configuré",
    "it is hidden": "il est caché",
    "other routers cannot reach it at a public IPv4 address over NTCP2": (
        "les autres routeurs ne peuvent pas le joindre à une adresse IPv4 publique par NTCP2"
    ),
    "it carries no transit": "il ne porte aucun trafic de transit",
    "it shares {rate} KB/s, a floodfill at least {least}": (
        "il partage {rate} Ko/s, un floodfill au moins {least}"
    ),
    "it has run for {time} of {least} min": "il fonctionne depuis {time} min sur {least}",
    "the system's clock is wrong by {seconds} s": "l’horloge du système est décalée de {seconds} s",
    "the machine is busy: timers are {late} ms late": (
        "la machine est occupée : les minuteries ont {late} ms de retard"
    ),
    "it is near the limits of its links or transit tunnels": (
        "il est proche des limites de ses connexions ou de ses tunnels de transit"
    ),
    "it knows {count} routers, a floodfill at least {least}": (
        "il connaît {count} routeurs, un floodfill au moins {least}"
    ),
    "it is connected to {count} routers, a floodfill at least {least}": (
        "il est connecté à {count} routeurs, un floodfill à au moins {least}"
    ),
    "it carries {count} transit tunnels, a floodfill at least {least}": (
        "il porte {count} tunnels de transit, un floodfill au moins {least}"
    ),
    "there are {count} floodfills, which is enough": "il y a {count} floodfills, ce qui suffit",
}
