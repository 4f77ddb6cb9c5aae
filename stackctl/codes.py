"""The registry of codes: SC for problems in files, CK for checks on what runs. `lint --explain` reads it."""

from __future__ import annotations

from stackctl.findings import Code, Finding, Location, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

_CODES = (
    # ---- reading
    Code(
        "SC101",
        _ERROR,
        "the file is not valid YAML",
        "Nothing in a file that does not parse can be trusted.",
        bad="image: [nginx",
        good="image: nginx:1.29-alpine",
    ),
    Code(
        "SC102",
        _ERROR,
        "unknown key",
        "A key that nothing reads is a setting that silently does not hold.",
        bad="enviroment: {A: 1}",
        good="environment: {A: 1}",
    ),
    Code(
        "SC103",
        _ERROR,
        "a value has the wrong type or form",
        "Values are typed once, at reading; a value of another type would mean something else later.",
        bad="ports: 80",
        good='ports: ["80:80"]',
    ),
    Code(
        "SC104",
        _ERROR,
        "a key stands twice",
        "YAML keeps the last one silently, so a reader sees a value that does not apply.",
        bad="image: a:1\nimage: b:1",
        good="image: b:1",
    ),
    Code(
        "SC105",
        _WARNING,
        "the text is mis-encoded",
        "UTF-8 was decoded with a one-byte code page and saved again. It is read as it was meant.",
        bad="# Whoami â€” Spoke",
        good="# Whoami — Spoke",
    ),
    Code(
        "SC106",
        _ERROR,
        "a file that the stack mounts is missing",
        "Docker would create a directory there, and the service would start without its configuration.",
    ),
    Code(
        "SC107",
        _ERROR,
        "page and manifest disagree",
        "One of them is not what runs. A page may never say something else than the manifest.",
    ),
    Code("SC108", _ERROR, "the stack has no spoke", "There is nothing to run."),
    Code(
        "SC109",
        _ERROR,
        "the stack was written for a newer stackctl",
        "An older program would leave out what it does not know.",
    ),
    Code(
        "SC110",
        _ERROR,
        "a name is not valid",
        "Names become container names, host names and rules; only a-z, 0-9, - and _ are safe there.",
        bad="spokes/My App.md",
        good="spokes/my-app.md",
    ),
    Code(
        "SC111",
        _WARNING,
        "a field of the page is not understood",
        "It looks like a declared field, but its value could not be read, so nothing comes of it.",
    ),
    # ---- meaning
    Code("SC201", _ERROR, "the spoke has no image", "There is nothing to start."),
    Code(
        "SC202",
        _WARNING,
        "the image has a tag but no digest",
        "A tag can be moved to another image by whoever owns it; a digest cannot.",
        bad="image: traefik:v3.7",
        good="image: traefik:v3.7@sha256:652929a1…",
    ),
    Code(
        "SC203",
        _WARNING,
        "the digest is a placeholder",
        "The page promises a pinned image, and nothing is pinned.",
        bad="Image digest: `app@sha256:...`",
        good="Image digest: `app@sha256:652929a1…`",
    ),
    Code(
        "SC204",
        _ERROR,
        "unknown network",
        "The spoke would not start: the network stands nowhere in stack.yaml.",
    ),
    Code("SC205", _ERROR, "unknown dependency", "The spoke waits for something that does not exist."),
    Code(
        "SC206",
        _ERROR,
        "dependencies form a circle",
        "None of the spokes in the circle could ever be started first.",
    ),
    Code(
        "SC207",
        _WARNING,
        "a variable is missing from .env.example",
        "Whoever sets the stack up on another host does not learn that it is needed.",
    ),
    # ---- what pages promise
    Code(
        "SC301",
        _WARNING,
        "a check that would pass with its target down",
        "A refused connection proves nothing: a stopped proxy refuses it too. "
        "Only the answer of the running proxy counts, so that alternative is not taken over.",
        bad="Expected: `403 Forbidden` or connection refused.",
        good="Expected: `403 Forbidden`",
    ),
    Code(
        "SC302",
        _WARNING,
        "a network is named by another stack's prefix",
        "The block names a network that this stack does not have; it is read as the stack's own.",
        bad="docker run --network other_socket …",
        good="docker run --network homelab_socket …",
    ),
    Code(
        "SC303",
        _WARNING,
        "a smoke test without a check behind it",
        "Nobody runs a sentence. State it as a check, or as a `### Verify …` block.",
    ),
    Code(
        "SC304",
        _WARNING,
        "a verify block that is not read as a check",
        "It runs only with `verify --run-commands`, so it proves nothing in an ordinary run.",
    ),
    Code(
        "SC305",
        _WARNING,
        "a check that is not safe to send to a live Engine",
        "verify must be harmless. Through a socket proxy it sends reads, and writes that cannot take effect.",
    ),
    # ---- safety
    Code(
        "SC401",
        _ERROR,
        "the Engine's socket is mounted outside a socket-proxy spoke",
        "Whoever can talk to the socket is root on the host; `:ro` does not change that.",
        bad="volumes: [/var/run/docker.sock:/var/run/docker.sock:ro]",
        good="environment: {DOCKER_HOST: tcp://docker-socket-proxy:2375}",
    ),
    Code(
        "SC402",
        _ERROR,
        "a socket proxy publishes its port",
        "Everyone who can reach the host can then ask Docker.",
    ),
    Code(
        "SC403",
        _ERROR,
        "unknown switch of a socket proxy",
        "The proxy ignores what it does not know, so what the page promises or forbids does not hold.",
        bad="environment: {CONTAINERS: 1, DELETE: 0}",
        good="environment: {CONTAINERS: 1, POST: 0}",
    ),
    Code(
        "SC404",
        _WARNING,
        "a switch without effect",
        "Whoever reads it believes that something is open, or only that, and neither is true.",
        bad="environment: {ALLOW_START: 1, POST: 0}",
        good="policy: {operations: ['POST /containers/{id}/start']}",
    ),
    Code(
        "SC405",
        _ERROR,
        "a switch that is neither 1 nor 0",
        "The proxy reads switches as numbers: `true`, `yes` and `on` are off.",
        bad='environment: {CONTAINERS: "true"}',
        good='environment: {CONTAINERS: "1"}',
    ),
    Code(
        "SC406",
        _ERROR,
        "a policy names what does not exist",
        "A misspelt consumer or operation opens nothing, and its program fails later.",
        bad="policy: {consumers: [treafik]}",
        good="policy: {consumers: [traefik]}",
    ),
    Code(
        "SC407",
        _WARNING,
        "nothing is known of how the socket proxy filters",
        "Neither its switches nor its rules can be read, so nobody can say what it opens.",
    ),
    Code(
        "SC408",
        _ERROR,
        "a consumer needs what the socket proxy refuses",
        "It would start, and fail when it first asks.",
        bad="policy: {consumers: [traefik], mode: switches}   # and CONTAINERS=0",
        good="policy: {consumers: [traefik]}",
    ),
    Code(
        "SC409",
        _WARNING,
        "the socket proxy opens more than it must",
        "Whatever is open and not needed serves nobody but an intruder.",
        bad="environment: {CONTAINERS: 1, IMAGES: 1}   # for Traefik alone",
        good="environment: {CONTAINERS: 1}",
    ),
    Code(
        "SC410",
        _WARNING,
        "a program on the socket network is refused what it is known to need",
        "Its image is one that asks for more; name it under `consumers`, or give the program another way.",
        bad="environment: {CONTAINERS: 0}   # with Traefik on the socket network",
        good="environment: {CONTAINERS: 1}",
    ),
    # ---- fingerprints
    Code(
        "SC501",
        _WARNING,
        "the page records no fingerprint",
        "Nobody can see whether the page describes the current files.",
    ),
    # ---- this host
    Code(
        "SC601",
        _ERROR,
        "a variable is not defined on this host",
        "Compose would put an empty string in its place.",
        bad="image: app:${TAG}   # and no TAG anywhere",
        good="echo TAG=1.2 >> .env",
    ),
    Code(
        "SC602",
        _ERROR,
        "a path of the host does not exist",
        "Docker would create an empty directory in its place, owned by root.",
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
    ),
    Code(
        "SC702",
        _ERROR,
        "a secret's variable is written out",
        "These variables are stackctl's own way to carry a secret to Compose. Anywhere else, the value would "
        "end in labels, command lines or files.",
        bad="command: [--token, '${STACKCTL_SECRET_TOKEN}']",
        good="environment: {TOKEN: {secret: token}}",
    ),
    # ---- checks
    Code("CK101", _ERROR, "the spoke runs", "A page that describes a service which is not there is wrong."),
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
    Code("CK401", _ERROR, "a check of the page or manifest", "The page says so."),
)

CODES: dict[str, Code] = {code.id: code for code in _CODES}


def finding(
    code: str, at: Location, message: str, hint: str = "", spoke: str = "", severity: Severity | None = None
) -> Finding:
    """A finding of a registered code, with the severity of its code unless told otherwise."""
    return Finding(code, severity or CODES[code].severity, at, message, hint, spoke)
