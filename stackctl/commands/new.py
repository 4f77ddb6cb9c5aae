"""`stackctl new`: the page and manifest of a spoke, from a template."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from stackctl import files, schedule
from stackctl.api import consumer
from stackctl.commands.opened import find
from stackctl.commands.story import Ended, Story, TemplatesAnswer, WrittenAnswer
from stackctl.edit import Raw
from stackctl.edit.entry import with_entry
from stackctl.errors import StackctlError, UsageError
from stackctl.events import Found, Said
from stackctl.findings import Finding
from stackctl.lint import lint
from stackctl.model import PROXY_NETWORK, Kind, Stack
from stackctl.names import consumer_names
from stackctl.read.partial import HOST_NAME, SPOKE_NAME
from stackctl.read.stack import STACK_FILE, read_stack
from stackctl.spoke_templates import SpokeTemplate, additions, spoke_template, spoke_templates
from stackctl.starter import NewSpoke, new_spoke, template_values

_EXAMPLE = ".env.example"
_IMAGE = re.compile(r"[A-Za-z0-9][\w.:/@${}-]*\Z")
_PLAIN = re.compile(r"[\w./:${}@~-]+\Z")


def new(root: Path, spoke: NewSpoke, *, with_page: bool, with_manifest: bool) -> Story:
    """Writes the files, and none where that would make the stack's files invalid.

    Raises:
        UsageError: The name is taken or is none, or a value is not what it should be.
    """
    expect_free(root, spoke.name)
    texts = files.load(root)
    stack = read_stack(texts).stack
    if stack is None:
        raise StackctlError("stack.yaml cannot be read", "see `stackctl lint`")
    template = spoke_template(spoke.template or spoke.kind.value, stack.templates)
    port = spoke.port or (template.port if spoke.host else 0)
    spoke = replace(spoke, template=template.name, image=spoke.image or template.image, port=port)
    if not (with_page and with_manifest) and not template.halves:
        raise UsageError(f"{template.name} needs both page and manifest")
    _expect_sound(spoke, template)
    for name in spoke.depends_on:
        if name not in [other.name for other in stack.spokes]:
            raise UsageError(f"there is no spoke named {name!r} to depend on")
    written = new_spoke(
        spoke,
        stack.name,
        stack.templates,
        with_page=with_page,
        with_manifest=with_manifest,
        domain=stack.domain,
    )
    if there := [path for path in written if (root / path).exists()]:
        raise UsageError(f"{there[0]} exists already", "choose another name, or move it away")
    added = additions(template.name, stack.templates, template_values(spoke, stack.name, stack.domain))
    changed = _with_additions(texts, root, added)
    before = find(root)[1]
    _expect_no_new_error(texts, {**texts, **changed, **written})
    for file, content in {**written, **changed}.items():
        files.write_atomically(root / file, content)
    _, findings = find(root)
    yield from (Found(finding) for finding in findings if finding not in before)
    if template.routed and not spoke.host:
        yield Said(f"without a host name, only spokes on the network `{PROXY_NETWORK}` reach it")
    if not template.tested:
        yield Said(f"the template {template.name} is untested: see how it starts before you rely on it")
    return Ended(
        WrittenAnswer(
            stack.name,
            written=tuple(written),
            changed=tuple(
                f"{STACK_FILE}: {section}.{name}: {value}"
                for section, entries in added.items()
                for name, value in entries.items()
            ),
            next=tuple(_next(spoke, stack, _variables(added))),
        )
    )


def _expect_no_new_error(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Raises StackctlError where lint would refuse the stack as it would be for more than it does now."""
    # An entry in stack.yaml moves the lines below it: an error stays the same wherever it stands.
    known = {(f.code, f.spoke, f.message) for f in _linted(before)}
    wrong = [f for f in _linted(after) if f.blocks and (f.code, f.spoke, f.message) not in known]
    if wrong:
        raise StackctlError(f"{wrong[0].at}: {wrong[0].message}; nothing was written", wrong[0].hint)


