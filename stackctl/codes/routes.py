"""Codes of routes: what a spoke asks of the edge."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    Code(
        "SC610",
        _ERROR,
        "a password where its hash belongs",
        "What stands in these files is read by everyone who reads the stack. A bcrypt hash lets the edge "
        "compare, and nobody read; both edges understand that form.",
        bad="auth: {basic: {alice: hunter2}}",
        good="auth: {basic: {alice: '$2y$10$…'}}   # from `caddy hash-password`, or `htpasswd -nB alice`",
        hint="write a bcrypt hash, such as `caddy hash-password` or `htpasswd -nB NAME` prints",
    ),
    Code(
        "SC611",
        _ERROR,
        "a part of the route means nothing here",
        "A TCP or UDP route has no path, no headers and no login: whoever wrote one would rely on it.",
        bad="route: {protocol: tcp, listen: 5432, port: 5432, auth: {basic: {…}}}",
        good="route: {protocol: tcp, listen: 5432, port: 5432}",
        hint="leave it out",
    ),
    Code(
        "SC612",
        _ERROR,
        "the edge cannot do that",
        "Caddy has no rate limit and no TCP or UDP without a plugin. The route would be served without "
        "what it asks for.",
        bad="edge: caddy   # in stack.yaml\nroute: {host: app, port: 80, rate_limit: 100/m}",
        good="edge: traefik   # in stack.yaml\nroute: {host: app, port: 80, rate_limit: 100/m}",
        hint="choose the other edge in stack.yaml, or leave it out",
    ),
    Code(
        "SC613",
        _WARNING,
        "the edge publishes no port for the route",
        "The edge listens for it inside its container only; nobody outside of the stack gets there.",
        bad="route: {host: app, port: 80, tls: internal}   # and the edge publishes port 80 alone",
        good='ports: ["127.0.0.1:80:80", "127.0.0.1:443:443"]   # in the edge',
        hint="publish the port in the edge",
    ),
    Code(
        "SC614",
        _ERROR,
        "ACME without an account",
        "Without settings in stack.yaml there is nobody to ask for the certificate, and the edge would "
        "answer with one that no client trusts.",
        bad="route: {host: app.example.org, port: 80, tls: acme}   # and `edge: traefik`",
        good="edge: {name: traefik, acme: {email: me@example.org}}   # in stack.yaml",
        hint="state `acme` under `edge` in stack.yaml",
    ),
    Code(
        "SC615",
        _ERROR,
        "ACME for a name that no public authority signs",
        "Names of private suffixes, one word and addresses are never signed; each try counts against the "
        "authority's limits.",
        bad="route: {host: app.stack.localhost, port: 80, tls: acme}",
        good="route: {host: app.stack.localhost, port: 80, tls: internal}",
        hint="use `tls: internal`, the stack's own authority",
    ),
    Code(
        "SC616",
        _ERROR,
        "the ACME challenge cannot reach the edge",
        "The authority asks at port 80 (`challenge: http`) or 443 (`challenge: tls`) of the name itself, "
        "from outside; a wildcard can be proved through DNS only, which stackctl does not set up.",
        bad='ports: ["127.0.0.1:80:80"]   # in the edge, with `challenge: http`',
        good='ports: ["80:80", "443:443"]',
        hint="publish the port on all addresses, or choose the other challenge",
    ),
    Code(
        "SC617",
        _ERROR,
        "ACME certificates that do not outlive the edge",
        "Each new container would ask for all certificates again, until the authority's limits are reached.",
        bad="edge: {name: traefik, acme: {…}}   # and no volume in the edge",
        good="volumes: [acme:/acme]   # in Traefik; in Caddy: [caddy:/data]",
        hint="mount a volume there",
    ),
    Code(
        "SC618",
        _ERROR,
        "nobody there to decide who may come in",
        "A login that the edge cannot ask lets nobody in.",
        bad="auth: {forward: {spoke: logn, port: 9091}}",
        good="auth: {forward: {spoke: login, port: 9091}}   # a spoke on the edge's network",
        hint="name a spoke that shares a network with the edge",
    ),
    Code(
        "SC619",
        _ERROR,
        "the edge does not have the route's certificate",
        "The certificate and its key are secrets that the edge must be given as files; only then can it "
        "serve the name.",
        bad="tls: {certificate: app_cert, key: app_key}   # and no `secrets` in the edge",
        good="secrets: [app_cert, app_key]   # in the edge",
        hint="add both to `secrets` of the edge",
    ),
    Code(
        "SC620",
        _ERROR,
        "a dashboard that anyone may see",
        "It shows every route and every host name of the stack. So it is off unless the edge's own page "
        "gives it a host and a login.",
        bad="route: {host: traefik, dashboard: true}   # in the edge",
        good="route: {host: traefik, dashboard: true, auth: {basic: {alice: '$2y$10$…'}}}",
        hint="give it `auth`, in the manifest of a Traefik edge",
    ),
    Code(
        "SC621",
        _ERROR,
        "the stack has no such edge",
        "stack.yaml chooses an edge, and no spoke is one: nothing would listen.",
        bad="edge: caddy   # in stack.yaml, and no spoke with Caddy's image",
        good="image: caddy:2.10   # in spokes/caddy.yaml",
        hint="write a spoke for it, or choose another edge",
    ),
    Code(
        "SC622",
        _ERROR,
        "this image does not read routes in that way",
        "Plain Caddy knows no labels, and caddy-docker-proxy makes its own configuration of them.",
        bad="edge: {name: caddy, routes: labels}   # with image: caddy:2.10",
        good="edge: {name: caddy, routes: labels}   # with image: lucaslorentz/caddy-docker-proxy:2.13",
        hint="choose the image, or `routes: files`",
    ),
    Code(
        "SC623",
        _WARNING,
        "routes by labels of caddy-docker-proxy are untested",
        "The labels follow its documentation; no build of it could be had where stackctl was tested. It "
        "also asks the Docker API, which Caddy with `routes: files` does not need.",
        bad="edge: {name: caddy, routes: labels}",
        good="edge: caddy",
        hint="use `routes: files`, or accept it",
    ),
)
