"""The codes of checks on routes, from the Engine to a name, CK3."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    Code(
        "CK301",
        _ERROR,
        "the edge routes the spoke's host name to the spoke",
        "A route that is only configured is not yet a route. `stackctl doctor NAME` finds the broken link.",
    ),
    Code(
        "CK302",
        _ERROR,
        "the edge refuses a host name that nobody declared",
        "An edge that answers to everything makes every route check meaningless.",
        hint="take away what answers every name: a catch-all rule, or a default service",
    ),
    Code(
        "CK303",
        _ERROR,
        "the container carries the labels that the edge reads",
        "An edge routes what runs, not what the files say: a label that is missing there is a missing route.",
        hint="`stackctl up` makes the container anew with the labels of its files",
    ),
    Code(
        "CK304",
        _ERROR,
        "the spoke shares a network with the edge",
        "Without one, the edge has no way to the container, whatever it knows of it.",
        hint="give both the network `proxy`; `stackctl up` attaches the container again",
    ),
    Code(
        "CK305",
        _ERROR,
        "the edge knows the route",
        "A host name that is answered like any other is one that the edge has not learnt of.",
        hint="`stackctl doctor NAME` says why; the edge's own log says what it dropped",
    ),
    Code(
        "CK306",
        _ERROR,
        "the edge calls the address that the container has",
        "An edge may keep the address of a container that is gone, or take one on another network.",
        hint="`stackctl restart NAME`: the edge looks again when a container starts",
    ),
    Code(
        "CK307",
        _ERROR,
        "the certificate is the route's own, and holds",
        "With its default certificate the edge answers, and every browser warns.",
        hint="`stackctl up` renews what stackctl signs; for public names, see the edge's log about ACME",
    ),
    Code(
        "CK308",
        _ERROR,
        "plain HTTP leads to https in exactly one hop",
        "A page that is served in the clear, or a redirect to another port or in a circle, is a trap.",
        hint="write the published port into the redirect; trust the proxy in front, where there is one",
    ),
    Code(
        "CK309",
        _ERROR,
        "a route with a login asks who comes",
        "A login that is only configured keeps nobody out.",
        hint="`stackctl up`, then look for the middleware's name in the edge's log",
    ),
    Code(
        "CK310",
        _ERROR,
        "the edge's administration does not answer to apps",
        "Who reaches it sees every route; of Caddy, he may replace them.",
        hint="let it listen on the loopback of its container alone, or switch it off",
    ),
    Code(
        "CK311",
        _ERROR,
        "a network that a label names is one of the container's",
        "The edge takes any other network then, and tells only its log.",
        hint="write the network's name on the Engine, as `docker network ls` shows it",
    ),
    Code(
        "CK312",
        _ERROR,
        "the edge knows every label of the container",
        "One unknown key, and Traefik drops all labels of the container.",
        hint="correct the label in the manifest; then `stackctl up`",
    ),
    Code(
        "CK313",
        _ERROR,
        "nobody else uses the names and rules of its labels",
        "Of two routers with one name both are dropped, and of two services one is made.",
        hint="put the names of stack and spoke into the names of labels",
    ),
    Code(
        "CK314",
        _ERROR,
        "the edge's log says nothing against the route",
        "What the edge drops or switches off stands in its log alone.",
        hint="correct what the line names; `stackctl lint` knows most of it",
    ),
    Code(
        "CK315",
        _ERROR,
        "the app listens where the edge calls it",
        "A port at which nobody listens, or only inside the container, is answered with 502.",
        hint="state the port at which the app listens; let it listen on 0.0.0.0, not on 127.0.0.1",
    ),
    Code(
        "CK316",
        _ERROR,
        "pages below a path keep their links there",
        "Where the edge takes a prefix away and the app does not know of it, every link leads out of it.",
        hint="tell the app its base path, or let it read X-Forwarded-Prefix; else give it a host name",
    ),
    Code(
        "CK317",
        _WARNING,
        "the name resolves on this host",
        "Browsers send `*.localhost` to this machine by themselves; the C library often does not. Nothing "
        "is wrong with the route then.",
        hint="ask with `curl --resolve HOST:PORT:ADDRESS`, or put the name into /etc/hosts or into DNS",
    ),
    Code(
        "CK318",
        _ERROR,
        "the published ports are bound",
        "The Engine binds no port for a container on internal networks alone, and says nothing.",
        hint="give it a network that is not internal; then `stackctl up`",
    ),
    Code(
        "CK319",
        _ERROR,
        "the edge has no trouble with the Docker API",
        "An edge that cannot ask Docker stays healthy, and learns of nothing.",
        hint="compare its endpoint with the socket proxy's name; `stackctl verify` the socket proxy",
    ),
    Code(
        "CK320",
        _ERROR,
        "the socket proxy lets through what the edge needs",
        "An edge that may not list, inspect or follow containers has no routes, or old ones.",
        hint="name the edge under `consumers` in its policy (or set CONTAINERS=1); then `stackctl up`",
    ),
    Code(
        "CK321",
        _ERROR,
        "the Engine answers",
        "Without it nothing can be said of what runs.",
        hint="is it started, and may this user ask it? `docker version` says more",
    ),
    Code(
        "CK322",
        _ERROR,
        "the files of the stack are sound",
        "What they mean decides what is looked for.",
        hint="`stackctl lint` lists every mistake",
    ),
    Code(
        "CK323",
        _ERROR,
        "the Engine and the edge speak one version of the API",
        "An Engine refuses versions that are too old; the edge then has no routes at all.",
        hint="use Traefik 3.6.1 or 2.11.31, or a later one",
    ),
    Code(
        "CK324",
        _ERROR,
        "the spoke has a route, and the stack an edge for it",
        "What is routed nowhere cannot be reached.",
        hint="state a **Hostname:** and a **Port:** on its page, and an `edge:` in stack.yaml if it has none",
    ),
    Code(
        "CK325",
        _ERROR,
        "the edge's dashboard answers under no name but its own",
        "It shows every route and service to whoever asks. A page that gives it a host must give it a login.",
        hint="take the router to `api@internal` away; give the dashboard a host and `auth` on its page",
    ),
)
