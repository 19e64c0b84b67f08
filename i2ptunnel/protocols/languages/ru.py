"""Russian."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "Запрос не может быть выполнен",
    "This is not an I2P address": "Это не адрес I2P",
    "A .b32.i2p address has 52 letters a-z and digits 2-7. Check that all of it was copied.": (
        "Адрес .b32.i2p состоит из 52 букв a-z и цифр 2-7. Проверьте, что он скопирован целиком."
    ),
    "This address needs a secret word": "Этому адресу нужно секретное слово",
    (
        "The owner has encrypted how this site is reached. Ask the owner for the word and enter "
        "it here."
    ): "Владелец зашифровал путь к этому сайту. Узнайте у него слово и введите его здесь.",
    "This address is for invited visitors": "Этот адрес только для приглашённых",
    (
        "The owner has encrypted how this site is reached. Enter the key that you agreed on with "
        "the owner."
    ): "Владелец зашифровал путь к этому сайту. Введите ключ, о котором вы с ним договорились.",
    "This is not a key": "Это не ключ",
    "A key has 44 characters. Go back, check that all of it was copied, and try again.": (
        "Ключ состоит из 44 символов. Вернитесь, проверьте, что он скопирован целиком, и "
        "попробуйте ещё раз."
    ),
    "The key does not open this address": "Ключ не открывает этот адрес",
    "It may contain a typing error, or the owner has withdrawn it. Enter another key.": (
        "Возможно, в нём опечатка или владелец его отозвал. Введите другой ключ."
    ),
    "This address is on your own network": "Этот адрес в вашей собственной сети",
    (
        "The I2P proxy never connects to this machine or its network, so that no site in I2P can "
        "reach them through your browser. Open this address in another browser, or in a profile "
        "without the proxy."
    ): (
        "Прокси I2P никогда не соединяется с этим компьютером и его сетью, чтобы ни один сайт в "
        "I2P не мог попасть к ним через ваш браузер. Откройте этот адрес в другом браузере или в "
        "профиле без прокси."
    ),
    "This port is not allowed": "Этот порт запрещён",
    "The proxy only connects to the ports that connect_ports names in its configuration.": (
        "Прокси соединяется только с портами, которые указаны в connect_ports в его конфигурации."
    ),
    "You may not use this proxy": "Вам нельзя пользоваться этим прокси",
    "Your address is not among those that allow names in the proxy's configuration.": (
        "Вашего адреса нет среди тех, что указаны в allow в конфигурации прокси."
    ),
    "The site closed the connection": "Сайт закрыл соединение",
    (
        "The site was reached, but it refused or ended the connection. Try again, or come back "
        "later."
    ): (
        "Соединение с сайтом было, но сайт отклонил или прервал его. Попробуйте ещё раз или "
        "зайдите позже."
    ),
    "User name and password are needed": "Нужны имя пользователя и пароль",
    "The request did not arrive in time": "Запрос не пришёл вовремя",
    "This name is not in the address book": "Этого имени нет в адресной книге",
    "Open the site by its .b32.i2p address, or follow a link that brings the address along.": (
        "Откройте сайт по его адресу .b32.i2p или перейдите по ссылке, которая содержит этот адрес."
    ),
    (
        "Open the site by its .b32.i2p address, or look the name up at one of these sites, which "
        "know many:"
    ): (
        "Откройте сайт по его адресу .b32.i2p или найдите имя на одном из этих сайтов, которые "
        "знают много имён:"
    ),
    "The site's answer cannot be used": "Ответ сайта непригоден",
    "The site's web server does not follow the rules of HTTP. Only its owner can change that.": (
        "Веб-сервер сайта нарушает правила HTTP. Исправить это может только его владелец."
    ),
    "The outproxy cannot reach this address": "Аутпрокси не может достичь этого адреса",
    "Check that the address is correct, or try again later.": (
        "Проверьте, верен ли адрес, или попробуйте позже."
    ),
    "No outproxy could be reached": "Ни один аутпрокси не доступен",
    (
        "Addresses outside I2P are opened through an outproxy, and none of yours answers. Try "
        "again later, or name another one under outproxies in the configuration."
    ): (
        "Адреса вне I2P открываются через аутпрокси, но ни один из ваших не отвечает. Попробуйте "
        "позже или укажите другой в outproxies в конфигурации."
    ),
    "This address is outside I2P": "Этот адрес вне I2P",
    (
        "This proxy only opens .i2p addresses. To open others through I2P, name outproxies in "
        "the configuration; or use another browser for them."
    ): (
        "Этот прокси открывает только адреса .i2p. Чтобы открывать другие через I2P, укажите "
        "outproxies в конфигурации или используйте для них другой браузер."
    ),
    "Too many connections": "Слишком много соединений",
    "Try again in a moment.": "Попробуйте через минуту.",
    "All I2P addresses are in use": "Все адреса I2P заняты",
    (
        "This proxy visits each site from another I2P address and has none left at the moment. "
        "Close some pages and try again, or raise max_identities in the configuration."
    ): (
        "Этот прокси посещает каждый сайт под отдельным адресом I2P, и сейчас свободных нет. "
        "Закройте часть страниц и попробуйте ещё раз или увеличьте max_identities в конфигурации."
    ),
    "The web server does not answer": "Веб-сервер не отвечает",
    "Try again later.": "Попробуйте позже.",
    "The site cannot be found": "Сайт не найден",
    (
        "The network does not know how to reach it at the moment. It is probably offline. Try "
        "again later."
    ): "Сеть сейчас не знает, как до него добраться. Вероятно, он не в сети. Попробуйте позже.",
    "The site uses another encryption": "Сайт использует другое шифрование",
    (
        "The site is there, but it offers no encryption that this router supports. Only its "
        "owner can change that."
    ): (
        "Сайт на месте, но не предлагает шифрования, которое поддерживает этот маршрутизатор. "
        "Изменить это может только его владелец."
    ),
    "The site does not answer": "Сайт не отвечает",
    "The site may be offline, or the network is slow at the moment. Try again.": (
        "Возможно, сайт не в сети или сеть сейчас работает медленно. Попробуйте ещё раз."
    ),
    "Open the address book's site": "Открыть сайт из адресной книги",
    "The link and the address book name different addresses": (
        "Ссылка и адресная книга указывают разные адреса"
    ),
    (
        "One of the two may be an attempt to deceive you. If you do not know which one is right, "
        "trust the address book."
    ): (
        "Один из них может быть попыткой вас обмануть. Если вы не знаете, какой верен, доверяйте "
        "адресной книге."
    ),
    "The address in this link is damaged": "Адрес в этой ссылке повреждён",
    (
        "The link should bring the address of the site along, but it cannot be read. Open the "
        "name without it, or copy the link again."
    ): (
        "Ссылка должна содержать адрес сайта, но его не удаётся прочитать. Откройте имя без него "
        "или скопируйте ссылку ещё раз."
    ),
    "This form is no longer valid": "Эта форма больше не действует",
    (
        "The proxy has restarted since the page was shown. Go back, reload the page and choose "
        "again."
    ): (
        "Прокси был перезапущен после показа страницы. Вернитесь, обновите страницу и выберите "
        "снова."
    ),
    "The upload is too large": "Загружаемые данные слишком велики",
    "The proxy accepts no more than max_upload allows in its configuration.": (
        "Прокси принимает не больше, чем разрешает max_upload в его конфигурации."
    ),
    "There is no such page": "Такой страницы нет",
    "It could not be saved": "Не удалось сохранить",
    "This proxy supports CONNECT only": "Этот прокси поддерживает только CONNECT",
    "Set it as the proxy for https, and an httpclient tunnel as the one for http.": (
        "Укажите его как прокси для https, а туннель httpclient — для http."
    ),
    "This is a SOCKS proxy": "Это прокси SOCKS",
    "Enter this address as SOCKS host in the browser's settings, not as HTTP proxy.": (
        "Укажите этот адрес в браузере как узел SOCKS, а не как прокси HTTP."
    ),
    "Status": "Состояние",
    "Set up a browser": "Настроить браузер",
    "Test this browser": "Проверить этот браузер",
    "Ready: .i2p addresses can be opened.": "Готово: адреса .i2p открываются.",
    "They go to an outproxy.": "Идут через аутпрокси.",
    "They are refused.": "Отклоняются.",
    "Proxy": "Прокси",
    "Addresses outside I2P": "Адреса вне I2P",
    "Requests": "Запросы",
    "Bytes sent": "Отправлено байт",
    "Bytes received": "Получено байт",
    "The I2P proxy works": "Прокси I2P работает",
    (
        "Use a browser or browser profile for I2P only. One that also opens other sites can be "
        "recognised by them."
    ): (
        "Используйте браузер или профиль только для I2P. Браузер, который открывает и другие "
        "сайты, может быть ими узнан."
    ),
    "Settings → Network Settings → Manual proxy configuration:": (
        "Настройки → Параметры сети → Ручная настройка прокси:"
    ),
    "as HTTP proxy, also for HTTPS.": "как прокси HTTP, также для HTTPS.",
    "Or install this file:": "Или установите этот файл:",
    "Automatic configuration (PAC)": "Автоматическая настройка (PAC)",
    ".i2p addresses go to the proxy, all others are opened directly": (
        "адреса .i2p идут через прокси, остальные открываются напрямую"
    ),
    "everything goes to the proxy": "всё идёт через прокси",
    (
        "Your browser uses the proxy. It sent the headers on the left; sites in I2P get those on "
        "the right."
    ): (
        "Ваш браузер использует прокси. Он отправил заголовки слева; сайты в I2P получают те, "
        "что справа."
    ),
    "Header": "Заголовок",
    "From the browser": "От браузера",
    "To the site": "Сайту",
    "removed": "удалён",
    "Open, do not save": "Открыть, не сохраняя",
    "Save in the private book": "Сохранить в личной книге",
    "Save in the local book": "Сохранить в локальной книге",
    "Save in the router book": "Сохранить в книге маршрутизатора",
    "Secret word": "Секретное слово",
    "Key (44 characters)": "Ключ (44 символа)",
    "Open": "Открыть",
    "Open and remember": "Открыть и запомнить",
    "The router is not ready": "Маршрутизатор не готов",
    "The I2P proxy is not ready": "Прокси I2P не готов",
    "This page loads again by itself.": "Эта страница обновится сама.",
    "Try again": "Попробовать ещё раз",
    "This machine's clock is {time} ahead of what other routers say.": (
        "Часы этого компьютера спешат на {time} относительно других маршрутизаторов."
    ),
    "This machine's clock is {time} behind what other routers say.": (
        "Часы этого компьютера отстают на {time} от других маршрутизаторов."
    ),
    "Set the clock right, for example with: timedatectl set-ntp true": (
        "Установите правильное время, например командой: timedatectl set-ntp true"
    ),
    "No other router is known, so there is no way into the network.": (
        "Не известен ни один другой маршрутизатор, поэтому пути в сеть нет."
    ),
    (
        "Import a reseed file, or RouterInfo files of other routers, with: i2ptunnel netdb "
        "import FILE"
    ): (
        "Импортируйте файл reseed или файлы RouterInfo других маршрутизаторов: i2ptunnel netdb "
        "import ФАЙЛ"
    ),
    ("Other routers are being fetched from reseed servers; {bundles} of {wanted} have answered."): (
        "Другие маршрутизаторы загружаются с серверов reseed; ответили {bundles} из {wanted}."
    ),
    (
        "No other router is known. The reseed servers were asked lately, and limit how often; they "
        "are asked again in {time}."
    ): (
        "Не известен ни один другой маршрутизатор. Серверы reseed недавно уже "
        "опрашивались и ограничивают частоту; они будут опрошены снова через {time}."
    ),
    "No other router is known, and no reseed server has brought any.": (
        "Не известен ни один другой маршрутизатор, и ни один сервер reseed их не прислал."
    ),
    "Check that this machine is online and can resolve names.": (
        "Проверьте, что этот компьютер подключён к сети и может разрешать имена."
    ),
    "Check router.reseed.proxy, and that the proxy is running.": (
        "Проверьте router.reseed.proxy и что прокси работает."
    ),
    (
        "Somebody may be intercepting connections here, or CA certificates are missing on this "
        "machine (package ca-certificates)."
    ): (
        "Возможно, кто-то перехватывает соединения в этой сети, или на этом компьютере нет "
        "сертификатов CA (пакет ca-certificates)."
    ),
    "Install a newer i2ptunnel: this one does not know all present signers.": (
        "Установите более новый i2ptunnel: этот знает не всех нынешних подписантов."
    ),
    (
        "It is tried again. If reseed servers are blocked here, set router.reseed.proxy, or "
        "get i2pseeds.su3 by another way and run: i2ptunnel netdb import i2pseeds.su3"
    ): (
        "Попытка повторится. Если серверы reseed здесь заблокированы, задайте "
        "router.reseed.proxy или получите i2pseeds.su3 другим путём и выполните: i2ptunnel "
        "netdb import i2pseeds.su3"
    ),
    "None of the {routers} known routers is connected yet.": (
        "Ни с одним из известных маршрутизаторов ({routers}) ещё нет соединения."
    ),
    (
        "If this lasts, check that this machine is online and that no firewall stops the "
        "router's outgoing connections."
    ): (
        "Если это продолжается, проверьте, что компьютер в сети и что брандмауэр не запрещает "
        "исходящие соединения маршрутизатора."
    ),
    "The router is building its tunnels; {succeeded} of {started} builds succeeded so far.": (
        "Маршрутизатор строит туннели; пока удалось попыток: {succeeded} из {started}."
    ),
    "The router that is used over I2CP cannot be reached: {why}.": (
        "Маршрутизатор, используемый через I2CP, недоступен: {why}."
    ),
    "Start that router, and enable I2CP in it; it is tried again.": (
        "Запустите этот маршрутизатор и включите в нём I2CP; попытка повторится."
    ),
    "The router at {address} is building the tunnels.": (
        "Маршрутизатор по адресу {address} строит туннели."
    ),
    "The router found nothing under this address": (
        "Маршрутизатор ничего не нашёл по этому адресу"
    ),
    (
        "The router that this proxy uses over I2CP found nothing under this encrypted "
        "address. i2pd cannot look up such addresses, Java I2P can."
    ): (
        "Маршрутизатор, который этот прокси использует через I2CP, ничего не нашёл по "
        "этому зашифрованному адресу. i2pd не умеет искать такие адреса, Java I2P "
        "умеет."
    ),
    "The router is starting.": "Маршрутизатор запускается.",
    "The router is stopping.": "Маршрутизатор останавливается.",
    "The site has no files now": "У сайта сейчас нет файлов",
    "This is the address of the I2P proxy itself": "Это адрес самого прокси I2P",
    "This browser uses the proxy already. The pages of the proxy are at:": (
        "Этот браузер уже использует прокси. Страницы прокси находятся по адресу:"
    ),
    "Reload this page and enter the user name and password of the proxy.": (
        "Обновите эту страницу и введите имя пользователя и пароль прокси."
    ),
    "The connection between this browser and the proxy was too slow. Try again.": (
        "Соединение между этим браузером и прокси было слишком медленным. Попробуйте ещё раз."
    ),
    "How do you want to go on?": "Как вы хотите продолжить?",
    "The proxy forgets the name when it stops.": "Прокси забудет имя, когда остановится.",
    "Only you use the name. It is never published.": (
        "Имя используете только вы. Оно никогда не публикуется."
    ),
    "The name is also part of the address book that you publish, if you publish one.": (
        "Имя войдёт и в адресную книгу, которую вы публикуете, если вы её публикуете."
    ),
    (
        "The name is treated like one from a subscription: the owner of the address can change "
        "it later with a signature."
    ): (
        "С именем обращаются как с полученным по подписке: владелец адреса позже может изменить "
        "его с помощью подписи."
    ),
    "Address book": "Адресная книга",
    "Link": "Ссылка",
    "Open the link's site": "Открыть сайт из ссылки",
    (
        "To give the name the link's address, remove it from the address book first, and then "
        "open the link again:"
    ): (
        "Чтобы дать имени адрес из ссылки, сначала удалите его из адресной книги, а затем "
        "откройте ссылку снова:"
    ),
    "Check the address.": "Проверьте адрес.",
    "About this proxy": "Об этом прокси",
    "Go back and try again.": "Вернитесь и попробуйте ещё раз.",
    "Open the name without it": "Открыть имя без него",
    "Names": "Имена",
    "No subscription is set up, so new names do not arrive by themselves.": (
        "Подписок нет, поэтому новые имена сами не появятся."
    ),
    "The subscriptions have not been fetched yet. This happens as soon as the router is ready.": (
        "Подписки ещё не загружены. Это произойдёт, как только маршрутизатор будет готов."
    ),
    "The subscriptions could not be fetched yet. The next attempt follows in {next}.": (
        "Подписки пока не удалось загрузить. Следующая попытка через {next}."
    ),
    "The subscriptions were last fetched {ago} ago. The next fetch follows in {next}.": (
        "Подписки последний раз загружены {ago} назад. Следующая загрузка через {next}."
    ),
    (
        "The subscriptions were last fetched {ago} ago. The last attempt failed; the next one "
        "follows in {next}."
    ): (
        "Подписки последний раз загружены {ago} назад. Последняя попытка не удалась; следующая "
        "через {next}."
    ),
    (
        "When the proxy is set, open this address in the same browser. It shows whether "
        "everything works:"
    ): "Когда прокси настроен, откройте в том же браузере этот адрес. Он покажет, всё ли работает:",
    "This is a proxy: set it as such in the browser.": (
        "Это прокси: укажите его в настройках прокси браузера."
    ),
    "Https needs CONNECT: set this proxy for https too.": (
        "Https требует CONNECT: укажите этот прокси и для https."
    ),
    "Only http addresses work here.": "Здесь работают только адреса http.",
    "The address is not a proper host name.": "Адрес не является допустимым именем узла.",
    (
        "The link says which address belongs to this name, but nobody has checked that. Whoever "
        "writes a link can put any address there. The link's address is:"
    ): (
        "Ссылка сообщает, какой адрес принадлежит этому имени, но никто этого не проверял. Тот, "
        "кто пишет ссылку, может указать любой адрес. Адрес из ссылки:"
    ),
    "Leave the list of exceptions empty.": "Оставьте список исключений пустым.",
    "The name is in the address book": "Имя есть в адресной книге",
    "This proxy has tunnels into I2P": "У этого прокси есть туннели в I2P",
    "The network knows how to reach the site": "Сеть знает, как попасть на сайт",
    "The site answers": "Сайт отвечает",
    "Its web server sends a page": "Его веб-сервер присылает страницу",
}
