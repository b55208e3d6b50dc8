"""A WebSocket server that says which path was asked for, then sends back what it hears: NAME PORT."""

import logging
import sys

sys.path.insert(0, "/run/packages")
from websockets.sync.server import serve

# Health checks are no WebSockets, which would be told.
logging.getLogger("websockets").setLevel(logging.CRITICAL)


def talk(socket):
    socket.send(socket.request.path)
    for message in socket:
        socket.send(f"echo {message}" if isinstance(message, str) else message)


with serve(talk, "0.0.0.0", int(sys.argv[2])) as server:
    print("ready")
    server.serve_forever()
