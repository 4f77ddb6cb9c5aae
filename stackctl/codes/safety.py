"""Codes of safety: holes are errors where a spoke promises hardening, and warnings where it runs as it is."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    Code(
        "SC401",
        _ERROR,
        "a container engine's socket outside a socket-proxy spoke",
        "Whoever can talk to the socket of Docker, Podman, containerd or BuildKit is root on the host; "
        "`:ro` does not change that. It makes no difference whether the socket is mounted itself, inside "
        "a folder, as a volume, secret or config, or taken over with `volumes_from`. An error in "
        "`hardening: strict`, a warning in `as-is`.",
        bad="volumes: [/var/run/docker.sock:/var/run/docker.sock:ro]",
        good="environment: {DOCKER_HOST: tcp://docker-socket-proxy:2375}",
        hint="let it talk to a socket-proxy spoke: DOCKER_HOST=tcp://docker-socket-proxy:2375",
    ),
    Code(
        "SC402",
        _ERROR,
        "a socket proxy or an Engine is published",
        "Everyone who can reach the host, or the edge where a route leads there, can then ask Docker. Ports "
        "2375 and 2376 are an Engine's, whatever spoke publishes them. An error in `hardening: strict`, a "
        "warning in `as-is`.",
        bad='ports: ["2375:2375"]',
        good="networks: [socket]",
        hint="remove it; consumers reach it by its name on their common network",
    ),
    Code(
        "SC403",
        _ERROR,
        "unknown switch of a socket proxy",
        "The proxy ignores what it does not know, so what the page promises or forbids does not hold.",
        bad="environment: {CONTAINERS: 1, DELETE: 0}",
        good="environment: {CONTAINERS: 1, POST: 0}",
        hint="remove it",
    ),
    Code(
        "SC404",
        _WARNING,
        "a switch without effect",
        "Whoever reads it believes that something is open, or only that, and neither is true.",
        bad="environment: {ALLOW_START: 1, POST: 0}",
        good="policy: {operations: ['POST /containers/{id}/start']}",
        hint="remove it",
    ),
    Code(
        "SC405",
        _ERROR,
        "a switch that is neither 1 nor 0",
        "The proxy reads switches as numbers: `true`, `yes` and `on` are off.",
        bad='environment: {CONTAINERS: "true"}',
        good='environment: {CONTAINERS: "1"}',
        hint="write 1 or 0",
    ),
    Code(
        "SC406",
        _ERROR,
        "a policy names what does not exist",
        "A misspelt consumer or operation opens nothing, and its program fails later.",
        bad="policy: {consumers: [treafik]}",
        good="policy: {consumers: [traefik]}",
        hint="`stackctl policy NAME --suggest` prints a policy that holds",
    ),
    Code(
        "SC407",
        _WARNING,
        "nothing is known of how the socket proxy filters",
        "Neither its switches nor its rules can be read, so nobody can say what it opens.",
        bad="image: example/my-proxy:1",
        good="image: tecnativa/docker-socket-proxy:v0.4.2",
        hint="use a socket proxy whose switches are known",
    ),
    Code(
        "SC408",
        _ERROR,
        "a consumer needs what the socket proxy refuses",
        "It would start, and fail when it first asks.",
        bad="policy: {consumers: [traefik], mode: switches}   # and CONTAINERS=0",
        good="policy: {consumers: [traefik]}",
        hint="open it, or name another consumer",
    ),
    Code(
        "SC409",
        _WARNING,
        "the socket proxy opens more than it must",
        "Whatever is open and not needed serves nobody but an intruder. A policy opens exactly what its "
        "consumers need, which no switch does. Where `edge: caddy` serves, which needs no Docker, and "
        "Traefik rests, all of it is too much.",
        bad="environment: {CONTAINERS: 1, IMAGES: 1}   # for Traefik alone",
        good="policy: {consumers: [traefik]}",
        hint="`stackctl policy NAME --suggest` prints the smallest one; `stackctl remove NAME` where it "
        "serves nobody",
    ),
    Code(
        "SC410",
        _WARNING,
        "a program on the socket network is refused what it is known to need",
        "Its image is one that asks for more; name it under `consumers`, or give the program another way.",
        bad="environment: {CONTAINERS: 0}   # with Traefik on the socket network",
        good="policy: {consumers: [traefik]}",
        hint="open it, or take the program off that network",
    ),
    Code(
        "SC411",
        _ERROR,
        "a way into the socket network that `networks` does not show",
        "Who shares the network of a socket proxy, or of a spoke that reaches it, can ask Docker as well,"
        " and no page says so. An error in `hardening: strict`, a warning in `as-is`.",
        bad="network_mode: service:traefik",
        good="networks: [proxy]",
        hint="state `networks: [socket]` if it must ask Docker; else give it networks of its own",
    ),
    Code(
        "SC412",
        _ERROR,
        "a secret stands in the files",
        "Manifests, pages and the rendered Compose file are committed; a secret in them is everyone's who"
        " ever cloned them. Recognised by the variable's name or the value's form; the value itself is "
        "never shown. An error in `hardening: strict`, a warning in `as-is`.",
        bad="environment: {DB_PASSWORD: hunter22}",
        good='environment: {DB_PASSWORD: "${DB_PASSWORD}"}   # and its value in .env',
        hint="put the value into .env and write a variable here",
    ),
    Code(
        "SC413",
        _ERROR,
        "a privileged container",
        "It has every capability and every device, and nothing confines it: whoever breaks into it is "
        "root on the host. An error in `hardening: strict`, a warning in `as-is`.",
        bad="privileged: true",
        good="cap_add: [NET_ADMIN]   # what it really needs, accepted with a reason",
        hint="state what it needs instead: `cap_add`, `devices`",
    ),
    Code(
        "SC414",
        _ERROR,
        "a namespace of the host",
        "The container then sees what belongs to the host: its network with everything on 127.0.0.1, its "
        "processes, its shared memory. An error in `hardening: strict`, a warning in `as-is`.",
        bad="network_mode: host",
        good='ports: ["53:53/udp"]',
        hint="remove it",
    ),
    Code(
        "SC415",
        _ERROR,
        "an added capability",
        "Many capabilities are as good as root on the host. Those that Docker gives by default are not "
        "meant: stating them only takes back a `cap_drop: ALL`. An error in `hardening: strict`, a "
        "warning in `as-is`.",
        bad="cap_add: [SYS_ADMIN]",
        good="cap_add: [NET_BIND_SERVICE]",
        hint="remove it, or accept it with the reason for which the program needs it",
    ),
    Code(
        "SC416",
        _ERROR,
        "a device of the host",
        "Behind a device stands the hardware itself: with a disk, every file of the host. An error in "
        "`hardening: strict`, a warning in `as-is`.",
        bad="devices: [/dev/sda]",
        good="volumes: [data:/data]",
        hint="remove it, or accept it with the reason for which the program needs it",
    ),
    Code(
        "SC417",
        _ERROR,
        "a spoke on a socket proxy's network that is none of its consumers",
        "Whoever sits there can ask Docker whatever the proxy lets through. Consumers are those that the "
        "policy names, by program or by spoke; where it names none, the edge and every image that is known "
        "to ask. An error in `hardening: strict`, a warning in `as-is`.",
        bad="networks: [proxy, socket]   # of an app that never asks Docker",
        good="networks: [proxy]",
        hint="take it off that network, or name it under `consumers` in the proxy's policy",
    ),
)
