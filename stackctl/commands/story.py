"""What every command is: a story of events that ends in an answer and an exit code."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stackctl.commands.authority import AuthorityAnswer
from stackctl.commands.diagnosed import DoctorAnswer
from stackctl.commands.image_answers import PinAnswer, PolicyAnswer, PullAnswer, TravelAnswer
from stackctl.commands.past import HistoryAnswer, RecordsAnswer
from stackctl.errors import Exit
from stackctl.events import Event
from stackctl.findings import Code, Finding
from stackctl.model import Fingerprint, Kept, Mount, Plan, Port, Result, Stanza, State

if TYPE_CHECKING:
    from stackctl.adopt.report import Lack
    from stackctl.edit.mend import Mended
    from stackctl.graph import Graph
    from stackctl.records import Seen
    from stackctl.spoke_templates import SpokeTemplate


@dataclass(frozen=True)
class LintAnswer:
    findings: tuple[Finding, ...]
    mended: tuple[Mended, ...] = ()
    """What `--fix` changed; the findings are those that are left."""


@dataclass(frozen=True)
class ExplainAnswer:
    code: Code


@dataclass(frozen=True)
class RenderAnswer:
    changed: tuple[str, ...]
    """Files that were written, or that `--check` found to differ."""
    unchanged: tuple[str, ...]
    checked: bool = False


@dataclass(frozen=True)
class PlanAnswer:
    plan: Plan


@dataclass(frozen=True)
class UpAnswer:
    plan: Plan
    results: tuple[Result, ...] = ()


@dataclass(frozen=True)
class VerifyAnswer:
    results: tuple[Result, ...]


@dataclass(frozen=True)
class SpokeFingerprint:
    spoke: str
    declared: Fingerprint
    committed: str
    """The label in the committed compose file; empty where there is none."""
    recorded: str
    """What the page records."""
    applied: str = ""
    """The label that `up` gives to the container on this host; empty where the host was not asked."""
    running: str = ""
    """The applied label that the running container carries."""


@dataclass(frozen=True)
class FingerprintAnswer:
    spokes: tuple[SpokeFingerprint, ...]
    pending: tuple[str, ...] = ()
    """Sentences: what differs, and from what."""
    checked: bool = False
    """Whether only a verdict was asked for."""


ABSENT = "absent"
"""What a spoke runs that has no container."""


@dataclass(frozen=True)
class SpokeStatus:
    spoke: str
    kind: str
    profiles: tuple[str, ...]
    runs: str
    """The container's state and health, or `ABSENT`."""
    restarts: int
    changes: str
    """What `plan` would do with it, "" for nothing."""
    proof: State
    documented: bool
    stand_in: str
    """The image that runs here in place of the declared one."""
    fingerprint: str = ""
    """The first digits of what the files declare."""
    proved_at: str = ""
    """When its checks last ran, UTC; empty where they never did."""
    accepted: str = ""
    """The reason for which its manifest accepts that it is not proved."""


@dataclass(frozen=True)
class StatusAnswer:
    stack: str
    engine: str
    spokes: tuple[SpokeStatus, ...]
    strays: tuple[str, ...] = ()
    """Containers of the project whose spoke is gone."""
    resting: tuple[str, ...] = ()
    """Containers of an edge that serves no more, as stack.yaml names another one."""


@dataclass(frozen=True)
class DownAnswer:
    removed: tuple[str, ...]
    """Containers."""
    networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class WrittenAnswer:
    """Files that were written, renamed into place or deleted, by path relative to the stack's folder."""

    stack: str
    written: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """The lines of other files that were edited: `file:line: text as it is now`."""
    next: tuple[str, ...] = ()
    """The commands that a person would run now."""


@dataclass(frozen=True)
class TemplatesAnswer:
    templates: tuple[SpokeTemplate, ...]


@dataclass(frozen=True)
class ScheduleAnswer:
    """What makes the host run a job on time; nothing of it was installed."""

    spoke: str
    schedule: str
    """As cron writes it."""
    units: Mapping[str, str]
    """File name below /etc/systemd/system -> text; empty where cron was asked for."""
    cron: str
    next: tuple[str, ...] = ()


@dataclass(frozen=True)
class DocsAnswer:
    changed: tuple[str, ...]
    """Files that were written, or that `--check` found to differ."""
    checked: bool = False
    findings: tuple[Finding, ...] = ()
    """Links that lead nowhere."""


