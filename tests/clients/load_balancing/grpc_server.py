"""A gRPC server whose messages are plain bytes: NAME PORT."""

import sys
from concurrent import futures

sys.path.insert(0, "/run/packages")
import grpc


def one(request, _):
    return request


def count(request, _):
    for n in range(int(request)):
        yield str(n).encode()


def every(requests, _):
    yield from requests


def refuse(_, context):
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")


def told(_, context):
    context.set_trailing_metadata([("after", "all")])
    return repr([key for key, _ in context.invocation_metadata()]).encode()


METHODS = {
    "demo.Echo": {
        "One": grpc.unary_unary_rpc_method_handler(one),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "All": grpc.stream_stream_rpc_method_handler(every),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
        "Told": grpc.unary_unary_rpc_method_handler(told),
    },
    "demo.Health": {"Check": grpc.unary_unary_rpc_method_handler(one)},
}
server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
for service, methods in METHODS.items():
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
assert server.add_insecure_port(f"0.0.0.0:{sys.argv[2]}")
server.start()
print("ready")
server.wait_for_termination()