def _linted(texts: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """What the files say by themselves: what a new one mounts is not there before it is written."""
    reading = read_stack(texts)
    return lint(reading.stack, reading.findings) if reading.stack else reading.findings


def listed(root: Path) -> Story:
    """What `new` can begin with; a stack's own templates are among them where there is a stack."""
    yield from ()
    return Ended(TemplatesAnswer(templates_of(root)))


def templates_of(root: Path) -> tuple[SpokeTemplate, ...]:
    """The templates that there are here."""
    stack = read_stack(files.load(root)).stack if (root / STACK_FILE).is_file() else None
    return spoke_templates(stack.templates if stack else {})


def _next(spoke: NewSpoke, stack: Stack, variables: tuple[str, ...]) -> list[str]:
    # `up` takes along what a spoke depends on; the edge that routes to it is no dependency.
    edges = [edge.name for edge in stack.of_kind(Kind.EDGE)] if spoke.host else []
    return [
        *(f'(umask 077; echo "{name}=$(openssl rand -hex 24)" >> .env)' for name in variables),
        f"stackctl edit {spoke.name}",
        "stackctl lint",
        " ".join(("stackctl up", *edges, spoke.name)),
        *([f"stackctl schedule {spoke.name}"] if spoke.schedule else ()),
    ]


def _variables(added: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """The variables of `.env` that the new secrets come from."""
    sources = " ".join(added.get("secret_sources", {}).values())
    return tuple(dict.fromkeys(re.findall(r"\benv: (\w+)", sources)))


def _with_additions(
    texts: Mapping[str, bytes], root: Path, added: Mapping[str, Mapping[str, str]]
) -> dict[str, bytes]:
    """stack.yaml, and the example of `.env`, with what the template needs of them."""
    if not added:
        return {}
    data = texts[STACK_FILE]
    for section, entries in added.items():
        for name, value in entries.items():
            data = with_entry(Raw(STACK_FILE, data), section, name, value)
    changed = {STACK_FILE: data}
    example = root / _EXAMPLE
    text = example.read_text() if example.is_file() else ""
    if missing := [name for name in _variables(added) if not re.search(rf"^{name}=", text, re.MULTILINE)]:
        text += "" if not text or text.endswith("\n") else "\n"
        changed[_EXAMPLE] = (text + "".join(f"{name}=\n" for name in missing)).encode()
    return changed


def expect_free(root: Path, name: str) -> None:
    """Before anything is asked of a person, so that nothing is answered in vain.

    Raises:
        UsageError: The name is taken, or is none.
    """
    if not SPOKE_NAME.match(name):
        raise UsageError(f"`{name}` cannot be the name of a spoke", "use a-z, 0-9, - and _")
    there = [path for s in ("md", "yaml", "yml") if (path := root / "spokes" / f"{name}.{s}").exists()]
    if there:
        raise UsageError(f"{there[0].relative_to(root)} exists already", f"change it: `stackctl edit {name}`")


def asked(spoke: NewSpoke, template: SpokeTemplate, ask: Callable[[str, str], str]) -> NewSpoke:
    """What the command line left open, from the person."""
    image = spoke.image or ask("Image, with its tag", template.image)
    host, port, consumer, at = spoke.host, spoke.port, spoke.consumer, spoke.schedule
    if template.routed:
        host = host or ask("Host name, empty for none", "")
        if host and not (port or template.port):
            given = ask("The port that it listens on", "80")
            port = int(given) if given.isdecimal() else -1
    if spoke.kind is Kind.SOCKET_PROXY:
        consumer = ask("Whom it is for", consumer)
    if spoke.kind is Kind.JOB:
        at = at or ask("When it runs, as in crontab; empty for by hand", "")
    profile = spoke.profile or ask("Profile, empty for always", "")
    return replace(spoke, image=image, host=host, port=port, profile=profile, consumer=consumer, schedule=at)


def _expect_sound(spoke: NewSpoke, template: SpokeTemplate) -> None:
    if not spoke.image:
        raise UsageError("the spoke needs an image", "name it: --image traefik/whoami:v1.11.0")
    if not _IMAGE.match(spoke.image):
        raise UsageError(f"`{spoke.image}` is not an image", "as in `traefik/whoami:v1.11.0`")
    if spoke.host and (not HOST_NAME.match(spoke.host.lower()) or ".." in spoke.host):
        raise UsageError(f"`{spoke.host}` is not a host name", "letters, digits, `-` and `.`")
    if not template.routed and (spoke.host or spoke.port):
        raise UsageError(f"{template.name} has no route: leave out --host and --port")
    if spoke.host and not spoke.port:
        raise UsageError(f"{spoke.host} needs the port that the image listens on", "name it: --port 8080")
    if not 0 <= spoke.port < 65536:
        raise UsageError("the port must be a number from 1 to 65535")
    for value in (spoke.profile, *spoke.volumes):
        if value and not _PLAIN.match(value):
            raise UsageError(f"`{value}` holds characters that a page cannot carry")
    if spoke.kind is not Kind.SOCKET_PROXY and spoke.consumer != NewSpoke.consumer:
        raise UsageError("--consumer is for a socket proxy", "stackctl new NAME --template socket-proxy")
    _expect_known(spoke)


def _expect_known(spoke: NewSpoke) -> None:
    """A consumer that is known, and a time that is one."""
    if consumer(spoke.consumer) is None:
        hint = f"one of {', '.join(consumer_names())}"
        raise UsageError(f"it is not known what `{spoke.consumer}` asks of Docker", hint)
    if not spoke.schedule:
        return
    if spoke.kind is not Kind.JOB:
        raise UsageError("only a job has a schedule", "stackctl new NAME --template job")
    try:
        schedule.read(spoke.schedule)
    except ValueError as error:
        raise UsageError(f"--schedule: {error}", 'as in --schedule "30 3 * * *"') from None
