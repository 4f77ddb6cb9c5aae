"""JSON Schemas of manifests and of stack.yaml, for editors: from the same tables by which they are read.

They say which keys exist and which shapes a value may have. What only reading can tell (a size, a host name,
a network that does not exist) is left to `lint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackctl.model import Edge, Hardening, Kind, Mode, Protocol, RoutesBy, Tls
from stackctl.read import edge_settings, routes
from stackctl.read.compose_keys import known, service_forms
from stackctl.read.requests import METHODS

Schema = Mapping[str, Any]

_COMPOSE = "https://docs.docker.com/reference/compose-file/services/"
_EXTRA: Schema = {"^x-": {}}
_TEXT: Schema = {"type": ["string", "number"]}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_SCALAR_OR_NONE: Schema = {"type": ["string", "number", "boolean", "null"]}
_BOOL: Schema = {"type": "boolean"}
_BOOL_OR_VARIABLE: Schema = {"anyOf": [_BOOL, {"type": "string", "pattern": r"\$|^(?i:true|false)$"}]}
_PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
_STRING: Schema = {"type": "string"}


def manifest() -> dict[str, Any]:
    """What `spokes/NAME.yaml` may hold."""
    keys = {
        key: {**_form(key, form), "description": f"{_COMPOSE}#{key}"}
        for key, form in service_forms().items()
        if form != "extends"
    }
    return _document("A spoke's manifest", {**keys, **_OWN})


def stack() -> dict[str, Any]:
    """What `stack.yaml` may hold."""
    elements = {
        key: _each(
            {"anyOf": [_object({word: {} for word in words}, _EXTRA), {"type": "null"}]},
            f"https://docs.docker.com/reference/compose-file/{key}/",
        )
        for key, words in known()["top_level"].items()
    }
    return {**_document("A stack", {**_STACK, **elements}), "required": ["name"]}


def _document(title: str, properties: Mapping[str, Schema]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **_object({key: _or_nothing(value) for key, value in properties.items()}, _EXTRA),
    }


def _or_nothing(schema: Schema) -> dict[str, Any]:
    """A key without a value is a key that is not there."""
    description = {key: schema[key] for key in ("description",) if key in schema}
    bare = {key: value for key, value in schema.items() if key != "description"}
    return {"anyOf": [bare, {"type": "null"}], **description}


def _object(properties: Mapping[str, Any], patterns: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**found, "patternProperties": dict(patterns)} if patterns else found


def _map_of(value: Schema, **more: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": value, **more}


def _list_of(item: Schema, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": item, **more}


def _any(*schemas: Schema, description: str = "") -> dict[str, Any]:
    return {"anyOf": list(schemas), **({"description": description} if description else {})}


def _each(value: Schema, description: str) -> dict[str, Any]:
    return {**_map_of(value), "description": description}


def _nested(where: str) -> dict[str, Any]:
    """A map whose keys are known; maps inside it that are known too are closed as well."""
    table = known()["nested"]
    inside = {key: _nested(f"{where}.{key}") if f"{where}.{key}" in table else {} for key in table[where]}
    return _object({key: _any(schema, _FREE) if schema else {} for key, schema in inside.items()}, _EXTRA)


_FREE: Schema = {"type": ["string", "number", "boolean", "null", "array"]}
"""What reading lets pass where a map would be closed."""


def _form(key: str, form: str) -> dict[str, Any]:
    """The shapes of a service's value, by the name of its form."""
    texts = _any(_STRING, _list_of(_TEXT))
    match form:
        case "text":
            return dict(_TEXT)
        case "bool":
            return dict(_BOOL_OR_VARIABLE)
        case "number":
            return _any({"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]|\$"})
        case "strings" | "scalars":
            return texts
        case "list":
            return {"type": "array"}
        case "map":
            secret = {
                "type": "object",
                "properties": {"secret": _STRING},
                "required": ["secret"],
                "maxProperties": 1,
            }
            value = _any(_SCALAR_OR_NONE, secret) if key == "environment" else _SCALAR_OR_NONE
            return _any(_map_of(value), _list_of(_SCALAR))
        case "hosts":
            return _any(_list_of(_TEXT), {"type": "object"})
        case "command":
            return _any(_STRING, _list_of(_SCALAR))
        case "object":
            return _nested(key) if key in known()["nested"] else {"type": "object"}
        case "build":
            return _any(_STRING, _nested("build"))
        case "env_file":
            return _any(_STRING, _list_of(_any(_STRING, {**_nested("env_file.*"), "required": ["path"]})))
        case "grants":
            return _list_of(_any(_STRING, {**_nested("grants.*"), "required": ["source"]}))
        case "ulimits":
            number = _form("", "number")
            both = {**_object({"soft": number, "hard": number}), "required": ["soft", "hard"]}
            return _map_of(_any(number, both))
        case "networks":
            return _any(texts, _map_of(_any(_nested("networks.*"), {"type": "null"})))
        case "depends_on":
            return _any(texts, _map_of(_nested("depends_on.*")))
        case "ports":
            return _list_of(_any(_TEXT, {**_nested("ports.*"), "required": ["target"]}))
        case "volumes":
            return _list_of(_any(_STRING, _nested("volumes.*")))
    raise KeyError(form)


