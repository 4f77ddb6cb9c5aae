"""Codes of a host, and of secrets."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    # ---- this host
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
    Code(
        "SC703",
        _WARNING,
        "a config that is no file, in a container with a read-only root",
        "Compose puts such a config, and a secret of its own from a variable, into a container by copying. "
        "The Engine refuses that where the root is read-only, as it is in `hardening: strict`.",
        bad="configs: {motd: {content: hello}}",
        good="configs: {motd: {file: ./motd}}",
        hint="put the text into a file, and name that: `configs: {motd: {file: ./motd}}`",
    ),
)
