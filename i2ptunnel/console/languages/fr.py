"""French."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Accepted since the start": "Acceptés depuis le démarrage",
    "Actions": "Actions",
    "Add": "Ajouter",
    "Add a name": "Ajouter un nom",
    "Added": "Ajouté",
    "Address": "Adresse",
    "Address in I2P": "Adresse dans I2P",
    "Addresses, one on each line": "Adresses, une par ligne",
    "All kinds": "Tous les types",
    "All options": "Toutes les options",
    "Back": "Retour",
    "Bandwidth": "Bande passante",
    "Beginning of the hash": "Début du hash",
    "Book": "Carnet",
    "Cancel": "Annuler",
    "Capabilities": "Capacités",
    "Carried": "Transféré",
    "Change": "Modifier",
    "Change the configuration": "Modifier la configuration",
    "Change the subscriptions": "Modifier les abonnements",
    "Change {name}": "Modifier {name}",
    "Changed while they run: {names}": "Modifiés sans arrêt : {names}",
    "Chat": "Discussion",
    "Check the change": "Vérifier le changement",
    "Clock": "Horloge",
    "Configuration": "Configuration",
    "Confirm the change": "Confirmer le changement",
    "Connected routers": "Routeurs connectés",
    "Connections": "Connexions",
    "Data directory": "Répertoire des données",
    "Direction": "Sens",
    "Download the new file": "Télécharger le nouveau fichier",
    "Download the new file, put it in place yourself, and reload.": (
        "Téléchargez le nouveau fichier, mettez-le en place vous-même, puis rechargez."
    ),
    "Enter about:profiles as address, and make a new profile.": (
        "Saisissez about:profiles comme adresse et créez un nouveau profil."
    ),
    "Everything works: {ready} of {all} tunnels are ready.": (
        "Tout fonctionne : {ready} tunnels sur {all} sont prêts."
    ),
    "Fetch now": "Récupérer maintenant",
    "Fetched": "Récupéré",
    "Figures": "Chiffres",
    "Go on": "Continuer",
    "Hops": "Sauts",
    "It is here now:": "Elle est maintenant ici :",
    "It is switched off.": "Elle est désactivée.",
    "It opens this page in the browser and signs you in.": (
        "Cela ouvre cette page dans le navigateur et vous connecte."
    ),
    "Its .b32.i2p address, or the whole destination.": (
        "Son adresse .b32.i2p, ou la destination entière."
    ),
    "Kind": "Type",
    "Known routers": "Routeurs connus",
    "Floodfill router": "Routeur floodfill",
    "yes": "oui",
    "no": "non",
    "Common address": "Adresse commune",
    "{up} of {all} machines up": "{up} machines actives sur {all}",
    "Last heard": "Dernier signe",
    "Level": "Niveau",
    "Lines that change": "Lignes modifiées",
    "Log": "Journal",
    "Loss": "Perte",
    "Make the change": "Appliquer le changement",
    "Measured": "Mesuré",
    "Message": "Message",
    "Name": "Nom",
    "Network": "Réseau",
    "New tunnel": "Nouveau tunnel",
    "New: {names}": "Nouveaux : {names}",
    "Next": "Suivant",
    "Not possible": "Impossible",
    "Notes": "Notes",
    "Nothing is found.": "Rien n’a été trouvé.",
    "Nothing would change.": "Rien ne changerait.",
    "On the machine where the router runs, enter:": "Sur la machine où tourne le routeur, tapez :",
    "On this machine": "Sur cette machine",
    "Open tunnels": "Tunnels ouverts",
    "Or sign in with the password": "Ou connectez-vous avec le mot de passe",
    "Outcome": "Résultat",
    "Overview": "Aperçu",
    "Own tunnels": "Tunnels propres",
    "Pages": "Pages",
    "Part of a name, or an address": "Partie d’un nom, ou une adresse",
    "Part {number} of {last}": "Partie {number} sur {last}",
    "Parts of the list": "Parties de la liste",
    "Previous": "Précédent",
    "Proxy {name} at {address}": "Proxy {name} sur {address}",
    "Published": "Publié",
    "QR code of the address": "Code QR de l’adresse",
    "Reachable from outside": "Joignable de l’extérieur",
    "Remove": "Retirer",
    "Removed: {names}": "Retirés : {names}",
    "Replace another address of this name": "Remplacer une autre adresse de ce nom",
    "Restart": "Redémarrer",
    "Restarted: {names}": "Redémarrés : {names}",
    "Round trip": "Aller-retour",
    "Router": "Routeur",
    "Router in use": "Routeur utilisé",
    "Running for": "En marche depuis",
    "Search": "Rechercher",
    "Services that cannot listen": "Services qui ne peuvent pas écouter",
    "Session": "Session",
    "Settings": "Réglages",
    "Show": "Afficher",
    "Sign in": "Se connecter",
    "Sign out": "Se déconnecter",
    "Start": "Démarrer",
    "State": "État",
    "Stop": "Arrêter",
    "Subscription": "Abonnement",
    "Subscriptions": "Abonnements",
    "Take the last change back": "Annuler le dernier changement",
    "Takes effect at once: {names}": "Prend effet aussitôt : {names}",
    "Takes effect when the program is started anew: {names}": (
        "Prend effet au prochain démarrage du programme : {names}"
    ),
    "The I2P console": "La console I2P",
    "The change cannot be written from here: {why}.": (
        "Le changement ne peut pas être écrit d’ici : {why}."
    ),
    "The change is made.": "Le changement est appliqué.",
    "The console has moved": "La console a déménagé",
    "The last day": "Le dernier jour",
    "The last hour": "La dernière heure",
    "The name is saved.": "Le nom est enregistré.",
    "The request took too long.": "La requête a pris trop de temps.",
    "The router itself": "Le routeur lui-même",
    "The subscriptions are being fetched.": "Les abonnements sont en cours de récupération.",
    "There are no tunnels yet.": "Il n’y a pas encore de tunnels.",
    "There is a tunnel of this name already.": "Il y a déjà un tunnel de ce nom.",
    "There is no such page.": "Cette page n’existe pas.",
    "There is no such tunnel.": "Ce tunnel n’existe pas.",
    "There is no web proxy.": "Il n’y a pas de proxy web.",
    "This file has been used, or is older than a minute.": (
        "Ce fichier a déjà servi, ou date de plus d’une minute."
    ),
    "This form cannot be read.": "Ce formulaire est illisible.",
    "This form is not of this session; load the page again.": (
        "Ce formulaire n’est pas de cette session ; rechargez la page."
    ),
    "This page is not asked for like that.": "Cette page ne se demande pas ainsi.",
    "Time": "Heure",
    "To the content": "Au contenu",
    "To the first page": "À la première page",
    "Transit": "Transit",
    "Transit tunnels": "Tunnels de transit",
    "Transport": "Transport",
    "Tunnel builds": "Construction de tunnels",
    "Tunnel {name} failed: {why}.": "Le tunnel {name} a échoué : {why}.",
    "Tunnels": "Tunnels",
    (
        "Tunnels that lead through this router for others. They make everybody harder to "
        "find, you too."
    ): (
        "Tunnels d’autrui qui passent par ce routeur. Ils rendent chacun plus difficile à "
        "trouver, vous aussi."
    ),
    (
        "Use a browser profile for I2P only: what it keeps from other sites would make you "
        "known in I2P."
    ): (
        "Utilisez un profil de navigateur réservé à I2P : ce qu’il garde d’autres sites vous "
        "ferait reconnaître dans I2P."
    ),
    "Version": "Version",
    "What would change is shown first. The keys of a server stay in the data directory.": (
        "Ce qui changerait est d’abord montré. Les clés d’un serveur restent dans le "
        "répertoire des données."
    ),
    "When it is set up, open this page in it:": "Une fois configuré, ouvrez-y cette page :",
    "Write a name.": "Saisissez un nom.",
    "You are not signed in.": "Vous n’êtes pas connecté.",
    "Too many attempts; wait a minute.": "Trop de tentatives ; attendez une minute.",
    "Too many wrong passwords; wait a minute.": (
        "Trop de mots de passe erronés ; attendez une minute."
    ),
    "The password is wrong.": "Le mot de passe est faux.",
    "a day ago": "il y a un jour",
    "a profile": "un profil",
    "all books": "tous les carnets",
    "an hour ago": "il y a une heure",
    "compared with {source}": "comparée à {source}",
    "failed {count} times": "{count} échecs",
    "failing": "défaillant",
    "refused": "refusé",
    "fast": "rapide",
    "for {time}": "depuis {time}",
    "hidden": "caché",
    "high capacity": "de grande capacité",
    "inbound": "entrant",
    "local": "local",
    "never": "jamais",
    "next in {time}": "prochaine fois dans {time}",
    "no hops": "aucun saut",
    "none yet": "aucune encore",
    "not compared yet": "pas encore comparée",
    "not failing": "sans défaillance",
    "not published": "non publié",
    "now": "maintenant",
    "other routers": "d’autres routeurs",
    "outbound": "sortant",
    "private": "privé",
    "router": "routeur",
    "time servers": "des serveurs de temps",
    "tried again in {time}": "nouvel essai dans {time}",
    "usual: {value}": "habituel : {value}",
    "{count} in all": "{count} en tout",
    "{count} of them floodfill": "dont {count} floodfill",
    "{name} gets another address: {new} instead of {old}": (
        "{name} reçoit une autre adresse : {new} au lieu de {old}"
    ),
    "{name} is removed.": "{name} est retiré.",
    "{received} in, {sent} out": "{received} reçus, {sent} envoyés",
    "{share} % succeeded": "{share} % réussies",
    "{time} ago": "il y a {time}",
    "in": "entrée",
    "out": "sortie",
    "for others": "pour autrui",
    "own": "propres",
    "ready": "prêt",
    "building": "en construction",
    "starting": "démarrage",
    "stopping": "arrêt en cours",
    "stopped": "arrêté",
    "reseeding": "premier contact",
    "degraded": "dégradé",
    "failed": "échec",
    "ok": "en ordre",
    "firewalled": "derrière un pare-feu",
    "symmetric nat": "NAT symétrique",
    "unknown": "inconnu",
    "{ready} of {tunnels} tunnels are ready.": "{ready} tunnels sur {tunnels} sont prêts.",
    "{count} tunnels failed: {names}.": "{count} tunnels ont échoué : {names}.",
    "Browse I2P": "Naviguer dans I2P",
    "A web proxy for your browser.": "Un proxy web pour votre navigateur.",
    "SOCKS proxy": "Proxy SOCKS",
    "For programs that can use one.": "Pour les programmes qui savent s’en servir.",
    "An IRC network in I2P for your chat program.": (
        "Un réseau IRC dans I2P pour votre logiciel de discussion."
    ),
    "Reach a service": "Joindre un service",
    "One address in I2P at a port of this machine, such as SSH.": (
        "Une adresse d’I2P sur un port de cette machine, par exemple SSH."
    ),
    "Publish a folder": "Publier un dossier",
    "The files of a folder as a web site in I2P.": (
        "Les fichiers d’un dossier comme site web dans I2P."
    ),
    "Publish a web server": "Publier un serveur web",
    "A web server of this machine, seen in I2P.": (
        "Un serveur web de cette machine, visible dans I2P."
    ),
    "Publish a service": "Publier un service",
    "Any other service of this machine, such as SSH.": (
        "Tout autre service de cette machine, par exemple SSH."
    ),
    "A passphrase has 8 characters or more.": "Une phrase secrète a 8 caractères ou plus.",
    "Backup": "Sauvegarde",
    "Done": "Terminé",
    "Download the backup": "Télécharger la sauvegarde",
    (
        "Keys, names, state and configuration in one file, encrypted with a passphrase. "
        "Without the passphrase it is lost."
    ): (
        "Clés, noms, état et configuration en un fichier, chiffré par une phrase secrète. "
        "Sans elle, il est perdu."
    ),
    "Magnet link": "Lien magnet",
    "Once more": "Encore une fois",
    "Passphrase": "Phrase secrète",
    "Pause": "Suspendre",
    "Peers": "Pairs",
    "Rates": "Débits",
    "Resume": "Reprendre",
    "The two are not the same.": "Les deux ne sont pas identiques.",
    "There are no torrents yet.": "Il n’y a pas encore de torrents.",
    "To restore it, stop the program and run:": (
        "Pour la restaurer, arrêtez le programme et lancez :"
    ),
    "Torrents": "Torrents",
    "Check-up": "Contrôle",
    "What": "Quoi",
    "Finding": "Constat",
    "Why does a site not open?": "Pourquoi un site ne s’ouvre-t-il pas ?",
    "Try it": "Essayer",
    "It is visited once through I2P; that takes up to half a minute.": (
        "Il est visité une fois par I2P ; cela prend jusqu’à une demi-minute."
    ),
    "Step": "Étape",
    "note": "remarque",
    "warning": "avertissement",
    "problem": "problème",
    "Add a torrent": "Ajouter un torrent",
    "or torrent file": "ou fichier torrent",
    "Start it later": "Démarrer plus tard",
    "Limits of all torrents together": "Limites de tous les torrents ensemble",
    "Download, kB/s": "Réception, ko/s",
    "Upload, kB/s": "Envoi, ko/s",
    "no limit": "sans limite",
    "Set": "Fixer",
    "They hold until the program is started anew. The configuration has those that stay.": (
        "Elles valent jusqu’au prochain démarrage du programme. Celles qui restent sont dans "
        "la configuration."
    ),
    "The torrent client is installed and switched off. It reaches nothing but I2P.": (
        "Le client torrent est installé et désactivé. Il n’atteint rien d’autre qu’I2P."
    ),
    "Switch it on": "L’activer",
    "Remove a torrent": "Retirer un torrent",
    "Remove it, keep its files": "Le retirer et garder ses fichiers",
    "Remove it and delete its files": "Le retirer et effacer ses fichiers",
    "tracker: {words}": "traqueur : {words}",
    "{name} is added.": "{name} est ajouté.",
    "Not in I2P, and therefore removed from it: {count} trackers, seeds or peers.": (
        "Hors d’I2P et donc retirés : {count} traqueurs, sources ou pairs."
    ),
    "It has no tracker in I2P, so it finds no peers.": (
        "Il n’a pas de traqueur dans I2P et ne trouve donc pas de pairs."
    ),
    "The torrent is removed.": "Le torrent est retiré.",
    "There is no such torrent.": "Ce torrent n’existe pas.",
    "The limits are set.": "Les limites sont fixées.",
    "Limits are whole numbers.": "Les limites sont des nombres entiers.",
    "checking": "vérification",
    "metadata": "attente des métadonnées",
    "downloading": "réception",
    "seeding": "partage",
    "paused": "en pause",
    "error": "erreur",
    "Conflicts": "Conflits",
    (
        "A subscription has another address for these names. They stay as they are until you "
        "decide otherwise."
    ): (
        "Un abonnement a une autre adresse pour ces noms. Ils restent comme ils sont jusqu’à "
        "ce que vous en décidiez autrement."
    ),
    "In your books": "Dans vos carnets",
    "In the subscription": "Dans l’abonnement",
    "Use this address": "Utiliser cette adresse",
    "No subscription has another address for a name that you know.": (
        "Aucun abonnement n’a une autre adresse pour un nom que vous connaissez."
    ),
    "{name} has the other address now.": "{name} a maintenant l’autre adresse.",
}
