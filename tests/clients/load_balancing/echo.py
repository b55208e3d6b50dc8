"""A TCP server that sends every line back: NAME PORT."""

import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


server = Server(("0.0.0.0", int(sys.argv[2])), Handler)
print("ready")
server.serve_forever()
