"""Rules about what keeps a container apart from its host."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.lint.safety import severity
from stackctl.model import Kind, Path, Spoke, Stack

NAMESPACES = {
    "network_mode": "every port of the host's own network, those on 127.0.0.1 included",
    "pid": "every process of the host, and through /proc its files",
    "ipc": "the shared memory of every program of the host",
    "uts": "the name of the host",
    "userns_mode": "root of the host as its own root",
    "cgroup": "the limits of every container",
}
GIVEN_BY_DEFAULT = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID "
    "SETPCAP SETUID SYS_CHROOT".split()
)
"""What Docker gives every container: stated under `cap_add`, it only takes back a `cap_drop: ALL`."""


def nobody_is_privileged(stack: Stack) -> Iterator[Finding]:
    """SC413: a container is not the host under another name."""
    for spoke in stack.spokes:
        if spoke.service.get("privileged"):
            hint = "state what it needs instead: `cap_add`, `devices`"
            yield _hole("SC413", spoke, ("privileged",), "runs privileged", hint)


def namespaces_are_their_own(stack: Stack) -> Iterator[Finding]:
    """SC414: a container sees its own processes, network and users."""
    for spoke in stack.spokes:
        for key, seen in NAMESPACES.items():
            proxy = key == "network_mode" and spoke.kind is Kind.SOCKET_PROXY
            if spoke.service.get(key) == "host" and not proxy:
                more = "; publish the ports that it needs" if key == "network_mode" else ""
                hint = f"remove `{key}: host`{more}"
                yield _hole("SC414", spoke, (key,), f"sees {seen} (`{key}: host`)", hint)


def capabilities_are_not_added(stack: Stack) -> Iterator[Finding]:
    """SC415: root in a container has less power than root on the host."""
    for spoke in stack.spokes:
        for number, name in enumerate(spoke.service.get("cap_add", ())):
            if name.upper().removeprefix("CAP_") not in GIVEN_BY_DEFAULT:
                hint = "remove it, or accept it with the reason for which the program needs it"
                yield _hole("SC415", spoke, ("cap_add", str(number)), f"is given the capability {name}", hint)


def devices_stay_with_the_host(stack: Stack) -> Iterator[Finding]:
    """SC416: a container reaches no hardware past the kernel's protection of files."""
    for spoke in stack.spokes:
        limits = (spoke.service.get("deploy") or {}).get("resources") or {}
        reserved = (limits.get("reservations") or {}).get("devices") or ()
        places: list[Path] = [
            (key, str(number))
            for key in ("devices", "device_cgroup_rules")
            for number, _ in enumerate(spoke.service.get(key, ()))
        ]
        places += [
            ("deploy", "resources", "reservations", "devices", str(number))
            for number, _ in enumerate(reserved)
        ]
        for path in places:
            hint = "remove it, or accept it with the reason for which the program needs it"
            yield _hole("SC416", spoke, path, "is given a device of the host", hint)


def _hole(code: str, spoke: Spoke, path: Path, how: str, hint: str) -> Finding:
    return finding(code, spoke.at(*path), f"{spoke.name} {how}", hint, spoke.name, severity(spoke))


RULES = (
    nobody_is_privileged,
    namespaces_are_their_own,
    capabilities_are_not_added,
    devices_stay_with_the_host,
)
