"""Stack + templates -> Bundle: one plain Compose document, configuration files, a fingerprint per spoke.

Nothing of this host enters, so the result is the same on every machine; see `override.py` for the rest.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

from stackctl import fingerprint, haproxy, strict, yaml_text
from stackctl.edge import traefik, written
from stackctl.lint.dependencies import has_healthcheck
from stackctl.model import (
    PROXY_NETWORK,
    SECRETS_DIR,
    SOCKET_NETWORK,
    Bundle,
    Fingerprint,
    Hardening,
    Route,
    RoutesBy,
    Spoke,
    Stack,
    Stanza,
)
from stackctl.switches import writes
from stackctl.templates import Templates, differing

COMPOSE_FILE = "docker-compose.yml"
RENDERED_DIR = "rendered"

_MERGED_KEYS = ("environment", "labels", "logging")
_ORDER = (
    "image build platform profiles command entrypoint user working_dir hostname environment env_file "
    "depends_on networks ports expose volumes tmpfs configs secrets healthcheck restart init "
    "stop_grace_period stop_signal read_only cap_drop cap_add security_opt mem_limit pids_limit cpus "
    "ulimits logging"
).split()
_RANK = {key: rank for rank, key in enumerate(_ORDER)}
_HEADER = (
    "Rendered by stackctl from spokes/ and stack.yaml: change those and run `stackctl render`.\n"
    "Plain Compose: `docker compose --profile NAME up -d` brings up the same stack without stackctl."
)


def render(stack: Stack) -> Bundle:
    """All that follows from the files alone.

    Raises:
        StackctlError: A template fails.
    """
    stack = replace(stack, templates=differing(stack.templates))
    templates = Templates(stack.templates)
    services: dict[str, Stanza] = {}
    files: dict[str, bytes] = {}
    fingerprints: dict[str, Fingerprint] = {}
    reloads: dict[str, str] = {}
    comments: dict[tuple[str, ...], str] = {("name",): _HEADER}
    for spoke in stack.spokes:
        settings = _settings(stack, spoke, templates)
        files |= settings
        if written.is_edge(stack, spoke):
            again = written.reloaded(stack)
            files |= {f"{RENDERED_DIR}/{spoke.name}/{file}": content for file, content in again.items()}
            reloads[spoke.name] = written.digest(again)
        stanza = _stanza(stack, spoke, templates)
        fingerprints[spoke.name] = found = _fingerprint(stack, spoke, stanza, settings)
        rendered = fingerprint.sha256([fingerprint.counted(stanza), _hashes(settings)])
        stanza["labels"] = {
            **stanza.get("labels", {}),
            **fingerprint.labels(spoke.name, found, rendered, with_route=stack.routing.by is RoutesBy.LABELS),
        }
        services[spoke.name] = dict(
            sorted(stanza.items(), key=lambda item: (_RANK.get(item[0], 99), item[0]))
        )
        comments["services", spoke.name] = " + ".join(filter(None, (spoke.page, spoke.manifest)))
    document = {
        "name": stack.name,
        "services": services,
        "networks": {name: dict(options) for name, options in _networks(stack, services)},
        **_top_level(stack),
    }
    files[COMPOSE_FILE] = yaml_text.dump(document, comments).encode()
    return Bundle(document, dict(sorted(files.items())), fingerprints, reloads)


def _stanza(stack: Stack, spoke: Spoke, templates: Templates) -> dict[str, Any]:
    values = {
        "kind": spoke.kind.value,
        "hardening": spoke.hardening.value,
        "stack": stack.name,
        "writes": "" if strict.is_strict(spoke) else writes(spoke.image),
    }
    stanza = {**templates.data(f"kinds/{spoke.kind}.yaml.j2", values)}
    if spoke.hardening is Hardening.AS_IS:
        stanza = {}
    if written.is_edge(stack, spoke):
        stanza |= written.stanza(stack, spoke)
        stanza["volumes"] = [_settings_mount(stack, spoke), *written.mounts(spoke)]
    if strict.is_strict(spoke):
        stanza |= strict.stanza(spoke)
    if shared := strict.mounts(stack, spoke):
        stanza["volumes"] = [*stanza.get("volumes", ()), *shared]
    for key, value in spoke.service.items():
        if strict.is_strict(spoke) and key in haproxy.RENDERED_KEYS:
            continue
        if key in _MERGED_KEYS and isinstance(stanza.get(key), Mapping):
            stanza[key] = {**stanza[key], **value}
        elif key == "volumes":
            stanza[key] = [*stanza.get(key, ()), *value]
        else:
            stanza[key] = value
    stanza = _with_secret_files(stack, spoke, stanza)
    if routes := written.labels(stack, spoke):
        stanza["labels"] = {**routes, **stanza.get("labels", {})}
    if depends_on := stanza.get("depends_on"):
        as_is = spoke.hardening is Hardening.AS_IS
        stanza["depends_on"] = {
            name: dict(how) if as_is else _waiting(stack, name, how) for name, how in depends_on.items()
        }
    return {key: _plain(value) for key, value in stanza.items()}


def _with_secret_files(stack: Stack, spoke: Spoke, stanza: dict[str, Any]) -> dict[str, Any]:
    """Secrets with a source are files that `up` writes; those of Compose's own are left to Compose."""
    granted = stanza.get("secrets", ())
    ours = [grant for grant in granted if grant["source"] in stack.secret_sources]
    if not ours:
        return stanza
    stanza = {**stanza, "secrets": [grant for grant in granted if grant not in ours]}
    stanza["volumes"] = [*stanza.get("volumes", ()), *(_secret_mount(spoke, grant) for grant in ours)]
    return {key: value for key, value in stanza.items() if key != "secrets" or value}


