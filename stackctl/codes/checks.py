"""The codes of checks on what runs, CK."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    Code(
        "CK101",
        _ERROR,
        "the spoke runs",
        "A page that describes a service which is not there is wrong. `stackctl doctor NAME` says more.",
    ),
    Code(
        "CK102",
        _ERROR,
        "the spoke is healthy",
        "A container that runs but does not work is worse than one that is known to be down. "
        "`stackctl logs NAME` shows why.",
    ),
    Code(
        "CK103",
        _ERROR,
        "the spoke sits on exactly its declared networks",
        "A network too many is a way that the page does not mention; one too few is a broken route.",
        hint="`stackctl up` attaches and detaches it; state under `networks` what belongs there",
    ),
    Code(
        "CK104",
        _ERROR,
        "the container carries the declared fingerprint, and is in every field what it stands for",
        "Evidence is bound to a fingerprint; what runs must be what the files declare, and a label alone is "
        "easily copied.",
        hint="`stackctl up` makes the container anew; what is meant to stay is stated in the files",
    ),
    Code(
        "CK105",
        _ERROR,
        "the spoke has no rights of the host",
        "Privileged, in a namespace of the host or with capabilities added, it can do what the host can.",
        hint="take away what `privileged`, a `…: host` or `cap_add` gives it; or accept it with the reason",
    ),
    Code(
        "CK201",
        _ERROR,
        "the socket proxy refuses container creation",
        "Creating a container is root on the host.",
        hint="name `policy: {consumers: […]}` in its manifest, or set POST=0; then `stackctl up`",
    ),
    Code(
        "CK202",
        _ERROR,
        "the socket proxy does not answer outside its network",
        "Whoever reaches it reads every container's environment.",
        hint="let it sit on an internal network of its own, such as `socket`; then `stackctl up`",
    ),
    Code(
        "CK203",
        _ERROR,
        "nothing else in the stack mounts the Engine's socket",
        "A second holder of the socket makes the proxy pointless.",
        hint="let that spoke ask the socket proxy, and take the mount away",
    ),
    Code(
        "CK204",
        _WARNING,
        "a container outside the stack mounts the Engine's socket",
        "It can do to this stack whatever root can.",
        hint="stop that container, or accept it by its name: `accept: [{code: CK204, name: …, reason: …}]`",
    ),
    Code(
        "CK205",
        _WARNING,
        "the socket proxy answers to this host",
        "Any local account can reach a bridge address, so it can read what the proxy lets through.",
        hint="`listen: /run/docker-api/docker.sock` in the policy: a socket in place of the port",
    ),
    Code(
        "CK206",
        _ERROR,
        "only consumers sit on the socket proxy's network",
        "Whoever sits there can ask Docker whatever the proxy lets through.",
        hint="take it off that network, or name it under `consumers` in the policy",
    ),
    Code(
        "CK207",
        _ERROR,
        "nobody shares the network of the socket proxy or of its clients",
        "It would ask as if it were them.",
        hint="give it a network of its own in place of `network_mode`",
    ),
    Code(
        "CK208",
        _WARNING,
        "the Engine listens on TCP",
        "Whoever reaches that port goes past every proxy.",
        hint="take `-H tcp://…` out of the Engine's settings; another host can use `ssh://`",
    ),
    Code(
        "CK209",
        _ERROR,
        "only its consumers share the socket on which the socket proxy listens",
        "Whoever mounts its volume can ask the proxy, as if it were one of them.",
        hint="take the volume away from it, or name it under `consumers` in the policy",
    ),
    Code(
        "CK210",
        _ERROR,
        "the socket proxy lets through exactly what its policy says",
        "Every operation of the Docker API is sent to a copy whose Engine only writes down what arrives.",
        hint="`stackctl up` puts stackctl's own filter back; with `mode: switches`, leave that mode",
    ),
    Code(
        "CK211",
        _ERROR,
        "no spelling and no trick gets past the socket proxy",
        "What a filter reads one way and the Engine another is a hole, whatever the policy says.",
        hint="let stackctl render the filter: a `policy` without `mode: switches`; then `stackctl up`",
    ),
    Code(
        "CK212",
        _WARNING,
        "the socket proxy forwards an upgrade that its policy does not declare",
        "Behind an upgrade no filter looks any more; only the Engine's refusal then keeps the door shut.",
        hint="let stackctl render the filter: a `policy` without `mode: switches`; then `stackctl up`",
    ),
    Code(
        "CK213",
        _ERROR,
        "the running socket proxy answers as its policy says",
        "A copy proves the configuration; this is about the container that runs.",
        hint="`stackctl up` makes the container anew from its policy",
    ),
    Code(
        "CK214",
        _ERROR,
        "streams and upgrades of the socket proxy work",
        "An edge whose event stream is cut misses the containers that come and go meanwhile.",
        hint="give `stream_timeout` in the policy more time; with `mode: switches`, leave that mode",
    ),
    Code(
        "CK215",
        _WARNING,
        "clients of the socket proxy see every container's environment",
        "Passwords often stand there. Whoever needs inspection sees it; say so with `accept`.",
        hint="give secrets as files; where a consumer needs inspection, accept it with the reason",
    ),
    Code(
        "CK216",
        _WARNING,
        "clients of the socket proxy see every container's labels",
        "Edges are configured there, password hashes included.",
        hint="keep password hashes in files; where a consumer needs labels, accept it with the reason",
    ),
    Code(
        "CK217",
        _WARNING,
        "clients of the socket proxy see every container's command line",
        "Secrets that are given as arguments stand there.",
        hint="give secrets as files; where a consumer needs inspection, accept it with the reason",
    ),
    Code(
        "CK218",
        _WARNING,
        "clients of the socket proxy read every container's log",
        "Logs hold addresses, tokens and names; no edge needs them.",
        hint="take the operation out of the policy, or accept it with the reason",
    ),
    Code(
        "CK219",
        _WARNING,
        "clients of the socket proxy read every container's files",
        "Each secret that is mounted as a file is in there.",
        hint="take the operation out of the policy, or accept it with the reason",
    ),
    Code(
        "CK220",
        _ERROR,
        "the stack publishes no port of the Docker API",
        "Everyone who can reach the host can then ask Docker.",
        hint="take the published port away; who must ask from outside can use `ssh://`",
    ),
    Code(
        "CK221",
        _WARNING,
        "a container outside the stack has rights of the host",
        "It can do to this stack whatever root can.",
        hint="run it without them, or accept it by its name: `accept: [{code: CK221, name: …, reason: …}]`",
    ),
    Code(
        "CK222",
        _WARNING,
        "a container outside the stack publishes a port of the Docker API",
        "It may lead to the same Engine, past this stack's proxy.",
        hint="take that port away, or accept it by its name: `accept: [{code: CK222, name: …, reason: …}]`",
    ),
    Code(
        "CK223",
        _ERROR,
        "a network that is declared internal is internal on the Engine",
        "Otherwise whoever sits there reaches the outside, and what the files say of it is not true. Compose "
        "leaves a network as it is once it exists.",
        hint="`stackctl down`, then `up`: that makes the networks anew",
    ),
    Code(
        "CK224",
        _ERROR,
        "the spoke does not hold the Engine's socket",
        "Whoever holds it is root on this host, and this stack has no socket proxy in between. Read-only "
        "makes no difference: what is asked of the Engine is not written to the file.",
        hint="let it ask a spoke of kind `socket-proxy`, and take the mount away",
    ),
    Code(
        "CK401",
        _ERROR,
        "a check of the page or manifest",
        "The page says so.",
        hint="correct the service, or what is expected of it; `stackctl verify NAME` shows the answer",
    ),
    Code(
        "CK501",
        _ERROR,
        "the spoke is proved on its current files",
        "`stackctl status --check` asks for it: stale, failing and untested are not proved. A manifest that "
        "accepts this code, with a reason, takes its spoke out; it must run all the same.",
        bad="nothing was verified since the last edit",
        good="accept: [{code: CK501, reason: proved by hand on the test host}]",
        hint="run `stackctl verify`",
    ),
)

OF_HOST = frozenset({"CK204", "CK205", "CK208", "CK221", "CK222"})
"""What the stack does not decide: warnings, and failures where the whole host is in question."""
