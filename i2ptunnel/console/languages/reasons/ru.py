"""Russian."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "state": "состояние",
    "clock": "часы",
    "reachability": "доступность",
    "known routers": "известные маршрутизаторы",
    "links": "соединения",
    "tunnel builds": "построение туннелей",
    "configuration": "конфигурация",
    "data directory": "каталог данных",
    "disk": "диск",
    "keys": "ключи",
    "native extra": "нативное дополнение",
    "descriptors": "дескрипторы",
    "ports": "порты",
    "file modes": "права файлов",
    "daily rhythm": "суточный ритм",
    "interfaces": "интерфейсы",
    "It is tried again by itself; i2ptunnel tunnels restart NAME tries at once.": (
        "Попытка повторится сама; i2ptunnel tunnels restart NAME пробует сразу."
    ),
    "It is tried again by itself.": "Попытка повторится сама.",
    "Set it: timedatectl set-ntp true.": "Установите их: timedatectl set-ntp true.",
    "nothing has been heard yet that it could be compared with": "сравнить их пока не с чем",
    "right, as {who} say": "верны, по данным {who}",
    "hidden: nobody is meant to connect": "скрыт: подключаться никто не должен",
    (
        "Forward the router's port for TCP and UDP to this machine, and open it in the "
        "firewall: “Firewall” in docs/INSTALL.md."
    ): (
        "Пробросьте порт маршрутизатора для TCP и UDP на эту машину и откройте его в "
        "межсетевом экране: «Firewall» в docs/INSTALL.md."
    ),
    "{count}, {floodfills} floodfill": "{count}, из них floodfill: {floodfills}",
    "this machine has no network": "у этой машины нет сети",
    "Check its connection and its firewall.": "Проверьте соединение и межсетевой экран.",
    "Check that the firewall lets outgoing TCP and UDP to all ports through.": (
        "Проверьте, пропускает ли межсетевой экран исходящие TCP и UDP на все порты."
    ),
    "no router is connected yet": "пока не подключён ни один маршрутизатор",
    "{count}; reseed servers are being asked": "{count}; опрашиваются серверы reseed",
    "Wait a minute.": "Подождите минуту.",
    "Fetch some: i2ptunnel netdb reseed, or netdb import FILE.": (
        "Получите их: i2ptunnel netdb reseed или netdb import FILE."
    ),
    "Import a file until then: i2ptunnel netdb import FILE.": (
        "До тех пор импортируйте файл: i2ptunnel netdb import FILE."
    ),
    "{succeeded} of {started}: too few to judge": (
        "{succeeded} из {started}: слишком мало, чтобы судить"
    ),
    "{share} of {started} succeeded": "удалось {share} из {started}",
    (
        "If this lasts for hours, the network is under load or attacked, or the clock or the "
        "firewall is wrong: see the other lines."
    ): (
        "Если это длится часами, сеть перегружена или атакована либо неверны часы или "
        "межсетевой экран: см. другие строки."
    ),
    "the file cannot be loaded any more: {why}": "файл больше не загружается: {why}",
    "Correct it: i2ptunnel check -c FILE. What runs keeps running.": (
        "Исправьте его: i2ptunnel check -c FILE. Работающее продолжает работать."
    ),
    "the file has changed since the start: {names}": "файл изменился с момента запуска: {names}",
    "This takes effect when the program is started anew.": (
        "Это подействует после нового запуска программы."
    ),
    "the file says something else than what runs: {changes}": (
        "в файле не то, что работает: {changes}"
    ),
    "i2ptunnel reload takes it over.": "i2ptunnel reload применит это.",
    "what runs is what the file says": "работает то, что записано в файле",
    "only the owner can read the keys in {place}": "ключи в {place} может читать только владелец",
    "{size} free at {place}: state cannot be kept": (
        "свободно {size} в {place}: состояние не сохранить"
    ),
    "{size} free at {place}": "свободно {size} в {place}",
    "Free some space on the disk of {place}.": "Освободите место на диске {place}.",
    "tunnel {name}: the {what} ended {when}": "туннель {name}: {what} закончился {when}",
    "tunnel {name}: the {what} ends {when}": "туннель {name}: {what} закончится {when}",
    "Restore it: i2ptunnel restore FILE.": "Восстановите его: i2ptunnel restore FILE.",
    "{found}; a router with much traffic needs less with the extra": (
        "{found}; маршрутизатору с большим трафиком с дополнением нужно меньше"
    ),
    "See “Faster: the native extra” in docs/INSTALL.md.": (
        "См. «Faster: the native extra» в docs/INSTALL.md."
    ),
    "{count} of {most} connections tracked": "отслеживается соединений: {count} из {most}",
    "nobody listens at {place} ({what})": "на {place} никто не слушает ({what})",
    "See what i2ptunnel status says of it.": "Посмотрите, что говорит i2ptunnel status.",
    "Stop that program, or change the port in the configuration.": (
        "Остановите ту программу или измените порт в конфигурации."
    ),
    "all free": "все свободны",
    "all ours": "все наши",
    "it is not off daily, as far as its boots tell": (
        "судя по загрузкам, машина не выключается ежедневно"
    ),
    "the system keeps it with time servers": "система сверяет их с серверами времени",
    "cannot listen on {place}: {why}": "не удаётся слушать {place}: {why}",
    "the listener ended": "прослушивание завершилось",
    "the I2P session ended": "сеанс I2P завершился",
    "an internal error": "внутренняя ошибка",
    "no tunnels yet: {why}": "туннелей пока нет: {why}",
    "there is no tunnel {name}": "туннеля {name} нет",
    "the {book} book has another address for {name}": "в книге {book} у имени {name} другой адрес",
    "not a destination or .b32.i2p address": "не destination и не адрес .b32.i2p",
    "the name is in no address book": "имени нет ни в одной адресной книге",
    "the address book cannot be read": "адресную книгу не прочитать",
    "there are no tunnels into I2P yet; try again later": (
        "туннелей в I2P пока нет; попробуйте позже"
    ),
    "{added} added, {changed} changed, {removed} removed": (
        "добавлено {added}, изменено {changed}, удалено {removed}"
    ),
    "not changed": "без изменений",
    "what came is not a hosts.txt": "пришёл не hosts.txt",
    "the feed redirects too often": "подписка перенаправляет слишком часто",
    "the feed took too long": "подписка отвечала слишком долго",
    "the feed's server answers with status {status}": "сервер подписки отвечает кодом {status}",
    "nothing was changed here since the program has started": (
        "с запуска программы здесь ничего не менялось"
    ),
    "the configuration cannot be changed: {why}": "конфигурацию не изменить: {why}",
    "the configuration cannot be read: {why}": "конфигурацию не прочитать: {why}",
    "the file was changed meanwhile; look at it again": (
        "файл тем временем изменили; посмотрите его снова"
    ),
    "the program runs without a configuration file of its own: start it with -c FILE": (
        "программа работает без своего файла конфигурации: запустите её с -c FILE"
    ),
    "give a magnet link or a torrent file": "укажите magnet-ссылку или торрент-файл",
    "the magnet link is too long": "magnet-ссылка слишком длинная",
    "torrent files have at most {count} bytes here": "торрент-файлы здесь не больше {count} байт",
    "this is no magnet link: {why}": "это не magnet-ссылка: {why}",
    "this is no torrent file: {why}": "это не торрент-файл: {why}",
    "the torrent is there already": "этот торрент уже есть",
    "there are {count} torrents already": "торрентов уже {count}",
    "another torrent has files at {name}": "у другого торрента файлы в {name}",
    "the torrent has files outside of its directory": "у торрента есть файлы вне его каталога",
    "the torrent has symbolic links": "в торренте есть символические ссылки",
    "no torrent has this ID or name": "торрента с таким ID или именем нет",
    "the torrent client is starting": "торрент-клиент запускается",
    "the torrent client does not answer": "торрент-клиент не отвечает",
    "the torrent client has ended": "торрент-клиент завершился",
    "it is not running: {why}": "он не работает: {why}",
    "libtorrent is not installed, which it needs: pip install libtorrent": (
        "не установлен нужный libtorrent: pip install libtorrent"
    ),
    "rates are not negative, and connections are from 2 to 2000": (
        "скорости не отрицательны, соединений от 2 до 2000"
    ),
    "name": "имя",
    "tunnels": "туннели",
    "lease_set": "lease set",
    "stream": "поток",
    "server": "сервер",
    "is known": "известно",
    "is the address itself": "это сам адрес",
    "are there": "есть",
    "was found": "найден",
    "was answered": "получен ответ",
    "said {words}": "ответил {words}",
    "nothing came within {seconds} s": "за {seconds} с ничего не пришло",
    "this is no URL; write http://name.i2p/ or name.i2p:PORT": (
        "это не URL; напишите http://name.i2p/ или name.i2p:PORT"
    ),
    "{state}, up {time}: {why}": "{state}, работает {time}: {why}",
    "{state}, up {time}": "{state}, работает {time}",
    "1 key file looked at": "проверен 1 файл ключей",
    "{count} key files looked at": "проверено файлов ключей: {count}",
    "1 router connected": "подключён 1 маршрутизатор",
    "{count} routers connected": "подключено маршрутизаторов: {count}",
    "only 1 router connected": "подключён только 1 маршрутизатор",
    "only {count} routers connected": "подключено маршрутизаторов: всего {count}",
    "of the last {tries} tries, {tests} peer tests and {calls} connections got in": (
        "из последних {tries} попыток прошли проверок: {tests}, соединений: {calls}"
    ),
    "nobody has tried to connect yet": "никто ещё не пробовал подключиться",
    "the address is from {by}, and nobody has connected to it yet": (
        "адрес взят из {by}, к нему ещё никто не подключался"
    ),
    "{reached} got through to us and {unreached} did not: too few to tell": (
        "прошли {reached}, не прошли {unreached}: слишком мало, чтобы судить"
    ),
    "{count} routers that we had not called tried to connect and did not get through": (
        "маршрутизаторов, которые пробовали подключиться сами и не смогли: {count}"
    ),
    "the NAT shows every router another port ({ports}), so nobody can connect": (
        "NAT показывает каждому маршрутизатору другой порт ({ports}), поэтому никто не может "
        "подключиться"
    ),
    "the country is {country}, one of the strict countries": "страна {country}, одна из строгих",
    "hidden until this router's address, and so its country, is known": (
        "скрыт, пока не известен адрес маршрутизатора, а значит и страна"
    ),
    "it has just started": "он только что запущен",
    "all criteria of a floodfill are met": "все условия для floodfill выполнены",
    "all criteria of a floodfill are met; it is one in {wait}": (
        "все условия для floodfill выполнены; он станет им через {wait}"
    ),
    "{why}; it ends in {wait} if that lasts": (
        "{why}; если так останется, роль закончится через {wait}"
    ),
    "floodfill: {value} is set": "задано floodfill: {value}",
    "it is hidden": "он скрыт",
    "other routers cannot reach it at a public IPv4 address over NTCP2": (
        "другие маршрутизаторы не могут достичь его по публичному адресу IPv4 через NTCP2"
    ),
    "it carries no transit": "он не передаёт транзит",
    "it shares {rate} KB/s, a floodfill at least {least}": (
        "он отдаёт {rate} КБ/с, floodfill — не менее {least}"
    ),
    "it has run for {time} of {least} min": "он работает {time} из {least} мин",
    "the system's clock is wrong by {seconds} s": "системные часы ошибаются на {seconds} с",
    "the machine is busy: timers are {late} ms late": (
        "машина занята: таймеры опаздывают на {late} мс"
    ),
    "it is near the limits of its links or transit tunnels": (
        "он близок к пределу соединений или транзитных туннелей"
    ),
    "it knows {count} routers, a floodfill at least {least}": (
        "он знает маршрутизаторов: {count}, floodfill — не менее {least}"
    ),
    "it is connected to {count} routers, a floodfill at least {least}": (
        "он соединён с маршрутизаторами: {count}, floodfill — не менее {least}"
    ),
    "it carries {count} transit tunnels, a floodfill at least {least}": (
        "транзитных туннелей: {count}, у floodfill — не менее {least}"
    ),
    "there are {count} floodfills, which is enough": (
        "маршрутизаторов floodfill: {count}, этого достаточно"
    ),
}
