"""The schemas that editors use say what the reader says: of keys, and of the shapes of values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from stackctl import file_schema
from stackctl.read import policy, routes
from stackctl.read.compose_keys import known, service_forms
from stackctl.read.manifest import OWN_KEYS, read_manifest
from stackctl.read.stack_yaml import read_settings
from stackctl.read.text import read_text

REPOSITORY = Path(__file__).parent.parent
MANIFESTS = sorted(
    path
    for folder in (REPOSITORY / "spokes", REPOSITORY / "tests" / "cases")
    for pattern in ("*.yaml", "**/spokes/*.yaml", "**/spokes/*.yml")
    for path in folder.glob(pattern)
    if path.parent.name == "spokes"
)
STACKS = [REPOSITORY / "stack.yaml", *sorted((REPOSITORY / "tests" / "cases").glob("**/stack.yaml"))]
SHAPES: list[Any] = [
    True,
    1,
    -1,
    1.5,
    "x",
    "1",
    "$V",
    [],
    ["x"],
    [1],
    [True],
    [[1]],
    [{"zz": 1}],
    {},
    {"zz": 1},
    {"zz": []},
]
UNSHAPELY = {"SC101", "SC102", "SC103", "SC104", "SC110", "SC610"}
"""Codes of what a schema could tell; it need not."""
MANIFEST = Draft202012Validator(file_schema.manifest())
STACK = Draft202012Validator(file_schema.stack())


def codes(data: bytes) -> set[str]:
    source, found = read_text("spokes/x.yaml", data)
    return {f.code for f in (*found, *read_manifest(source).findings)} & UNSHAPELY


def values(path: Path) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(path.read_bytes())
    except Exception:
        return None


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_what_the_reader_takes_no_schema_calls_wrong(path: Path) -> None:
    if not codes(path.read_bytes()) and (value := values(path)) is not None:
        assert [error.message for error in MANIFEST.iter_errors(value)] == []


@pytest.mark.parametrize("path", STACKS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_stack_that_is_read_is_valid(path: Path) -> None:
    source, _ = read_text("stack.yaml", path.read_bytes())
    settings, findings = read_settings(source)
    if settings is not None and not {f.code for f in findings} & UNSHAPELY:
        assert [error.message for error in STACK.iter_errors(values(path))] == []


@pytest.mark.parametrize("key", [*service_forms(), *OWN_KEYS])
def test_of_every_shape_that_the_reader_takes_the_schema_says_so_too(key: str) -> None:
    for shape in SHAPES:
        taken = not codes(json.dumps({key: shape}).encode())
        if taken:
            assert MANIFEST.is_valid({key: shape}), (key, shape)


@pytest.mark.parametrize("key", [*service_forms(), *OWN_KEYS])
def test_a_value_of_a_wrong_shape_is_refused_by_both(key: str) -> None:
    refused = [shape for shape in SHAPES if codes(json.dumps({key: shape}).encode())]
    assert refused, key
    assert any(not MANIFEST.is_valid({key: shape}) for shape in refused), key


def places() -> list[tuple[str, dict[str, Any]]]:
    """Every map whose keys are known, with one key too many in it."""
    found: list[tuple[str, dict[str, Any]]] = [("", {"zz": 1})]
    found += [(key, {key: {"zz": 1}}) for key in ("deploy", "healthcheck", "logging", "build", "develop")]
    found += [
        ("depends_on", {"depends_on": {"a": {"zz": 1}}}),
        ("ports", {"ports": [{"target": 1, "zz": 1}]}),
    ]
    found += [
        ("networks", {"networks": {"a": {"zz": 1}}}),
        ("secrets", {"secrets": [{"source": "a", "zz": 1}]}),
    ]
    found += [("deploy", {"deploy": {"resources": {"zz": 1}}})]
    found += [("route", {"route": {"host": "a.b", "port": 1, "zz": 1}})]
    found += [("route", {"route": [{"host": "a.b", "port": 1, "auth": {"zz": {}}}]})]
    found += [("policy", {"policy": {"zz": 1}}), ("checks", {"checks": [{"zz": 1}]})]
    return [*found, ("accept", {"accept": [{"code": "SC202", "reason": "x", "zz": 1}]})]


@pytest.mark.parametrize(("key", "value"), places())
def test_an_unknown_key_is_refused_by_both_at_every_depth(key: str, value: dict[str, Any]) -> None:
    assert "SC102" in codes(json.dumps(value).encode()), key
    assert not MANIFEST.is_valid(value)


def test_no_key_is_missing_and_none_too_many() -> None:
    keys = set(file_schema.manifest()["properties"])
    assert keys == {*service_forms(), *OWN_KEYS} - {"extends"}
    assert set(file_schema._ROUTE["properties"]) == set(routes.KEYS)
    assert set(file_schema._OWN["policy"]["properties"]) == set(policy.KEYS)
    top = set(file_schema.stack()["properties"])
    assert set(known()["top_level"]) <= top
    for key in top - {"name"}:
        source, _ = read_text("stack.yaml", f"name: s\n{key}:\n".encode())
        assert not {f.code for f in read_settings(source)[1]} & {"SC102"}, key


@pytest.mark.parametrize("make", [file_schema.manifest, file_schema.stack])
def test_a_schema_is_one(make: Any) -> None:
    Draft202012Validator.check_schema(make())
