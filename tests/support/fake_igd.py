"""A UPnP Internet gateway over HTTP on loopback: a well-behaved one, or one that attacks."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
DESCRIPTION = f"""<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor>
</specVersion><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType>
<serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1</serviceType>
<controlURL>/common</controlURL><eventSubURL>/e</eventSubURL><SCPDURL>/c.xml</SCPDURL>
</service></serviceList><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType>
<serviceList><service><serviceType>{_SERVICE}</serviceType>
<controlURL>/ip</controlURL><eventSubURL>/e</eventSubURL><SCPDURL>/i.xml</SCPDURL>
</service></serviceList></device></deviceList></device></deviceList></device></root>"""


class FakeIgd:
    """``description``: what it serves instead of a real one, in pieces, perhaps without end."""

    def __init__(self, description: Callable[[], Iterator[bytes]] | None = None) -> None:
        self.description = description
        self.address = "8.8.4.1"
        self.mapped: dict[tuple[str, int], tuple[str, int, int]] = {}
        """(protocol, external port) -> (host, port, lease)"""
        self.taken: set[int] = set()
        self.is_permanent_only = False
        self.refuses = ""
        igd = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                pieces = (igd.description or (lambda: iter([DESCRIPTION.encode()])))()
                try:
                    for piece in pieces:
                        self.wfile.write(piece)
                except OSError:
                    pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                action = self.headers["SOAPAction"].strip('"').partition("#")[2]
                status, inner = igd.call(action, body) if self.path == "/ip" else igd.error("401")
                answer = (
                    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/'
                    f'envelope/"><s:Body>{inner}</s:Body></s:Envelope>'
                ).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.location = f"http://127.0.0.1:{self._server.server_address[1]}/root.xml"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def call(self, action: str, body: str) -> tuple[int, str]:
        def value(name: str) -> str:
            found = re.search(f"<{name}>([^<]*)</{name}>", body)
            return found[1] if found else ""

        if action == "GetStatusInfo":
            return 200, self.said(action, NewConnectionStatus="Connected", NewUptime="1")
        if action == "GetExternalIPAddress":
            return 200, self.said(action, NewExternalIPAddress=self.address)
        key = value("NewProtocol"), int(value("NewExternalPort") or 0)
        if action == "DeletePortMapping":
            return (200, self.said(action)) if self.mapped.pop(key, None) else self.error("714")
        if action != "AddPortMapping":
            return self.error("401")
        lease_s = int(value("NewLeaseDuration"))
        if self.refuses or key[1] in self.taken or (self.is_permanent_only and lease_s):
            return self.error(self.refuses or ("718" if key[1] in self.taken else "725"))
        self.mapped[key] = value("NewInternalClient"), int(value("NewInternalPort")), lease_s
        return 200, self.said(action)

    @staticmethod
    def said(action: str, **values: str) -> str:
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
        return f'<u:{action}Response xmlns:u="{_SERVICE}">{inner}</u:{action}Response>'

    @staticmethod
    def error(code: str) -> tuple[int, str]:
        return 500, (
            "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
            '<UPnPError xmlns="urn:schemas-upnp-org:control-1-0">'
            f"<errorCode>{code}</errorCode><errorDescription>no</errorDescription>"
            "</UPnPError></detail></s:Fault>"
        )

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def __enter__(self) -> FakeIgd:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
