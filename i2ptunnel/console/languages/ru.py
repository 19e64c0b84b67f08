"""Russian."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Accepted since the start": "Принято с запуска",
    "Actions": "Действия",
    "Add": "Добавить",
    "Add a name": "Добавить имя",
    "Added": "Добавлено",
    "Address": "Адрес",
    "Address in I2P": "Адрес в I2P",
    "Addresses, one on each line": "Адреса, по одному в строке",
    "All kinds": "Все виды",
    "All options": "Все параметры",
    "Back": "Назад",
    "Bandwidth": "Пропускная способность",
    "Beginning of the hash": "Начало хеша",
    "Book": "Книга",
    "Cancel": "Отмена",
    "Capabilities": "Возможности",
    "Carried": "Передано",
    "Change": "Изменить",
    "Change the configuration": "Изменить конфигурацию",
    "Change the subscriptions": "Изменить подписки",
    "Change {name}": "Изменить {name}",
    "Changed while they run: {names}": "Изменены на ходу: {names}",
    "Chat": "Чат",
    "Check the change": "Проверить изменение",
    "Clock": "Часы",
    "Configuration": "Конфигурация",
    "Confirm the change": "Подтвердить изменение",
    "Connected routers": "Подключённые маршрутизаторы",
    "Connections": "Соединения",
    "Data directory": "Каталог данных",
    "Direction": "Направление",
    "Download the new file": "Скачать новый файл",
    "Download the new file, put it in place yourself, and reload.": (
        "Скачайте новый файл, поместите его на место сами и перезагрузите конфигурацию."
    ),
    "Enter about:profiles as address, and make a new profile.": (
        "Введите about:profiles в адресной строке и создайте новый профиль."
    ),
    "Everything works: {ready} of {all} tunnels are ready.": (
        "Всё работает: готово туннелей: {ready} из {all}."
    ),
    "Fetch now": "Получить сейчас",
    "Fetched": "Получено",
    "Figures": "Показатели",
    "Go on": "Продолжить",
    "Hops": "Узлы",
    "It is here now:": "Теперь она здесь:",
    "It is switched off.": "Она выключена.",
    "It opens this page in the browser and signs you in.": (
        "Команда откроет эту страницу в браузере и впустит вас."
    ),
    "Its .b32.i2p address, or the whole destination.": "Адрес .b32.i2p или полное назначение.",
    "Kind": "Вид",
    "Known routers": "Известные маршрутизаторы",
    "Floodfill router": "Маршрутизатор floodfill",
    "yes": "да",
    "no": "нет",
    "Common address": "Общий адрес",
    "{up} of {all} machines up": "работают {up} из {all} машин",
    "Last heard": "Последний отклик",
    "Level": "Уровень",
    "Lines that change": "Изменяемые строки",
    "Log": "Журнал",
    "Make the change": "Выполнить изменение",
    "Message": "Сообщение",
    "Name": "Имя",
    "Network": "Сеть",
    "New tunnel": "Новый туннель",
    "New: {names}": "Новые: {names}",
    "Next": "Дальше",
    "Not possible": "Невозможно",
    "Notes": "Заметки",
    "Nothing is found.": "Ничего не найдено.",
    "Nothing would change.": "Ничего не изменится.",
    "On the machine where the router runs, enter:": (
        "На машине, где работает маршрутизатор, введите:"
    ),
    "On this machine": "На этой машине",
    "Open tunnels": "Открытые туннели",
    "Or sign in with the password": "Или войдите по паролю",
    "Outcome": "Результат",
    "Overview": "Обзор",
    "Own tunnels": "Собственные туннели",
    "Pages": "Страницы",
    "Part of a name, or an address": "Часть имени или адрес",
    "Part {number} of {last}": "Часть {number} из {last}",
    "Parts of the list": "Части списка",
    "Previous": "Назад",
    "Proxy {name} at {address}": "Прокси {name} на {address}",
    "Published": "Опубликовано",
    "QR code of the address": "QR-код адреса",
    "Reachable from outside": "Доступность извне",
    "Remove": "Удалить",
    "Removed: {names}": "Удалены: {names}",
    "Replace another address of this name": "Заменить другой адрес этого имени",
    "Restart": "Перезапустить",
    "Restarted: {names}": "Перезапущены: {names}",
    "Router": "Маршрутизатор",
    "Router in use": "Используемый маршрутизатор",
    "Running for": "Работает",
    "Search": "Поиск",
    "Services that cannot listen": "Службы, которые не могут слушать",
    "Session": "Сеанс",
    "Settings": "Настройки",
    "Show": "Показать",
    "Sign in": "Войти",
    "Sign out": "Выйти",
    "Start": "Запустить",
    "State": "Состояние",
    "Stop": "Остановить",
    "Subscription": "Подписка",
    "Subscriptions": "Подписки",
    "Take the last change back": "Отменить последнее изменение",
    "Takes effect at once: {names}": "Действует сразу: {names}",
    "Takes effect when the program is started anew: {names}": (
        "Действует после перезапуска программы: {names}"
    ),
    "The I2P console": "Консоль I2P",
    "The change cannot be written from here: {why}.": "Изменение нельзя записать отсюда: {why}.",
    "The change is made.": "Изменение выполнено.",
    "The console has moved": "Консоль переехала",
    "The last day": "Последние сутки",
    "The last hour": "Последний час",
    "The name is saved.": "Имя сохранено.",
    "The request took too long.": "Запрос занял слишком много времени.",
    "The router itself": "Сам маршрутизатор",
    "The subscriptions are being fetched.": "Подписки загружаются.",
    "There are no tunnels yet.": "Туннелей пока нет.",
    "There is a tunnel of this name already.": "Туннель с таким именем уже есть.",
    "There is no such page.": "Такой страницы нет.",
    "There is no such tunnel.": "Такого туннеля нет.",
    "There is no web proxy.": "Веб-прокси нет.",
    "This file has been used, or is older than a minute.": (
        "Этот файл уже использован или старше минуты."
    ),
    "This form cannot be read.": "Эту форму нельзя прочитать.",
    "This form is not of this session; load the page again.": (
        "Форма не из этого сеанса; загрузите страницу заново."
    ),
    "This page is not asked for like that.": "Эта страница запрашивается иначе.",
    "Time": "Время",
    "To the content": "К содержимому",
    "To the first page": "На первую страницу",
    "Transit": "Транзит",
    "Transit tunnels": "Транзитные туннели",
    "Transport": "Транспорт",
    "Tunnel builds": "Построение туннелей",
    "Tunnel {name} failed: {why}.": "Туннель {name} не работает: {why}.",
    "Tunnels": "Туннели",
    (
        "Tunnels that lead through this router for others. They make everybody harder to "
        "find, you too."
    ): (
        "Туннели других, проходящие через этот маршрутизатор. Из-за них труднее найти "
        "каждого, в том числе вас."
    ),
    (
        "Use a browser profile for I2P only: what it keeps from other sites would make you "
        "known in I2P."
    ): (
        "Используйте отдельный профиль браузера только для I2P: то, что он хранит с других "
        "сайтов, выдало бы вас в I2P."
    ),
    "Version": "Версия",
    "What would change is shown first. The keys of a server stay in the data directory.": (
        "Сначала показано, что изменится. Ключи сервера остаются в каталоге данных."
    ),
    "When it is set up, open this page in it:": "После настройки откройте в нём эту страницу:",
    "Write a name.": "Введите имя.",
    "You are not signed in.": "Вы не вошли.",
    "Too many attempts; wait a minute.": "Слишком много попыток; подождите минуту.",
    "Too many wrong passwords; wait a minute.": (
        "Слишком много неверных паролей; подождите минуту."
    ),
    "The password is wrong.": "Пароль неверен.",
    "a day ago": "сутки назад",
    "a profile": "профиль",
    "all books": "все книги",
    "an hour ago": "час назад",
    "compared with {source}": "сверены: {source}",
    "failed {count} times": "неудач: {count}",
    "for {time}": "уже {time}",
    "hidden": "скрыт",
    "inbound": "входящий",
    "local": "локальная",
    "never": "никогда",
    "next in {time}": "снова через {time}",
    "no hops": "без узлов",
    "none yet": "пока нет",
    "not compared yet": "ещё не сверены",
    "not published": "не опубликовано",
    "now": "сейчас",
    "other routers": "с другими маршрутизаторами",
    "outbound": "исходящий",
    "private": "личная",
    "router": "маршрутизатор",
    "time servers": "с серверами времени",
    "tried again in {time}": "новая попытка через {time}",
    "usual: {value}": "обычно: {value}",
    "{count} in all": "всего: {count}",
    "{count} of them floodfill": "из них floodfill: {count}",
    "{name} gets another address: {new} instead of {old}": (
        "{name} получает другой адрес: {new} вместо {old}"
    ),
    "{name} is removed.": "{name}: удалено.",
    "{received} in, {sent} out": "принято {received}, отправлено {sent}",
    "{share} % succeeded": "удачных: {share} %",
    "{time} ago": "{time} назад",
    "in": "приём",
    "out": "отправка",
    "for others": "для других",
    "own": "свои",
    "ready": "готово",
    "building": "строится",
    "starting": "запускается",
    "stopping": "останавливается",
    "stopped": "остановлено",
    "reseeding": "первичная загрузка",
    "degraded": "неполадки",
    "failed": "ошибка",
    "ok": "в порядке",
    "firewalled": "за межсетевым экраном",
    "symmetric nat": "симметричный NAT",
    "unknown": "неизвестно",
    "{ready} of {tunnels} tunnels are ready.": "Готово туннелей: {ready} из {tunnels}.",
    "{count} tunnels failed: {names}.": "Не работают туннели ({count}): {names}.",
    "Browse I2P": "Просмотр сайтов I2P",
    "A web proxy for your browser.": "Веб-прокси для вашего браузера.",
    "SOCKS proxy": "Прокси SOCKS",
    "For programs that can use one.": "Для программ, которые умеют им пользоваться.",
    "An IRC network in I2P for your chat program.": "Сеть IRC в I2P для вашей программы чата.",
    "Reach a service": "Доступ к службе",
    "One address in I2P at a port of this machine, such as SSH.": (
        "Один адрес в I2P на порту этой машины, например SSH."
    ),
    "Publish a folder": "Опубликовать папку",
    "The files of a folder as a web site in I2P.": "Файлы папки как сайт в I2P.",
    "Publish a web server": "Опубликовать веб-сервер",
    "A web server of this machine, seen in I2P.": "Веб-сервер этой машины, видимый в I2P.",
    "Publish a service": "Опубликовать службу",
    "Any other service of this machine, such as SSH.": (
        "Любая другая служба этой машины, например SSH."
    ),
    "A passphrase has 8 characters or more.": "Парольная фраза — не короче 8 знаков.",
    "Backup": "Резервная копия",
    "Done": "Готово",
    "Download the backup": "Скачать копию",
    (
        "Keys, names, state and configuration in one file, encrypted with a passphrase. "
        "Without the passphrase it is lost."
    ): (
        "Ключи, имена, состояние и конфигурация в одном файле, зашифрованном парольной "
        "фразой. Без неё он потерян."
    ),
    "Magnet link": "Magnet-ссылка",
    "Once more": "Ещё раз",
    "Passphrase": "Парольная фраза",
    "Pause": "Приостановить",
    "Peers": "Пиры",
    "Rates": "Скорости",
    "Resume": "Продолжить",
    "The two are not the same.": "Они не совпадают.",
    "There are no torrents yet.": "Торрентов пока нет.",
    "To restore it, stop the program and run:": (
        "Для восстановления остановите программу и выполните:"
    ),
    "Torrents": "Торренты",
    "Check-up": "Проверка",
    "What": "Что",
    "Finding": "Вывод",
    "Why does a site not open?": "Почему сайт не открывается?",
    "Try it": "Попробовать",
    "It is visited once through I2P; that takes up to half a minute.": (
        "Сайт посещается один раз через I2P; это занимает до полминуты."
    ),
    "Step": "Шаг",
    "note": "заметка",
    "warning": "предупреждение",
    "problem": "проблема",
    "Add a torrent": "Добавить торрент",
    "or torrent file": "или торрент-файл",
    "Start it later": "Запустить позже",
    "Limits of all torrents together": "Ограничения для всех торрентов вместе",
    "Download, kB/s": "Загрузка, кБ/с",
    "Upload, kB/s": "Отдача, кБ/с",
    "no limit": "без ограничения",
    "Set": "Задать",
    "They hold until the program is started anew. The configuration has those that stay.": (
        "Они действуют до нового запуска программы. Постоянные задаются в конфигурации."
    ),
    "The torrent client is installed and switched off. It reaches nothing but I2P.": (
        "Торрент-клиент установлен и выключен. Ему доступна только сеть I2P."
    ),
    "Switch it on": "Включить",
    "Remove a torrent": "Удаление торрента",
    "Remove it, keep its files": "Удалить, файлы оставить",
    "Remove it and delete its files": "Удалить вместе с файлами",
    "tracker: {words}": "трекер: {words}",
    "{name} is added.": "{name} добавлен.",
    "Not in I2P, and therefore removed from it: {count} trackers, seeds or peers.": (
        "Вне I2P и поэтому удалено из него: {count} трекеров, веб-сидов или участников."
    ),
    "It has no tracker in I2P, so it finds no peers.": (
        "У него нет трекера в I2P, поэтому участники не найдутся."
    ),
    "The torrent is removed.": "Торрент удалён.",
    "There is no such torrent.": "Такого торрента нет.",
    "The limits are set.": "Ограничения заданы.",
    "Limits are whole numbers.": "Ограничения — целые числа.",
    "checking": "проверка",
    "metadata": "ожидание метаданных",
    "downloading": "загрузка",
    "seeding": "раздача",
    "paused": "приостановлен",
    "error": "ошибка",
    "Conflicts": "Расхождения",
    (
        "A subscription has another address for these names. They stay as they are until you "
        "decide otherwise."
    ): ("В подписке у этих имён другой адрес. Они остаются прежними, пока вы не решите иначе."),
    "In your books": "В ваших книгах",
    "In the subscription": "В подписке",
    "Use this address": "Взять этот адрес",
    "No subscription has another address for a name that you know.": (
        "Ни в одной подписке нет другого адреса для известного вам имени."
    ),
    "{name} has the other address now.": "У имени {name} теперь другой адрес.",
}
