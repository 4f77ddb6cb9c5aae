"""What follows from the files, written into a page: fingerprint, digest, dependents, start and stop.

Only where a page has a place for a fact is it written; what the page declares stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stackctl import fingerprint
from stackctl.edit import Edit, Raw
from stackctl.edit.page import insert_after, rest_of_line, set_digest, set_recorded
from stackctl.model import Bundle, Spoke, Stack
from stackctl.read.blocks import Block, Fence, Heading, Line, read_blocks
from stackctl.read.page import read_page
from stackctl.read.page_outline import words
from stackctl.read.page_values import split_field
from stackctl.read.text import read_text

_SHELLS = ("", "bash", "sh", "shell", "console", "zsh")
_COMMAND = re.compile(r"(?P<program>stackctl|docker[ -]compose)\s+(?P<rest>.+)")
_START_STOP = ("start/stop", "start / stop", "start and stop")
_VERBS = ("up", "start", "stop", "restart")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)[^)]*\)")


@dataclass(frozen=True)
class Evidence:
    """What the records say of a spoke, as a page states it."""

    status: str
    last_pass: str
    artifacts: str


def with_facts(raw: Raw, stack: Stack, bundle: Bundle, spoke: Spoke) -> bytes:
    """The page's bytes with the facts that follow from the files; everything else stays."""
    digest = bundle.fingerprints[spoke.name].digest
    if not fingerprint.recorded(spoke.recorded.fingerprint, digest):
        raw = _after(raw, set_recorded(raw, "Last change fingerprint", digest, ticks=True))
    raw = _after(raw, _digest(raw, spoke))
    raw = _after(raw, _dependents(raw, stack, spoke))
    return _after(raw, _commands(raw, stack, spoke)).data


def with_evidence(raw: Raw, evidence: Evidence) -> bytes:
    """The page's bytes with what the records say; never compared, since they are this host's."""
    raw = _after(raw, set_recorded(raw, "Status", evidence.status))
    if evidence.last_pass:
        raw = _after(raw, set_recorded(raw, "Last pass", evidence.last_pass))
        raw = _after(raw, set_recorded(raw, "Artifacts", evidence.artifacts))
    return raw.data


def _after(raw: Raw, edits: Iterable[Edit]) -> Raw:
    return Raw(raw.file, raw.edited(edits))


def _digest(raw: Raw, spoke: Spoke) -> tuple[Edit, ...]:
    """The digest that the manifest states, on a page that speaks of the image and has none."""
    tagged, at, digest = spoke.image.partition("@")
    source, _ = read_text(raw.file, raw.data)
    page = read_page(source)
    image = str((page.service or {}).get("image", ""))
    has_place = image or any(_is_inputs(block) for block in read_blocks(source.text))
    if not at or "$" in spoke.image or page.digest or "@" in image or not has_place:
        return ()
    repository = re.sub(r":[^:/]+\Z", "", tagged)
    return set_digest(raw, f"{repository}@{digest}")


def _is_inputs(block: Block) -> bool:
    return isinstance(block, Heading) and words(block.text) == "fingerprint inputs"


# ---- dependents


def _dependents(raw: Raw, stack: Stack, spoke: Spoke) -> tuple[Edit, ...]:
    """The spokes that depend on this one, as links to their pages; other words of that line stay."""
    names = [s for s in stack.spokes if spoke.name in (d.spoke for d in s.dependencies)]
    told = [f"[{s.title or s.name}]({s.name}.md)" if s.page else f"`{s.name}`" for s in names]
    source, _ = read_text(raw.file, raw.data)
    related = first = 0
    under = False
    for block in read_blocks(source.text):
        if isinstance(block, Heading):
            under = words(block.text) == "related"
            related = block.line + 1 if under else related
            continue
        if under and not first and isinstance(block, Line) and block.bullet:
            first = block.line + 1
        if under and isinstance(block, Line) and (parts := split_field(block.text)):
            if words(parts[0]) not in ("dependents", "dependent"):
                continue
            at = source.at(block.line, block.column + parts[2])
            old = rest_of_line(raw, at)
            kept = [word for word in _list(old) if not _names_spoke(word, stack)]
            value = ", ".join((*told, *kept)) or "None"
            if {*_list(old)} == {*_list(value)} or (not told and not kept and _says_none(old)):
                return ()
            return (Edit(at, old, value if old else f" {value}"),)
    if not told or not related:
        return ()
    line = f"- **Dependents:** {', '.join(told)}"
    if first:
        return (insert_after(raw, first - 1, line),)
    return (insert_after(raw, related, raw.newline + line),)


