"""Chinese."""

# Chinese characters count double there.
# ruff: noqa: E501

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "无法处理该请求",
    "This is not an I2P address": "这不是 I2P 地址",
    "A .b32.i2p address has 52 letters a-z and digits 2-7; check that it was copied whole.": (
        ".b32.i2p 地址由 52 个字母 a-z 和数字 2-7 组成；请检查是否完整复制。"
    ),
    "This address needs a secret word": "此地址需要密语",
    "Its owner encrypts where it can be found. Ask for the word and enter it here.": (
        "其所有者加密了它的位置。请索取密语并在此输入。"
    ),
    "This address is for invited visitors": "此地址仅限受邀访客",
    "Its owner encrypts where it can be found. Enter the key that you agreed on.": (
        "其所有者加密了它的位置。请输入约定的密钥。"
    ),
    "This is not a key": "这不是密钥",
    "A key has 44 characters; check that it was copied whole. Go back and try again.": (
        "密钥有 44 个字符；请检查是否完整复制。请返回重试。"
    ),
    "The key does not open this address": "该密钥无法打开此地址",
    "It was mistyped, or the owner has withdrawn it. Try another one.": "可能输入有误，或已被所有者撤销。请换一个。",
    "This address is on your own network": "此地址位于您自己的网络",
    (
        "The I2P proxy does not connect to this machine or its network. Add the address to the "
        "exceptions of the browser's proxy settings."
    ): ("I2P 代理不会连接本机或本地网络。请将该地址加入浏览器代理设置的例外。"),
    "This port is not allowed": "不允许此端口",
    "See connect_ports in the settings.": "请见设置中的 connect_ports。",
    "You may not use this proxy": "您不能使用此代理",
    "See allow in its settings.": "请见其设置中的 allow。",
    "The site closed the connection": "网站关闭了连接",
    "It was reached, but it refused or broke off the connection. Try again later.": (
        "已到达该网站，但它拒绝或中断了连接。请稍后再试。"
    ),
    "User name and password are needed": "需要用户名和密码",
    "The request did not arrive in time": "请求未及时到达",
    "This name is not in the address book": "地址簿中没有此名称",
    "Ask for the site's .b32.i2p address.": "请索取该网站的 .b32.i2p 地址。",
    "Ask for the site's .b32.i2p address, or ask one of these sites for it.": (
        "请索取该网站的 .b32.i2p 地址，或在以下网站查询。"
    ),
    "The site's answer cannot be used": "网站的回应无法使用",
    "It does not follow the rules of HTTP.": "它不符合 HTTP 规则。",
    "The outproxy cannot reach this address": "出口代理无法到达此地址",
    "Check that it is written right.": "请检查书写是否正确。",
    "No outproxy could be reached": "无法连接任何出口代理",
    "Addresses outside I2P need one.": "I2P 之外的地址需要它。",
    "This address is outside I2P": "此地址在 I2P 之外",
    "Only .i2p addresses can be opened here. For others, set outproxies in the settings.": (
        "此处只能打开 .i2p 地址。其他地址请在设置中填写 outproxies。"
    ),
    "Too many connections": "连接过多",
    "Try again in a moment.": "请稍候再试。",
    "All I2P addresses are in use": "所有 I2P 地址都在使用中",
    (
        "This proxy visits sites under different addresses, and it has no more of them at the "
        "moment. Close some pages, or raise max_identities in the settings."
    ): (
        "此代理用不同地址访问各网站，目前已无可用地址。请关闭一些页面，或在设置中提高 max_identities。"
    ),
    "The web server does not answer": "网页服务器没有回应",
    "Try again later.": "请稍后再试。",
    "The site cannot be found": "找不到该网站",
    "No router knows a way to it at the moment. It is probably offline; try again later.": (
        "目前没有路由器知道通往它的路径。它可能已离线；请稍后再试。"
    ),
    "The site uses another encryption": "该网站使用其他加密方式",
    "It is there, but it offers no encryption that this router knows. Its owner can change that.": (
        "它在线，但没有提供本路由器支持的加密方式。它的所有者可以更改。"
    ),
    "The site does not answer": "网站没有回应",
    "It may be offline, or the way to it is congested. Try again later.": "它可能已离线，或路径拥塞。请稍后再试。",
    (
        "The link tells an address for it. Whether it is the right one cannot be checked. Anybody "
        "who makes links could write it."
    ): ("链接为其给出了一个地址，但无法核实是否正确。任何写链接的人都可以填写。"),
    "Open the address book's site": "打开地址簿中的站点",
    "The link tells another address than the address book": "链接中的地址与地址簿不同",
    "One of the two may be an attempt to deceive you. The link's address is:": "其中之一可能是欺骗。链接中的地址是：",
    "The address in this link is damaged": "此链接中的地址已损坏",
    "Remove it and open the name alone.": "请将其删除，仅打开名称。",
    "This form is no longer valid": "此表单已失效",
    "Open the link again and decide anew.": "请重新打开链接并再次选择。",
    "The upload is too large": "上传内容过大",
    "See max_upload in the settings.": "请见设置中的 max_upload。",
    "There is no such page": "没有此页面",
    "It could not be saved": "无法保存",
    "This proxy knows CONNECT only": "此代理只支持 CONNECT",
    "Set it as the proxy for https, and an httpclient tunnel as the one for http.": (
        "请将其设为 https 的代理，http 则使用 httpclient 隧道。"
    ),
    "This is a SOCKS proxy": "这是 SOCKS 代理",
    "Enter this address as SOCKS host in the browser's settings, not as HTTP proxy.": (
        "请在浏览器设置中将此地址填为 SOCKS 主机，而非 HTTP 代理。"
    ),
    "Status": "状态",
    "Set up a browser": "设置浏览器",
    "Test this browser": "测试此浏览器",
    "Ready: .i2p addresses can be opened.": "就绪：可以打开 .i2p 地址。",
    "They go to an outproxy.": "经由出口代理。",
    "They are refused.": "会被拒绝。",
    "Proxy": "代理",
    "Addresses outside I2P": "I2P 之外的地址",
    "Requests": "请求",
    "Bytes sent": "已发送字节",
    "Bytes received": "已接收字节",
    "The I2P proxy works": "I2P 代理工作正常",
    (
        "Use a browser, or a profile of it, for I2P alone: one that also opens other sites can be "
        "recognised by them."
    ): ("请为 I2P 单独使用一个浏览器或配置：若它也打开其他网站，便可能被识别。"),
    "Settings → Network Settings → Manual proxy configuration:": "设置 → 网络设置 → 手动配置代理：",
    "as HTTP proxy, also for HTTPS.": "作为 HTTP 代理，也用于 HTTPS。",
    "Or install this file:": "或安装此文件：",
    "Automatic configuration (PAC)": "自动配置（PAC）",
    ".i2p addresses go to the proxy, all others are opened directly": ".i2p 地址走代理，其他地址直接打开",
    "everything goes to the proxy": "全部走代理",
    (
        "Your browser uses the proxy. It sent the headers on the left; sites in I2P get those on "
        "the right."
    ): ("您的浏览器正在使用代理。它发送了左侧的标头；I2P 中的网站收到右侧的标头。"),
    "Header": "标头",
    "From the browser": "来自浏览器",
    "To the site": "发给网站",
    "removed": "已移除",
    "Open it, without saving the name": "打开但不保存名称",
    "Save in my private address book": "保存到我的私人地址簿",
    "Save in my public address book": "保存到我的公开地址簿",
    "Save in the router's address book": "保存到路由器的地址簿",
    "Secret word": "密语",
    "Key (44 characters)": "密钥（44 个字符）",
    "Open": "打开",
    "Open and remember": "打开并记住",
    "The router is not ready": "路由器尚未就绪",
    "The I2P proxy is not ready": "I2P 代理尚未就绪",
    "This page loads again by itself.": "本页会自动重新加载。",
    "Try again": "重试",
    "This machine's clock is {time} ahead of what other routers say.": "本机时钟比其他路由器快 {time}。",
    "This machine's clock is {time} behind what other routers say.": "本机时钟比其他路由器慢 {time}。",
    "Set the clock right, for example with: timedatectl set-ntp true": (
        "请校准时钟，例如运行：timedatectl set-ntp true"
    ),
    "No other router is known, so there is no way into the network.": "不知道任何其他路由器，因此无法进入网络。",
    (
        "Import RouterInfo files of other routers with: i2ptunnel netdb import FILE (this "
        "version does not fetch them by itself)."
    ): ("请导入其他路由器的 RouterInfo 文件：i2ptunnel netdb import 文件（此版本不会自动获取）。"),
    "None of the {routers} known routers is connected yet.": "已知的 {routers} 个路由器尚无一个连接成功。",
    (
        "If this lasts, check that this machine is online and that no firewall stops the "
        "router's outgoing connections."
    ): ("如果一直如此，请检查本机是否联网，以及防火墙是否阻止了路由器的出站连接。"),
    "The router is building its tunnels; {succeeded} of {started} builds succeeded so far.": (
        "路由器正在建立隧道；目前 {started} 次尝试中有 {succeeded} 次成功。"
    ),
    "The router is starting.": "路由器正在启动。",
    "The router is stopping.": "路由器正在停止。",
    "The site has no files now": "该网站目前没有文件",
}
