"""The OpenID provider of the package oidc-provider-mock, behind a load balancer that ends TLS: NAME PORT."""

import logging
import sys

sys.path.insert(0, "/run/packages")
logging.getLogger("werkzeug").setLevel(logging.ERROR)
import oidc_provider_mock
from oidc_provider_mock import User
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import make_server

app = oidc_provider_mock.app(user_claims=[User(sub="ann", claims={"email": "ann@enishi-logins.org", "name": "Ann"})])
app.debug = False
# Its issuer and its endpoints are https, as X-Forwarded-Proto says.
app.wsgi_app = ProxyFix(app.wsgi_app)
server = make_server("0.0.0.0", int(sys.argv[2]), app, threaded=True)
print("ready")
server.serve_forever()
