"""Russian."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "Запрос не может быть выполнен",
    "This is not an I2P address": "Это не адрес I2P",
    "A .b32.i2p address has 52 letters a-z and digits 2-7; check that it was copied whole.": (
        "Адрес .b32.i2p состоит из 52 букв a-z и цифр 2-7; проверьте, что он скопирован целиком."
    ),
    "This address needs a secret word": "Этому адресу нужно секретное слово",
    "Its owner encrypts where it can be found. Ask for the word and enter it here.": (
        "Владелец шифрует, где его найти. Узнайте слово и введите его здесь."
    ),
    "This address is for invited visitors": "Этот адрес только для приглашённых",
    "Its owner encrypts where it can be found. Enter the key that you agreed on.": (
        "Владелец шифрует, где его найти. Введите согласованный ключ."
    ),
    "This is not a key": "Это не ключ",
    "A key has 44 characters; check that it was copied whole. Go back and try again.": (
        "Ключ состоит из 44 символов; проверьте, что он скопирован целиком. Вернитесь и "
        "попробуйте ещё раз."
    ),
    "The key does not open this address": "Ключ не открывает этот адрес",
    "It was mistyped, or the owner has withdrawn it. Try another one.": (
        "Он введён с ошибкой или отозван владельцем. Попробуйте другой."
    ),
    "This address is on your own network": "Этот адрес в вашей собственной сети",
    (
        "The I2P proxy does not connect to this machine or its network. Add the address to the "
        "exceptions of the browser's proxy settings."
    ): (
        "Прокси I2P не соединяется с этим компьютером и его сетью. Добавьте адрес в "
        "исключения настроек прокси в браузере."
    ),
    "This port is not allowed": "Этот порт запрещён",
    "See connect_ports in the settings.": "См. connect_ports в настройках.",
    "You may not use this proxy": "Вам нельзя пользоваться этим прокси",
    "See allow in its settings.": "См. allow в его настройках.",
    "The site closed the connection": "Сайт закрыл соединение",
    "It was reached, but it refused or broke off the connection. Try again later.": (
        "Он был достигнут, но отклонил или разорвал соединение. Попробуйте позже."
    ),
    "User name and password are needed": "Нужны имя пользователя и пароль",
    "The request did not arrive in time": "Запрос не пришёл вовремя",
    "This name is not in the address book": "Этого имени нет в адресной книге",
    "Ask for the site's .b32.i2p address.": "Узнайте адрес .b32.i2p сайта.",
    "Ask for the site's .b32.i2p address, or ask one of these sites for it.": (
        "Узнайте адрес .b32.i2p сайта или спросите его на одном из этих сайтов."
    ),
    "The site's answer cannot be used": "Ответ сайта непригоден",
    "It does not follow the rules of HTTP.": "Он нарушает правила HTTP.",
    "The outproxy cannot reach this address": "Аутпрокси не может достичь этого адреса",
    "Check that it is written right.": "Проверьте, правильно ли он написан.",
    "No outproxy could be reached": "Ни один аутпрокси не доступен",
    "Addresses outside I2P need one.": "Он нужен для адресов вне I2P.",
    "This address is outside I2P": "Этот адрес вне I2P",
    "Only .i2p addresses can be opened here. For others, set outproxies in the settings.": (
        "Здесь открываются только адреса .i2p. Для других укажите outproxies в настройках."
    ),
    "Too many connections": "Слишком много соединений",
    "Try again in a moment.": "Попробуйте через минуту.",
    "All I2P addresses are in use": "Все адреса I2P заняты",
    (
        "This proxy visits sites under different addresses, and it has no more of them at the "
        "moment. Close some pages, or raise max_identities in the settings."
    ): (
        "Этот прокси посещает сайты под разными адресами, и сейчас свободных нет. Закройте "
        "часть страниц или увеличьте max_identities в настройках."
    ),
    "The web server does not answer": "Веб-сервер не отвечает",
    "Try again later.": "Попробуйте позже.",
    "The site cannot be found": "Сайт не найден",
    "No router knows a way to it at the moment. It is probably offline; try again later.": (
        "Сейчас ни один маршрутизатор не знает пути к нему. Вероятно, он не в сети; "
        "попробуйте позже."
    ),
    "The site uses another encryption": "Сайт использует другое шифрование",
    "It is there, but it offers no encryption that this router knows. Its owner can change that.": (
        "Он на месте, но не предлагает шифрования, известного этому маршрутизатору. Владелец "
        "может это изменить."
    ),
    "The site does not answer": "Сайт не отвечает",
    "It may be offline, or the way to it is congested. Try again later.": (
        "Возможно, он не в сети или путь к нему перегружен. Попробуйте позже."
    ),
    (
        "The link tells an address for it. Whether it is the right one cannot be checked. Anybody "
        "who makes links could write it."
    ): (
        "Ссылка сообщает адрес для него. Проверить, верный ли он, нельзя. Его мог написать "
        "кто угодно."
    ),
    "Open the address book's site": "Открыть сайт из адресной книги",
    "The link tells another address than the address book": (
        "Ссылка сообщает не тот адрес, что в адресной книге"
    ),
    "One of the two may be an attempt to deceive you. The link's address is:": (
        "Один из двух может быть попыткой обмана. Адрес из ссылки:"
    ),
    "The address in this link is damaged": "Адрес в этой ссылке повреждён",
    "Remove it and open the name alone.": "Уберите его и откройте только имя.",
    "This form is no longer valid": "Эта форма больше не действует",
    "Open the link again and decide anew.": "Откройте ссылку снова и решите заново.",
    "The upload is too large": "Загружаемые данные слишком велики",
    "See max_upload in the settings.": "См. max_upload в настройках.",
    "There is no such page": "Такой страницы нет",
    "It could not be saved": "Не удалось сохранить",
    "This proxy knows CONNECT only": "Этот прокси знает только CONNECT",
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
        "Use a browser, or a profile of it, for I2P alone: one that also opens other sites can be "
        "recognised by them."
    ): (
        "Используйте браузер или профиль только для I2P: тот, что открывает и другие сайты, "
        "они могут узнать."
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
    "Open it, without saving the name": "Открыть, не сохраняя имя",
    "Save in my private address book": "Сохранить в моей личной адресной книге",
    "Save in my public address book": "Сохранить в моей публичной адресной книге",
    "Save in the router's address book": "Сохранить в адресной книге маршрутизатора",
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
        "Import RouterInfo files of other routers with: i2ptunnel netdb import FILE (this "
        "version does not fetch them by itself)."
    ): (
        "Импортируйте файлы RouterInfo других маршрутизаторов: i2ptunnel netdb import ФАЙЛ "
        "(эта версия не загружает их сама)."
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
    "The router is starting.": "Маршрутизатор запускается.",
    "The router is stopping.": "Маршрутизатор останавливается.",
    "The site has no files now": "У сайта сейчас нет файлов",
}
