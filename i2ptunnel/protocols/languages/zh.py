"""Chinese."""

# Chinese characters count double there.
# ruff: noqa: E501

from __future__ import annotations

TEXTS: dict[str, str] = {
    "The request cannot be used": "无法处理该请求",
    "This is not an I2P address": "这不是 I2P 地址",
    "A .b32.i2p address has 52 letters a-z and digits 2-7. Check that all of it was copied.": ".b32.i2p 地址由 52 个字母 a-z 和数字 2-7 组成。请检查是否完整复制。",
    "This address needs a secret word": "此地址需要密语",
    (
        "The owner has encrypted how this site is reached. Ask the owner for the word and enter "
        "it here."
    ): "所有者加密了访问此网站的方式。请向其索取密语并在此输入。",
    "This address is for invited visitors": "此地址仅限受邀访客",
    (
        "The owner has encrypted how this site is reached. Enter the key that you agreed on with "
        "the owner."
    ): "所有者加密了访问此网站的方式。请输入您与其约定的密钥。",
    "This is not a key": "这不是密钥",
    "A key has 44 characters. Go back, check that all of it was copied, and try again.": "密钥有 44 个字符。请返回，检查是否完整复制，然后重试。",
    "The key does not open this address": "该密钥无法打开此地址",
    "It may contain a typing error, or the owner has withdrawn it. Enter another key.": "可能输入有误，或已被所有者撤销。请输入另一个密钥。",
    "This address is on your own network": "此地址位于您自己的网络",
    (
        "The I2P proxy never connects to this machine or its network, so that no site in I2P can "
        "reach them through your browser. Open this address in another browser, or in a profile "
        "without the proxy."
    ): "I2P 代理从不连接本机或本地网络，以免 I2P 中的网站通过您的浏览器访问它们。请用其他浏览器或未设置代理的配置文件打开此地址。",
    "This port is not allowed": "不允许此端口",
    "The proxy only connects to the ports that connect_ports names in its configuration.": "代理只连接其配置中 connect_ports 列出的端口。",
    "You may not use this proxy": "您不能使用此代理",
    "Your address is not among those that allow names in the proxy's configuration.": "您的地址不在代理配置的 allow 之列。",
    "The site closed the connection": "网站关闭了连接",
    (
        "The site was reached, but it refused or ended the connection. Try again, or come back "
        "later."
    ): "已连接到该网站，但它拒绝或结束了连接。请重试，或稍后再来。",
    "User name and password are needed": "需要用户名和密码",
    "The request did not arrive in time": "请求未及时到达",
    "This name is not in the address book": "地址簿中没有此名称",
    "Open the site by its .b32.i2p address, or follow a link that brings the address along.": "请用网站的 .b32.i2p 地址打开，或点击带有该地址的链接。",
    (
        "Open the site by its .b32.i2p address, or look the name up at one of these sites, which "
        "know many:"
    ): "请用网站的 .b32.i2p 地址打开，或在下列收录众多名称的网站查询：",
    "The site's answer cannot be used": "网站的回应无法使用",
    "The site's web server does not follow the rules of HTTP. Only its owner can change that.": "网站的服务器不符合 HTTP 规则。只有其所有者可以更改。",
    "The outproxy cannot reach this address": "出口代理无法到达此地址",
    "Check that the address is correct, or try again later.": "请检查地址是否正确，或稍后再试。",
    "No outproxy could be reached": "无法连接任何出口代理",
    (
        "Addresses outside I2P are opened through an outproxy, and none of yours answers. Try "
        "again later, or name another one under outproxies in the configuration."
    ): "I2P 之外的地址经由出口代理打开，但您的出口代理均无回应。请稍后再试，或在配置的 outproxies 中填写其他代理。",
    "This address is outside I2P": "此地址在 I2P 之外",
    (
        "This proxy only opens .i2p addresses. To open others through I2P, name outproxies in "
        "the configuration; or use another browser for them."
    ): "此代理只打开 .i2p 地址。若要通过 I2P 打开其他地址，请在配置中填写 outproxies；或使用其他浏览器。",
    "Too many connections": "连接过多",
    "Try again in a moment.": "请稍候再试。",
    "All I2P addresses are in use": "所有 I2P 地址都在使用中",
    (
        "This proxy visits each site from another I2P address and has none left at the moment. "
        "Close some pages and try again, or raise max_identities in the configuration."
    ): "此代理用不同的 I2P 地址访问各网站，目前已无可用地址。请关闭一些页面后重试，或在配置中提高 max_identities。",
    "The web server does not answer": "网页服务器没有回应",
    "Try again later.": "请稍后再试。",
    "The site cannot be found": "找不到该网站",
    (
        "The network does not know how to reach it at the moment. It is probably offline. Try "
        "again later."
    ): "网络目前不知道如何到达该网站。它可能已离线。请稍后再试。",
    "The site uses another encryption": "该网站使用其他加密方式",
    (
        "The site is there, but it offers no encryption that this router supports. Only its "
        "owner can change that."
    ): "网站在线，但没有提供本路由器支持的加密方式。只有其所有者可以更改。",
    "The site does not answer": "网站没有回应",
    "The site may be offline, or the network is slow at the moment. Try again.": "网站可能已离线，或网络暂时缓慢。请重试。",
    "Open the address book's site": "打开地址簿中的网站",
    "The link and the address book name different addresses": "链接与地址簿中的地址不同",
    (
        "One of the two may be an attempt to deceive you. If you do not know which one is right, "
        "trust the address book."
    ): "其中之一可能是欺骗。若不确定哪个正确，请相信地址簿。",
    "The address in this link is damaged": "此链接中的地址已损坏",
    (
        "The link should bring the address of the site along, but it cannot be read. Open the "
        "name without it, or copy the link again."
    ): "链接本应带有网站地址，但无法读取。请不带地址打开该名称，或重新复制链接。",
    "This form is no longer valid": "此表单已失效",
    (
        "The proxy has restarted since the page was shown. Go back, reload the page and choose "
        "again."
    ): "显示页面后代理已重新启动。请返回，重新加载页面并再次选择。",
    "The upload is too large": "上传内容过大",
    "The proxy accepts no more than max_upload allows in its configuration.": "代理只接受其配置中 max_upload 允许的大小。",
    "There is no such page": "没有此页面",
    "It could not be saved": "无法保存",
    "This proxy supports CONNECT only": "此代理只支持 CONNECT",
    "Set it as the proxy for https, and an httpclient tunnel as the one for http.": "请将其设为 https 的代理，http 则使用 httpclient 隧道。",
    "This is a SOCKS proxy": "这是 SOCKS 代理",
    "Enter this address as SOCKS host in the browser's settings, not as HTTP proxy.": "请在浏览器设置中将此地址填为 SOCKS 主机，而非 HTTP 代理。",
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
        "Use a browser or browser profile for I2P only. One that also opens other sites can be "
        "recognised by them."
    ): "请为 I2P 单独使用一个浏览器或配置文件。若它也打开其他网站，便可能被识别。",
    "Settings → Network Settings → Manual proxy configuration:": "设置 → 网络设置 → 手动配置代理：",
    "as HTTP proxy, also for HTTPS.": "作为 HTTP 代理，也用于 HTTPS。",
    "Or install this file:": "或安装此文件：",
    "Automatic configuration (PAC)": "自动配置（PAC）",
    ".i2p addresses go to the proxy, all others are opened directly": ".i2p 地址走代理，其他地址直接打开",
    "everything goes to the proxy": "全部走代理",
    (
        "Your browser uses the proxy. It sent the headers on the left; sites in I2P get those on "
        "the right."
    ): "您的浏览器正在使用代理。它发送了左侧的标头；I2P 中的网站收到右侧的标头。",
    "Header": "标头",
    "From the browser": "来自浏览器",
    "To the site": "发给网站",
    "removed": "已移除",
    "Open, do not save": "打开，不保存",
    "Save in the private book": "保存到私人地址簿",
    "Save in the local book": "保存到本地地址簿",
    "Save in the router book": "保存到路由器地址簿",
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
    "Set the clock right, for example with: timedatectl set-ntp true": "请校准时钟，例如运行：timedatectl set-ntp true",
    "No other router is known, so there is no way into the network.": "不知道任何其他路由器，因此无法进入网络。",
    (
        "Import a reseed file, or RouterInfo files of other routers, with: i2ptunnel netdb "
        "import FILE"
    ): ("请导入 reseed 文件或其他路由器的 RouterInfo 文件：i2ptunnel netdb import 文件"),
    ("Other routers are being fetched from reseed servers; {bundles} of {wanted} have answered."): (
        "正在从 reseed 服务器获取其他路由器；{wanted} 个中已有 {bundles} 个应答。"
    ),
    (
        "No other router is known. The reseed servers were asked lately, and limit how often; they "
        "are asked again in {time}."
    ): (
        "不知道任何其他路由器。reseed 服务器最近已被询问过，并且限制频率；将在 {time} 后再次询问。"
    ),
    "No other router is known, and no reseed server has brought any.": (
        "不知道任何其他路由器，也没有 reseed 服务器提供过。"
    ),
    "Check that this machine is online and can resolve names.": (
        "请检查本机是否联网，以及能否解析域名。"
    ),
    "Check router.reseed.proxy, and that the proxy is running.": (
        "请检查 router.reseed.proxy，以及代理是否在运行。"
    ),
    (
        "Somebody may be intercepting connections here, or CA certificates are missing on this "
        "machine (package ca-certificates)."
    ): ("可能有人在此拦截连接，或者本机缺少 CA 证书（软件包 ca-certificates）。"),
    "Install a newer i2ptunnel: this one does not know all present signers.": (
        "请安装更新的 i2ptunnel：此版本不认识所有现在的签名者。"
    ),
    (
        "It is tried again. If reseed servers are blocked here, set router.reseed.proxy, or "
        "get i2pseeds.su3 by another way and run: i2ptunnel netdb import i2pseeds.su3"
    ): (
        "将会重试。如果 reseed 服务器在此被屏蔽，请设置 "
        "router.reseed.proxy，或通过其他途径取得 i2pseeds.su3 并运行：i2ptunnel netdb import "
        "i2pseeds.su3"
    ),
    "None of the {routers} known routers is connected yet.": "已知的 {routers} 个路由器尚无一个连接成功。",
    (
        "If this lasts, check that this machine is online and that no firewall stops the "
        "router's outgoing connections."
    ): "如果一直如此，请检查本机是否联网，以及防火墙是否阻止了路由器的出站连接。",
    "The router is building its tunnels; {succeeded} of {started} builds succeeded so far.": "路由器正在建立隧道；目前 {started} 次尝试中有 {succeeded} 次成功。",
    "The router that is used over I2CP cannot be reached: {why}.": "无法连接通过 I2CP 使用的路由器：{why}。",
    "Start that router, and enable I2CP in it; it is tried again.": "请启动该路由器并在其中启用 I2CP；将会重试。",
    "The router at {address} is building the tunnels.": "位于 {address} 的路由器正在建立隧道。",
    "The router found nothing under this address": "路由器在此地址下没有找到任何内容",
    "The router that this proxy uses over I2CP found nothing under this encrypted address. i2pd cannot look up such addresses, Java I2P can.": "此代理通过 I2CP 使用的路由器在这个加密地址下没有找到任何内容。i2pd 无法查找此类地址，Java I2P 可以。",
    "The router is starting.": "路由器正在启动。",
    "The router is stopping.": "路由器正在停止。",
    "The site has no files now": "该网站目前没有文件",
    "This is the address of the I2P proxy itself": "这是 I2P 代理自身的地址",
    "This browser uses the proxy already. The pages of the proxy are at:": "此浏览器已在使用代理。代理的页面位于：",
    "Reload this page and enter the user name and password of the proxy.": "请重新加载本页，并输入代理的用户名和密码。",
    "The connection between this browser and the proxy was too slow. Try again.": "此浏览器与代理之间的连接过慢。请重试。",
    "How do you want to go on?": "您想如何继续？",
    "The proxy forgets the name when it stops.": "代理停止后会忘记此名称。",
    "Only you use the name. It is never published.": "仅供您自己使用，绝不公开。",
    "The name is also part of the address book that you publish, if you publish one.": "若您发布地址簿，此名称也会包含在内。",
    (
        "The name is treated like one from a subscription: the owner of the address can change "
        "it later with a signature."
    ): "此名称视同订阅所得：地址的所有者日后可凭签名更改它。",
    "Address book": "地址簿",
    "Link": "链接",
    "Open the link's site": "打开链接中的网站",
    (
        "To give the name the link's address, remove it from the address book first, and then "
        "open the link again:"
    ): "若要为此名称使用链接中的地址，请先将其从地址簿删除，再重新打开链接：",
    "Check the address.": "请检查地址。",
    "About this proxy": "关于此代理",
    "Go back and try again.": "请返回重试。",
    "Open the name without it": "不带地址打开",
    "Names": "名称",
    "No subscription is set up, so new names do not arrive by themselves.": "未设置订阅，因此不会自动获得新名称。",
    "The subscriptions have not been fetched yet. This happens as soon as the router is ready.": "尚未获取订阅。路由器就绪后会立即获取。",
    "The subscriptions could not be fetched yet. The next attempt follows in {next}.": "尚未能获取订阅。下次尝试在 {next} 后。",
    "The subscriptions were last fetched {ago} ago. The next fetch follows in {next}.": "上次获取订阅是在 {ago} 前。下次获取在 {next} 后。",
    (
        "The subscriptions were last fetched {ago} ago. The last attempt failed; the next one "
        "follows in {next}."
    ): "上次获取订阅是在 {ago} 前。最近一次尝试失败；下次在 {next} 后。",
    (
        "When the proxy is set, open this address in the same browser. It shows whether "
        "everything works:"
    ): "设置代理后，请在同一浏览器中打开此地址，查看是否一切正常：",
    "This is a proxy: set it as such in the browser.": "这是代理：请在浏览器中将其设为代理。",
    "Https needs CONNECT: set this proxy for https too.": "Https 需要 CONNECT：请也为 https 设置此代理。",
    "Only http addresses work here.": "此处仅支持 http 地址。",
    "The address is not a proper host name.": "该地址不是有效的主机名。",
    (
        "The link says which address belongs to this name, but nobody has checked that. Whoever "
        "writes a link can put any address there. The link's address is:"
    ): "链接给出了此名称的地址，但无人核实。写链接的人可以填写任何地址。链接中的地址是：",
    "Leave the list of exceptions empty.": "请将例外列表留空。",
    "The name is in the address book": "地址簿中有该名称",
    "This proxy has tunnels into I2P": "本代理已有通往 I2P 的隧道",
    "The network knows how to reach the site": "网络知道如何到达该站点",
    "The site answers": "站点有响应",
    "Its web server sends a page": "其 Web 服务器发来页面",
}
