"""Rules about names that labels and edges share: given once, and there where they are used."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.findings import Finding
from stackctl.lint.labels import Named, of_section, told, words
from stackctl.lint.settings import has_provider, of_traefiks
from stackctl.model import Protocol, Stack
from stackctl.read.compose_keys import nearest

_GUARDS = ("basicauth", "digestauth", "forwardauth", "ipallowlist", "ipwhitelist")


def names_mean_one_thing(stack: Stack) -> Iterator[Finding]:
    """SC319, SC320: a router or middleware has one content, a service one owner."""
    first: dict[tuple[str, str, str], Named] = {}
    for section in ("routers", "middlewares", "services"):
        for item in of_section(stack, section):
            before = first.setdefault((item.protocol, section, item.name), item)
            if before.spoke is item.spoke:
                continue
            # The finding stands where somebody wrote a label, whichever of the two that is.
            ours, theirs = (item, before) if item.first.path else (before, item)
            if section == "services":
                message = (
                    f"`{item.name}` is a service of {theirs.spoke.name} too: each gets half of the requests"
                )
                yield told("SC320", ours.spoke, ours.first.path, message)
            elif before.content != item.content:
                what = section.removesuffix("s")
                message = (
                    f"the {what} `{item.name}` of {theirs.spoke.name} says something else: both are dropped"
                )
                yield told("SC319", ours.spoke, ours.first.path, message)


def rules_lead_to_one_router(stack: Stack) -> Iterator[Finding]:
    """SC321: no two spokes have the same rule at the same rank."""
    first: dict[tuple[str, str, str], Named] = {}
    for router in of_section(stack, "routers"):
        if not (rule := "".join(router.value("rule").split())):
            continue
        for entry in router.entry_points or ("",):
            before = first.setdefault((entry, rule, router.value("priority")), router)
            ours, theirs = (router, before) if router.first.path else (before, router)
            if before.spoke is not router.spoke and ours.first.path:
                label = ours.labels.get("rule", ours.first)
                message = f"{theirs.spoke.name} has a router with the same rule: either of them may win"
                yield told("SC321", ours.spoke, label.path or ours.first.path, message)
                break


def what_routers_name_exists(stack: Stack) -> Iterator[Finding]:
    """SC324, SC325, SC326: entry points, middlewares and certificate resolvers."""
    edges = [s for s in of_traefiks(stack) if s.rendered or (s.readable and s.known)]
    if not edges:
        return
    entries = {
        n
        for s in edges
        for n in (("web", "websecure", *_of_routes(stack)) if s.rendered else s.names("entrypoints"))
    }
    resolvers = {
        n for s in edges for n in (_RENDERED_RESOLVERS if s.rendered else s.names("certificatesresolvers"))
    }
    files = any(s.rendered or has_provider(s, "file") for s in edges)
    defined = {(m.protocol, m.name) for m in of_section(stack, "middlewares")}
    for router in of_section(stack, "routers"):
        label = router.labels.get("entrypoints")
        for entry in router.entry_points if label and label.path else ():
            if entry not in entries and "$" not in entry:
                message = f"the edge has no entry point `{entry}`"
                hint = nearest(entry, entries) or f"it has {', '.join(sorted(entries)) or 'none'}"
                assert label is not None
                yield told("SC324", router.spoke, label.path, message, hint)
        yield from _middlewares(router, defined, files)
        label = router.labels.get("tls.certresolver")
        if label and label.path and label.value not in resolvers and "$" not in label.value:
            message = f"the edge has no certificate resolver `{label.value}`"
            yield told("SC326", router.spoke, label.path, message, nearest(label.value, resolvers))


_RENDERED_RESOLVERS = ("acme",)


def _of_routes(stack: Stack) -> tuple[str, ...]:
    """Entry points that stackctl gives its edge for the routes of spokes."""
    routes = (route for spoke in stack.spokes for route in spoke.routes)
    return tuple(f"{r.protocol}-{r.listen}" for r in routes if r.protocol is not Protocol.HTTP)


def _middlewares(router: Named, defined: set[tuple[str, str]], files: bool) -> Iterator[Finding]:
    label = router.labels.get("middlewares")
    if label is None or not label.path:
        return
    for word in words(label.value):
        name, _, provider = word.lower().partition("@")
        message = ""
        if provider in ("", "docker", "swarm") and (router.protocol, name) not in defined:
            message = f"no spoke defines a middleware `{name}`"
        elif provider == "file" and not files:
            message = f"`{word}` is of the file provider, which the edge does not have"
        if message and "$" not in word:
            near = nearest(name, {n for _, n in defined})
            yield told("SC325", router.spoke, label.path, message, near)


def dashboards_are_guarded(stack: Stack) -> Iterator[Finding]:
    """SC349: whoever may see the edge's own pages has shown who he is."""
    kinds: dict[str, set[str]] = {}
    for item in of_section(stack, "middlewares", "http"):
        kinds.setdefault(item.name, set()).update(option.partition(".")[0] for option in item.labels)
    for router in of_section(stack, "routers", "http"):
        if router.value("service").lower() != "api@internal" or not router.first.path:
            continue
        used = [word.lower().partition("@") for word in words(router.value("middlewares"))]
        # What stands in a file cannot be looked into here; it is taken for a guard.
        if not any(provider == "file" or kinds.get(name, set()) & set(_GUARDS) for name, _, provider in used):
            message = f"the router `{router.name}` shows the edge's own pages to everyone"
            yield told("SC349", router.spoke, router.labels["service"].path, message)


RULES = (names_mean_one_thing, rules_lead_to_one_router, what_routers_name_exists, dashboards_are_guarded)
