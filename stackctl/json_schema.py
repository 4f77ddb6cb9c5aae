"""JSON Schemas of what `--json` prints, made from the very classes that it prints.

They are kept in `stackctl/data/schemas/`; `python -m stackctl.json_schema` writes them anew. A new command
needs a line in ANSWERS.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stackctl import events
from stackctl.adopt.report import Lack
from stackctl.commands import diagnosed, image_answers, past, story
from stackctl.commands.authority import AuthorityAnswer
from stackctl.edit.mend import Mended
from stackctl.findings import Finding
from stackctl.graph import Graph
from stackctl.history import Run
from stackctl.json_output import SCHEMA
from stackctl.records import Seen
from stackctl.spoke_templates import SpokeTemplate

FOLDER = Path(__file__).parent / "data" / "schemas"

ANSWERS: Mapping[str, tuple[type, ...]] = {
    "adopt": (story.AdoptAnswer,),
    "backup": (story.BackupAnswer,),
    "ca": (AuthorityAnswer,),
    "docs": (story.DocsAnswer,),
    "doctor": (diagnosed.DoctorAnswer,),
    "down": (story.DownAnswer,),
    "edit": (story.EditAnswer,),
    "exec": (story.ExecAnswer,),
    "export": (image_answers.TravelAnswer,),
    "fingerprint": (story.FingerprintAnswer,),
    "graph": (story.GraphAnswer,),
    "history": (past.HistoryAnswer,),
    "import": (image_answers.TravelAnswer,),
    "init": (story.WrittenAnswer,),
    "lint": (story.LintAnswer, story.ExplainAnswer),
    "logs": (story.LinesAnswer,),
    "new": (story.WrittenAnswer, story.TemplatesAnswer),
    "pin": (image_answers.PinAnswer,),
    "plan": (story.PlanAnswer,),
    "policy": (image_answers.PolicyAnswer,),
    "pull": (image_answers.PullAnswer,),
    "records": (past.RecordsAnswer,),
    "remove": (story.WrittenAnswer,),
    "rename": (story.WrittenAnswer,),
    "render": (story.RenderAnswer, story.LinesAnswer),
    "restart": (story.ActedAnswer,),
    "restore": (story.RestoreAnswer,),
    "rollback": (story.UpAnswer,),
    "schedule": (story.ScheduleAnswer,),
    "schema": (story.SchemaAnswer,),
    "show": (story.ShowAnswer,),
    "status": (story.StatusAnswer,),
    "stop": (story.ActedAnswer,),
    "up": (story.UpAnswer,),
    "verify": (story.VerifyAnswer,),
    "version": (story.VersionAnswer,),
}
"""Command -> what it may end in; any of them may end in an error instead."""

STREAMS: Mapping[str, tuple[type, ...]] = {
    "logs": get_args(events.Event),
    "render": (events.Found, events.Line),
    "rollback": get_args(events.Event),
    "status": (story.Watched, events.Said),
    "up": get_args(events.Event),
}
"""Commands that may print a line per event before their document."""

_ELSEWHERE = {
    "Graph": Graph,
    "Lack": Lack,
    "Mended": Mended,
    "Run": Run,
    "Seen": Seen,
    "SpokeTemplate": SpokeTemplate,
}
"""Names that `story` knows only while types are checked."""

_SIMPLE: Mapping[object, Mapping[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


def schema(command: str) -> dict[str, Any]:
    """What each line is that `stackctl COMMAND --json` prints."""
    shapes = _Shapes()
    head = {"command": {"const": command}, "exit": {"type": "integer"}}
    lines = [_object({**head, **shapes.fields(answer)}) for answer in ANSWERS[command]]
    lines.append(_object({**head, "error": shapes.error()}))
    for event in STREAMS.get(command, ()):
        lines.append(_object({"event": {"const": event.__name__.lower()}, **shapes.fields(event)}))
    for line in lines:
        line["properties"] = {"schema": {"const": SCHEMA}, **line["properties"]}
        line["required"] = ["schema", *line["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line that `stackctl {command} --json` prints",
        "anyOf": lines,
        "$defs": dict(sorted(shapes.defined.items())),
    }


class _Shapes:
    """Types as schemas; each class once, by its name."""

    def __init__(self) -> None:
        self.defined: dict[str, dict[str, Any]] = {}

    def fields(self, of: type) -> dict[str, Any]:
        hints = get_type_hints(of, localns=_ELSEWHERE)
        return {f.name: self.of(hints[f.name]) for f in dataclasses.fields(of) if f.repr}

    def error(self) -> dict[str, Any]:
        told = {"message": self.of(str), "hint": self.of(str), "findings": self.of(tuple[Finding, ...])}
        return {**_object(told), "required": ["message", "hint"]}

    def of(self, hint: Any) -> dict[str, Any]:
        if hint in _SIMPLE:
            return dict(_SIMPLE[hint])
        origin, given = get_origin(hint), get_args(hint)
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(one) for one in given]}
        if origin is Literal:
            return {"enum": list(given)}
        if origin in (tuple, frozenset, list, Sequence):
            return {"type": "array", "items": self.of(given[0])}
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(given[1])}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"enum": [one.value for one in hint]}
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            if hint.__name__ not in self.defined:
                self.defined[hint.__name__] = {}
                self.defined[hint.__name__] |= _object(self.fields(hint))
            return {"$ref": f"#/$defs/{hint.__name__}"}
        raise TypeError(f"--json cannot print {hint}")


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def text(command: str) -> str:
    return json.dumps(schema(command), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name in ANSWERS:
        (FOLDER / f"{name}.json").write_text(text(name))
