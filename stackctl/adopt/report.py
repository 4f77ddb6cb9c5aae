"""What adopting found: who holds the socket, where pages are wrong, and what could be hardened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stackctl import yaml_text
from stackctl.findings import Finding
from stackctl.lint.dependencies import has_healthcheck
from stackctl.model import Kind, Spoke, Stack
from stackctl.templates import Templates

SOCKET = "SC401"
_HOLES = ("SC4", "SC21", "SC202")
_WHY = {
    "cap_drop": "root in it has less power than root on the host",
    "security_opt": "no program in it gains rights that it was not started with",
    "read_only": "nobody changes the program; what it writes needs a volume or `tmpfs`",
    "mem_limit": "it cannot take all memory; state what it needs",
    "pids_limit": "it cannot fill the table of processes",
    "logging": "its log does not fill the disk",
    "restart": "it comes back after a crash and after the host starts",
}


@dataclass(frozen=True)
class Lack:
    """One thing that a hardened spoke has and this one has not: the line for its manifest, and why."""

    spoke: str
    line: str
    why: str


def lacks(stack: Stack) -> Iterator[Lack]:
    """What `hardening: strict` would add to each spoke, in the order in which it is least likely to hurt."""
    templates = Templates({})
    for spoke in stack.spokes:
        wanted = templates.data(f"kinds/{spoke.kind}.yaml.j2", _strict(stack, spoke))
        limits = (spoke.service.get("deploy") or {}).get("resources", {}).get("limits") or {}
        stated = {*spoke.service, *({"mem_limit"} if limits.get("memory") else ())}
        stated |= {"pids_limit"} if limits.get("pids") else set()
        for key in ("logging", "restart", "security_opt", "pids_limit", "mem_limit", "cap_drop", "read_only"):
            if key in wanted and key not in stated and wanted[key] != "no":
                yield Lack(spoke.name, yaml_text.dump({key: wanted[key]}).strip(), _WHY[key])
        if not has_healthcheck(stack, spoke) and spoke.kind is not Kind.JOB:
            line = "healthcheck: {test: …}"
            yield Lack(
                spoke.name, line, "a container that hangs is noticed; only the image's maker knows how"
            )


def _strict(stack: Stack, spoke: Spoke) -> dict[str, str]:
    return {"kind": spoke.kind.value, "hardening": "strict", "stack": stack.name, "writes": ""}


def sockets(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Who holds the Engine's socket and is no socket proxy."""
    return tuple(found for found in findings if found.code == SOCKET)


def risks(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What else lint warns of in what runs."""
    return tuple(found for found in findings if found.code.startswith(_HOLES) and found.code != SOCKET)
