"""From what came back to one of three outcomes; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from stackctl.model import Check, Expect, Outcome, Request
from stackctl.verify import decide_routes
from stackctl.verify.decide_routes import Addresses

Verdict = tuple[Outcome, str]

_EDGES_OWN = frozenset({404, 500, 502, 503, 504})
"""What an edge answers by itself where a route is missing or leads to nobody."""
_ANYBODYS = frozenset({"", "unauthorized", "401 unauthorized", "forbidden", "403 forbidden", "access denied"})
"""Pages of a refusal that say nothing of who wrote them."""
_EDGES_OWN_404 = frozenset({"404 page not found", ""})
_BLIND = frozenset({"unsent", "error"})
"""How a look ends that saw nothing."""


@dataclass(frozen=True)
class Reply:
    """What came back of one request.

    `kind` is the prober's: answer, looked, refused, timeout, unresolved, unroutable, closed, error; or
    `unsent`, where the request never went out and `detail` says why.
    """

    kind: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    detail: str = ""
    peer: str = ""
    """The address that a connection was made to; empty where none was."""
    ms: int = 0
    certificate: Mapping[str, str] = field(default_factory=dict)
    """With TLS: `wrong` says why it does not hold, `default` whether it is the edge's own; else its names,
    issuer, end, and the seconds that are left until then."""
    listens: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    """Of the network that was looked at, each as `own other`, with ports."""
    blind: str = ""
    """Why nobody looked into another container of the spoke."""

    @property
    def connected(self) -> bool:
        return bool(self.peer)

    @property
    def from_docker(self) -> bool:
        """Whether the Engine itself wrote this answer: a proxy's own refusal has neither header."""
        return self.headers.get("server", "").startswith("Docker/") or "api-version" in self.headers


def decide(
    check: Check, replies: Sequence[Reply], hostnames: Mapping[str, str], addresses: Addresses | None = None
) -> Verdict:
    """The outcome of a check that asks; `replies` are those of its controls, in order, and its own.

    A control that does not hold makes everything after it meaningless: unreachable, never passed.
    """
    *controls, own = replies
    before: tuple[Reply, ...] = ()
    asked: Request | None = None
    for control, reply in zip(check.controls, controls, strict=True):
        outcome, saw = _judge(control.expect, reply, before, hostnames)
        if outcome is not Outcome.PASSED:
            return Outcome.UNREACHABLE, f"cannot tell: {saw} (needed first: {control.proves})"
        plain = replace(control.request, forwarded="")
        before = (*before, reply) if plain == asked else (reply,)
        asked = plain
    if check.expect.no_answer:
        return _silent(check, own)
    if check.expect.listens:
        return _listens(check.expect, own)
    if check.expect.called:
        return _called(check.expect, own, before, addresses or {})
    return _judge(check.expect, own, before, hostnames)


def together(reply: Reply, beside: Sequence[Reply]) -> Reply:
    """A reply, and the connections that were seen at the same time inside other containers of the spoke.

    Of several answers the first counts. Where nobody could look into one of them, that is told: what was not
    seen may have been there.
    """
    every = (reply, *beside)
    answered = next((one for one in every if one.kind == "answer"), reply)
    blind = next((describe(one) for one in every if one.kind in _BLIND), "")
    return replace(
        answered, blind=blind, connections=tuple(seen for one in every for seen in one.connections)
    )


def _listens(expect: Expect, reply: Reply) -> Verdict:
    if reply.kind != "looked":
        return Outcome.UNREACHABLE, describe(reply)
    return decide_routes.listening(expect, reply.listens)


def _called(expect: Expect, reply: Reply, before: Sequence[Reply], addresses: Addresses) -> Verdict:
    """Connections are kept and used again, so an old one may be of this request, or of any other."""
    verdict = decide_routes.called(expect, reply.connections, describe(reply), addresses)
    if reply.kind == "answer" and verdict[0] is Outcome.PASSED:
        if reply.status in _EDGES_OWN and _same(reply, before)[0] is not Outcome.PASSED:
            told = f"{describe(reply)}, as an edge may do by itself"
            return Outcome.UNREACHABLE, f"{told}: cannot tell whether it called for this request"
        # A connection that was seen is there, whoever could not look elsewhere.
        return verdict
    # An edge that took the request and said nothing may wait for an address that nobody has.
    asked = reply.kind == "answer" or (reply.kind == "timeout" and reply.connected)
    if reply.blind or not asked or verdict[0] is Outcome.PASSED:
        return Outcome.UNREACHABLE, reply.blind or describe(reply)
    return verdict


