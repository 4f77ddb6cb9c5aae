"""The templates of `stackctl new`: what there is, and the files that each of them makes.

A template is a folder `templates/new/NAME/`: `template.yaml` says what it is for; every other file ends in
`.j2` and becomes a file of the stack, with the spoke's name in place of `NAME`. What `stack.yaml.j2` prints
is added to stack.yaml. A stack's own templates win over the packaged ones, file by file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackctl.errors import StackctlError, UsageError
from stackctl.model import Kind
from stackctl.names import packaged_dir
from stackctl.templates import Templates
from stackctl.yaml_text import scalar

_FOLDER = "new"
_ABOUT = "template.yaml"
_STACK = "stack.yaml.j2"


@dataclass(frozen=True)
class SpokeTemplate:
    """What `stackctl new --list` tells of a template."""

    name: str
    kind: str
    about: str
    image: str
    """The image that it runs where none is named; empty where one must be."""
    port: int
    routed: bool
    """Whether its spoke is meant to have a host name."""
    tested: str
    """With what its files were seen to run; empty where they were not."""
    halves: bool = field(default=False)
    """Whether page or manifest alone says it all."""


def spoke_templates(own: Mapping[str, str]) -> tuple[SpokeTemplate, ...]:
    """All of them, the plainest first."""
    names = {path.parent.name for path in (packaged_dir() / _FOLDER).glob(f"*/{_ABOUT}")}
    names |= {path.split("/")[1] for path in own if re.fullmatch(rf"{_FOLDER}/[^/]+/{_ABOUT}", path)}
    first = [kind for kind in Kind if kind in names]
    return tuple(_read(name, own) for name in (*first, *sorted(names - {*first})))


def spoke_template(name: str, own: Mapping[str, str]) -> SpokeTemplate:
    """The template of that name.

    Raises:
        UsageError: There is none.
    """
    known = spoke_templates(own)
    for template in known:
        if template.name == name:
            return template
    raise UsageError(f"`{name}` is no template", f"one of {', '.join(t.name for t in known)}")


def made_files(
    template: str, spoke: str, own: Mapping[str, str], values: Mapping[str, Any]
) -> dict[str, str]:
    """Path relative to the stack's folder -> text."""
    folder = packaged_dir() / _FOLDER / template
    there = {path.relative_to(packaged_dir()).as_posix() for path in folder.rglob("*.j2")}
    there |= {path for path in own if path.startswith(f"{_FOLDER}/{template}/") and path.endswith(".j2")}
    texts = Templates(own)
    made = {}
    for path in sorted(there):
        target = path.removeprefix(f"{_FOLDER}/{template}/")
        if target != _STACK:
            target = target.removesuffix(".j2").replace("NAME", spoke)
            # Where a condition prints nothing, it may leave more than one empty line.
            made[target] = re.sub(r"\n{3,}", "\n\n", texts.text(path, values))
    return made


def additions(template: str, own: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What the template needs of stack.yaml: section -> name -> its value as one line of YAML."""
    path = f"{_FOLDER}/{template}/{_STACK}"
    if path not in own and not (packaged_dir() / path).is_file():
        return {}
    text = Templates(own).text(path, values)
    if not text.strip():
        return {}
    return {
        section: {name: _line(value) for name, value in entries.items()}
        for section, entries in Templates({"text": text}).data("text", {}).items()
    }


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_line(item)}" for key, item in value.items()) + "}"
    return scalar(value)


def _read(name: str, own: Mapping[str, str]) -> SpokeTemplate:
    data = Templates(own).data(f"{_FOLDER}/{name}/{_ABOUT}", {})
    try:
        return SpokeTemplate(
            name,
            Kind(data["kind"]).value,
            str(data["about"]),
            str(data.get("image", "")),
            int(data.get("port", 0)),
            bool(data.get("routed")) or name == Kind.APP,
            str(data.get("tested", "")),
            bool(data.get("halves")),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise StackctlError(
            f"templates/{_FOLDER}/{name}/{_ABOUT} is incomplete: {error}", "it needs `kind` and `about`"
        ) from error
