"""Spanish."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "La petición no se puede usar",
    "This is not an I2P address": "Esto no es una dirección I2P",
    "A .b32.i2p address has 52 letters a-z and digits 2-7. Check that all of it was copied.": (
        "Una dirección .b32.i2p tiene 52 letras a-z y cifras 2-7. Compruebe que se copió entera."
    ),
    "This address needs a secret word": "Esta dirección necesita una palabra secreta",
    (
        "The owner has encrypted how this site is reached. Ask the owner for the word and enter "
        "it here."
    ): "El dueño ha cifrado cómo se llega a este sitio. Pídale la palabra e introdúzcala aquí.",
    "This address is for invited visitors": "Esta dirección es para visitantes invitados",
    (
        "The owner has encrypted how this site is reached. Enter the key that you agreed on with "
        "the owner."
    ): "El dueño ha cifrado cómo se llega a este sitio. Introduzca la clave que acordó con él.",
    "This is not a key": "Esto no es una clave",
    "A key has 44 characters. Go back, check that all of it was copied, and try again.": (
        "Una clave tiene 44 caracteres. Vuelva atrás, compruebe que se copió entera e inténtelo "
        "de nuevo."
    ),
    "The key does not open this address": "La clave no abre esta dirección",
    "It may contain a typing error, or the owner has withdrawn it. Enter another key.": (
        "Puede que tenga una errata o que el dueño la haya retirado. Introduzca otra clave."
    ),
    "This address is on your own network": "Esta dirección está en su propia red",
    (
        "The I2P proxy never connects to this machine or its network, so that no site in I2P can "
        "reach them through your browser. Open this address in another browser, or in a profile "
        "without the proxy."
    ): (
        "El proxy I2P nunca se conecta a este equipo ni a su red, para que ningún sitio de I2P "
        "pueda alcanzarlos a través de su navegador. Abra esta dirección en otro navegador o en "
        "un perfil sin el proxy."
    ),
    "This port is not allowed": "Este puerto no está permitido",
    "The proxy only connects to the ports that connect_ports names in its configuration.": (
        "El proxy solo se conecta a los puertos que connect_ports indica en su configuración."
    ),
    "You may not use this proxy": "No puede usar este proxy",
    "Your address is not among those that allow names in the proxy's configuration.": (
        "Su dirección no está entre las que allow indica en la configuración del proxy."
    ),
    "The site closed the connection": "El sitio cerró la conexión",
    (
        "The site was reached, but it refused or ended the connection. Try again, or come back "
        "later."
    ): (
        "Se llegó al sitio, pero rechazó o terminó la conexión. Inténtelo de nuevo o vuelva más "
        "tarde."
    ),
    "User name and password are needed": "Se necesitan usuario y contraseña",
    "The request did not arrive in time": "La petición no llegó a tiempo",
    "This name is not in the address book": "Este nombre no está en la libreta de direcciones",
    "Open the site by its .b32.i2p address, or follow a link that brings the address along.": (
        "Abra el sitio con su dirección .b32.i2p, o siga un enlace que traiga la dirección."
    ),
    (
        "Open the site by its .b32.i2p address, or look the name up at one of these sites, which "
        "know many:"
    ): (
        "Abra el sitio con su dirección .b32.i2p, o busque el nombre en uno de estos sitios, que "
        "conocen muchos:"
    ),
    "The site's answer cannot be used": "La respuesta del sitio no se puede usar",
    "The site's web server does not follow the rules of HTTP. Only its owner can change that.": (
        "El servidor web del sitio no sigue las reglas de HTTP. Solo su dueño puede cambiarlo."
    ),
    "The outproxy cannot reach this address": "El outproxy no llega a esta dirección",
    "Check that the address is correct, or try again later.": (
        "Compruebe que la dirección es correcta o inténtelo más tarde."
    ),
    "No outproxy could be reached": "No se pudo llegar a ningún outproxy",
    (
        "Addresses outside I2P are opened through an outproxy, and none of yours answers. Try "
        "again later, or name another one under outproxies in the configuration."
    ): (
        "Las direcciones fuera de I2P se abren a través de un outproxy, y ninguno de los suyos "
        "responde. Inténtelo más tarde o indique otro en outproxies, en la configuración."
    ),
    "This address is outside I2P": "Esta dirección está fuera de I2P",
    (
        "This proxy only opens .i2p addresses. To open others through I2P, name outproxies in "
        "the configuration; or use another browser for them."
    ): (
        "Este proxy solo abre direcciones .i2p. Para abrir otras a través de I2P, indique "
        "outproxies en la configuración; o use para ellas otro navegador."
    ),
    "Too many connections": "Demasiadas conexiones",
    "Try again in a moment.": "Inténtelo de nuevo en un momento.",
    "All I2P addresses are in use": "Todas las direcciones I2P están en uso",
    (
        "This proxy visits each site from another I2P address and has none left at the moment. "
        "Close some pages and try again, or raise max_identities in the configuration."
    ): (
        "Este proxy visita cada sitio con una dirección I2P distinta y ahora no le queda "
        "ninguna. Cierre algunas páginas e inténtelo de nuevo, o aumente max_identities en la "
        "configuración."
    ),
    "The web server does not answer": "El servidor web no responde",
    "Try again later.": "Inténtelo más tarde.",
    "The site cannot be found": "No se encuentra el sitio",
    (
        "The network does not know how to reach it at the moment. It is probably offline. Try "
        "again later."
    ): (
        "La red no sabe ahora cómo llegar a él. Probablemente está desconectado. Inténtelo más "
        "tarde."
    ),
    "The site uses another encryption": "El sitio usa otro cifrado",
    (
        "The site is there, but it offers no encryption that this router supports. Only its "
        "owner can change that."
    ): (
        "El sitio está ahí, pero no ofrece ningún cifrado que este router admita. Solo su dueño "
        "puede cambiarlo."
    ),
    "The site does not answer": "El sitio no responde",
    "The site may be offline, or the network is slow at the moment. Try again.": (
        "Puede que el sitio esté desconectado o que la red vaya lenta ahora. Inténtelo de nuevo."
    ),
    "Open the address book's site": "Abrir el sitio de la libreta",
    "The link and the address book name different addresses": (
        "El enlace y la libreta de direcciones dan direcciones distintas"
    ),
    (
        "One of the two may be an attempt to deceive you. If you do not know which one is right, "
        "trust the address book."
    ): (
        "Una de las dos puede ser un intento de engañarle. Si no sabe cuál es la correcta, "
        "confíe en la libreta de direcciones."
    ),
    "The address in this link is damaged": "La dirección de este enlace está dañada",
    (
        "The link should bring the address of the site along, but it cannot be read. Open the "
        "name without it, or copy the link again."
    ): (
        "El enlace debería traer la dirección del sitio, pero no se puede leer. Abra el nombre "
        "sin ella o copie el enlace de nuevo."
    ),
    "This form is no longer valid": "Este formulario ya no es válido",
    (
        "The proxy has restarted since the page was shown. Go back, reload the page and choose "
        "again."
    ): (
        "El proxy se ha reiniciado desde que se mostró la página. Vuelva atrás, recargue la "
        "página y elija de nuevo."
    ),
    "The upload is too large": "La subida es demasiado grande",
    "The proxy accepts no more than max_upload allows in its configuration.": (
        "El proxy no acepta más de lo que max_upload permite en su configuración."
    ),
    "There is no such page": "No existe esa página",
    "It could not be saved": "No se pudo guardar",
    "This proxy supports CONNECT only": "Este proxy solo admite CONNECT",
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
        "Use a browser or browser profile for I2P only. One that also opens other sites can be "
        "recognised by them."
    ): (
        "Use un navegador o un perfil solo para I2P. Uno que abra también otros sitios puede ser "
        "reconocido por ellos."
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
    "Open, do not save": "Abrir sin guardar",
    "Save in the private book": "Guardar en la libreta privada",
    "Save in the local book": "Guardar en la libreta local",
    "Save in the router book": "Guardar en la libreta del router",
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
        "Import a reseed file, or RouterInfo files of other routers, with: i2ptunnel netdb "
        "import FILE"
    ): (
        "Importe un archivo de reseed o archivos RouterInfo de otros routers con: i2ptunnel "
        "netdb import ARCHIVO"
    ),
    ("Other routers are being fetched from reseed servers; {bundles} of {wanted} have answered."): (
        "Se están obteniendo otros routers de servidores de reseed; {bundles} de {wanted} han "
        "respondido."
    ),
    (
        "No other router is known. The reseed servers were asked lately, and limit how often; they "
        "are asked again in {time}."
    ): (
        "No se conoce ningún otro router. Los servidores de reseed se han consultado hace "
        "poco y limitan la frecuencia; se consultarán de nuevo en {time}."
    ),
    "No other router is known, and no reseed server has brought any.": (
        "No se conoce ningún otro router, y ningún servidor de reseed ha enviado alguno."
    ),
    "Check that this machine is online and can resolve names.": (
        "Compruebe que este equipo está en línea y puede resolver nombres."
    ),
    "Check router.reseed.proxy, and that the proxy is running.": (
        "Compruebe router.reseed.proxy y que el proxy está en marcha."
    ),
    (
        "Somebody may be intercepting connections here, or CA certificates are missing on this "
        "machine (package ca-certificates)."
    ): (
        "Puede que alguien intercepte las conexiones aquí, o que falten certificados de CA en "
        "este equipo (paquete ca-certificates)."
    ),
    "Install a newer i2ptunnel: this one does not know all present signers.": (
        "Instale un i2ptunnel más reciente: este no conoce a todos los firmantes actuales."
    ),
    (
        "It is tried again. If reseed servers are blocked here, set router.reseed.proxy, or "
        "get i2pseeds.su3 by another way and run: i2ptunnel netdb import i2pseeds.su3"
    ): (
        "Se volverá a intentar. Si los servidores de reseed están bloqueados aquí, configure "
        "router.reseed.proxy, o consiga i2pseeds.su3 por otro medio y ejecute: i2ptunnel netdb "
        "import i2pseeds.su3"
    ),
    "None of the {routers} known routers is connected yet.": (
        "Ninguno de los {routers} routers conocidos está conectado todavía."
    ),
    (
        "If this lasts, check that this machine is online and that no firewall stops the "
        "router's outgoing connections."
    ): (
        "Si esto dura, compruebe que esta máquina está en línea y que ningún cortafuegos impide "
        "las conexiones salientes del router."
    ),
    "The router is building its tunnels; {succeeded} of {started} builds succeeded so far.": (
        "El router está construyendo sus túneles; hasta ahora han funcionado {succeeded} de "
        "{started} intentos."
    ),
    "The router that is used over I2CP cannot be reached: {why}.": (
        "No se puede llegar al router que se usa por I2CP: {why}."
    ),
    "Start that router, and enable I2CP in it; it is tried again.": (
        "Inicie ese router y active I2CP en él; se volverá a intentar."
    ),
    "The router at {address} is building the tunnels.": (
        "El router en {address} está construyendo los túneles."
    ),
    "The router found nothing under this address": (
        "El router no ha encontrado nada en esta dirección"
    ),
    (
        "The router that this proxy uses over I2CP found nothing under this encrypted "
        "address. i2pd cannot look up such addresses, Java I2P can."
    ): (
        "El router que este proxy usa por I2CP no ha encontrado nada en esta dirección "
        "cifrada. i2pd no puede buscar estas direcciones, Java I2P sí."
    ),
    "The router is starting.": "El router está arrancando.",
    "The router is stopping.": "El router se está deteniendo.",
    "The site has no files now": "El sitio no tiene archivos en este momento",
    "This is the address of the I2P proxy itself": "Esta es la dirección del propio proxy I2P",
    "This browser uses the proxy already. The pages of the proxy are at:": (
        "Este navegador ya usa el proxy. Las páginas del proxy están en:"
    ),
    "Reload this page and enter the user name and password of the proxy.": (
        "Recargue esta página e introduzca el usuario y la contraseña del proxy."
    ),
    "The connection between this browser and the proxy was too slow. Try again.": (
        "La conexión entre este navegador y el proxy fue demasiado lenta. Inténtelo de nuevo."
    ),
    "How do you want to go on?": "¿Cómo quiere continuar?",
    "The proxy forgets the name when it stops.": "El proxy olvida el nombre cuando se detiene.",
    "Only you use the name. It is never published.": "Solo usted usa el nombre. Nunca se publica.",
    "The name is also part of the address book that you publish, if you publish one.": (
        "El nombre también forma parte de la libreta que usted publica, si publica una."
    ),
    (
        "The name is treated like one from a subscription: the owner of the address can change "
        "it later with a signature."
    ): (
        "El nombre se trata como uno de una suscripción: el dueño de la dirección puede "
        "cambiarlo después con una firma."
    ),
    "Address book": "Libreta de direcciones",
    "Link": "Enlace",
    "Open the link's site": "Abrir el sitio del enlace",
    (
        "To give the name the link's address, remove it from the address book first, and then "
        "open the link again:"
    ): (
        "Para dar al nombre la dirección del enlace, quítelo primero de la libreta y abra "
        "después el enlace de nuevo:"
    ),
    "Check the address.": "Compruebe la dirección.",
    "About this proxy": "Acerca de este proxy",
    "Go back and try again.": "Vuelva atrás e inténtelo de nuevo.",
    "Open the name without it": "Abrir el nombre sin ella",
    "Names": "Nombres",
    "No subscription is set up, so new names do not arrive by themselves.": (
        "No hay ninguna suscripción configurada, así que los nombres nuevos no llegan por sí solos."
    ),
    "The subscriptions have not been fetched yet. This happens as soon as the router is ready.": (
        "Las suscripciones aún no se han descargado. Se hará en cuanto el router esté listo."
    ),
    "The subscriptions could not be fetched yet. The next attempt follows in {next}.": (
        "Aún no se han podido descargar las suscripciones. El próximo intento será dentro de "
        "{next}."
    ),
    "The subscriptions were last fetched {ago} ago. The next fetch follows in {next}.": (
        "Las suscripciones se descargaron por última vez hace {ago}. La próxima descarga será "
        "dentro de {next}."
    ),
    (
        "The subscriptions were last fetched {ago} ago. The last attempt failed; the next one "
        "follows in {next}."
    ): (
        "Las suscripciones se descargaron por última vez hace {ago}. El último intento falló; el "
        "próximo será dentro de {next}."
    ),
    (
        "When the proxy is set, open this address in the same browser. It shows whether "
        "everything works:"
    ): (
        "Cuando el proxy esté configurado, abra esta dirección en el mismo navegador. Muestra si "
        "todo funciona:"
    ),
    "This is a proxy: set it as such in the browser.": (
        "Esto es un proxy: configúrelo como tal en el navegador."
    ),
    "Https needs CONNECT: set this proxy for https too.": (
        "Https necesita CONNECT: configure este proxy también para https."
    ),
    "Only http addresses work here.": "Aquí solo funcionan direcciones http.",
    "The address is not a proper host name.": "La dirección no es un nombre de equipo válido.",
    (
        "The link says which address belongs to this name, but nobody has checked that. Whoever "
        "writes a link can put any address there. The link's address is:"
    ): (
        "El enlace dice qué dirección corresponde a este nombre, pero nadie lo ha comprobado. "
        "Quien escribe un enlace puede poner cualquier dirección. La dirección del enlace es:"
    ),
    "Leave the list of exceptions empty.": "Deje vacía la lista de excepciones.",
    "The name is in the address book": "El nombre está en la libreta de direcciones",
    "This proxy has tunnels into I2P": "Este proxy tiene túneles hacia I2P",
    "The network knows how to reach the site": "La red sabe cómo llegar al sitio",
    "The site answers": "El sitio responde",
    "Its web server sends a page": "Su servidor web envía una página",
}
