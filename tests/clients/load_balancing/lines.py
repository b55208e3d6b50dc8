"""A TCP server of lines: NAME PORT echo|hear.

`echo` sends every line back; `hear` answers a connection's `hello` with who it comes from and all bytes that came.
"""

import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Hear(socketserver.BaseRequestHandler):
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


server = Server(("0.0.0.0", int(sys.argv[2])), {"echo": Echo, "hear": Hear}[sys.argv[3]])
print("ready")
server.serve_forever()
