"""Codes of labels: what spokes say to an edge by hand; none is an error in `as-is`."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    Code(
        "SC310",
        _ERROR,
        "labels for Traefik, and no `traefik.enable`",
        "The edge shows only what says so: the router is not there, and every request is answered 404.",
        bad="labels: {traefik.http.routers.a.rule: Host(`a.example.org`)}",
        good='labels: {traefik.enable: "true", traefik.http.routers.a.rule: Host(`a.example.org`)}',
        hint='add `traefik.enable: "true"`',
    ),
    Code(
        "SC311",
        _ERROR,
        "the edge routes to every container",
        "Each container of this Engine gets a router of its own, those of other stacks included.",
        bad="command: [--providers.docker]",
        good="command: [--providers.docker, --providers.docker.exposedbydefault=false]",
        hint="add `--providers.docker.exposedbydefault=false`",
    ),
    Code(
        "SC312",
        _WARNING,
        "several networks, and none is named to Traefik",
        (
            "Traefik takes one of them; where it cannot reach that one, each request hangs until its time "
            "is over."
        ),
        bad="networks: [proxy, data]",
        good="networks: [proxy, data]\nlabels: {traefik.docker.network: homelab_proxy}",
        hint="add a label `traefik.docker.network`, or `providers.docker.network` to the edge",
    ),
    Code(
        "SC313",
        _ERROR,
        "a network that is named otherwise on the Engine",
        (
            "Traefik warns in its log and takes any network of the container; its API still calls the "
            "router enabled."
        ),
        bad="labels: {traefik.docker.network: proxy}",
        good="labels: {traefik.docker.network: homelab_proxy}",
        hint="write its name on the Engine, as `docker network ls` shows it",
    ),
    Code(
        "SC314",
        _ERROR,
        "the edge and the spoke share no network",
        "The edge has no way to the container: each request ends in 502 or 504.",
        bad="networks: [data]   # and the edge sits on proxy",
        good="networks: [proxy]",
        hint="give both the network `proxy`",
    ),
    Code(
        "SC315",
        _ERROR,
        "a port label that the spoke does not state",
        "The edge knocks where nobody listens, and answers 502.",
        bad='expose: [3000]\nlabels: {traefik.http.services.a.loadbalancer.server.port: "80"}',
        good='labels: {traefik.http.services.a.loadbalancer.server.port: "3000"}',
        hint="state the port at which the app listens, in one place",
    ),
    Code(
        "SC316",
        _WARNING,
        "no port is stated for a router",
        (
            "Traefik takes the lowest port that the image exposes, whichever that is; where it exposes "
            "none, it drops the container."
        ),
        bad="labels: {traefik.http.routers.a.rule: Host(`a.example.org`)}",
        good=(
            "labels: {traefik.http.routers.a.rule: Host(`a.example.org`), "
            'traefik.http.services.a.loadbalancer.server.port: "80"}'
        ),
        hint="add a label `traefik.http.services.NAME.loadbalancer.server.port`",
    ),
    Code(
        "SC317",
        _ERROR,
        "a router that could belong to several services",
        "Traefik cannot choose, and drops the router; only its log says so.",
        bad=(
            "labels: {traefik.http.services.a.…: …, traefik.http.services.b.…: …, "
            "traefik.http.routers.a.rule: …}"
        ),
        good="labels: {…, traefik.http.routers.a.service: a}",
        hint="add a label `traefik.http.routers.NAME.service`",
    ),
    Code(
        "SC318",
        _ERROR,
        "a label that Traefik does not know",
        "One unknown key makes Traefik drop all labels of the container; only its log says so.",
        bad='labels: {traefik.http.services.a.loadbalancer.server.prot: "80"}',
        good='labels: {traefik.http.services.a.loadbalancer.server.port: "80"}',
        hint="correct it, or remove it",
    ),
    Code(
        "SC319",
        _ERROR,
        "one name for two routers or middlewares",
        "Of two with one name and different content, Traefik drops both.",
        bad="labels: {traefik.http.routers.app.rule: Host(`a`)}   # and in another spoke: Host(`b`)",
        good="labels: {traefik.http.routers.homelab-a.rule: Host(`a`)}",
        hint="put the names of stack and spoke into it",
    ),
    Code(
        "SC320",
        _ERROR,
        "one service name in two spokes",
        "Traefik makes one load balancer of both: half of the requests reach the wrong app.",
        bad='labels: {traefik.http.services.app.loadbalancer.server.port: "80"}   # in two spokes',
        good='labels: {traefik.http.services.homelab-a.loadbalancer.server.port: "80"}',
        hint="put the names of stack and spoke into it",
    ),
    Code(
        "SC321",
        _ERROR,
        "one rule in two spokes",
        "Nothing says which of the two routers wins, and it may change at any start.",
        bad="labels: {traefik.http.routers.a.rule: Host(`x`)}   # and another spoke has Host(`x`)",
        good="labels: {traefik.http.routers.a.rule: Host(`a`)}",
        hint="give one of them another host, path or priority",
    ),
    Code(
        "SC322",
        _ERROR,
        "a rule in the syntax of Traefik 2",
        "Traefik 3 refuses the router, or takes it and never matches a request.",
        bad="rule: Host(`a.example.org`, `b.example.org`)",
        good="rule: Host(`a.example.org`) || Host(`b.example.org`)",
        hint="write it for Traefik 3: one value for each matcher, patterns of Go in HostRegexp",
    ),
    Code(
        "SC323",
        _ERROR,
        "single quotes in a rule",
        "Traefik reads them as letters of a program and refuses the router.",
        bad="rule: Host('a.example.org')",
        good="rule: Host(`a.example.org`)",
        hint="write backticks",
    ),
    Code(
        "SC324",
        _ERROR,
        "an entry point that the edge does not have",
        "Traefik switches the router off.",
        bad="labels: {traefik.http.routers.a.entrypoints: https}   # the edge has web and websecure",
        good="labels: {traefik.http.routers.a.entrypoints: websecure}",
        hint="name one that the edge has",
    ),
    Code(
        "SC325",
        _ERROR,
        "a middleware that nobody defines",
        "Traefik switches the router off: every request is answered 404.",
        bad="labels: {traefik.http.routers.a.middlewares: auth}   # defined in a file",
        good="labels: {traefik.http.routers.a.middlewares: auth@file}",
        hint="define it, or write where it is defined: NAME@file",
    ),
    Code(
        "SC326",
        _ERROR,
        "a certificate resolver that the edge does not have",
        "Only the log of the edge says so; clients get its default certificate, which nobody trusts.",
        bad="labels: {traefik.http.routers.a.tls.certresolver: letsencrypt}   # the edge has le",
        good="labels: {traefik.http.routers.a.tls.certresolver: le}",
        hint="name one that the edge has",
    ),
    Code(
        "SC327",
        _ERROR,
        "TLS where none is spoken, or none where it is",
        "A router with TLS takes no plain request and the other way round: 404, although it is enabled.",
        bad="labels: {traefik.http.routers.a.entrypoints: websecure}",
        good='labels: {traefik.http.routers.a.entrypoints: websecure, traefik.http.routers.a.tls: "true"}',
        hint='add `traefik.http.routers.NAME.tls: "true"`, or choose the other entry point',
    ),
    Code(
        "SC328",
        _ERROR,
        "HTTP labels without a router, beside TCP or UDP",
        "As soon as a container has a TCP or UDP label, Traefik makes no HTTP router for it by itself.",
        bad=(
            "labels: {traefik.tcp.routers.a.rule: HostSNI(`*`), "
            'traefik.http.services.a.loadbalancer.server.port: "80"}'
        ),
        good="labels: {…, traefik.http.routers.a.rule: Host(`a.example.org`)}",
        hint="declare the HTTP router too",
    ),
    Code(
        "SC329",
        _WARNING,
        "a path prefix that takes more than it says",
        "Traefik compares text: `/agent/1` also takes `/agent/10`, and one app gets the requests of another.",
        bad="rule: PathPrefix(`/agent/1`)",
        good="rule: Path(`/agent/1`) || PathPrefix(`/agent/1/`)",
        hint="end the prefix with a slash, and add the path itself",
    ),
    Code(
        "SC330",
        _ERROR,
        "labels on the container, and a Swarm provider",
        "It looks at services only, and finds nothing.",
        bad='labels: {traefik.enable: "true"}   # with providers.swarm',
        good='deploy: {labels: {traefik.enable: "true"}}',
        hint="state them under `deploy: {labels: …}`",
    ),
    Code(
        "SC331",
        _ERROR,
        "labels for Docker and for Swarm on one service",
        "Traefik skips a service that has both families.",
        bad="labels: {traefik.docker.network: a, traefik.swarm.network: a}",
        good="labels: {traefik.swarm.network: a}",
        hint="keep `traefik.swarm.…` in a Swarm, and `traefik.docker.…` elsewhere",
    ),
)
