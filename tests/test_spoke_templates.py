"""Every template makes files that lint takes, in an empty stack; and stack.yaml gets only what was meant."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl import files
from stackctl.commands.new import new, templates_of
from stackctl.commands.opened import find, open_stack
from stackctl.commands.story import Ended, WrittenAnswer
from stackctl.edit import Raw
from stackctl.edit.entry import with_entry
from stackctl.errors import StackctlError, UsageError
from stackctl.model import Kind
from stackctl.names import consumer_names, template_names
from stackctl.starter import NewSpoke, first_stack

TEMPLATES = {one.name: one for one in templates_of(Path("/nonexistent"))}
OPERATORS = {"SC501", "SC202"}
"""What is the operator's to decide: a digest that nobody attested, and when the page is right."""


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    for path, content in first_stack("home", "stack.localhost").items():
        files.write_atomically(tmp_path / path, content)
    return tmp_path


def made(root: Path, spoke: NewSpoke) -> WrittenAnswer:
    story = new(root, spoke, with_page=True, with_manifest=True)
    while True:
        try:
            next(story)
        except StopIteration as end:
            ended: Ended = end.value
            assert isinstance(ended.answer, WrittenAnswer)
            return ended.answer


def spoke_of(name: str, **more: str) -> NewSpoke:
    template = TEMPLATES[name]
    host, port = ("thing", template.port or 80) if template.routed else ("", 0)
    image = "" if template.image else "ghcr.io/example/thing:1.0"
    return NewSpoke("thing", Kind(template.kind), image, host, port, template=name, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_makes_what_lint_takes_and_compose_reads(name: str, stack: Path) -> None:
    answer = made(stack, spoke_of(name))
    assert {"spokes/thing.md", "spokes/thing.yaml"} <= set(answer.written)
    for path in answer.written:
        text = (stack / path).read_text()
        assert "\n\n\n" not in text
        assert "{{" not in text
        assert text.endswith("\n")
    found = find(stack)[1]
    assert {
        f"{f.at} {f.code} {f.message}" for f in found if not f.accepted and f.code not in OPERATORS
    } == set()
    page = (stack / "spokes" / "thing.md").read_text()
    for heading in ("## Purpose", "## Configuration", "## Runbook", "### Common Issues"):
        assert heading in page, heading
    assert ("untested" in page) == (name in ("n8n", "kasm"))
    for path, content in open_stack(stack).bundle.files.items():
        files.write_atomically(stack / path, content)
    (stack / ".env").write_text(
        "".join(f"{v}=x\n" for v in (stack / ".env.example").read_text().split("=\n")[:-1])
    )
    read = ["docker", "compose", "--profile", "*", "config", "--quiet"]
    done = subprocess.run(read, cwd=stack, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_proxy_for_a_consumer_lets_through_what_that_one_needs_on_a_network_of_its_own(stack: Path) -> None:
    made(stack, spoke_of("socket-proxy", consumer="dozzle"))
    proxy = open_stack(stack).stack.spoke("thing")
    assert proxy.policy is not None
    assert proxy.policy.consumers == ("dozzle",)
    assert proxy.networks == ("thing",)
    assert open_stack(stack).stack.networks["thing"]["internal"] is True
    assert {"traefik", "dozzle"} <= set(consumer_names())


def test_a_secret_is_named_and_its_value_left_to_the_operator(stack: Path) -> None:
    answer = made(stack, spoke_of("redis"))
    assert "THING_PASSWORD" not in (stack / ".env").read_text()
    assert "THING_PASSWORD=\n" in (stack / ".env.example").read_text()
    [command] = [command for command in answer.next if "openssl rand" in command]
    (stack / ".env").unlink()
    subprocess.run(["sh", "-c", f"umask 022; {command}"], cwd=stack, check=True, timeout=60)
    assert stat.S_IMODE((stack / ".env").stat().st_mode) == 0o600
    assert re.fullmatch(r"THING_PASSWORD=[0-9a-f]{48}\n", (stack / ".env").read_text())


@pytest.mark.parametrize("content", [None, "", "\n"])
@pytest.mark.parametrize("name", ["redis", "valkey", "kasm"])
def test_no_program_starts_without_its_password(name: str, content: str | None, stack: Path) -> None:
    assert _starts(stack, name, "pass word") == "with pass word"
    (stack / "secret").unlink()
    assert _starts(stack, name, content) == ""


def _starts(stack: Path, name: str, secret: str | None) -> str:
    """What the program of a template says of its password; empty where it was not started."""
    if not (stack / "spokes" / "thing.yaml").exists():
        made(stack, spoke_of(name))
    service = open_stack(stack).stack.spoke("thing").service
    words = [str(word).replace("$$", "$") for word in (service.get("entrypoint") or service["command"])]
    programs = stack / "programs"
    programs.mkdir(exist_ok=True)
    for program in ("redis-server", "valkey-server", "kasm_default_profile.sh"):
        says = (
            'echo "with $VNC_PW"'
            if program.startswith("kasm")
            else "sed -n 's/^requirepass \"\\(.*\\)\"$/with \\1/p'"
        )
        (programs / program).write_text(f"#!/bin/sh\n{says}\n")
        (programs / program).chmod(0o755)
    if secret is not None:
        (stack / "secret").write_text(secret)
    script = words[2].replace("/run/secrets/thing-password", str(stack / "secret"))
    done = subprocess.run(
        [*words[:2], script.replace("/dockerstartup", str(programs))],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode == 0) == bool(done.stdout), done.stderr
    return done.stdout.strip()


def test_a_job_keeps_its_schedule(stack: Path) -> None:
    answer = made(stack, spoke_of("job", schedule="30 3 * * *"))
    assert open_stack(stack).stack.spoke("thing").schedule == "30 3 * * *"
    assert answer.next[-1] == "stackctl schedule thing"


@pytest.mark.parametrize(
    "spoke",
    [
        spoke_of("redis", consumer="dozzle"),
        spoke_of("socket-proxy", consumer="nobody"),
        spoke_of("app", schedule="@daily"),
        spoke_of("job", schedule="soon"),
        NewSpoke("thing", Kind.APP, "a:1", template="nothing"),
        NewSpoke("thing", Kind.APP, "", "x", 80, template="redis"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(spoke: NewSpoke, stack: Path) -> None:
    before = {path: path.read_bytes() for path in stack.rglob("*") if path.is_file()}
    with pytest.raises(UsageError):
        made(stack, spoke)
    assert {path: path.read_bytes() for path in stack.rglob("*") if path.is_file()} == before


def test_what_would_make_the_stack_invalid_is_refused_and_nothing_is_written(stack: Path) -> None:
    made(stack, spoke_of("app"))
    before = {path: path.read_bytes() for path in stack.rglob("*") if path.is_file()}
    with pytest.raises(StackctlError, match=r"thing.*; nothing was written"):
        made(stack, replace(spoke_of("app-with-database"), name="other"))
    assert {path: path.read_bytes() for path in stack.rglob("*") if path.is_file()} == before


def test_an_error_that_was_there_before_hinders_nothing(stack: Path) -> None:
    made(stack, spoke_of("app"))
    (stack / "spokes" / "twin.yaml").write_text((stack / "spokes" / "thing.yaml").read_text())
    (stack / "spokes" / "twin.md").write_text((stack / "spokes" / "thing.md").read_text())
    assert any(finding.blocks for finding in find(stack)[1])
    made(stack, NewSpoke("other", Kind.APP, "ghcr.io/example/thing:1.0", template="app-with-database"))


def test_a_stacks_own_template_is_one_among_the_others(stack: Path) -> None:
    folder = stack / "templates" / "new" / "mine"
    (folder / "spokes").mkdir(parents=True)
    (folder / "template.yaml").write_text(
        "kind: app\nabout: What we always run\nimage: ghcr.io/example/mine:1\n"
    )
    (folder / "spokes" / "NAME.yaml.j2").write_text('image: "{{ spoke.image }}"\nnetworks: [proxy]\n')
    assert "mine" in template_names(stack)
    assert "mine" in [one.name for one in templates_of(stack)]
    made(stack, NewSpoke("thing", Kind.APP, "", template="mine"))
    assert open_stack(stack).stack.spoke("thing").image == "ghcr.io/example/mine:1"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name: a\n", "name: a\nnets:\n  x: {internal: true}\n"),
        ("name: a", "name: a\nnets:\n  x: {internal: true}\n"),
        (
            "nets:   # all\n    y: {}\nname: a\n",
            "nets:   # all\n    y: {}\n    x: {internal: true}\nname: a\n",
        ),
        (
            "nets:\n  # this is y\n  y:\n    internal: true   # so\n    # and so\n\n# of the name\nname: a\n",
            "nets:\n  # this is y\n  y:\n    internal: true   # so\n    # and so\n"
            "  x: {internal: true}\n\n# of the name\nname: a\n",
        ),
        ("nets:\n  y:\n    a: |\n      # b\n", "nets:\n  y:\n    a: |\n      # b\n  x: {internal: true}\n"),
        ("nets:\n  y: {}", "nets:\n  y: {}\n  x: {internal: true}\n"),
        ("nets:   # none\nname: a\n", "nets:   # none\n  x: {internal: true}\nname: a\n"),
        ("nets:", "nets:\n  x: {internal: true}\n"),
        ("nets:\n  x:\n    internal: true\n", "nets:\n  x:\n    internal: true\n"),
        ("name: a\r\n", "name: a\r\nnets:\r\n  x: {internal: true}\r\n"),
    ],
)
def test_an_entry_is_added_and_no_other_byte_changes(before: str, after: str) -> None:
    assert with_entry(Raw("stack.yaml", before.encode()), "nets", "x", "{internal: true}").decode() == after


@pytest.mark.parametrize(
    "text",
    [
        "nets: {y: {}}\n",
        "nets: null\n",
        "nets:\n  x: {}\n",
        "nets: [\n",
        "nets: word\n",
        "nets:\n- y\n",
        "{name: a}\n",
        "name: a\n...\n",
    ],
)
def test_an_entry_that_cannot_be_added_is_refused(text: str) -> None:
    with pytest.raises(StackctlError):
        with_entry(Raw("stack.yaml", text.encode()), "nets", "x", "{internal: true}")
