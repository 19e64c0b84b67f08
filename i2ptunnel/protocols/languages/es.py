"""Spanish."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "La petición no se puede usar",
    "This is not an I2P address": "Esto no es una dirección I2P",
    "A .b32.i2p address has 52 letters a-z and digits 2-7; check that it was copied whole.": (
        "Una dirección .b32.i2p tiene 52 letras a-z y cifras 2-7; compruebe que se copió entera."
    ),
    "This address needs a secret word": "Esta dirección necesita una palabra secreta",
    "Its owner encrypts where it can be found. Ask for the word and enter it here.": (
        "Su dueño cifra dónde se encuentra. Pida la palabra e introdúzcala aquí."
    ),
    "This address is for invited visitors": "Esta dirección es para visitantes invitados",
    "Its owner encrypts where it can be found. Enter the key that you agreed on.": (
        "Su dueño cifra dónde se encuentra. Introduzca la clave acordada."
    ),
    "This is not a key": "Esto no es una clave",
    "A key has 44 characters; check that it was copied whole. Go back and try again.": (
        "Una clave tiene 44 caracteres; compruebe que se copió entera. Vuelva atrás e "
        "inténtelo de nuevo."
    ),
    "The key does not open this address": "La clave no abre esta dirección",
    "It was mistyped, or the owner has withdrawn it. Try another one.": (
        "Está mal escrita o el dueño la ha retirado. Pruebe otra."
    ),
    "This address is on your own network": "Esta dirección está en su propia red",
    (
        "The I2P proxy does not connect to this machine or its network. Add the address to the "
        "exceptions of the browser's proxy settings."
    ): (
        "El proxy I2P no se conecta a esta máquina ni a su red. Añada la dirección a las "
        "excepciones del proxy en el navegador."
    ),
    "This port is not allowed": "Este puerto no está permitido",
    "See connect_ports in the settings.": "Vea connect_ports en la configuración.",
    "You may not use this proxy": "No puede usar este proxy",
    "See allow in its settings.": "Vea allow en su configuración.",
    "The site closed the connection": "El sitio cerró la conexión",
    "It was reached, but it refused or broke off the connection. Try again later.": (
        "Se llegó a él, pero rechazó o cortó la conexión. Inténtelo más tarde."
    ),
    "User name and password are needed": "Se necesitan usuario y contraseña",
    "The request did not arrive in time": "La petición no llegó a tiempo",
    "This name is not in the address book": "Este nombre no está en la libreta de direcciones",
    "Ask for the site's .b32.i2p address.": "Pida la dirección .b32.i2p del sitio.",
    "Ask for the site's .b32.i2p address, or ask one of these sites for it.": (
        "Pida la dirección .b32.i2p del sitio, o pregúntela en uno de estos sitios."
    ),
    "The site's answer cannot be used": "La respuesta del sitio no se puede usar",
    "It does not follow the rules of HTTP.": "No sigue las reglas de HTTP.",
    "The outproxy cannot reach this address": "El outproxy no llega a esta dirección",
    "Check that it is written right.": "Compruebe que está bien escrita.",
    "No outproxy could be reached": "No se pudo llegar a ningún outproxy",
    "Addresses outside I2P need one.": "Las direcciones fuera de I2P necesitan uno.",
    "This address is outside I2P": "Esta dirección está fuera de I2P",
    "Only .i2p addresses can be opened here. For others, set outproxies in the settings.": (
        "Aquí solo se abren direcciones .i2p. Para otras, ponga outproxies en la configuración."
    ),
    "Too many connections": "Demasiadas conexiones",
    "Try again in a moment.": "Inténtelo de nuevo en un momento.",
    "All I2P addresses are in use": "Todas las direcciones I2P están en uso",
    (
        "This proxy visits sites under different addresses, and it has no more of them at the "
        "moment. Close some pages, or raise max_identities in the settings."
    ): (
        "Este proxy visita los sitios con direcciones distintas, y ahora no le quedan más. "
        "Cierre algunas páginas o aumente max_identities en la configuración."
    ),
    "The web server does not answer": "El servidor web no responde",
    "Try again later.": "Inténtelo más tarde.",
    "The site cannot be found": "No se encuentra el sitio",
    "No router knows a way to it at the moment. It is probably offline; try again later.": (
        "Ningún router conoce ahora un camino hasta él. Probablemente está desconectado; "
        "inténtelo más tarde."
    ),
    "The site uses another encryption": "El sitio usa otro cifrado",
    "It is there, but it offers no encryption that this router knows. Its owner can change that.": (
        "Está ahí, pero no ofrece ningún cifrado que este router conozca. Su dueño puede cambiarlo."
    ),
    "The site does not answer": "El sitio no responde",
    "It may be offline, or the way to it is congested. Try again later.": (
        "Puede estar desconectado o el camino congestionado. Inténtelo más tarde."
    ),
    (
        "The link tells an address for it. Whether it is the right one cannot be checked. Anybody "
        "who makes links could write it."
    ): (
        "El enlace indica una dirección para él. No se puede comprobar si es la correcta. "
        "Cualquiera que haga enlaces podría escribirla."
    ),
    "Open the address book's site": "Abrir el sitio de la libreta",
    "The link tells another address than the address book": (
        "El enlace indica otra dirección que la libreta"
    ),
    "One of the two may be an attempt to deceive you. The link's address is:": (
        "Una de las dos puede ser un intento de engaño. La dirección del enlace es:"
    ),
    "The address in this link is damaged": "La dirección de este enlace está dañada",
    "Remove it and open the name alone.": "Quítela y abra solo el nombre.",
    "This form is no longer valid": "Este formulario ya no es válido",
    "Open the link again and decide anew.": "Abra el enlace otra vez y decida de nuevo.",
    "The upload is too large": "La subida es demasiado grande",
    "See max_upload in the settings.": "Vea max_upload en la configuración.",
    "There is no such page": "No existe esa página",
    "It could not be saved": "No se pudo guardar",
    "This proxy knows CONNECT only": "Este proxy solo conoce CONNECT",
    "Set it as the proxy for https, and an httpclient tunnel as the one for http.": (
        "Póngalo como proxy para https, y un túnel httpclient para http."
    ),
    "This is a SOCKS proxy": "Este es un proxy SOCKS",
    "Enter this address as SOCKS host in the browser's settings, not as HTTP proxy.": (
        "Ponga esta dirección como servidor SOCKS en el navegador, no como proxy HTTP."
    ),
    "Status": "Estado",
    "Set up a browser": "Configurar un navegador",
    "Test this browser": "Probar este navegador",
    "Ready: .i2p addresses can be opened.": "Listo: se pueden abrir direcciones .i2p.",
    "They go to an outproxy.": "Van a un outproxy.",
    "They are refused.": "Se rechazan.",
    "Proxy": "Proxy",
    "Addresses outside I2P": "Direcciones fuera de I2P",
    "Requests": "Peticiones",
    "Bytes sent": "Bytes enviados",
    "Bytes received": "Bytes recibidos",
    "The I2P proxy works": "El proxy I2P funciona",
    (
        "Use a browser, or a profile of it, for I2P alone: one that also opens other sites can be "
        "recognised by them."
    ): (
        "Use un navegador, o un perfil, solo para I2P: uno que también abre otros sitios "
        "puede ser reconocido por ellos."
    ),
    "Settings → Network Settings → Manual proxy configuration:": (
        "Ajustes → Configuración de red → Configuración manual del proxy:"
    ),
    "as HTTP proxy, also for HTTPS.": "como proxy HTTP, también para HTTPS.",
    "Or install this file:": "O instale este archivo:",
    "Automatic configuration (PAC)": "Configuración automática (PAC)",
    ".i2p addresses go to the proxy, all others are opened directly": (
        "las direcciones .i2p van al proxy, las demás se abren directamente"
    ),
    "everything goes to the proxy": "todo va al proxy",
    (
        "Your browser uses the proxy. It sent the headers on the left; sites in I2P get those on "
        "the right."
    ): (
        "Su navegador usa el proxy. Envió las cabeceras de la izquierda; los sitios de I2P "
        "reciben las de la derecha."
    ),
    "Header": "Cabecera",
    "From the browser": "Del navegador",
    "To the site": "Al sitio",
    "removed": "quitada",
    "Open it, without saving the name": "Abrirlo sin guardar el nombre",
    "Save in my private address book": "Guardar en mi libreta privada",
    "Save in my public address book": "Guardar en mi libreta pública",
    "Save in the router's address book": "Guardar en la libreta del router",
    "Secret word": "Palabra secreta",
    "Key (44 characters)": "Clave (44 caracteres)",
    "Open": "Abrir",
    "Open and remember": "Abrir y recordar",
    "The router is not ready": "El router no está listo",
    "The I2P proxy is not ready": "El proxy I2P no está listo",
    "This page loads again by itself.": "Esta página se vuelve a cargar sola.",
    "Try again": "Intentar de nuevo",
    "This machine's clock is {time} ahead of what other routers say.": (
        "El reloj de esta máquina va {time} adelantado respecto a los otros routers."
    ),
    "This machine's clock is {time} behind what other routers say.": (
        "El reloj de esta máquina va {time} atrasado respecto a los otros routers."
    ),
    "Set the clock right, for example with: timedatectl set-ntp true": (
        "Ponga el reloj en hora, por ejemplo con: timedatectl set-ntp true"
    ),
    "No other router is known, so there is no way into the network.": (
        "No se conoce ningún otro router, así que no hay camino hacia la red."
    ),
    (
        "Import RouterInfo files of other routers with: i2ptunnel netdb import FILE (this "
        "version does not fetch them by itself)."
    ): (
        "Importe archivos RouterInfo de otros routers con: i2ptunnel netdb import ARCHIVO "
        "(esta versión no los descarga por sí misma)."
    ),
    "None of the {routers} known routers is connected yet.": (
        "Ninguno de los {routers} routers conocidos está conectado todavía."
    ),
    (
        "If this lasts, check that this machine is online and that no firewall stops the "
        "router's outgoing connections."
    ): (
        "Si esto dura, compruebe que esta máquina está en línea y que ningún cortafuegos "
        "impide las conexiones salientes del router."
    ),
    "The router is building its tunnels; {succeeded} of {started} builds succeeded so far.": (
        "El router está construyendo sus túneles; hasta ahora han funcionado {succeeded} de "
        "{started} intentos."
    ),
    "The router is starting.": "El router está arrancando.",
    "The router is stopping.": "El router se está deteniendo.",
    "The site has no files now": "El sitio no tiene archivos en este momento",
}