def _secret_mount(spoke: Spoke, grant: Stanza) -> dict[str, Any]:
    # A bind mount, as Compose puts other secrets into a container by copying, and a read-only root
    # refuses that; and in the long form, as Compose would make up a folder for a file that is missing.
    return {
        "type": "bind",
        "source": f"./{SECRETS_DIR}/{spoke.name}/{grant['source']}",
        "target": posixpath.join("/run/secrets", grant.get("target") or grant["source"]),
        "read_only": True,
        "bind": {"create_host_path": False},
    }


def _waiting(stack: Stack, name: str, how: Stanza) -> dict[str, Any]:
    """Compose refuses to wait for the health of a container without a healthcheck; stackctl waits itself."""
    waiting = dict(how)
    if waiting.get("condition") == "service_healthy" and not any(
        spoke.name == name and has_healthcheck(stack, spoke) for spoke in stack.spokes
    ):
        waiting["condition"] = "service_started"
    return waiting


def _settings_mount(stack: Stack, spoke: Spoke) -> dict[str, Any]:
    # A directory, because a bind-mounted file keeps showing the old content once it was replaced.
    return {
        "type": "bind",
        "source": f"./{RENDERED_DIR}/{spoke.name}",
        "target": written.config_dir(stack),
        "read_only": True,
        "bind": {"create_host_path": False},
    }


def _settings(stack: Stack, spoke: Spoke, templates: Templates) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if strict.is_strict(spoke):
        found = strict.files(spoke)
    elif traefik.is_edge(stack, spoke):
        values = traefik.values(stack)
        found = {
            file: yaml_text.dump(templates.data(template, values)).encode()
            for file, template in traefik.TEMPLATES.items()
        }
    return {f"{RENDERED_DIR}/{spoke.name}/{file}": content for file, content in found.items()}


def _fingerprint(stack: Stack, spoke: Spoke, stanza: Stanza, settings: Mapping[str, bytes]) -> Fingerprint:
    """What is declared, not what the packaged templates make of it: a new stackctl changes no fingerprint.

    The result of the stack's own templates is declared too, so it counts where there are some.
    """
    own_stanza = any(name.startswith("kinds/") for name in stack.templates)
    own_settings = any(name.startswith("edge/") for name in stack.templates)
    config: Any = written.declared(stack) if written.is_edge(stack, spoke) else None
    if strict.is_strict(spoke):
        config = strict.declared(spoke)
    elif own_settings:
        config = _hashes(settings)
    shared = [[mount["source"], mount["target"]] for mount in strict.mounts(stack, spoke)]
    return fingerprint.declared(
        image=spoke.image,
        stanza={
            **(stanza if own_stanza else spoke.service),
            "x-stackctl": [spoke.kind.value, spoke.hardening.value, *shared],
        },
        config=[_hashes(mounted_files(stack, spoke)), config],
        route=[
            [stack.edge.value if spoke.routes else "", list(r.hosts), r.port, r.path, r.strip, *_further(r)]
            for r in spoke.routes
        ],
    )


def _further(route: Route) -> list[Any]:
    """What else the route states; a part that it leaves out changes no fingerprint when it becomes known."""
    plain = Route(route.hosts, route.port, route.path, route.strip)
    stated = {f.name: getattr(route, f.name) for f in fields(route)}
    return [
        [name, asdict(value) if is_dataclass(value) and not isinstance(value, type) else value]
        for name, value in stated.items()
        if value != getattr(plain, name)
    ]


def mounted_files(stack: Stack, spoke: Spoke) -> dict[str, bytes]:
    """The stack's own files that the spoke mounts, builds from, or names as its settings."""
    build = spoke.service.get("build")
    context = build.get("context", "") if isinstance(build, Mapping) else build
    sources = [spoke.settings_dir, context, *(m.source for m in spoke.mounts if m.type == "bind")]
    roots = tuple(
        s.removeprefix("./").rstrip("/") for s in sources if s and not s.startswith(("/", "~", "$"))
    )
    return {
        path: content
        for path, content in stack.files.items()
        if any(path == root or path.startswith(f"{root}/") for root in roots)
    }


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())}


def _networks(stack: Stack, services: Mapping[str, Stanza]) -> list[tuple[str, Stanza]]:
    """Those that stack.yaml states or a service is on: those that stackctl offers by itself may be unused."""
    used = {network for stanza in services.values() for network in stanza.get("networks") or ()}
    offered = {PROXY_NETWORK, SOCKET_NETWORK} - used
    return sorted(
        (name, options)
        for name, options in stack.networks.items()
        if name not in offered or ("networks", name) in stack.places
    )


def _top_level(stack: Stack) -> dict[str, Any]:
    found = {key: _plain(value) for key, value in sorted(stack.top_level.items())}
    mounted = {m.source for spoke in stack.spokes for m in spoke.mounts if m.type == "volume" and m.source}
    # What a variable stands for is declared under its own name.
    used = {name for name in mounted if "$" not in name}
    sockets = {name: dict(how) for name, how in strict.volumes(stack).items()}
    if volumes := {**{name: {} for name in sorted(used)}, **sockets, **found.get("volumes", {})}:
        found["volumes"] = dict(sorted(volumes.items()))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, (dict, Mapping)):
        return {key: _plain(item) for key, item in value.items()}
    return value
