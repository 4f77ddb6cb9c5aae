"""Codes of meaning: what the files say together."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    Code(
        "SC201",
        _ERROR,
        "the spoke has no image",
        "There is nothing to start.",
        bad="environment: {A: 1}",
        good="image: app:1.0\nenvironment: {A: 1}",
        hint="state an `Image:` on the page, or `image:` in the manifest",
    ),
    Code(
        "SC202",
        _WARNING,
        "the image has a tag but no digest",
        "A tag can be moved to another image by whoever owns it; a digest cannot.",
        bad="image: traefik:v3.7",
        good="image: traefik:v3.7@sha256:652929a1…",
        hint="add the digest that `docker image inspect` shows under RepoDigests",
    ),
    Code(
        "SC203",
        _WARNING,
        "the digest is a placeholder",
        "The page promises a pinned image, and nothing is pinned.",
        bad="Image digest: `app@sha256:...`",
        good="Image digest: `app@sha256:652929a1…`",
        hint="write the image's real digest, or none",
    ),
    Code(
        "SC204",
        _ERROR,
        "unknown network",
        "The spoke would not start: the network stands nowhere in stack.yaml.",
        bad="networks: [prxy]",
        good="networks: [proxy]",
        hint="add it under `networks` in stack.yaml",
    ),
    Code(
        "SC205",
        _ERROR,
        "unknown dependency",
        "The spoke waits for something that does not exist.",
        bad="depends_on: [databse]",
        good="depends_on: [database]",
        hint="write that spoke, or remove the dependency",
    ),
    Code(
        "SC206",
        _ERROR,
        "dependencies form a circle",
        "None of the spokes in the circle could ever be started first.",
        bad="depends_on: [b]   # in a\ndepends_on: [a]   # in b",
        good="depends_on: [b]   # in a alone",
        hint="remove one of them",
    ),
    Code(
        "SC207",
        _WARNING,
        "a variable is missing from .env.example",
        "Whoever sets the stack up on another host does not learn that it is needed.",
        bad="image: app:${TAG}   # and .env.example without TAG",
        good="echo TAG= >> .env.example",
        hint="add a line for it there",
    ),
    Code(
        "SC208",
        _ERROR,
        "a dependency is not active with its dependent",
        "With the dependent's profile alone, Compose refuses to start anything: what it waits for is "
        "disabled.",
        bad="profiles: [web]\ndepends_on: [db]   # whose profiles are [data]",
        good="profiles: [web]\ndepends_on: [db]   # whose profiles are [data, web]",
        hint="give both the same profiles",
    ),
    Code(
        "SC209",
        _ERROR,
        "two spokes with one route",
        "The edge would choose one of them, or neither, and not always the same. A warning where they "
        "share no profile.",
        bad="route: {host: app, port: 80}   # in two spokes",
        good="route: {host: app, path: /api, port: 80}   # in one of them",
        hint="give one of them another host name or path",
    ),
    Code(
        "SC210",
        _ERROR,
        "one port of the host, published twice",
        "The second container would not start. A warning where the spokes share no profile.",
        bad='ports: ["8080:80"]   # in two spokes',
        good='ports: ["8081:80"]   # in one of them',
        hint="publish one of them on another port or address",
    ),
    Code(
        "SC211",
        _WARNING,
        "an image without a tag, or `latest`",
        "What runs is then decided by the day of the pull: no page can describe it, and nobody can go "
        "back to it.",
        bad="image: nginx:latest",
        good="image: nginx:1.29-alpine@sha256:652929a1…",
        hint="name the version",
    ),
    Code(
        "SC212",
        _WARNING,
        "waiting for a health that nothing measures",
        "Compose refuses to wait for the health of a container without a healthcheck. So that condition "
        "is not rendered; stackctl waits by its own checks, Compose alone does not wait.",
        bad="depends_on: {db: {condition: service_healthy}}   # and no healthcheck in db",
        good="healthcheck: {test: pg_isready}   # in db",
        hint="state a `healthcheck` there",
    ),
    Code(
        "SC213",
        _WARNING,
        "one `$` where Compose needs two",
        "Compose fills in `$NAME` from this host before the container exists. What the container's own "
        "shell should see is written `$$NAME`.",
        bad="environment: {DB: app}\nhealthcheck: {test: pg_isready -d $DB}",
        good="environment: {DB: app}\nhealthcheck: {test: pg_isready -d $$DB}",
        hint="write two dollars",
    ),
    Code(
        "SC214",
        _ERROR,
        "a label takes another spoke's host name",
        "The edge reads labels as it reads routes: requests that the page sends to one spoke reach another. "
        "A warning where the two share no profile.",
        bad="labels: {traefik.http.routers.mine.rule: Host(`photos.stack.localhost`)}   # photos' own host",
        good="labels: {traefik.http.routers.mine.rule: Host(`mine.stack.localhost`)}",
        hint="give it a host name of its own",
    ),
    Code(
        "SC820",
        _ERROR,
        "a link leads nowhere",
        "Who follows it at night finds nothing. Links between pages, to decisions and to files are looked at "
        "by `stackctl docs sync`; sites are never asked.",
        bad="see [the decision](../adr/0001-typo.md)",
        good="see [the decision](../adr/0001-page-and-manifest.md)",
        hint="correct the link, or write what it leads to",
    ),
    Code(
        "SC821",
        _WARNING,
        "a link leads out of the stack's folder",
        "Nothing out there is looked at, and on another machine it is not there.",
        bad="see [notes](/home/me/notes.md)",
        good="see [notes](../notes.md)",
        hint="bring the file into the stack's folder, or name it in words",
    ),
    Code(
        "SC501",
        _WARNING,
        "the page records no fingerprint",
        "Nobody can see whether the page describes the current files.",
        bad="**Last change fingerprint:** N/A",
        good="**Last change fingerprint:** `3f2a…`   # by `stackctl docs sync`",
        hint="`stackctl docs sync` writes it, behind `Last change fingerprint:`",
    ),
)
