"""The parts of a page that say something: declared fields, verify blocks, issues, the recorded past.

The declared fields are a closed list; all else is prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.read.blocks import Block, Fence, Heading, Line, read_blocks
from stackctl.read.page_checks import VerifyBlock
from stackctl.read.page_layouts import Said, front_matter, laid_out, plain_field
from stackctl.read.page_values import is_none, split_field, without_comment
from stackctl.read.text import Source

DECLARED = {
    **{name: name for name in ("status", "phase", "kind", "port", "image", "user", "ports", "environment")},
    **{name: name for name in ("volumes", "networks", "labels", "command", "secrets")},
    "volume": "volumes",
    "network": "networks",
    "label": "labels",
    "secret": "secrets",
    "profile": "profiles",
    "profiles": "profiles",
    "dependency": "depends_on",
    "dependencies": "depends_on",
    "hostname": "hostname",
    "hostnames": "hostname",
    "docker image": "image",
    "container image": "image",
    "docker network": "networks",
    "docker networks": "networks",
    "exposed ports": "ports",
    "published ports": "ports",
    "env": "environment",
    "env vars": "environment",
    "environment variables": "environment",
    "depends on": "depends_on",
    "config dir": "settings_dir",
    "image digest": "digest",
}
RECORDED = {
    "smoke test": "smoke_test",
    "last pass": "last_pass",
    "artifacts": "artifacts",
    "last updated": "last_updated",
    "last change fingerprint": "fingerprint",
    "service": "service",
}
SEVERAL = (
    "volumes",
    "networks",
    "ports",
    "environment",
    "labels",
    "secrets",
    "profiles",
    "depends_on",
    "hostname",
)
_KNOWN = {**DECLARED, **RECORDED}
_PLACES_OF_FIELDS = ("", "configuration", "access")
_CONFIGURATION = frozenset(
    (
        "config|container|container configuration|docker|docker configuration|compose|docker compose|"
        "deployment|details|service|service details|overview|summary|setup|general|information|"
        "basic information|service information|quick facts|quick reference|at a glance|facts|metadata|"
        "networking|network|storage"
    ).split("|")
)
"""Headings under which other pages keep what stands under Configuration here."""
_NUMBER = re.compile(r"\A[0-9]+(?: [0-9]+)* ")
# `ports` and `volumes` of a service are lists; of stack.local.yaml and stack.yaml, mappings.
_LIKE_A_SERVICE = re.compile(
    r"^(?:(?:image|networks|environment|labels):|(?:ports|volumes):(?:[ \t]*\[|[^\n]*\n[ \t]*-))",
    re.MULTILINE,
)
_LIKE_VARIABLES = ("env", "dotenv", "properties")
# Elsewhere these words begin sentences too often to say anything about a field.
_NEVER_PROSE = ("image", "volumes", "networks", "ports", "hostname", "environment", "labels", "depends_on")
_TITLE_END = re.compile(r"\s*[-–—:]\s*spoke\s*\Z", re.IGNORECASE)
_EXPECTED = re.compile(
    r"[*_]{0,2}expected(?: result| output| response| status)?[*_]{0,2}\s*:[*_]{0,2}\s*(.*)\Z", re.I
)
_DECORATION = re.compile(r"[^\w/ -]")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)=(?P<value>.*)\Z")
_SHELLS = ("", "bash", "sh", "shell", "console", "zsh")
_OWN_WORDS = frozenset(("posts", "pots", "post", "parts", "part", "users", "kinds", "phases", "images"))
"""Near a declared field, but more likely meant."""


ISSUE = ("symptom", "cause", "fix")


@dataclass
class Field:
    """A declared field: its own value, and the bullets under it."""

    key: str
    value: str
    line: int
    column: int
    value_column: int
    bullets: list[Line] = field(default_factory=list)
    headed: bool = False
    """Its key is a heading."""

    def lines(self) -> Iterator[tuple[str, int, int]]:
        """Each text that the field's values stand in, with its line and column."""
        if self.value:
            yield self.value, self.line, self.value_column
        for bullet in self.bullets:
            yield bullet.text, bullet.line, bullet.column


@dataclass
class Issue:
    """A common issue: what is said under each of symptom, cause and fix."""

    at: Location
    said: dict[str, str] = field(default_factory=dict)


