"""The shipped facts hold together, and a pattern means exactly one operation."""

from __future__ import annotations

import re

import pytest

from stackctl.api import (
    Exposes,
    by_exposure,
    consumer,
    consumer_of_image,
    consumers,
    nearest_consumer,
    nearest_operation,
    operation,
    operations,
    repository,
)

EXAMPLES = ("x", "0" * 64, "my-app.db_1")
IMAGES = ("nginx", "library/nginx", "ghcr.io:5000/a/b-c:1.2_3", "a/b@sha256:" + "0" * 64)


def test_every_operation_of_the_facts_is_there_once() -> None:
    assert len(operations()) == len(set(map(str, operations()))) == 122


def test_every_consumer_names_known_operations_and_needs_some() -> None:
    assert len(consumers()) == 17
    assert all(c.required and not c.required & c.optional for c in consumers())


@pytest.mark.parametrize("found", operations(), ids=str)
def test_a_pattern_matches_its_operation_with_and_without_a_version(found: object) -> None:
    assert found in operations()
    for o in operations():
        if o is found:
            names = IMAGES if "/images/{" in o.path or "/distribution/" in o.path else EXAMPLES
            for name in names:
                assert o.matches(o.method, o.target(name))
                assert o.matches(o.method, f"/v1.41{o.target(name)}")


def test_a_pattern_matches_no_other_operation() -> None:
    named = [o for o in operations() if o.path != "/{any}"]
    clashes = [
        (str(one), str(other))
        for one in named
        for other in named
        if one != other and any(one.matches(other.method, other.target(name)) for name in EXAMPLES)
        # `/images/x/get` is the name `x/get` to a DELETE, but never a GET of the first.
        if one.path.partition("{")[0] != other.path.partition("{")[0] or one.method != other.method
    ]
    assert clashes == []


@pytest.mark.parametrize(
    "path",
    [
        "/containers/../json",
        "/containers/./json",
        "/containers//json",
        "/containers/a/b/json",
        "/containers/a%2fb/json",
        "/containers/.a/json",
        "/containers/a/json/",
        "/containers/a/json\n",
        "/containers/" + "a" * 256 + "/json",
        "/v1/containers/a/json",
        "/v1.41.1/containers/a/json",
        "/v1.41/v1.41/containers/a/json",
    ],
)
def test_an_unclean_path_matches_nothing(path: str) -> None:
    assert [str(o) for o in operations() if o.path != "/{any}" and o.matches(o.method, path)] == []


def test_names_of_images_never_hold_dot_segments() -> None:
    inspect = operation("GET /images/{name}/json")
    assert inspect
    for path in ("/images/a/../b/json", "/images/../json", "/images/a//b/json", "/images/%2e%2e/json"):
        assert not inspect.matches("GET", path)


def test_a_pattern_is_the_same_to_python_and_pcre() -> None:
    assert all(re.fullmatch(r"[-a-zA-Z0-9_.:@/()\[\]{},?+*]+", o.pattern) for o in operations())


def test_operations_are_found_whatever_their_placeholders_are_called() -> None:
    assert str(operation("get /containers/{container}/logs")) == "GET /containers/{id}/logs"
    assert operation("GET /containers/logs") is None
    assert nearest_operation("GET /container/{id}/log") == "GET /containers/{id}/logs"


def test_consumers_are_found_by_name_alias_and_image() -> None:
    traefik = consumer("Traefik")
    assert traefik
    assert (
        consumer("traefik-docker") == traefik == consumer_of_image("docker.io/library/traefik:v3.7@sha256:00")
    )
    assert consumer_of_image("traefik/whoami:v1.11.0") is None
    assert consumer("treafik") is None
    assert nearest_consumer("treafik") == "traefik"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("traefik", "traefik"),
        ("localhost:5000/amir20/dozzle:v8", "amir20/dozzle"),
        ("ghcr.io/gethomepage/homepage@sha256:00", "gethomepage/homepage"),
        ("tecnativa/docker-socket-proxy:v0.4.2", "tecnativa/docker-socket-proxy"),
    ],
)
def test_the_repository_of_an_image(image: str, expected: str) -> None:
    assert repository(image) == expected


def test_the_worst_exposure_comes_first_and_empty_classes_are_left_out() -> None:
    groups = by_exposure(operations())
    assert [exposes for exposes, _ in groups] == list(reversed(Exposes))
    assert by_exposure(()) == ()
