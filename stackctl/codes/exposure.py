"""Codes of what a plan would open: each needs a yes of its own, `--allow-exposure`, or an `accept`."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_WARNING = Severity.WARNING
_WAY = "leave it out; or say yes to it, with --allow-exposure or with `accept: [{code, reason}]`"

CODES = (
    Code(
        "SC750",
        _WARNING,
        "a plan publishes a port",
        "Docker opens published ports in the firewall by itself, on every address of the host unless one is "
        "named. A port that was open on 127.0.0.1 and would be on every address counts as new.",
        bad='ports: ["5432:5432"]',
        good="route: [{host: app, port: 5432}]",
        hint=_WAY,
    ),
    Code(
        "SC751",
        _WARNING,
        "a plan gives more power over the host",
        "A capability, `privileged`, a filter of system calls that is taken away, or the way back to "
        "privileges by set-user-id programs. A `cap_drop` that is removed gives capabilities too.",
        bad="cap_add: [SYS_ADMIN]",
        good="cap_add: [NET_BIND_SERVICE]",
        hint=_WAY,
    ),
    Code(
        "SC752",
        _WARNING,
        "a plan gives a device of the host",
        "Who has the device works past the kernel's protection of files and of other programs.",
        bad="devices: [/dev/sda]",
        good="volumes: [data:/data]",
        hint=_WAY,
    ),
    Code(
        "SC753",
        _WARNING,
        "a plan mounts a path of the host",
        "Files outside the stack's folder belong to others, and an engine's socket is root on the host. A "
        "mount that was read-only and would be writable counts as new; one inside what was mounted does not.",
        bad="volumes: [/etc:/host-etc]",
        good="volumes: [./conf:/conf:ro]",
        hint=_WAY,
    ),
    Code(
        "SC754",
        _WARNING,
        "a plan opens a way to a socket proxy",
        "Everyone on its network, or with its socket's volume, can ask Docker all that the proxy's policy "
        "lets through, whoever it was meant for.",
        bad="networks: [proxy, socket]   # in a spoke that never asks Docker",
        good="networks: [proxy]",
        hint=_WAY,
    ),
    Code(
        "SC755",
        _WARNING,
        "a plan routes to a spoke without a login before it",
        "Whoever reaches the edge reaches the app. That is right for a site, and for an app that asks for a "
        "password itself; the edge cannot tell. A login that is written elsewhere, as in a snippet that "
        "Caddy imports, is not in sight, so it does not count.",
        bad="route: [{host: metrics, port: 9090}]",
        good="accept: [{code: SC755, reason: it asks for a password itself}]",
        hint=_WAY,
    ),
    Code(
        "SC756",
        _WARNING,
        "a plan shares a namespace with the host",
        "The container then sees the host's processes, network, shared memory or users as its own.",
        bad="network_mode: host",
        good='ports: ["127.0.0.1:8080:8080"]',
        hint=_WAY,
    ),
    Code(
        "SC757",
        _WARNING,
        "a plan lets more through a socket proxy",
        "Every consumer of the proxy may ask it, and whoever takes one over. What each operation exposes is "
        "shown by `stackctl policy`; `--suggest` gives the least that the consumers need.",
        bad="policy: {consumers: [traefik], operations: ['POST /containers/create']}",
        good="policy: {consumers: [traefik]}",
        hint=_WAY,
    ),
)