def _silent(check: Check, reply: Reply) -> Verdict:
    if not check.controls:
        return Outcome.UNREACHABLE, "cannot tell: nothing shows that the target is up at all"
    if reply.connected:
        answered = f"answered {reply.status}" if reply.status else "accepted the connection"
        if isinstance(check.look, Request) and not check.look.vantage:
            where = f"{reply.peer}:{check.look.target.port}"
            return Outcome.FAILED, f"{answered}: any local account can reach {where}"
        return Outcome.FAILED, f"{answered} at {reply.peer}, where it must not be reachable"
    if reply.kind in ("refused", "timeout", "unresolved", "unroutable"):
        return Outcome.PASSED, describe(reply)
    return Outcome.UNREACHABLE, describe(reply)


def _judge(expect: Expect, reply: Reply, before: Sequence[Reply], hostnames: Mapping[str, str]) -> Verdict:
    """`before` is what the last control saw, as often as it asked."""
    if expect.resolves:
        return _resolved(reply)
    if expect.reached and (reply.connected or reply.kind == "refused"):
        return Outcome.PASSED, describe(reply)
    if expect.taken and reply.connected:
        return Outcome.PASSED, describe(reply)
    if expect.certificate and reply.connected and reply.kind in ("error", "closed"):
        return Outcome.FAILED, f"refused TLS for {expect.certificate}: {reply.detail}"
    if reply.kind != "answer":
        return Outcome.UNREACHABLE, describe(reply)
    if expect.as_control:
        return _same(reply, before)
    if expect.unlike_control:
        return _another(reply, before)
    if expect.refuses_as_control:
        return _refused(reply, before)
    if expect.certificate:
        return decide_routes.certified(reply.certificate, expect.certificate)
    if expect.redirects_to and reply.status not in expect.statuses:
        location = reply.headers.get("location", "")
        return decide_routes.redirected(expect.redirects_to, reply.status, location)
    if expect.below:
        return decide_routes.links_below(expect.below, reply.body, reply.headers.get("location", ""))
    if otherwise := _otherwise(expect, reply):
        return Outcome.FAILED, otherwise
    if expect.names_container:
        hostname = hostnames.get(expect.names_container, "")
        if not hostname:
            return Outcome.UNREACHABLE, f"{expect.names_container} does not run"
        if hostname not in reply.body:
            return Outcome.FAILED, f"{describe(reply)}, but the answer does not name the container {hostname}"
        return Outcome.PASSED, f"{describe(reply)} from the container {hostname}"
    return Outcome.PASSED, describe(reply)


def _resolved(reply: Reply) -> Verdict:
    known = reply.kind not in ("unresolved", "unsent")
    return (Outcome.PASSED, "resolves") if known else (Outcome.FAILED, describe(reply))


def _otherwise(expect: Expect, reply: Reply) -> str:
    """What is not as stated in status and text; empty where all is."""
    if expect.statuses and reply.status not in expect.statuses:
        wanted = " or ".join(map(str, sorted(expect.statuses)[:3]))
        return describe(reply) if reply.from_docker else f"{describe(reply)}, not {wanted}"
    if 403 in expect.statuses and reply.status == 403 and reply.from_docker:
        return describe(reply)
    if expect.without and expect.without in reply.body:
        return f"{describe(reply)}, with the text {expect.without!r}"
    if expect.body and expect.body not in reply.body:
        return f"{describe(reply)}, without the expected text {expect.body!r}"
    return ""


