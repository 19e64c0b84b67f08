"""Spanish."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "state": "estado",
    "clock": "reloj",
    "reachability": "accesibilidad",
    "known routers": "routers conocidos",
    "links": "conexiones",
    "tunnel builds": "construcción de túneles",
    "configuration": "configuración",
    "data directory": "directorio de datos",
    "disk": "disco",
    "keys": "claves",
    "native extra": "extra nativo",
    "descriptors": "descriptores",
    "ports": "puertos",
    "file modes": "permisos de archivos",
    "daily rhythm": "ritmo diario",
    "interfaces": "interfaces",
    "It is tried again by itself; i2ptunnel tunnels restart NAME tries at once.": (
        "Se vuelve a intentar solo; i2ptunnel tunnels restart NAME lo intenta enseguida."
    ),
    "It is tried again by itself.": "Se vuelve a intentar solo.",
    "Set it: timedatectl set-ntp true.": "Ajústelo: timedatectl set-ntp true.",
    "nothing has been heard yet that it could be compared with": (
        "aún no hay nada con que compararlo"
    ),
    "right, as {who} say": "en hora, según {who}",
    "hidden: nobody is meant to connect": "oculto: nadie debe conectarse",
    (
        "Forward the router's port for TCP and UDP to this machine, and open it in the "
        "firewall: “Firewall” in docs/INSTALL.md."
    ): (
        "Redirija el puerto del router para TCP y UDP a esta máquina y ábralo en el "
        "cortafuegos: «Firewall» en docs/INSTALL.md."
    ),
    "{count}, {floodfills} floodfill": "{count}, {floodfills} floodfill",
    "this machine has no network": "esta máquina no tiene red",
    "Check its connection and its firewall.": "Revise su conexión y su cortafuegos.",
    "Check that the firewall lets outgoing TCP and UDP to all ports through.": (
        "Compruebe que el cortafuegos deje salir TCP y UDP a todos los puertos."
    ),
    "no router is connected yet": "aún no hay ningún router conectado",
    "{count}; reseed servers are being asked": "{count}; se consulta a los servidores de reseed",
    "Wait a minute.": "Espere un minuto.",
    "Fetch some: i2ptunnel netdb reseed, or netdb import FILE.": (
        "Traiga algunos: i2ptunnel netdb reseed, o netdb import FILE."
    ),
    "Import a file until then: i2ptunnel netdb import FILE.": (
        "Mientras tanto, importe un archivo: i2ptunnel netdb import FILE."
    ),
    "{succeeded} of {started}: too few to judge": "{succeeded} de {started}: muy pocas para juzgar",
    "{share} of {started} succeeded": "{share} de {started} lograron construirse",
    (
        "If this lasts for hours, the network is under load or attacked, or the clock or the "
        "firewall is wrong: see the other lines."
    ): (
        "Si dura horas, la red está cargada o atacada, o el reloj o el cortafuegos están "
        "mal: vea las otras líneas."
    ),
    "the file cannot be loaded any more: {why}": "el archivo ya no se puede cargar: {why}",
    "Correct it: i2ptunnel check -c FILE. What runs keeps running.": (
        "Corríjalo: i2ptunnel check -c FILE. Lo que funciona sigue funcionando."
    ),
    "the file has changed since the start: {names}": (
        "el archivo ha cambiado desde el inicio: {names}"
    ),
    "This takes effect when the program is started anew.": (
        "Tendrá efecto cuando el programa se inicie de nuevo."
    ),
    "the file says something else than what runs: {changes}": (
        "el archivo dice algo distinto de lo que funciona: {changes}"
    ),
    "i2ptunnel reload takes it over.": "i2ptunnel reload lo aplica.",
    "what runs is what the file says": "lo que funciona es lo que dice el archivo",
    "only the owner can read the keys in {place}": "solo el dueño puede leer las claves de {place}",
    "{size} free at {place}: state cannot be kept": (
        "{size} libres en {place}: no se puede guardar el estado"
    ),
    "{size} free at {place}": "{size} libres en {place}",
    "Free some space on the disk of {place}.": "Libere espacio en el disco de {place}.",
    "tunnel {name}: the {what} ended {when}": "túnel {name}: {what} terminó el {when}",
    "tunnel {name}: the {what} ends {when}": "túnel {name}: {what} termina el {when}",
    "Restore it: i2ptunnel restore FILE.": "Restáurela: i2ptunnel restore FILE.",
    "{found}; a router with much traffic needs less with the extra": (
        "{found}; un router con mucho tráfico necesita menos con el extra"
    ),
    "See “Faster: the native extra” in docs/INSTALL.md.": (
        "Vea «Faster: the native extra» en docs/INSTALL.md."
    ),
    "{count} of {most} connections tracked": "{count} de {most} conexiones seguidas",
    "nobody listens at {place} ({what})": "nadie escucha en {place} ({what})",
    "See what i2ptunnel status says of it.": "Vea lo que dice i2ptunnel status.",
    "Stop that program, or change the port in the configuration.": (
        "Detenga ese programa o cambie el puerto en la configuración."
    ),
    "all free": "todos libres",
    "all ours": "todos nuestros",
    "it is not off daily, as far as its boots tell": "según sus arranques, no se apaga a diario",
    "the system keeps it with time servers": "el sistema lo mantiene con servidores de hora",
    "cannot listen on {place}: {why}": "no se puede escuchar en {place}: {why}",
    "the listener ended": "la escucha terminó",
    "the I2P session ended": "la sesión I2P terminó",
    "an internal error": "un error interno",
    "no tunnels yet: {why}": "aún no hay túneles: {why}",
    "there is no tunnel {name}": "no hay ningún túnel {name}",
    "the {book} book has another address for {name}": (
        "la libreta {book} tiene otra dirección para {name}"
    ),
    "not a destination or .b32.i2p address": "no es un destino ni una dirección .b32.i2p",
    "the name is in no address book": "el nombre no está en ninguna libreta",
    "the address book cannot be read": "no se puede leer la libreta",
    "there are no tunnels into I2P yet; try again later": (
        "aún no hay túneles hacia I2P; inténtelo más tarde"
    ),
    "{added} added, {changed} changed, {removed} removed": (
        "{added} añadidos, {changed} cambiados, {removed} quitados"
    ),
    "not changed": "sin cambios",
    "what came is not a hosts.txt": "lo que llegó no es un hosts.txt",
    "the feed redirects too often": "la suscripción redirige demasiadas veces",
    "the feed took too long": "la suscripción tardó demasiado",
    "the feed's server answers with status {status}": (
        "el servidor de la suscripción responde con el estado {status}"
    ),
    "nothing was changed here since the program has started": (
        "aquí no se ha cambiado nada desde que empezó el programa"
    ),
    "the configuration cannot be changed: {why}": "no se puede cambiar la configuración: {why}",
    "the configuration cannot be read: {why}": "no se puede leer la configuración: {why}",
    "the file was changed meanwhile; look at it again": (
        "el archivo se cambió entretanto; mírelo otra vez"
    ),
    "the program runs without a configuration file of its own: start it with -c FILE": (
        "el programa funciona sin archivo de configuración propio: inícielo con -c FILE"
    ),
    "give a magnet link or a torrent file": "indique un enlace magnet o un archivo torrent",
    "the magnet link is too long": "el enlace magnet es demasiado largo",
    "torrent files have at most {count} bytes here": (
        "los archivos torrent tienen aquí {count} bytes como máximo"
    ),
    "this is no magnet link: {why}": "esto no es un enlace magnet: {why}",
    "this is no torrent file: {why}": "esto no es un archivo torrent: {why}",
    "the torrent is there already": "el torrent ya está",
    "there are {count} torrents already": "ya hay {count} torrents",
    "another torrent has files at {name}": "otro torrent tiene archivos en {name}",
    "the torrent has files outside of its directory": (
        "el torrent tiene archivos fuera de su directorio"
    ),
    "the torrent has symbolic links": "el torrent tiene enlaces simbólicos",
    "no torrent has this ID or name": "ningún torrent tiene este ID o nombre",
    "the torrent client is starting": "el cliente de torrents está iniciando",
    "the torrent client does not answer": "el cliente de torrents no responde",
    "the torrent client has ended": "el cliente de torrents ha terminado",
    "it is not running: {why}": "no funciona: {why}",
    "libtorrent is not installed, which it needs: pip install libtorrent": (
        "falta libtorrent, que necesita: pip install libtorrent"
    ),
    "rates are not negative, and connections are from 2 to 2000": (
        "las velocidades no son negativas y las conexiones van de 2 a 2000"
    ),
    "name": "nombre",
    "tunnels": "túneles",
    "lease_set": "lease set",
    "stream": "flujo",
    "server": "servidor",
    "is known": "es conocido",
    "is the address itself": "es la propia dirección",
    "are there": "están",
    "was found": "se encontró",
    "was answered": "tuvo respuesta",
    "said {words}": "dijo {words}",
    "nothing came within {seconds} s": "no llegó nada en {seconds} s",
    "this is no URL; write http://name.i2p/ or name.i2p:PORT": (
        "esto no es una URL; escriba http://name.i2p/ o name.i2p:PORT"
    ),
    "{state}, up {time}: {why}": "{state}, en marcha desde hace {time}: {why}",
    "{state}, up {time}": "{state}, en marcha desde hace {time}",
    "1 key file looked at": "1 archivo de claves revisado",
    "{count} key files looked at": "{count} archivos de claves revisados",
    "1 router connected": "1 router conectado",
    "{count} routers connected": "{count} routers conectados",
    "only 1 router connected": "solo 1 router conectado",
    "only {count} routers connected": "solo {count} routers conectados",
    "of the last {tries} tries, {tests} peer tests and {calls} connections got in": (
        "de los últimos {tries} intentos, entraron {tests} pruebas y {calls} conexiones"
    ),
    "nobody has tried to connect yet": "nadie ha intentado conectarse aún",
    "the address is from {by}, and nobody has connected to it yet": (
        "la dirección viene de {by} y nadie se ha conectado a ella aún"
    ),
    "{reached} got through to us and {unreached} did not: too few to tell": (
        "{reached} llegaron y {unreached} no: muy pocos para saberlo"
    ),
    "{count} routers that we had not called tried to connect and did not get through": (
        "{count} routers a los que no llamamos intentaron conectarse y no pudieron"
    ),
    "the NAT shows every router another port ({ports}), so nobody can connect": (
        "el NAT muestra a cada router un puerto distinto ({ports}), así nadie puede conectarse"
    ),
    "the country is {country}, one of the strict countries": (
        "el país es {country}, uno de los estrictos"
    ),
    "hidden until this router's address, and so its country, is known": (
        "oculto hasta que se conozca la dirección de este router y con ella su país"
    ),
    "it has just started": "acaba de iniciarse",
    "all criteria of a floodfill are met": "se cumplen todos los criterios de un floodfill",
    "all criteria of a floodfill are met; it is one in {wait}": (
        "se cumplen todos los criterios de un floodfill; lo será en {wait}"
    ),
    "{why}; it ends in {wait} if that lasts": "{why}; si esto dura, dejará de serlo en {wait}",
    "floodfill: {value} is set": "está configurado floodfill: {value}",
    "it is hidden": "está oculto",
    "other routers cannot reach it at a public IPv4 address over NTCP2": (
        "otros routers no pueden alcanzarlo en una dirección IPv4 pública por NTCP2"
    ),
    "it carries no transit": "no lleva tráfico de tránsito",
    "it shares {rate} KB/s, a floodfill at least {least}": (
        "comparte {rate} KB/s, un floodfill al menos {least}"
    ),
    "it has run for {time} of {least} min": "lleva en marcha {time} de {least} min",
    "the system's clock is wrong by {seconds} s": (
        "el reloj del sistema tiene un error de {seconds} s"
    ),
    "the machine is busy: timers are {late} ms late": (
        "la máquina está ocupada: los temporizadores llegan {late} ms tarde"
    ),
    "it is near the limits of its links or transit tunnels": (
        "está cerca de los límites de sus conexiones o túneles de tránsito"
    ),
    "it knows {count} routers, a floodfill at least {least}": (
        "conoce {count} routers, un floodfill al menos {least}"
    ),
    "it is connected to {count} routers, a floodfill at least {least}": (
        "está conectado a {count} routers, un floodfill al menos a {least}"
    ),
    "it carries {count} transit tunnels, a floodfill at least {least}": (
        "lleva {count} túneles de tránsito, un floodfill al menos {least}"
    ),
    "there are {count} floodfills, which is enough": "hay {count} floodfills, que son suficientes",
}