@dataclass
class Outline:
    """What a page states, not yet understood."""

    title: str = ""
    title_at: Location | None = None
    fields: dict[str, Field] = field(default_factory=dict)
    recorded: dict[str, Field] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    verify: list[VerifyBlock] = field(default_factory=list)
    settings: list[Fence] = field(default_factory=list)
    """Blocks of YAML under Key Settings."""
    findings: list[Finding] = field(default_factory=list)


def read_outline(source: Source) -> Outline:
    """Sort the parts of a page; whatever is not declared is left out."""
    text, stated, wrong = front_matter(source)
    reader = _Reader(source)
    reader.outline.findings += wrong
    return reader.read((*stated, *laid_out(read_blocks(text), _KNOWN)))


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.outline = Outline()

    def not_understood(self, at: Location, message: str, hint: str = "") -> None:
        self.outline.findings.append(finding("SC111", at, message, hint))

    def read(self, blocks: Iterable[Block | Said | list[Line]]) -> Outline:
        section = part = ""
        current: Field | None = None
        issue_key = ""
        last = -1
        for block in blocks:
            if isinstance(block, Line):
                # A paragraph of its own ends the list above it; a wrapped line does not.
                if not block.bullet and block.line > last + 1 and not (current and current.headed):
                    current = None
                last = block.line
            if isinstance(block, Heading):
                current, issue_key = None, ""
                if block.level == 1 and not self.outline.title:
                    self.outline.title = _TITLE_END.sub("", block.text).strip()
                    self.outline.title_at = self.source.at(block.line)
                elif block.level <= 2:
                    section, part = _section(block.text), ""
                    current = self._headed(block, section)
                else:
                    part = _NUMBER.sub("", words(block.text))
                    if section in _PLACES_OF_FIELDS:
                        current = self._headed(block, part)
                    if part.startswith("verify"):
                        self.outline.verify.append(VerifyBlock(block.text, self.source.at(block.line)))
            elif isinstance(block, Fence):
                current = None
                self._fence(block, section, part)
            elif isinstance(block, Said):
                current = self._placed(block, section, part, bold=True)
                issue_key = ""
            elif isinstance(block, list):
                current = None
                self._no_fields(block, section)
            elif part.startswith("verify") and (expected := _EXPECTED.match(block.text)):
                current = None
                self.outline.verify[-1].expect(expected[1], self.source.at(block.line, block.column))
            elif part.startswith("verify") and self.outline.verify[-1].continues(block.line):
                self.outline.verify[-1].more(block.text, block.line)
            else:
                found = self._declared(block, section, part)
                if found is not None:
                    current = found
                    issue_key = ""
                elif part == "common issues":
                    issue_key = self._issue(block, issue_key)
                elif current is not None and block.bullet and current.key in SEVERAL:
                    self.outline.fields.setdefault(current.key, current)
                    current.bullets.append(block)
                elif current is not None and current.headed and not current.value and block.text[:1] == "`":
                    current.value, current.value_column = block.text, block.column
                    self.outline.fields.setdefault(current.key, current)
                elif part == "key settings" and block.bullet:
                    self._setting(block)
        return self.outline

    def _declared(self, line: Line, section: str, part: str) -> Field | None:
        parts = split_field(line.text, plain=part == "fingerprint inputs")
        if parts is None:
            # Without a bold key, a line is a field only where fields stand.
            known = section in _PLACES_OF_FIELDS and not part and ":" in line.text
            said = plain_field(line, DECLARED) if known else None
            return self._placed(said, section, part, bold=False) if said else None
        said = Said(parts[0], parts[1], line.line, line.column, line.column + parts[2])
        return self._placed(said, section, part, bold=line.text.startswith(("**", "__")))

    def _placed(self, said: Said, section: str, part: str, *, bold: bool) -> Field | None:
        word, value = said.key, said.value
        name = words(word)
        at = self.source.at(said.line, said.column)
        found = Field("", value, said.line, said.column, said.value_column)
        if name in RECORDED:
            found.key = RECORDED[name]
            self.outline.recorded.setdefault(found.key, found)
            return found
        if name not in DECLARED:
            # Another bold word ends the list above it, as a field of the page would.
            bold = bold and name not in ISSUE
            if bold and section in _PLACES_OF_FIELDS and (near := _nearly(name)):
                hint = f"did you mean `{near.capitalize()}`?"
                self.not_understood(at, f"`{word}` is no declared field, so it is not read", hint)
            return found if bold or part == "fingerprint inputs" else None
        found.key = DECLARED[name]
        if section not in _PLACES_OF_FIELDS:
            if found.key in _NEVER_PROSE:
                where = f"under “{section}”" if section else "here"
                self.not_understood(
                    at,
                    f"`{word}` {where} is not read",
                    "state it above the first heading or under Configuration",
                )
                return found
            return None
        if found.key == "digest" and part != "fingerprint inputs":
            return found
        first = self.outline.fields.get(found.key)
        if first is None:
            self.outline.fields[found.key] = found
        elif (is_none(first.value), without_comment(first.value)) != (is_none(value), without_comment(value)):
            self.not_understood(
                at, f"`{word}` stands here and at line {first.line + 1}; the first one is read"
            )
        return found

    def _headed(self, heading: Heading, name: str) -> Field | None:
        """A heading that is the name of a field: its values follow, or nothing but prose does."""
        key = DECLARED.get(_NUMBER.sub("", words(heading.text)) if name in _PLACES_OF_FIELDS else name)
        if key is None or key in ("digest", "status", "phase", "kind", "port", "settings_dir"):
            return None
        return Field(key, "", heading.line, 0, 0, headed=True)

    def _no_fields(self, rows: list[Line], section: str) -> None:
        if section in _PLACES_OF_FIELDS:
            at = self.source.at(rows[0].line, rows[0].column)
            hint = "state the fields of this spoke as `**Key:** value`"
            self.not_understood(at, "this table tells of several things, so no field is read from it", hint)

    def _issue(self, line: Line, key: str) -> str:
        parts = split_field(line.text, plain=True)
        name = words(parts[0]) if parts else ""
        if parts and name in ISSUE:
            if name == "symptom":
                self.outline.issues.append(Issue(self.source.at(line.line, line.column)))
            if self.outline.issues:
                self.outline.issues[-1].said[name] = parts[1]
            return name
        if key and self.outline.issues and not line.bullet:
            said = self.outline.issues[-1].said
            said[key] = f"{said[key]} {line.text}".strip()
        return key

    def _setting(self, line: Line) -> None:
        """A bullet under Key Settings without a label above it is environment, where it looks like that."""
        if _ASSIGNMENT.match(without_comment(line.text)):
            made = Field("environment", "", line.line, line.column, line.column)
            self.outline.fields.setdefault("environment", made).bullets.append(line)

    def _fence(self, fence: Fence, section: str, part: str) -> None:
        if part.startswith("verify") and fence.language in _SHELLS:
            self.outline.verify[-1].command(fence.content, self.source.at(fence.line, fence.column))
        elif section == "configuration" and part == "key settings" and fence.language in ("yaml", "yml"):
            self.outline.settings.append(fence)
        elif (fence.language in ("yaml", "yml") and _LIKE_A_SERVICE.search(fence.content)) or (
            fence.language in _LIKE_VARIABLES and section in _PLACES_OF_FIELDS
        ):
            at = self.source.at(fence.line, fence.column)
            hint = "under Configuration, `### Key Settings`, a block of YAML is read; variables as bullets"
            self.not_understood(at, "this block looks like settings of a service, but is not read here", hint)


def _nearly(name: str) -> str:
    """The declared field that this label misspells; empty where it is a word of its own."""
    import difflib  # a page without such a label does without

    alike = [field for field in (*DECLARED, *RECORDED) if field[0] == name[:1]]
    # In a short word, two letters that changed places are already far from it.
    if swapped := next((field for field in alike if sorted(field) == sorted(name)), ""):
        return swapped
    near = difflib.get_close_matches(name, alike, n=1, cutoff=0.8) if name not in _OWN_WORDS else []
    return near[0] if near else ""


@lru_cache(maxsize=1024)
def _section(heading: str) -> str:
    name = _NUMBER.sub("", words(heading))
    return "configuration" if name in _CONFIGURATION or DECLARED.get(name) in SEVERAL else name


@lru_cache(maxsize=1024)
def words(text: str) -> str:
    """A heading or key for comparison: lower case, without decoration."""
    return " ".join(_DECORATION.sub(" ", text).lower().split())
