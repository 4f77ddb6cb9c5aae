"""An app that shows what an edge did to a request, and can be asked for all that edges do: only the standard library."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "everything"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.websocket()
        elif self.path.startswith("/decide"):
            self.decide()
        elif self.path == "/health" and os.path.exists("/tmp/sick"):
            self.answer(500, b"sick")
        else:
            self.echo()

    def echo(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        told = {
            "name": os.environ["NAME"],
            "container": os.uname().nodename,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": len(body),
            "padding": "x" * 5000 if self.path.startswith("/long") else "",
        }
        self.answer(200, json.dumps(told).encode())

    do_POST = do_GET

    def decide(self) -> None:
        """Lets in who says the word."""
        if self.headers.get("X-Word") == "please":
            told = ("Method", "Proto", "Host", "Uri")
            asked = " ".join(self.headers.get(f"X-Forwarded-{name}", "-") for name in told)
            self.answer(200, b"", {"Remote-User": "alice", "Remote-Asked": asked})
        else:
            self.answer(401, b"who are you?")

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            **(headers or {}),
            "Content-Type": "application/json",
            "X-Powered-By": "me",
        }.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def websocket(self) -> None:
        """Agrees, and sends back each short frame."""
        key = self.headers["Sec-WebSocket-Key"]
        accept = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
        self.send_response(101)
        for name, value in (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept),
        ):
            self.send_header(name, value)
        self.end_headers()
        while (head := self.rfile.read(2)) and head[0] & 15 == 1:
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(head[1] & 127)))
            self.wfile.write(bytes((0x81, len(data))) + data)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Tcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"tcp " + self.rfile.readline())


class Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        sock.sendto(b"udp " + data, self.client_address)


servers = (
    ThreadingHTTPServer(("", 8080), Echo),
    socketserver.ThreadingTCPServer(("", 5432), Tcp),
    socketserver.ThreadingUDPServer(("", 5353), Udp),
)
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
