"""An HTTP/1.1 server that tells what it was asked, and misbehaves when it is told to: NAME PORT."""

import http.server
import json
import os
import socket
import socketserver
import struct
import sys
import threading
import time

NAME, PORT = sys.argv[1], int(sys.argv[2])
STATE = {"health": 200, "delay": 0.0, "asked": 0}
LOCK = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body, status=200, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_request(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        path = self.path.partition("?")[0]
        words = path.strip("/").split("/")
        control = getattr(self, f"do_{words[0]}", None)
        if control:
            return control(*words[1:])
        told = {
            "name": NAME,
            "method": self.command,
            "path": self.path,
            "peer": self.client_address[0],
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": len(body),
        }
        self.answer(json.dumps(told).encode() + b"\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = handle_request

    def do_who(self):
        with LOCK:
            STATE["asked"] += 1
        self.answer(NAME.encode() + b"\n")

    def do_asked(self):
        """How often `who` was asked since it was last asked for this."""
        with LOCK:
            asked, STATE["asked"] = STATE["asked"], 0
        self.answer(f"{asked}\n".encode())

    def do_health(self):
        time.sleep(STATE["delay"])
        self.answer(b"health\n", STATE["health"])

    def do_be(self, status, delay="0"):
        STATE["health"], STATE["delay"] = int(status), float(delay)
        self.answer(b"\n")

    def do_status(self, status):
        self.answer(b"so be it\n", int(status))

    def do_slow(self, seconds):
        time.sleep(float(seconds))
        self.answer(NAME.encode() + b"\n")

    def do_login(self, name):
        self.answer(NAME.encode() + b"\n", headers=[("Set-Cookie", f"{name}=1; Path=/")])

    def do_close(self):
        """Ends the connection instead of an answer."""
        self.close_connection = True

    def do_reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_garbage(self):
        self.wfile.write(b"this is no HTTP\r\n\r\n")
        self.close_connection = True

    def do_stop(self):
        self.answer(b"\n")
        os._exit(0)

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


server = Server(("0.0.0.0", PORT), Handler)
print("ready")
server.serve_forever()
