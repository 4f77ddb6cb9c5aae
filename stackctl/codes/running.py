"""Codes of a host, of secrets, and of what runs."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    # ---- secrets
    Code(
        "SC701",
        _WARNING,
        "a secret stands in the environment of a container",
        "`docker inspect` shows it to whoever may use Docker, and every process in the container inherits "
        "it. A file is better where the app can read one; many do, by a variable that ends in _FILE.",
        bad="environment: {DB_PASSWORD: {secret: db}}",
        good="secrets: [db]\nenvironment: {DB_PASSWORD_FILE: /run/secrets/db}",
        hint="give it as a file where the app can read one",
    ),
    Code(
        "SC702",
        _ERROR,
        "a secret's variable is written out",
        "These variables are stackctl's own way to carry a secret to Compose. Anywhere else, the value would "
        "end in labels, command lines or files.",
        bad="command: [--token, '${STACKCTL_SECRET_TOKEN}']",
        good="environment: {TOKEN: {secret: token}}",
        hint="write `environment: {NAME: {secret: name}}`, or mount it: `secrets: [name]`",
    ),
    # ---- checks
    Code(
        "CK101",
        _ERROR,
        "the spoke runs",
        "A page that describes a service which is not there is wrong.",
    ),
    Code(
        "CK102",
        _ERROR,
        "the spoke is healthy",
        "A container that runs but does not work is worse than one that is known to be down.",
    ),
    Code(
        "CK103",
        _ERROR,
        "the spoke sits on exactly its declared networks",
        "A network too many is a way that the page does not mention; one too few is a broken route.",
    ),
    Code(
        "CK104",
        _ERROR,
        "the container carries the declared fingerprint",
        "Evidence is bound to a fingerprint; what runs must be what the files declare.",
    ),
    Code(
        "CK201",
        _ERROR,
        "the socket proxy refuses container creation",
        "Creating a container is root on the host.",
    ),
    Code(
        "CK202",
        _ERROR,
        "the socket proxy does not answer outside its network",
        "Whoever reaches it reads every container's environment.",
    ),
    Code(
        "CK203",
        _ERROR,
        "nothing else in the stack mounts the Engine's socket",
        "A second holder of the socket makes the proxy pointless.",
    ),
    Code(
        "CK204",
        _WARNING,
        "a container outside the stack mounts the Engine's socket",
        "It can do to this stack whatever root can.",
    ),
    Code(
        "CK205",
        _WARNING,
        "the socket proxy answers to this host",
        "Any local account can reach a bridge address, so it can read what the proxy lets through.",
    ),
    Code(
        "CK209",
        _ERROR,
        "only its consumers share the socket on which the socket proxy listens",
        "Whoever mounts its volume can ask the proxy, as if it were one of them.",
    ),
    Code(
        "CK301",
        _ERROR,
        "the edge routes the spoke's host name to the spoke",
        "A route that is only configured is not yet a route.",
    ),
    Code(
        "CK302",
        _ERROR,
        "the edge refuses a host name that nobody declared",
        "An edge that answers to everything makes every route check meaningless.",
    ),
    Code(
        "CK401",
        _ERROR,
        "a check of the page or manifest",
        "The page says so.",
    ),
    Code(
        "SC601",
        _ERROR,
        "a variable is not defined on this host",
        "Compose would put an empty string in its place.",
        bad="image: app:${TAG}   # and no TAG anywhere",
        good="echo TAG=1.2 >> .env",
        hint="set it in .env or in the environment",
    ),
    Code(
        "SC602",
        _ERROR,
        "a path that the spoke needs is not on this host",
        "Docker would create an empty directory in the place of what it mounts, owned by root; Compose "
        "would stop half-way for a file that it reads, such as an `env_file`, a secret or a build "
        "context.",
        bad="volumes: [/srv/photos:/photos]   # and no such folder",
        good="mkdir /srv/photos",
        hint="create it, or name another path",
    ),
)
