"""A TCP server that answers each connection's first line with who it comes from and the bytes that came: NAME PORT."""

import socketserver
import sys


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        heard = b""
        self.request.settimeout(10)
        try:
            while not heard.endswith(b"hello\n"):
                more = self.request.recv(4096)
                if not more:
                    return
                heard += more
            self.request.sendall(f"{self.client_address[0]} {heard.hex()}\n".encode())
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


server = Server(("0.0.0.0", int(sys.argv[2])), Handler)
print("ready")
server.serve_forever()
