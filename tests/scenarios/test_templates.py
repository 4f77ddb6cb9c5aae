"""What `new` makes from its templates runs, is proved, and does what its page says."""

from __future__ import annotations

import base64
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stackctl.commands.opened import open_stack
from tests.scenarios.engine_room import REPOSITORY, EngineRoom
from tests.scenarios.shipped import ShippedStack

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]

JOB = ["python3", "-c", "print('the report is done')"]
RUNS = {
    "docker-socket-proxy": "docker-socket-proxy:v0.4.2",
    "traefik": "traefik:v3.7",
    "hello": "whoami:v1.11.0",
    "blog": "whoami:v1.11.0",
    "blog-db": "postgres:17",
    "cache": "redis:8",
    "www": "caddy:2",
    "login": "caddy:2",
    "logs-proxy": "docker-socket-proxy:v0.4.2",
    "report": "python:3.13-alpine",
}


def new(stack: ShippedStack, *words: str) -> None:
    done = stack.run("new", *words)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def stack(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedStack]:
    """A spoke from each template whose program can be had here, brought up once for all tests."""
    root = tmp_path_factory.mktemp("templates")
    stack = ShippedStack(root, room.project())
    assert stack.run("init", ".", "--name", stack.name).returncode == 0
    new(
        stack,
        "hello",
        "--image",
        "traefik/whoami:v1.11.0",
        "--host",
        "hello",
        "--port",
        "80",
        "--manifest-only",
    )
    new(
        stack,
        "blog",
        "-t",
        "app-with-database",
        "--image",
        "traefik/whoami:v1.11.0",
        "--host",
        "blog",
        "--port",
        "80",
    )
    new(stack, "cache", "-t", "redis")
    new(stack, "www", "-t", "static-site", "--host", "www")
    new(stack, "login", "-t", "forward-auth")
    new(stack, "logs-proxy", "-t", "socket-proxy", "--consumer", "dozzle")
    new(stack, "report", "-t", "job", "--image", "python:3.13-alpine", "--schedule", "30 3 * * *")
    _with(root / "spokes" / "report.yaml", command=JOB)
    _with(root / "spokes" / "blog.yaml", user="65534:65534")
    forward = {"spoke": "login", "port": 9000, "path": "/", "headers": ["Remote-User"]}
    route = {"host": "hello", "port": 80, "auth": {"forward": forward}}
    _with(root / "spokes" / "hello.yaml", user="65534:65534", route=[route])
    (root / ".env").write_text("BLOG_DB_PASSWORD=9d2f0c\nCACHE_PASSWORD=7b1e44\n")
    local = REPOSITORY / "stack.local.yaml"
    settings = (YAML(typ="safe", pure=True).load(local) if local.exists() else None) or {}
    if settings.get("images"):
        settings["images"] = {spoke: f"stackctl.local/{image}" for spoke, image in RUNS.items()}
    caddy = settings.get("images", {}).get("www", "caddy:2.10.2-alpine")
    hashed = room.docker("run", "--rm", caddy, "caddy", "hash-password", "--plaintext", "secret").strip()
    people = root / "settings" / "login" / "people"
    people.write_text(people.read_text() + f"alice {hashed}\n")
    (root / "stack.local.yaml").write_text(json.dumps({**settings, "ports": {"traefik": ["127.0.0.1::80"]}}))
    done = stack.run("up", "--profile", "core", "--yes", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    yield stack
    stack.run("down", "--yes")


def _with(manifest: Path, **more: object) -> None:
    document = YAML(typ="safe", pure=True).load(manifest)
    manifest.write_text(json.dumps({**document, **more}))


def asked(stack: ShippedStack, host: str, password: str = "") -> tuple[int, str]:
    published = stack.docker("port", stack.container("traefik"), "80").split()[0]
    headers = {"Host": f"{host}.stack.localhost"}
    if password:
        headers["Authorization"] = "Basic " + base64.b64encode(f"alice:{password}".encode()).decode()
    try:
        request = urllib.request.Request(f"http://{published}/", headers=headers)
        # A hash is slow on purpose, and this machine may be busy.
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


@pytest.mark.parametrize("spoke", sorted(RUNS.keys() - {"docker-socket-proxy", "traefik", "report"}))
def test_what_its_files_claim_is_proved(spoke: str, stack: ShippedStack) -> None:
    document = stack.json("verify", spoke)
    failed = [r for r in document["results"] if r["outcome"] != "passed" and not r["check"].get("exposure")]
    assert document["exit"] == 0, failed
    assert any(result["outcome"] == "passed" for result in document["results"])


def test_the_database_takes_its_password_over_the_network_and_no_other(stack: ShippedStack) -> None:
    ask = 'PGPASSWORD="{}" psql -h blog-db -U app -tAc "select 40 + 2" app'
    right = stack.run("exec", "blog-db", "--", "sh", "-c", ask.format("$(cat /run/secrets/blog-db-password)"))
    assert (right.returncode, right.stdout.strip()) == (0, "42"), right.stderr
    assert stack.run("exec", "blog-db", "--", "sh", "-c", ask.format("wrong")).returncode != 0


def test_a_dump_that_breaks_off_takes_nothing_away(stack: ShippedStack) -> None:
    name = stack.container("blog-db")
    ask = ("exec", name, "psql", "-qtA", "-U", "app")
    stack.docker(*ask, "-c", "create table kept as select 1 as n", "app")
    backup = open_stack(stack.root).stack.spoke("blog-db").backup
    assert backup is not None
    half = "drop table kept;\ncreate table kept (n int);\nthis is no SQL;\n"
    words = ["docker", "exec", "-i", name, *backup.restore]
    done = subprocess.run(words, input=half, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0, done.stdout
    assert stack.docker(*ask, "-c", "select n from kept", "app").strip() == "1"


def test_the_store_needs_its_password_and_keeps_what_it_is_told(stack: ShippedStack) -> None:
    assert "NOAUTH" in stack.run("exec", "cache", "--", "redis-cli", "set", "a", "1").stdout
    ask = 'REDISCLI_AUTH="$(cat /run/secrets/cache-password)" redis-cli {}'
    assert "OK" in stack.run("exec", "cache", "--", "sh", "-c", ask.format("set a kept")).stdout
    saved = stack.run("backup", "cache")
    assert saved.returncode == 0, saved.stderr
    assert "OK" in stack.run("exec", "cache", "--", "sh", "-c", ask.format("set a lost")).stdout
    put_back = stack.run("restore", "cache", "--yes")
    assert put_back.returncode == 0, put_back.stderr
    assert "kept" in stack.run("exec", "cache", "--", "sh", "-c", ask.format("get a")).stdout
    told = stack.docker("inspect", stack.container("cache")) + stack.docker("top", stack.container("cache"))
    assert "7b1e44" not in told, "the password is in no argument and no environment"


def test_the_site_is_served_and_a_changed_page_is_a_change(stack: ShippedStack) -> None:
    status, text = asked(stack, "www")
    assert (status, "sites/www/index.html" in text) == (200, True)
    page = stack.root / "sites" / "www" / "index.html"
    page.write_text("<!doctype html><p>anew</p>\n")
    assert stack.run("up", "www", "--yes").returncode == 0
    assert "anew" in asked(stack, "www")[1]


def test_who_has_no_password_does_not_come_in_and_the_app_is_told_who_does(stack: ShippedStack) -> None:
    assert asked(stack, "hello")[0] == 401
    assert asked(stack, "hello", "wrong")[0] == 401
    status, text = asked(stack, "hello", "secret")
    assert (status, "Remote-User: alice" in text) == (200, True)


def test_the_timer_starts_the_job_again_and_sees_how_it_ends(stack: ShippedStack) -> None:
    done = stack.run("schedule", "report")
    assert done.returncode == 0, done.stderr
    assert "OnCalendar=*-*-* 03:30:00\n" in done.stdout
    [command] = [line.partition("=")[2] for line in done.stdout.splitlines() if line.startswith("ExecStart=")]
    ran = subprocess.run(command.split(), capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "the report is done\n")
    line = stack.run("schedule", "report", "--cron").stdout
    assert line == f"30 3 * * * {command}\n"
    assert stack.run("schedule", "cache").returncode == 2
