"""Rules about where secrets may stand, and what is given to containers as they are."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.lint.texts import texts
from stackctl.model import SECRET_VARIABLE, Hardening, Stack, secret_of


def secrets_are_files(stack: Stack) -> Iterator[Finding]:
    """SC701: a file is read by whom it is for; an environment is shown and inherited."""
    for spoke in stack.spokes:
        for variable, value in spoke.environment.items():
            if name := secret_of(value):
                message = f"{spoke.name} has the secret `{name}` in its environment, as {variable}"
                hint = f"give it as a file where the app can read one: `secrets: [{name}]`"
                yield finding("SC701", spoke.at("environment", variable), message, hint, spoke.name)


def references_are_made_here(stack: Stack) -> Iterator[Finding]:
    """SC702: a secret goes where its manifest asks for it by name, and nowhere else."""
    for spoke in stack.spokes:
        for path, text in texts(spoke.service, SECRET_VARIABLE):
            if not (path[0] == "environment" and secret_of(text)):
                message = f"{spoke.name} uses a variable {SECRET_VARIABLE}… by itself"
                hint = "write `environment: {NAME: {secret: name}}`, or mount it: `secrets: [name]`"
                yield finding("SC702", spoke.at(*path), message, hint, spoke.name)


def copies_find_room(stack: Stack) -> Iterator[Finding]:
    """SC703: what is mounted needs no room in the container; what is copied into it does."""
    for spoke in stack.spokes:
        if not spoke.service.get("read_only", spoke.hardening is Hardening.STRICT):
            continue
        for key in ("configs", "secrets"):
            declared = stack.top_level.get(key) or {}
            for number, grant in enumerate(spoke.service.get(key, ())):
                name = grant["source"]
                if {"content", "environment"} & (declared.get(name) or {}).keys():
                    message = f"{spoke.name}: its root is read-only, so Compose cannot copy `{name}` into it"
                    hint = f"put it into a file: `{key}: {{{name}: {{file: ./{name}}}}}`"
                    yield finding("SC703", spoke.at(key, str(number)), message, hint, spoke.name)


RULES = (secrets_are_files, references_are_made_here, copies_find_room)