def _one_of(words: Any, description: str = "") -> dict[str, Any]:
    return {"enum": [str(word) for word in words], **({"description": description} if description else {})}


_SPAN: Schema = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]{1,5}[smh]?$"}]
}
_RATE: Schema = {"type": "string", "pattern": "^[1-9][0-9]{0,5}/[smh]$"}
_AUTH: Schema = _any(
    {"const": "none"},
    {
        **_object(
            {
                "basic": {**_map_of(_STRING), "minProperties": 1, "description": "User -> bcrypt hash."},
                "forward": {
                    **_object(
                        {"spoke": _STRING, "port": _PORT, "path": _STRING, "headers": _list_of(_STRING)}
                    ),
                    "required": ["spoke", "port"],
                    "description": "A spoke that answers whether a request may pass.",
                },
            }
        ),
        "minProperties": 1,
        "maxProperties": 1,
    },
    description="Who may come in.",
)
_TLS: Schema = _any(
    _one_of(word for word in Tls if word is not Tls.FILES),
    {**_object({"certificate": _STRING, "key": _STRING}), "required": ["certificate", "key"]},
    description="`internal`: the stack's own authority; `acme`: a public one; or the names of two secrets.",
)
_ROUTE_KEYS: Mapping[str, Schema] = {
    "host": _any(
        _STRING, _list_of(_STRING, minItems=1), description="One host name, or several; `*.` may lead."
    ),
    "port": {**_PORT, "description": "The port inside the container."},
    "path": {
        **_STRING,
        "description": "Only requests below this path; `/agent/1/` never takes `/agent/10/`.",
    },
    "strip": {**_BOOL, "description": "Take the path away before the request reaches the spoke."},
    "protocol": _one_of(Protocol, "What the edge takes in; http unless stated."),
    "listen": {**_PORT, "description": "The edge's own port, for tcp and udp."},
    "auth": _AUTH,
    "tls": _TLS,
    "redirect": {**_BOOL, "description": "From http to https, where the route has TLS. On unless stated."},
    "secure_headers": {**_BOOL, "description": "The usual security headers in answers."},
    "headers": {
        **_map_of({"type": ["string", "null"]}),
        "minProperties": 1,
        "description": "Headers of answers; nothing takes one away.",
    },
    "rate_limit": _any(
        _RATE,
        {**_object({"rate": _RATE, "burst": {"type": "integer", "minimum": 1}}), "required": ["rate"]},
        description="Requests per client, as `100/m`.",
    ),
    "max_body": {"type": ["integer", "string"], "description": "The largest request body, as `10m`."},
    "compress": {**_BOOL, "description": "Compress answers."},
    "sticky": {**_BOOL, "description": "Keep a visitor at one container, by a cookie."},
    "health": _any(
        _STRING,
        {**_object({"path": _STRING, "interval": _SPAN, "timeout": _SPAN}), "required": ["path"]},
        description="What the edge asks before it sends requests.",
    ),
    "websockets": _any(
        _BOOL, _SPAN, description="Connections that stay open, or how long they may be silent."
    ),
    "dashboard": {**_BOOL, "description": "Of the edge alone: its own dashboard at this host."},
}
_ROUTE: Schema = _object({key: _ROUTE_KEYS[key] for key in routes.KEYS})
_EXPECT: Schema = {
    **_object(
        {
            "status": _any(
                *({"type": "integer", "minimum": 100, "maximum": 599},),
                _list_of({"type": "integer", "minimum": 100, "maximum": 599}),
            ),
            "body": _STRING,
            "hostname": _BOOL,
            "no_answer": _BOOL,
        }
    ),
    "minProperties": 1,
}
_OWN: Mapping[str, Schema] = {
    "kind": _one_of(Kind, "What the spoke is; told by its image unless stated."),
    "route": _any(_ROUTE, _list_of(_ROUTE), description="What the edge sends to this spoke."),
    "policy": {
        **_object(
            {
                "consumers": _any(_list_of(_STRING), {"type": "null"}),
                "operations": _any(_list_of(_STRING), {"type": "null"}),
                "mode": _one_of(Mode),
                "listen": _STRING,
                "stream_timeout": {"type": "integer"},
            }
        ),
        "description": "Of a socket proxy: whom it serves, and what more it lets through.",
    },
    "checks": _list_of(
        {
            **_object(
                {
                    "title": _any(_STRING, {"type": "null"}),
                    "from": {**_STRING, "description": "`host`, or a network of the stack."},
                    "request": {**_STRING, "pattern": rf"^(?:(?:{'|'.join(METHODS)})\s+)?\S+$"},
                    "expect": _EXPECT,
                }
            ),
            "required": ["request", "expect"],
        },
        description="What must hold of the running spoke, asked by `stackctl verify`.",
    ),
    "settle": {
        **_any({"type": "number", "minimum": 0, "maximum": 3600}, _STRING, {"type": "null"}),
        "description": "What requests in flight are given when the spoke is replaced.",
    },
    "backup": {
        **_any(
            _object({"command": _list_of(_STRING), "restore": _list_of(_STRING)}),
            _object({"path": {**_STRING, "pattern": "^/."}}),
            {"type": "null"},
        ),
        "description": "What saves its data: a command that prints it, or a folder.",
    },
    "schedule": {**_STRING, "description": "Of a job: when a timer of the host runs it, as in crontab."},
    "settings_dir": {**_STRING, "description": "A folder of this stack that is mounted and counted."},
    "hardening": _one_of(Hardening, "`strict` adds least privilege; `as-is` adds nothing."),
    "accept": _list_of(
        {
            **_object(
                {"code": {**_STRING, "pattern": "^(SC|CK)[0-9]{3}$"}, "reason": _STRING, "name": _STRING}
            ),
            "required": ["code", "reason"],
        },
        description="Risks taken knowingly: code and reason.",
    ),
    "phase": {**_TEXT, "description": "When it came, or will: for people."},
    "status": {**_TEXT, "description": "How it stands: for people."},
}
_STACK: Mapping[str, Schema] = {
    "version": {"type": "integer", "minimum": 1, "maximum": 1},
    "name": {**_STRING, "pattern": "^[a-z0-9][a-z0-9_-]*$", "description": "Of the Compose project."},
    "domain": {**_STRING, "description": "Where host names without a dot live."},
    "edge": _any(
        _one_of(Edge),
        _object(
            {
                "name": _one_of(Edge),
                "routes": _one_of(RoutesBy),
                "acme": {
                    **_object(
                        {
                            "email": _STRING,
                            "challenge": _one_of(edge_settings.CHALLENGES),
                            "server": _STRING,
                            "authority": _STRING,
                        }
                    ),
                    "required": ["email"],
                },
            }
        ),
        description="Which edge takes requests in.",
    ),
    "prober_image": {**_STRING, "description": "A Python image, from which checks ask inside networks."},
    "secret_sources": {
        **_map_of(
            {
                **_object({"command": _any(_STRING, _list_of(_STRING)), "env": _STRING, "file": _STRING}),
                "minProperties": 1,
                "maxProperties": 1,
            }
        ),
        "description": "Where the values of secrets come from.",
    },
}
