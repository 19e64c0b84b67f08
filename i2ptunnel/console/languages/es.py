"""Spanish."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Accepted since the start": "Aceptados desde el inicio",
    "Actions": "Acciones",
    "Add": "Añadir",
    "Add a name": "Añadir un nombre",
    "Added": "Añadido",
    "Address": "Dirección",
    "Address in I2P": "Dirección en I2P",
    "Addresses, one on each line": "Direcciones, una por línea",
    "All kinds": "Todos los tipos",
    "All options": "Todas las opciones",
    "Back": "Volver",
    "Bandwidth": "Ancho de banda",
    "Beginning of the hash": "Comienzo del hash",
    "Book": "Libreta",
    "Cancel": "Cancelar",
    "Capabilities": "Capacidades",
    "Carried": "Transferido",
    "Change": "Cambiar",
    "Change the configuration": "Cambiar la configuración",
    "Change the subscriptions": "Cambiar las suscripciones",
    "Change {name}": "Cambiar {name}",
    "Changed while they run: {names}": "Cambiados en marcha: {names}",
    "Chat": "Chat",
    "Check the change": "Comprobar el cambio",
    "Clock": "Reloj",
    "Configuration": "Configuración",
    "Confirm the change": "Confirmar el cambio",
    "Connected routers": "Routers conectados",
    "Connections": "Conexiones",
    "Data directory": "Directorio de datos",
    "Direction": "Dirección del túnel",
    "Download the new file": "Descargar el archivo nuevo",
    "Download the new file, put it in place yourself, and reload.": (
        "Descargue el archivo nuevo, colóquelo en su sitio y recargue."
    ),
    "Enter about:profiles as address, and make a new profile.": (
        "Escriba about:profiles como dirección y cree un perfil nuevo."
    ),
    "Everything works: {ready} of {all} tunnels are ready.": (
        "Todo funciona: {ready} de {all} túneles están listos."
    ),
    "Fetch now": "Obtener ahora",
    "Fetched": "Obtenido",
    "Figures": "Cifras",
    "Go on": "Continuar",
    "Hops": "Saltos",
    "It is here now:": "Ahora está aquí:",
    "It is switched off.": "Está desactivada.",
    "It opens this page in the browser and signs you in.": (
        "Abre esta página en el navegador y le da acceso."
    ),
    "Its .b32.i2p address, or the whole destination.": (
        "Su dirección .b32.i2p o el destino completo."
    ),
    "Kind": "Tipo",
    "Known routers": "Routers conocidos",
    "Floodfill router": "Router floodfill",
    "yes": "sí",
    "no": "no",
    "Common address": "Dirección común",
    "{up} of {all} machines up": "{up} de {all} máquinas activas",
    "Last heard": "Última señal",
    "Level": "Nivel",
    "Lines that change": "Líneas que cambian",
    "Log": "Registro",
    "Loss": "Pérdida",
    "Make the change": "Hacer el cambio",
    "Measured": "Medido",
    "Message": "Mensaje",
    "Name": "Nombre",
    "Network": "Red",
    "New tunnel": "Túnel nuevo",
    "New: {names}": "Nuevos: {names}",
    "Next": "Siguiente",
    "Not possible": "No es posible",
    "Notes": "Notas",
    "Nothing is found.": "No se ha encontrado nada.",
    "Nothing would change.": "No cambiaría nada.",
    "On the machine where the router runs, enter:": (
        "En la máquina donde funciona el router, escriba:"
    ),
    "On this machine": "En esta máquina",
    "Open tunnels": "Túneles abiertos",
    "Or sign in with the password": "O entre con la contraseña",
    "Outcome": "Resultado",
    "Overview": "Resumen",
    "Own tunnels": "Túneles propios",
    "Pages": "Páginas",
    "Part of a name, or an address": "Parte de un nombre, o una dirección",
    "Part {number} of {last}": "Parte {number} de {last}",
    "Parts of the list": "Partes de la lista",
    "Previous": "Anterior",
    "Proxy {name} at {address}": "Proxy {name} en {address}",
    "Published": "Publicado",
    "QR code of the address": "Código QR de la dirección",
    "Reachable from outside": "Alcanzable desde fuera",
    "Remove": "Quitar",
    "Removed: {names}": "Quitados: {names}",
    "Replace another address of this name": "Sustituir otra dirección de este nombre",
    "Restart": "Reiniciar",
    "Restarted: {names}": "Reiniciados: {names}",
    "Round trip": "Ida y vuelta",
    "Router": "Router",
    "Router in use": "Router en uso",
    "Running for": "En marcha desde hace",
    "Search": "Buscar",
    "Services that cannot listen": "Servicios que no pueden escuchar",
    "Session": "Sesión",
    "Settings": "Ajustes",
    "Show": "Mostrar",
    "Sign in": "Entrar",
    "Sign out": "Salir",
    "Start": "Iniciar",
    "State": "Estado",
    "Stop": "Detener",
    "Subscription": "Suscripción",
    "Subscriptions": "Suscripciones",
    "Take the last change back": "Deshacer el último cambio",
    "Takes effect at once: {names}": "Surte efecto enseguida: {names}",
    "Takes effect when the program is started anew: {names}": (
        "Surte efecto al reiniciar el programa: {names}"
    ),
    "The I2P console": "La consola de I2P",
    "The change cannot be written from here: {why}.": (
        "El cambio no se puede escribir desde aquí: {why}."
    ),
    "The change is made.": "El cambio está hecho.",
    "The console has moved": "La consola se ha trasladado",
    "The last day": "El último día",
    "The last hour": "La última hora",
    "The name is saved.": "El nombre está guardado.",
    "The request took too long.": "La petición tardó demasiado.",
    "The router itself": "El propio router",
    "The subscriptions are being fetched.": "Se están obteniendo las suscripciones.",
    "There are no tunnels yet.": "Aún no hay túneles.",
    "There is a tunnel of this name already.": "Ya hay un túnel con este nombre.",
    "There is no such page.": "No existe esa página.",
    "There is no such tunnel.": "No existe ese túnel.",
    "There is no web proxy.": "No hay ningún proxy web.",
    "This file has been used, or is older than a minute.": (
        "Este archivo ya se usó o tiene más de un minuto."
    ),
    "This form cannot be read.": "Este formulario no se puede leer.",
    "This form is not of this session; load the page again.": (
        "Este formulario no es de esta sesión; vuelva a cargar la página."
    ),
    "This page is not asked for like that.": "Esta página no se pide así.",
    "Time": "Hora",
    "To the content": "Al contenido",
    "To the first page": "A la primera página",
    "Transit": "Tránsito",
    "Transit tunnels": "Túneles de tránsito",
    "Transport": "Transporte",
    "Tunnel builds": "Construcción de túneles",
    "Tunnel {name} failed: {why}.": "El túnel {name} falló: {why}.",
    "Tunnels": "Túneles",
    (
        "Tunnels that lead through this router for others. They make everybody harder to "
        "find, you too."
    ): (
        "Túneles de otros que pasan por este router. Hacen que todos sean más difíciles de "
        "encontrar, también usted."
    ),
    (
        "Use a browser profile for I2P only: what it keeps from other sites would make you "
        "known in I2P."
    ): (
        "Use un perfil del navegador solo para I2P: lo que guarda de otros sitios le haría "
        "reconocible en I2P."
    ),
    "Version": "Versión",
    "What would change is shown first. The keys of a server stay in the data directory.": (
        "Primero se muestra lo que cambiaría. Las claves de un servidor quedan en el "
        "directorio de datos."
    ),
    "When it is set up, open this page in it:": "Cuando esté configurado, abra en él esta página:",
    "Write a name.": "Escriba un nombre.",
    "You are not signed in.": "No ha entrado.",
    "Too many attempts; wait a minute.": "Demasiados intentos; espere un minuto.",
    "Too many wrong passwords; wait a minute.": (
        "Demasiadas contraseñas incorrectas; espere un minuto."
    ),
    "The password is wrong.": "La contraseña es incorrecta.",
    "a day ago": "hace un día",
    "a profile": "un perfil",
    "all books": "todas las libretas",
    "an hour ago": "hace una hora",
    "compared with {source}": "comparado con {source}",
    "failed {count} times": "falló {count} veces",
    "failing": "con fallos",
    "refused": "rechazado",
    "fast": "rápido",
    "for {time}": "desde hace {time}",
    "hidden": "oculto",
    "high capacity": "de alta capacidad",
    "inbound": "entrante",
    "local": "local",
    "never": "nunca",
    "next in {time}": "de nuevo en {time}",
    "no hops": "sin saltos",
    "none yet": "ninguna aún",
    "not compared yet": "aún sin comparar",
    "not failing": "sin fallos",
    "not published": "sin publicar",
    "now": "ahora",
    "other routers": "otros routers",
    "outbound": "saliente",
    "private": "privada",
    "router": "router",
    "time servers": "servidores de hora",
    "tried again in {time}": "nuevo intento en {time}",
    "usual: {value}": "habitual: {value}",
    "{count} in all": "{count} en total",
    "{count} of them floodfill": "{count} de ellos floodfill",
    "{name} gets another address: {new} instead of {old}": (
        "{name} recibe otra dirección: {new} en lugar de {old}"
    ),
    "{name} is removed.": "{name} se ha quitado.",
    "{received} in, {sent} out": "{received} entrante, {sent} saliente",
    "{share} % succeeded": "{share} % con éxito",
    "{time} ago": "hace {time}",
    "in": "entrante",
    "out": "saliente",
    "for others": "para otros",
    "own": "propios",
    "ready": "listo",
    "building": "construyendo",
    "starting": "iniciando",
    "stopping": "deteniéndose",
    "stopped": "detenido",
    "reseeding": "primer contacto",
    "degraded": "degradado",
    "failed": "fallido",
    "ok": "bien",
    "firewalled": "tras un cortafuegos",
    "symmetric nat": "NAT simétrico",
    "unknown": "desconocido",
    "{ready} of {tunnels} tunnels are ready.": "{ready} de {tunnels} túneles están listos.",
    "{count} tunnels failed: {names}.": "{count} túneles fallaron: {names}.",
    "Browse I2P": "Navegar por I2P",
    "A web proxy for your browser.": "Un proxy web para su navegador.",
    "SOCKS proxy": "Proxy SOCKS",
    "For programs that can use one.": "Para programas que pueden usarlo.",
    "An IRC network in I2P for your chat program.": "Una red IRC en I2P para su programa de chat.",
    "Reach a service": "Llegar a un servicio",
    "One address in I2P at a port of this machine, such as SSH.": (
        "Una dirección de I2P en un puerto de esta máquina, como SSH."
    ),
    "Publish a folder": "Publicar una carpeta",
    "The files of a folder as a web site in I2P.": (
        "Los archivos de una carpeta como sitio web en I2P."
    ),
    "Publish a web server": "Publicar un servidor web",
    "A web server of this machine, seen in I2P.": (
        "Un servidor web de esta máquina, visible en I2P."
    ),
    "Publish a service": "Publicar un servicio",
    "Any other service of this machine, such as SSH.": (
        "Cualquier otro servicio de esta máquina, como SSH."
    ),
    "A passphrase has 8 characters or more.": "Una frase de paso tiene 8 caracteres o más.",
    "Backup": "Copia de seguridad",
    "Done": "Hecho",
    "Download the backup": "Descargar la copia",
    (
        "Keys, names, state and configuration in one file, encrypted with a passphrase. "
        "Without the passphrase it is lost."
    ): (
        "Claves, nombres, estado y configuración en un archivo, cifrado con una frase de "
        "paso. Sin la frase está perdido."
    ),
    "Magnet link": "Enlace magnet",
    "Once more": "Otra vez",
    "Passphrase": "Frase de paso",
    "Pause": "Pausar",
    "Peers": "Pares",
    "Rates": "Velocidades",
    "Resume": "Reanudar",
    "The two are not the same.": "Las dos no son iguales.",
    "There are no torrents yet.": "Aún no hay torrents.",
    "To restore it, stop the program and run:": "Para restaurarla, detenga el programa y ejecute:",
    "Torrents": "Torrents",
    "Check-up": "Revisión",
    "What": "Qué",
    "Finding": "Resultado de la revisión",
    "Why does a site not open?": "¿Por qué no se abre un sitio?",
    "Try it": "Probar",
    "It is visited once through I2P; that takes up to half a minute.": (
        "Se visita una vez por I2P; tarda hasta medio minuto."
    ),
    "Step": "Paso",
    "note": "nota",
    "warning": "aviso",
    "problem": "problema",
    "Add a torrent": "Añadir un torrent",
    "or torrent file": "o archivo torrent",
    "Start it later": "Empezar más tarde",
    "Limits of all torrents together": "Límites de todos los torrents juntos",
    "Download, kB/s": "Descarga, kB/s",
    "Upload, kB/s": "Subida, kB/s",
    "no limit": "sin límite",
    "Set": "Fijar",
    "They hold until the program is started anew. The configuration has those that stay.": (
        "Valen hasta que el programa se inicie de nuevo. Los permanentes están en la configuración."
    ),
    "The torrent client is installed and switched off. It reaches nothing but I2P.": (
        "El cliente de torrents está instalado y apagado. No alcanza nada más que I2P."
    ),
    "Switch it on": "Encenderlo",
    "Remove a torrent": "Quitar un torrent",
    "Remove it, keep its files": "Quitarlo y conservar sus archivos",
    "Remove it and delete its files": "Quitarlo y borrar sus archivos",
    "tracker: {words}": "tracker: {words}",
    "{name} is added.": "{name} se ha añadido.",
    "Not in I2P, and therefore removed from it: {count} trackers, seeds or peers.": (
        "No está en I2P y por eso se ha quitado: {count} trackers, semillas o pares."
    ),
    "It has no tracker in I2P, so it finds no peers.": (
        "No tiene tracker en I2P, así que no encuentra pares."
    ),
    "The torrent is removed.": "El torrent se ha quitado.",
    "There is no such torrent.": "No existe ese torrent.",
    "The limits are set.": "Los límites se han fijado.",
    "Limits are whole numbers.": "Los límites son números enteros.",
    "checking": "comprobando",
    "metadata": "esperando metadatos",
    "downloading": "descargando",
    "seeding": "compartiendo",
    "paused": "en pausa",
    "error": "error",
    "Conflicts": "Conflictos",
    (
        "A subscription has another address for these names. They stay as they are until you "
        "decide otherwise."
    ): (
        "Una suscripción tiene otra dirección para estos nombres. Quedan como están hasta "
        "que usted decida otra cosa."
    ),
    "In your books": "En sus libretas",
    "In the subscription": "En la suscripción",
    "Use this address": "Usar esta dirección",
    "No subscription has another address for a name that you know.": (
        "Ninguna suscripción tiene otra dirección para un nombre que usted conoce."
    ),
    "{name} has the other address now.": "{name} tiene ahora la otra dirección.",
}
