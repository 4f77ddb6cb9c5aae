"""Codes of edges and socket proxies: what one is configured with by hand; none is an error in `as-is`."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    Code(
        "SC340",
        _ERROR,
        "the storage of certificates is a file of this folder",
        "It holds private keys. Git keeps no mode 600, and with a wider one Traefik skips the resolver.",
        bad="volumes: [./acme.json:/acme.json]",
        good="volumes: [acme:/acme]   # storage: /acme/acme.json, which Traefik creates with mode 600",
        hint="mount a volume at the folder of the storage",
    ),
    Code(
        "SC341",
        _ERROR,
        "certificates are kept in the container",
        "Each new container fetches them again, until the authority refuses for a week.",
        bad="command: [--certificatesresolvers.le.acme.storage=/acme.json]",
        good="volumes: [acme:/acme]\ncommand: [--certificatesresolvers.le.acme.storage=/acme/acme.json]",
        hint="mount a volume there",
    ),
    Code(
        "SC342",
        _ERROR,
        "a public certificate for a private name",
        (
            "No authority can check who owns `.localhost`, `.internal` or an address: clients get the "
            "default certificate."
        ),
        bad="rule: Host(`app.internal`)\ntls.certresolver: le",
        good='rule: Host(`app.internal`)\ntls: "true"   # with a certificate of your own',
        hint="take the resolver away, and give the edge a certificate of your own",
    ),
    Code(
        "SC343",
        _WARNING,
        "a challenge that cannot arrive",
        "Whoever issues the certificate asks back at port 80 or 443, and finds nobody.",
        bad='ports: ["8080:80"]   # with an httpChallenge',
        good='ports: ["80:80"]',
        hint="publish the port, or use a DNS challenge",
    ),
    Code(
        "SC344",
        _ERROR,
        "a redirect to a port that is not published",
        "Clients are sent to the port inside the container.",
        bad=(
            "entryPoints: {web: {http: {redirections: {entryPoint: {to: websecure}}}}}   # on 10443, "
            "published as 443"
        ),
        good='to: ":443"',
        hint='write the published port: `to: ":443"`',
    ),
    Code(
        "SC345",
        _ERROR,
        "a network for Caddy that is named otherwise on the Engine",
        "caddy-docker-proxy finds no address: an empty upstream, and 502 or 503.",
        bad="labels: {caddy_ingress_network: proxy}",
        good="labels: {caddy_ingress_network: homelab_proxy}",
        hint="write its name on the Engine, as `docker network ls` shows it",
    ),
    Code(
        "SC347",
        _ERROR,
        "everyone may say where a request came from",
        "A client that sends X-Forwarded-For passes address lists and rate limits as whoever it likes.",
        bad="entryPoints: {web: {forwardedHeaders: {insecure: true}}}",
        good="entryPoints: {web: {forwardedHeaders: {trustedIPs: [10.0.0.2/32]}}}",
        hint="name the addresses of the proxies in front",
    ),
    Code(
        "SC348",
        _ERROR,
        "the edge's API is open",
        "It shows every route, service and middleware to whoever reaches the port.",
        bad="command: [--api.insecure=true]",
        good="command: [--api]   # and a router with auth for api@internal",
        hint="take `api.insecure` away; give the dashboard a router with auth",
    ),
    Code(
        "SC349",
        _ERROR,
        "the edge's dashboard without auth",
        "It shows every route, service and middleware to everyone.",
        bad="labels: {traefik.http.routers.d.service: api@internal}",
        good="labels: {…, traefik.http.routers.d.middlewares: auth}",
        hint="add a middleware with basicauth, forwardauth or ipallowlist",
    ),
    Code(
        "SC350",
        _WARNING,
        "a Traefik that today's Engines refuse",
        "Docker 29 refuses version 1.24 of its API: no router appears, and every request is answered 404.",
        bad="image: traefik:v3.5",
        good="image: traefik:v3.6.1",
        hint="use Traefik 3.6.1 or 2.11.31, or a later one",
    ),
    Code(
        "SC351",
        _WARNING,
        "a pattern that knows only some versions of the API",
        "It ends to match at version 1.100, and lets odd versions through.",
        bad='command: ["-allowGET=/v1\\\\..{1,2}/version"]',
        good='command: ["-allowGET=/v1\\\\.[0-9]{1,3}/version"]',
        hint="write `v1\\.[0-9]{1,3}`",
    ),
    Code(
        "SC352",
        _WARNING,
        "a socket proxy that cuts the stream of events",
        "The edge misses the containers that come and go until it has connected again.",
        bad="image: tecnativa/docker-socket-proxy:0.1.1",
        good="image: tecnativa/docker-socket-proxy:v0.4.2",
        hint="use a later one",
    ),
    Code(
        "SC354",
        _ERROR,
        "the stream of events has an end",
        "The time limit is for whole answers, and the stream is one answer: it is cut each time.",
        bad="command: [--providers.docker.httpclienttimeout=30s]",
        good="command: [--providers.docker]",
        hint="take the limit away",
    ),
    Code(
        "SC355",
        _ERROR,
        "published ports on internal networks alone",
        "The Engine binds no port for such a container, and says nothing.",
        bad='networks: [socket]   # which is internal\nports: ["80:80"]',
        good='networks: [proxy]\nports: ["80:80"]',
        hint="add a network that is not internal",
    ),
    Code(
        "SC356",
        _ERROR,
        "an edge that cannot leave",
        "Certificates are fetched from outside; from internal networks alone nothing gets there.",
        bad=(
            "networks: [inside]   # which is internal\ncommand: "
            "[--certificatesresolvers.le.acme.email=me@example.org]"
        ),
        good="networks: [proxy, inside]",
        hint="add a network that is not internal",
    ),
    Code(
        "SC357",
        _ERROR,
        "a variable that wins over the edge's endpoint",
        (
            "Traefik applies it after its own setting, so the socket proxy in the setting is not the one "
            "that is asked."
        ),
        bad=(
            "environment: {DOCKER_HOST: unix:///var/run/docker.sock}\ncommand: "
            "[--providers.docker.endpoint=tcp://docker-socket-proxy:2375]"
        ),
        good="command: [--providers.docker.endpoint=tcp://docker-socket-proxy:2375]",
        hint="remove the variable",
    ),
    Code(
        "SC358",
        _WARNING,
        "caddy-docker-proxy is not told its networks",
        "With cgroup v2 and some runtimes it does not find its own container, and has no upstreams.",
        bad="environment: {}",
        good="environment: {CADDY_INGRESS_NETWORKS: homelab_proxy}",
        hint="state CADDY_INGRESS_NETWORKS",
    ),
    Code(
        "SC359",
        _ERROR,
        "one site of Caddy in two spokes",
        "caddy-docker-proxy joins them into one load balancer: half of the requests reach the wrong app.",
        bad='labels: {caddy: app.example.org, caddy.reverse_proxy: "{{upstreams 80}}"}   # in two spokes',
        good=(
            "labels: {caddy: app.example.org, caddy.handle_path: /b/*, caddy.handle_path.reverse_proxy: "
            '"{{upstreams 80}}"}   # in one of them'
        ),
        hint="give one of them another host, or a path under `handle_path`",
    ),
    Code(
        "SC360",
        _ERROR,
        "Caddy's administration is open",
        "Whoever reaches it replaces the whole configuration; on a wildcard address no host name is checked.",
        bad="environment: {CADDY_ADMIN: 0.0.0.0:2019}",
        good="environment: {CADDY_ADMIN: localhost:2019}",
        hint="let it listen on localhost or a unix socket, or switch it off",
    ),
    Code(
        "SC361",
        _ERROR,
        "certificates on demand for any name",
        "Whoever connects with invented names makes the edge fetch certificates until the authority refuses.",
        bad='labels: {caddy.tls.on_demand: ""}',
        good='labels: {caddy.on_demand_tls.ask: http://app:8080/known, caddy.tls.on_demand: ""}',
        hint="add `on_demand_tls.ask` to the global options",
    ),
    Code(
        "SC362",
        _WARNING,
        "websockets end at each reload",
        (
            "Caddy closes them whenever its configuration changes, which is whenever a label of any "
            "container does."
        ),
        bad='labels: {caddy.reverse_proxy: "{{upstreams 80}}"}',
        good='labels: {caddy.reverse_proxy: "{{upstreams 80}}", caddy.reverse_proxy.stream_close_delay: 5m}',
        hint="add `stream_close_delay: 5m` below reverse_proxy",
    ),
    Code(
        "SC363",
        _WARNING,
        "large uploads against the edge's patience",
        "Traefik waits 60 s for a whole request, and then closes the connection.",
        bad='labels: {traefik.http.middlewares.big.buffering.maxrequestbodybytes: "1073741824"}',
        good="command: [--entrypoints.web.transport.respondingtimeouts.readtimeout=600s]   # of the edge",
        hint="raise `readTimeout` of the entry point",
    ),
    Code(
        "SC364",
        _ERROR,
        "a healthcheck that asks for a ping which is off",
        "The edge stays unhealthy for ever, and what waits for it never starts.",
        bad="healthcheck: {test: [CMD, traefik, healthcheck]}",
        good="command: [--ping]\nhealthcheck: {test: [CMD, traefik, healthcheck, --ping]}",
        hint="add `--ping`",
    ),
    Code(
        "SC365",
        _ERROR,
        "a directive that Caddy does not know",
        "caddy-docker-proxy removes the whole site and only its log says so.",
        bad='labels: {caddy: a.example.org, caddy.revers_proxy: "{{upstreams 80}}"}',
        good='labels: {caddy: a.example.org, caddy.reverse_proxy: "{{upstreams 80}}"}',
        hint="correct it, or remove it",
    ),
    Code(
        "SC366",
        _ERROR,
        "settings of the edge that nobody reads",
        (
            "Beside a configuration file, which stackctl writes for its edge, Traefik reads neither flags "
            "nor variables."
        ),
        bad="command: [--api]   # of the edge of stack.yaml",
        good="templates/edge/traefik/traefik.yml.j2   # your own",
        hint="put it into your own `templates/edge/`, or remove it",
    ),
    Code(
        "SC367",
        _ERROR,
        "a template in a label for Caddy",
        "caddy-docker-proxy runs it, with the environment and the network of the edge at hand.",
        bad='labels: {caddy.respond: "{{env \\"TOKEN\\"}}"}',
        good='labels: {caddy.reverse_proxy: "{{upstreams 80}}"}',
        hint="only `{{upstreams}}` is let through",
    ),
    Code(
        "SC378",
        _ERROR,
        "a socket proxy on a network that is not internal",
        "Whoever sits there can ask Docker; from such a network, so can this host's neighbours by routing.",
        bad="networks: [socket, proxy]",
        good="networks: [socket]",
        hint="give it the internal network `socket` alone",
    ),
    Code(
        "SC379",
        _WARNING,
        "a socket proxy that lets containers be created",
        "Whoever creates a container can mount the host's root into it.",
        bad="environment: {CONTAINERS: 1, POST: 1}",
        good="environment: {CONTAINERS: 1, POST: 0}",
        hint="set POST=0; if a program must start containers, name those operations in a policy",
    ),
)
