"""Rules about where secrets may stand."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.lint.texts import texts
from stackctl.model import SECRET_VARIABLE, Stack, secret_of


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


RULES = (secrets_are_files, references_are_made_here)