def _same(reply: Reply, before: Sequence[Reply]) -> Verdict:
    """Whether this is what the container itself answered: the status, and the page where it is always one."""
    if not before:
        return Outcome.UNREACHABLE, "cannot tell: there is no answer to compare with"
    own = before[-1]
    if reply.status not in {one.status for one in before}:
        return Outcome.FAILED, f"answered {reply.status}, but the container itself answers {own.status}"
    if reply.status == 404 and reply.body.strip() in _EDGES_OWN_404:
        return (
            Outcome.UNREACHABLE,
            "answered 404 in words that the edge uses too: cannot tell whose answer it is",
        )
    same = f"answered {reply.status}, as the container itself does"
    steady = all(one.body == own.body for one in before)
    if steady and (len(before) > 1 or reply.status >= 400):
        if reply.body == own.body:
            return Outcome.PASSED, same
        return Outcome.FAILED, f"answered {reply.status}, but with another page than the container's own"
    if reply.status in _EDGES_OWN:
        told = f"answered {reply.status}, as an edge may do too, with a page that differs per request"
        return Outcome.UNREACHABLE, f"{told}: cannot tell whose answer it is"
    return Outcome.PASSED, f"{same} (the page differs per request, so the status alone was compared)"


def _another(reply: Reply, before: Sequence[Reply]) -> Verdict:
    """Whether this is another answer than that which everyone gets."""
    if not before:
        return Outcome.UNREACHABLE, "cannot tell: there is no answer to compare with"
    nobody = before[-1]
    if (reply.status, reply.body) == (nobody.status, nobody.body):
        return Outcome.FAILED, f"answered {reply.status}, as it does for a name that nobody declared"
    return Outcome.PASSED, f"answered {reply.status}; {nobody.status} for a name that nobody declared"


def _refused(reply: Reply, before: Sequence[Reply]) -> Verdict:
    """Whether this is the login's own refusal: an app leads on to pages of its own just as a login does."""
    if not before:
        return Outcome.UNREACHABLE, "cannot tell: there is no answer to compare with"
    own = before[-1]
    answered, wanted = _led(reply), _led(own)
    if answered not in {_led(one) for one in before}:
        return Outcome.FAILED, f"{answered}; the login itself {wanted}"
    challenge = _challenge(reply)
    if challenge not in {_challenge(one) for one in before}:
        return Outcome.FAILED, f"{answered}, but asks for another proof than the login itself"
    steady = len(before) > 1 and all(one.body == own.body for one in before)
    if reply.status in (401, 403):
        if steady and reply.body != own.body:
            return Outcome.FAILED, f"{answered}, but with another page than the login's own"
        if not challenge and (not steady or reply.body.strip().lower() in _ANYBODYS):
            return (
                Outcome.UNREACHABLE,
                f"{answered}: cannot tell the login's refusal from the app's own",
            )
    return Outcome.PASSED, f"{answered}, as the login itself does"


def _challenge(reply: Reply) -> str:
    """By what it asks who comes, and for what; the rest of a challenge differs with each request."""
    stated = reply.headers.get("www-authenticate", "")
    realm = re.search(r'realm="[^"]*"', stated, re.IGNORECASE)
    return f"{stated.partition(' ')[0].lower()} {realm[0] if realm else ''}".strip()


def _led(reply: Reply) -> str:
    """The answer and where it leads; what follows the path differs with each request."""
    location = re.split(r"[?#]", reply.headers.get("location", ""), maxsplit=1)[0]
    return f"answered {reply.status}" + (f", to {location}" if location else "")


def describe(reply: Reply) -> str:
    """What came back, for a person."""
    if reply.kind == "answer":
        if not reply.from_docker:
            return f"answered {reply.status}"
        if reply.status < 300:
            return f"answered {reply.status} from Docker"
        return f"answered {reply.status} from Docker: the request reached the daemon"
    if reply.kind == "timeout":
        what = "accepted the connection, but did not answer" if reply.connected else "did not answer"
        return f"{what} within {reply.detail}"
    sentences = {
        "refused": "refused the connection",
        "unresolved": "name does not resolve",
        "unroutable": "no way leads there",
        "closed": "closed the connection without an answer",
    }
    return sentences.get(reply.kind, reply.detail or "failed without saying why")
