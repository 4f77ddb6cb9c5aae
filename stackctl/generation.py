"""Labels by which Traefik takes two containers of one spoke for different ones, the newer one first. Pure.

Equal names are joined: requests would still go to a container that is about to stop. So from the second
generation on the names carry a number, and the priority rises with it. A generation is no declaration: it is
read from the container that runs, and enters no fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from stackctl.model import Container

LABEL = "stackctl.generation"

_KEY = re.compile(r"(traefik\.(http|tcp|udp)\.(routers|services|middlewares))\.([^.]+)\.(.+)", re.IGNORECASE)
_HOST = re.compile(r"\bHost\s*\(\s*`([^`]+)`", re.IGNORECASE)

Labels = Mapping[str, str]


def generation(labels: Labels) -> int:
    """The generation of a container with these labels; the first where they tell none."""
    text = labels.get(LABEL, "")
    return int(text) if text.isdecimal() else 1


def raised(labels: Labels, number: int, witness: str) -> dict[str, str]:
    """The labels of a spoke as those of its generation of that number.

    From the second on, a further router answers for the host name `witness` with a redirect to
    `told(witness)` and never reaches the app: it tells that Traefik has taken in all of these labels.
    """
    if number < 2:
        return dict(labels)
    defined = {key for label in labels if (key := _defined(label))}
    found = {}
    rules: dict[str, str] = {}
    for label, value in labels.items():
        match = _KEY.fullmatch(label)
        if match is None:
            found[label] = value
            continue
        group, protocol, kind, name, rest = match.groups()
        found[f"{group}.{_at(name, number)}.{rest}"] = _referring(
            value, protocol, kind, rest, defined, number
        )
        if (kind.lower(), rest.lower()) == ("routers", "rule"):
            rules[f"{group}.{name}"] = value
    for router, rule in rules.items():
        given = _of(labels, f"{router}.priority")
        # Traefik's own order, where none is stated, is by the length of the rule.
        priority = int(given) if given.isdecimal() else len(rule)
        prefix, _, name = router.rpartition(".")
        found[f"{prefix}.{_at(name, number)}.priority"] = str(priority + number - 1)
    found[LABEL] = str(number)
    return {**found, **_witnessing(labels, witness, number)}


def as_it_runs(labels: Labels, running: Container) -> dict[str, str]:
    """The labels of a spoke as this container should have them: which generation it is, is no declaration."""
    number = generation(running.labels)
    return raised(labels, number, witness(running.project, running.spoke, number))


def witness(project: str, spoke: str, number: int) -> str:
    """The host name for which that generation alone answers; no name of it can be registered."""
    return f"g{number}.{re.sub('[^a-z0-9-]', '-', spoke.lower())}.{project}.invalid"


def told(witness: str) -> str:
    """Where the answer for a witness redirects to."""
    return f"http://taken-in.{witness}/"


def not_handed_over(labels: Labels, others: Mapping[str, Labels], number: int) -> Iterator[str]:
    """Why the routes in these labels cannot go over to the generation of that number.

    `others` are the labels of the stack's other spokes.
    """
    if any(_KEY.fullmatch(label) and not label.lower().startswith("traefik.http.") for label in labels):
        yield "its TCP or UDP route cannot go over to a second container"
    lent = {name for _, kind, name in filter(None, map(_defined, labels)) if kind != "routers"}
    for spoke, theirs in others.items():
        own = {name for _, kind, name in filter(None, map(_defined, theirs)) if kind != "routers"}
        used = {name for label, value in theirs.items() for name in _names(label, value)} - own
        for name in sorted(used & lent):
            yield f"{spoke} uses its `{name}`"
    top = max((priority for _, priority in _routers(labels)), default=0) + number - 1
    for spoke, theirs in others.items():
        for rule, priority in _routers(theirs):
            for mine, own_priority in _routers(labels):
                if own_priority < priority <= top and _share_a_host(mine, rule):
                    yield f"one more replacement would put its route before that of {spoke}"
                    return


def _routers(labels: Labels) -> Iterator[tuple[str, int]]:
    for label, rule in labels.items():
        match = _KEY.fullmatch(label)
        if match and (match[3].lower(), match[5].lower()) == ("routers", "rule"):
            given = _of(labels, f"{match[1]}.{match[4]}.priority")
            yield rule, int(given) if given.isdecimal() else len(rule)


def _share_a_host(one: str, other: str) -> bool:
    mine, theirs = ({host.lower() for host in _HOST.findall(rule)} for rule in (one, other))
    return not mine or not theirs or not mine.isdisjoint(theirs)


def _witnessing(labels: Labels, witness: str, number: int) -> dict[str, str]:
    routers = (label for label in labels if _KEY.fullmatch(label) and label.lower().endswith(".rule"))
    first = next((router.rpartition(".")[0] for router in routers), "")
    if not first:
        return {}
    name = f"{_at(first.rpartition('.')[2], number)}-witness"
    router, middleware = f"traefik.http.routers.{name}", f"traefik.http.middlewares.{name}.redirectregex"
    found = {
        f"{router}.rule": f"Host(`{witness}`)",
        f"{router}.middlewares": name,
        f"{middleware}.regex": ".*",
        f"{middleware}.replacement": told(witness),
    }
    for option in ("entrypoints", "service"):
        if value := _of(labels, f"{first}.{option}"):
            found[f"{router}.{option}"] = _at(value, number) if option == "service" else value
    if any(label.lower().startswith(f"{first}.tls".lower()) for label in labels):
        found[f"{router}.tls"] = "true"
    return found


def _referring(
    value: str, protocol: str, kind: str, rest: str, defined: set[tuple[str, str, str]], number: int
) -> str:
    """The value, where it names what these labels define, with the names of that generation."""
    wanted = _refers_to(kind, rest)
    if not wanted:
        return value

    def one(name: str) -> str:
        bare, at, provider = name.strip().partition("@")
        known = (protocol.lower(), wanted, bare) in defined and provider in ("", "docker")
        return f"{_at(bare, number)}{at}{provider}" if known else name.strip()

    return ",".join(map(one, value.split(",")))


def _refers_to(kind: str, rest: str) -> str:
    """What kind of thing the value of a label names; empty where it names nothing."""
    kind, rest = kind.lower(), rest.lower()
    if rest == "middlewares" or rest == "chain.middlewares":
        return "middlewares"
    return "services" if (kind, rest) in (("routers", "service"), ("middlewares", "errors.service")) else ""


def _names(label: str, value: str) -> Iterator[str]:
    """The names that a label refers to."""
    if (match := _KEY.fullmatch(label)) and _refers_to(match[3], match[5]):
        yield from (name.strip().partition("@")[0] for name in value.split(","))


def _defined(label: str) -> tuple[str, str, str] | None:
    match = _KEY.fullmatch(label)
    return (match[2].lower(), match[3].lower(), match[4]) if match else None


def _of(labels: Labels, name: str) -> str:
    """A label by its name, in any spelling: Traefik makes no difference."""
    return next((value for label, value in labels.items() if label.lower() == name.lower()), "")


def _at(name: str, number: int) -> str:
    return f"{name}-g{number}"
