"""`stackctl schema`: what manifests and stack.yaml may hold, for editors that complete and check."""

from __future__ import annotations

from stackctl import file_schema
from stackctl.commands.story import Ended, SchemaAnswer, Story


def schema(what: str) -> Story:
    """`what` is `manifest` or `stack`."""
    yield from ()
    return Ended(SchemaAnswer({"manifest": file_schema.manifest, "stack": file_schema.stack}[what]()))
