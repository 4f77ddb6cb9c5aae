"""Names of networks as pages write them -> networks of this stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.model import Stanza


@dataclass(frozen=True)
class Networks:
    stack: str
    declared: Mapping[str, Stanza]

    def resolve(self, name: str, at: Location) -> tuple[str | None, Finding | None]:
        """The stack's network of that name, and what is odd about the name.

        Documents often carry the name that Compose gave the network in the stack they were copied from.
        """
        if name in self.declared:
            return name, None
        for network, options in self.declared.items():
            if options.get("name") == name:
                return network, None
        for network in sorted(self.declared, key=len, reverse=True):
            if name.endswith((f"_{network}", f"-{network}")):
                message = f"`{name}` is read as this stack's network `{network}`"
                return network, finding("SC302", at, message, f"write `{self.stack}_{network}`")
        return None, finding("SC204", at, f"network `{name}` stands nowhere in stack.yaml")