@dataclass(frozen=True)
class GraphAnswer:
    graph: Graph
    format: str
    file: str
    """Where the picture was written; empty where it is printed."""
    text: str = field(repr=False)


@dataclass(frozen=True)
class SchemaAnswer:
    document: Mapping[str, Any]


@dataclass(frozen=True)
class EditAnswer:
    files: tuple[str, ...]
    """The files that were opened and changed."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Value:
    """One field of a spoke, and what states it."""

    field: str
    value: str
    origin: str
    """`file:line:column`; else `template`, `stack.yaml` or `stackctl`."""


@dataclass(frozen=True)
class Runs:
    """A spoke's container on this Engine."""

    name: str
    id: str
    state: str
    image: str
    image_id: str
    restarts: int
    networks: Mapping[str, str]
    mounts: tuple[Mount, ...]
    ports: tuple[Port, ...]


@dataclass(frozen=True)
class ShowAnswer:
    spoke: str
    title: str
    kind: str
    page: str
    manifest: str
    status: str
    values: tuple[Value, ...]
    stanza: Stanza
    """As it stands in the Compose file."""
    fingerprint: Fingerprint
    documented: bool
    dependents: tuple[str, ...]
    checks: tuple[str, ...]
    """The titles of what must hold of it."""
    proof: State
    proved_at: str
    """When the last record was made; empty where there is none."""
    last: tuple[Seen, ...]
    """What that record saw."""
    runs: tuple[Runs, ...]
    engine: str
    """The Engine's version, or why nothing is known of it."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class ActedAnswer:
    """What was done to the containers of which spokes."""

    verb: str
    spokes: tuple[str, ...]


@dataclass(frozen=True)
class BackupAnswer:
    """The backups that were made, or that there are."""

    backups: tuple[Kept, ...]


@dataclass(frozen=True)
class RestoreAnswer:
    spoke: str
    file: str
    before: str
    """The backup of what was there before."""


@dataclass(frozen=True)
class ExecAnswer:
    spoke: str
    argv: tuple[str, ...]
    """The command and its words."""
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True)
class VersionAnswer:
    stackctl: str
    python: str
    engine: str
    """Empty where none answers; then `trouble` says why."""
    endpoint: str
    compose: str
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True)
class TakenOver:
    """A service that became a spoke."""

    spoke: str
    kind: str
    origin: str
    """`file:line` of the Compose file."""
    page: str
    """The page that was there already; empty where one was made."""


@dataclass(frozen=True)
class AdoptedStack:
    stack: str
    folder: str
    files: tuple[str, ...]
    sockets: tuple[Finding, ...]
    """Who can talk to the Engine and is no socket proxy; told before anything else."""
    spokes: tuple[TakenOver, ...]
    pages: tuple[Finding, ...]
    """Where pages and Compose file disagree."""
    lacks: tuple[Lack, ...]
    """What a hardened spoke would have besides, to be taken one by one."""
    risks: tuple[Finding, ...]
    notes: tuple[str, ...]
    written: tuple[str, ...] = ()


@dataclass(frozen=True)
class AdoptAnswer:
    stacks: tuple[AdoptedStack, ...]
    next: tuple[str, ...]
    """The commands that a person would run now."""


@dataclass(frozen=True)
class LinesAnswer:
    """Every line was an event already."""


Answer = (
    LintAnswer
    | RenderAnswer
    | PlanAnswer
    | PolicyAnswer
    | UpAnswer
    | VerifyAnswer
    | DoctorAnswer
    | FingerprintAnswer
    | StatusAnswer
    | DownAnswer
    | DocsAnswer
    | GraphAnswer
    | SchemaAnswer
    | ExplainAnswer
    | WrittenAnswer
    | TemplatesAnswer
    | ScheduleAnswer
    | AdoptAnswer
    | EditAnswer
    | ShowAnswer
    | ActedAnswer
    | BackupAnswer
    | PinAnswer
    | RestoreAnswer
    | PullAnswer
    | TravelAnswer
    | ExecAnswer
    | VersionAnswer
    | AuthorityAnswer
    | HistoryAnswer
    | RecordsAnswer
    | LinesAnswer
)


@dataclass(frozen=True)
class Ended:
    answer: Answer
    exit_code: Exit | int = Exit.DONE
    """An Exit; of `exec`, the exit code of the command."""


@dataclass(frozen=True)
class Watched:
    """How things stand now; the next one replaces it."""

    answer: StatusAnswer


Story = Generator[Event | Watched, None, Ended]
