"""Chinese (simplified)."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "state": "状态",
    "clock": "时钟",
    "reachability": "可达性",
    "known routers": "已知路由器",
    "links": "连接",
    "tunnel builds": "隧道建立",
    "configuration": "配置",
    "data directory": "数据目录",
    "disk": "磁盘",
    "keys": "密钥",
    "native extra": "原生扩展",
    "descriptors": "描述符",
    "ports": "端口",
    "file modes": "文件权限",
    "daily rhythm": "日常规律",
    "interfaces": "接口",
    "It is tried again by itself; i2ptunnel tunnels restart NAME tries at once.": (
        "会自动重试；i2ptunnel tunnels restart NAME 立即重试。"
    ),
    "It is tried again by itself.": "会自动重试。",
    "Set it: timedatectl set-ntp true.": "请校准：timedatectl set-ntp true。",
    "nothing has been heard yet that it could be compared with": "尚无可供比较的时间",
    "right, as {who} say": "准确（依据 {who}）",
    "hidden: nobody is meant to connect": "隐藏：不接受他人连接",
    (
        "Forward the router's port for TCP and UDP to this machine, and open it in the "
        "firewall: “Firewall” in docs/INSTALL.md."
    ): (
        "请将路由器端口的 TCP 和 UDP 转发到本机，并在防火墙中放行：见 docs"
        "/INSTALL.md 的“Firewall”。"
    ),
    "{count}, {floodfills} floodfill": "{count}，其中 floodfill {floodfills}",
    "this machine has no network": "本机没有网络",
    "Check its connection and its firewall.": "请检查网络连接和防火墙。",
    "Check that the firewall lets outgoing TCP and UDP to all ports through.": (
        "请检查防火墙是否放行到所有端口的 TCP 和 UDP 出站流量。"
    ),
    "no router is connected yet": "尚未连接任何路由器",
    "{count}; reseed servers are being asked": "{count}；正在询问 reseed 服务器",
    "Wait a minute.": "请稍等一分钟。",
    "Fetch some: i2ptunnel netdb reseed, or netdb import FILE.": (
        "请获取一些：i2ptunnel netdb reseed，或 netdb import FILE。"
    ),
    "Import a file until then: i2ptunnel netdb import FILE.": (
        "在此之前请导入文件：i2ptunnel netdb import FILE。"
    ),
    "{succeeded} of {started}: too few to judge": (
        "{started} 次中成功 {succeeded} 次：太少，无法判断"
    ),
    "{share} of {started} succeeded": "{started} 次中成功 {share}",
    (
        "If this lasts for hours, the network is under load or attacked, or the clock or the "
        "firewall is wrong: see the other lines."
    ): ("如果持续数小时，说明网络负载高或受到攻击，或者时钟或防火墙有误：请看其他各行。"),
    "the file cannot be loaded any more: {why}": "文件已无法加载：{why}",
    "Correct it: i2ptunnel check -c FILE. What runs keeps running.": (
        "请改正：i2ptunnel check -c FILE。正在运行的不受影响。"
    ),
    "the file has changed since the start: {names}": "启动后文件已更改：{names}",
    "This takes effect when the program is started anew.": "重新启动程序后生效。",
    "the file says something else than what runs: {changes}": "文件与正在运行的不一致：{changes}",
    "i2ptunnel reload takes it over.": "i2ptunnel reload 可使其生效。",
    "what runs is what the file says": "正在运行的与文件一致",
    "only the owner can read the keys in {place}": "只有所有者能读取 {place} 中的密钥",
    "{size} free at {place}: state cannot be kept": "{place} 剩余 {size}：无法保存状态",
    "{size} free at {place}": "{place} 剩余 {size}",
    "Free some space on the disk of {place}.": "请在 {place} 所在磁盘上腾出空间。",
    "tunnel {name}: the {what} ended {when}": "隧道 {name}：{what} 已于 {when} 到期",
    "tunnel {name}: the {what} ends {when}": "隧道 {name}：{what} 将于 {when} 到期",
    "Restore it: i2ptunnel restore FILE.": "请恢复：i2ptunnel restore FILE。",
    "{found}; a router with much traffic needs less with the extra": (
        "{found}；流量大的路由器使用扩展可降低消耗"
    ),
    "See “Faster: the native extra” in docs/INSTALL.md.": (
        "见 docs/INSTALL.md 的“Faster: the native extra”。"
    ),
    "{count} of {most} connections tracked": "已跟踪连接 {count}/{most}",
    "nobody listens at {place} ({what})": "{place}（{what}）无人监听",
    "See what i2ptunnel status says of it.": "请查看 i2ptunnel status 的说明。",
    "Stop that program, or change the port in the configuration.": (
        "请停止那个程序，或在配置中更改端口。"
    ),
    "all free": "全部空闲",
    "all ours": "均由本程序使用",
    "it is not off daily, as far as its boots tell": "从启动记录看，本机并非每天关机",
    "the system keeps it with time servers": "系统通过时间服务器校准",
    "cannot listen on {place}: {why}": "无法在 {place} 监听：{why}",
    "the listener ended": "监听已结束",
    "the I2P session ended": "I2P 会话已结束",
    "an internal error": "内部错误",
    "no tunnels yet: {why}": "尚无隧道：{why}",
    "there is no tunnel {name}": "没有隧道 {name}",
    "the {book} book has another address for {name}": "地址簿 {book} 中 {name} 的地址不同",
    "not a destination or .b32.i2p address": "既不是目标也不是 .b32.i2p 地址",
    "the name is in no address book": "名称不在任何地址簿中",
    "the address book cannot be read": "无法读取地址簿",
    "there are no tunnels into I2P yet; try again later": "尚无进入 I2P 的隧道；请稍后再试",
    "{added} added, {changed} changed, {removed} removed": (
        "新增 {added}，更改 {changed}，移除 {removed}"
    ),
    "not changed": "没有变化",
    "what came is not a hosts.txt": "收到的不是 hosts.txt",
    "the feed redirects too often": "订阅重定向次数过多",
    "the feed took too long": "订阅耗时过长",
    "the feed's server answers with status {status}": "订阅服务器返回状态 {status}",
    "nothing was changed here since the program has started": "程序启动以来此处没有更改",
    "the configuration cannot be changed: {why}": "无法更改配置：{why}",
    "the configuration cannot be read: {why}": "无法读取配置：{why}",
    "the file was changed meanwhile; look at it again": "文件已被更改；请重新查看",
    "the program runs without a configuration file of its own: start it with -c FILE": (
        "程序运行时没有自己的配置文件：请用 -c FILE 启动"
    ),
    "give a magnet link or a torrent file": "请提供磁力链接或种子文件",
    "the magnet link is too long": "磁力链接过长",
    "torrent files have at most {count} bytes here": "种子文件最大为 {count} 字节",
    "this is no magnet link: {why}": "这不是磁力链接：{why}",
    "this is no torrent file: {why}": "这不是种子文件：{why}",
    "the torrent is there already": "该种子已存在",
    "there are {count} torrents already": "已有 {count} 个种子",
    "another torrent has files at {name}": "另一个种子的文件位于 {name}",
    "the torrent has files outside of its directory": "种子含有目录之外的文件",
    "the torrent has symbolic links": "种子含有符号链接",
    "no torrent has this ID or name": "没有此 ID 或名称的种子",
    "the torrent client is starting": "种子客户端正在启动",
    "the torrent client does not answer": "种子客户端没有响应",
    "the torrent client has ended": "种子客户端已结束",
    "it is not running: {why}": "它没有运行：{why}",
    "libtorrent is not installed, which it needs: pip install libtorrent": (
        "缺少所需的 libtorrent：pip install libtorrent"
    ),
    "rates are not negative, and connections are from 2 to 2000": (
        "速率不能为负，连接数为 2 到 2000"
    ),
    "name": "名称",
    "tunnels": "隧道",
    "lease_set": "lease set",
    "stream": "流",
    "server": "服务器",
    "is known": "已知",
    "is the address itself": "就是地址本身",
    "are there": "已就绪",
    "was found": "已找到",
    "was answered": "已应答",
    "said {words}": "回应 {words}",
    "nothing came within {seconds} s": "{seconds} 秒内没有收到任何内容",
    "this is no URL; write http://name.i2p/ or name.i2p:PORT": (
        "这不是 URL；请写 http://name.i2p/ 或 name.i2p:PORT"
    ),
    "{state}, up {time}: {why}": "{state}，已运行 {time}：{why}",
    "{state}, up {time}": "{state}，已运行 {time}",
    "1 key file looked at": "已检查 1 个密钥文件",
    "{count} key files looked at": "已检查 {count} 个密钥文件",
    "1 router connected": "已连接 1 个路由器",
    "{count} routers connected": "已连接 {count} 个路由器",
    "only 1 router connected": "只连接了 1 个路由器",
    "only {count} routers connected": "只连接了 {count} 个路由器",
    "of the last {tries} tries, {tests} peer tests and {calls} connections got in": (
        "最近 {tries} 次尝试中，{tests} 次对等测试和 {calls} 个连接成功"
    ),
    "nobody has tried to connect yet": "尚无人尝试连接",
    "the address is from {by}, and nobody has connected to it yet": "地址来自 {by}，尚无人连接",
    "{reached} got through to us and {unreached} did not: too few to tell": (
        "{reached} 个成功，{unreached} 个失败：太少，无法判断"
    ),
    "{count} routers that we had not called tried to connect and did not get through": (
        "{count} 个我们未主动联系的路由器尝试连接但未成功"
    ),
    "the NAT shows every router another port ({ports}), so nobody can connect": (
        "NAT 对每个路由器显示不同端口（{ports}），因此无人能连接"
    ),
    "the country is {country}, one of the strict countries": "国家是 {country}，属于严格国家",
    "hidden until this router's address, and so its country, is known": (
        "在得知本路由器的地址及国家之前保持隐藏"
    ),
    "it has just started": "它刚刚启动",
    "all criteria of a floodfill are met": "floodfill 的所有条件均已满足",
    "all criteria of a floodfill are met; it is one in {wait}": (
        "floodfill 的所有条件均已满足；{wait} 后将成为 floodfill"
    ),
    "{why}; it ends in {wait} if that lasts": "{why}；如果持续下去，将在 {wait} 后停止担任",
    "floodfill: {value} is set": "已设置 floodfill: {value}",
    "it is hidden": "它处于隐藏状态",
    "other routers cannot reach it at a public IPv4 address over NTCP2": (
        "其他路由器无法通过 NTCP2 在公共 IPv4 地址上连接它"
    ),
    "it carries no transit": "它不中转流量",
    "it shares {rate} KB/s, a floodfill at least {least}": (
        "它共享 {rate} KB/s，floodfill 至少需要 {least}"
    ),
    "it has run for {time} of {least} min": "它已运行 {time} 分钟，需要 {least} 分钟",
    "the system's clock is wrong by {seconds} s": "系统时钟误差为 {seconds} 秒",
    "the machine is busy: timers are {late} ms late": "机器繁忙：定时器延迟 {late} 毫秒",
    "it is near the limits of its links or transit tunnels": "它接近连接或中转隧道的上限",
    "it knows {count} routers, a floodfill at least {least}": (
        "它知道 {count} 个路由器，floodfill 至少需要 {least}"
    ),
    "it is connected to {count} routers, a floodfill at least {least}": (
        "它连接了 {count} 个路由器，floodfill 至少需要 {least}"
    ),
    "it carries {count} transit tunnels, a floodfill at least {least}": (
        "它承载 {count} 条中转隧道，floodfill 至少需要 {least}"
    ),
    "there are {count} floodfills, which is enough": "已有 {count} 个 floodfill，足够了",
}