def _list(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _says_none(value: str) -> bool:
    return value.strip(" .`*").lower() in ("", "none", "n/a")


def _names_spoke(word: str, stack: Stack) -> bool:
    """Whether these words are a spoke: a link to a page beside this one, or a spoke's name."""
    link = _LINK.fullmatch(word)
    if link:
        return re.fullmatch(r"(?:\./)?[^/#]+\.md(?:#.*)?", link["target"]) is not None
    return word.strip("`").lower() in {spoke.name for spoke in stack.spokes} or _says_none(word)


# ---- commands


def _commands(raw: Raw, stack: Stack, spoke: Spoke) -> tuple[Edit, ...]:
    """Profile and name in the commands under Start/Stop; a Runbook without that part gets it."""
    source, _ = read_text(raw.file, raw.data)
    runbook = 0
    part = ""
    for block in read_blocks(source.text):
        if isinstance(block, Heading):
            part = words(block.text)
            runbook = block.line + 1 if part == "runbook" else runbook
        elif isinstance(block, Fence) and part in _START_STOP and block.language in _SHELLS:
            rows = range(block.line + 1, block.line + 1 + block.content.count("\n"))
            return tuple(edit for row in rows for edit in _of_line(raw, row, stack, spoke))
    if not runbook or re.search(r"(?im)^#+\s*start\b", raw.text):
        return ()
    lines = (
        "",
        "### Start/Stop",
        "",
        "```bash",
        f"stackctl up {spoke.name}",
        f"stackctl stop {spoke.name}",
        "```",
    )
    return (insert_after(raw, runbook, raw.newline.join(lines)),)


def _of_line(raw: Raw, row: int, stack: Stack, spoke: Spoke) -> Iterator[Edit]:
    """What this line says of profiles and names that the stack does not have."""
    line = raw.line(row)
    command = _COMMAND.search(line)
    if command is None or not {*command["rest"].split()} & {*_VERBS}:
        return
    for option in re.finditer(r"(?:--profile[= ]|-p )(?P<name>[\w.-]+)", command[0]):
        if option["name"] not in spoke.profiles and option["name"] not in _profiles(stack):
            start, end = command.start() + option.start(), command.start() + option.end()
            new = option[0].replace(option["name"], spoke.profiles[0]) if spoke.profiles else ""
            # An option that goes takes the blank before it along.
            start -= 0 if new else 1
            yield Edit(raw.place(raw.starts[row - 1] + start), line[start:end], new)
    verb = re.search(rf"\s(?:{'|'.join(_VERBS)})(?=\s|\Z)", command[0])
    after = verb.end() if verb else len(command[0])
    profile = False
    for word in re.finditer(r"\S+", command[0][after:]):
        named = re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", word[0]) is not None
        if named and not profile and word[0] not in {s.name for s in stack.spokes}:
            at = raw.place(raw.starts[row - 1] + command.start() + after + word.start())
            yield Edit(at, word[0], spoke.name)
        elif word[0].startswith("#"):
            return
        profile = word[0] in ("--profile", "-p", "-t", "--timeout")


def _profiles(stack: Stack) -> set[str]:
    return {profile for spoke in stack.spokes for profile in spoke.profiles}
