"""The commands that write files, without an Engine: through the command line, and what then stands there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stackctl import files, state
from stackctl.commands.opened import find, open_stack
from stackctl.model import Kind
from stackctl.starter import NewSpoke, first_stack, new_spoke
from tests.command_line import at_a_terminal, done, stackctl, written

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    return written(tmp_path)


def errors(root: Path) -> list[str]:
    return [f"{f.at} {f.code} {f.message}" for f in find(root)[1] if f.blocks]


# ---- init


def test_a_first_stack_has_no_errors_and_keeps_its_secrets_to_itself(tmp_path: Path) -> None:
    document = done(tmp_path, "init", "My Home", "--domain", "example.org")
    root = tmp_path / "My Home"
    assert document["exit"] == 0
    assert set(document["written"]) == {
        *("stack.yaml", ".env", ".env.example", ".gitignore"),
        *(f"spokes/{name}.{kind}" for name in ("docker-socket-proxy", "traefik") for kind in ("md", "yaml")),
    }
    assert errors(root) == []
    assert {f.code for f in find(root)[1]} <= {"SC501"}
    stack = open_stack(root).stack
    assert (stack.name, stack.domain) == ("my-home", "example.org")
    assert stat.S_IMODE((root / ".env").stat().st_mode) == 0o600
    ignored = (root / ".gitignore").read_text().split()
    assert {".env", ".stackctl/", "stack.local.yaml", "docker-compose.override.yml"} <= set(ignored)
    assert "homelab" not in "".join(p.read_text() for p in root.rglob("*") if p.is_file())


def test_a_first_stack_with_caddy_needs_no_way_to_docker_and_links_to_nothing_that_is_not_there(
    tmp_path: Path,
) -> None:
    done(tmp_path, "init", "lab", "--edge", "caddy")
    root = tmp_path / "lab"
    assert sorted(path.name for path in (root / "spokes").iterdir()) == ["caddy.md", "caddy.yaml"]
    assert "**Status:** 🟢 In use\n" in (root / "spokes" / "caddy.md").read_text()
    done(root, "docs", "sync")
    assert done(root, "lint")["findings"] == []
    done(root, "render")
    assert "docker.sock" not in (root / "docker-compose.yml").read_text()
    refused = stackctl(tmp_path, "init", "other", "--edge", "nginx")
    assert (refused.returncode, (tmp_path / "other").exists()) == (2, False)


def test_a_first_stack_is_written_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("name: mine\n")
    ran = stackctl(tmp_path, "init")
    assert ran.returncode == 2
    assert "stack.yaml" in ran.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["stack.yaml"]
    assert stackctl(tmp_path, "init", "x", "--domain", "a b").returncode == 2
    assert stackctl(tmp_path, "init", "x", "--name", "A B").returncode == 2
    assert not (tmp_path / "x").exists()


def test_the_first_stack_probes_with_the_image_of_the_shipped_one() -> None:
    shipped = YAML(typ="safe", pure=True).load(REPOSITORY / "stack.yaml")
    first = YAML(typ="safe", pure=True).load(first_stack("a", "b")["stack.yaml"].decode())
    assert first["prober_image"] == shipped["prober_image"]


@pytest.mark.parametrize("place", ["/proc/nowhere", "stack.yaml/below"])
def test_a_folder_that_cannot_be_made_is_no_bug(stack: Path, place: str) -> None:
    assert stackctl(stack, "init", place, "--name", "x").returncode == 2


def test_the_way_to_a_folder_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    assert done(tmp_path, "init", "a b")["next"][0] == f"cd '{tmp_path}/a b'"


# ---- new


@pytest.mark.parametrize("with_page", [True, False])
@pytest.mark.parametrize("with_manifest", [True, False])
@pytest.mark.parametrize(
    "spoke",
    [
        NewSpoke("blog", Kind.APP, "ghost:5", "blog", 2368, "core", ("traefik",), ("blog:/data",)),
        NewSpoke("blog", Kind.APP, f"ghcr.io:443/a/b:1@sha256:{'0' * 64}", "b.example.org", 1),
        NewSpoke("blog", Kind.APP, "ghost"),
        NewSpoke("blog", Kind.JOB, "alpine:3.20", profile="nightly", volumes=("x:/x", "y:/y")),
        NewSpoke("blog", Kind.SOCKET_PROXY, "tecnativa/docker-socket-proxy:v0.4.2"),
    ],
    ids=lambda s: s.kind.value,
)
def test_a_new_spoke_reads_back_as_what_was_said(
    stack: Path, spoke: NewSpoke, with_page: bool, with_manifest: bool
) -> None:
    if not (with_page or with_manifest):
        return
    written = new_spoke(spoke, "home", {}, with_page=with_page, with_manifest=with_manifest)
    assert len(written) == with_page + with_manifest
    for path, content in written.items():
        files.write_atomically(stack / path, content)
        assert b"\n\n\n" not in content
        assert content.endswith(b"\n")
    assert errors(stack) == [] or not spoke.image.partition(":")[2]
    read = next(s for s in find(stack)[0].spokes if s.name == "blog")  # type: ignore[union-attr]
    assert read.kind is spoke.kind
    assert read.image == spoke.image
    assert read.profiles == ((spoke.profile,) if spoke.profile else ())
    assert tuple(d.spoke for d in read.dependencies) == spoke.depends_on
    assert {f"{m.source}:{m.target}" for m in read.mounts if m.type == "volume"} == set(spoke.volumes)
    host = spoke.host if "." in spoke.host or not spoke.host else f"{spoke.host}.stack.localhost"
    assert [(r.hosts, r.port) for r in read.routes] == ([((host,), spoke.port)] if host else [])


def test_new_refuses_what_exists_and_what_a_page_cannot_carry(stack: Path) -> None:
    before = {p: p.read_bytes() for p in (stack / "spokes").iterdir()}
    for words in (
        ["traefik", "--image", "a:1"],
        ["My App", "--image", "a:1"],
        ["blog"],
        ["blog", "--image", "a b"],
        ["blog", "--image", "a:1", "--host", "a`b", "--port", "1"],
        ["blog", "--image", "a:1", "--host", "blog"],
        ["blog", "--image", "a:1", "--depends-on", "nobody"],
        ["blog", "--image", "a:1", "--profile", "**x**"],
        ["blog", "--image", "a:1", "--kind", "edge"],
        ["blog", "--image", "a:1", "--kind", "job", "--host", "x"],
        ["blog", "--image", "a:1", "--page-only", "--manifest-only"],
    ):
        ran = stackctl(stack, "new", *words)
        assert ran.returncode == 2, words
    assert {p: p.read_bytes() for p in (stack / "spokes").iterdir()} == before


def test_nobody_is_asked_about_a_spoke_that_cannot_be(stack: Path) -> None:
    asked = at_a_terminal(stack, "new", "traefik")
    assert asked.returncode == 2
    assert "exists already" in asked.stdout
    assert "Kind" not in asked.stdout


def test_a_routed_spoke_is_started_with_its_edge(stack: Path) -> None:
    words = ("--image", "traefik/whoami:v1.11.0", "--host", "hello", "--port", "80")
    assert done(stack, "new", "hello", *words)["next"][-1] == "stackctl up traefik hello"
    assert done(stack, "new", "quiet", "--image", "example/quiet:1")["next"][-1] == "stackctl up quiet"


def test_the_stacks_own_page_template_wins(stack: Path) -> None:
    (stack / "templates" / "pages").mkdir(parents=True)
    (stack / "templates" / "pages" / "app.md.j2").write_text(
        "# {{ title }}\n\n**Image:** `{{ spoke.image }}`\n"
    )
    assert done(stack, "new", "blog", "--image", "ghost:5", "--page-only")["exit"] == 0
    assert (stack / "spokes" / "blog.md").read_text() == "# Blog\n\n**Image:** `ghost:5`\n"


# ---- edit


def test_who_names_no_spoke_is_told_the_nearest_or_that_it_rests(stack: Path) -> None:
    (stack / "spokes" / "caddy.yaml").write_text("kind: edge\nimage: caddy:2\nnetworks: [proxy]\n")
    rests = stackctl(stack, "logs", "caddy")
    assert (rests.returncode, "caddy rests, as stack.yaml names another edge: traefik" in rests.stderr) == (
        2,
        True,
    )
    assert "did you mean `traefik`?" in stackctl(stack, "up", "treafik").stderr
    assert "did you mean `core`?" in stackctl(stack, "plan", "--profile", "cor").stderr
    assert "the spokes are: docker-socket-proxy, traefik" in stackctl(stack, "up", "zzz").stderr


def test_edit_opens_the_page_lints_it_and_says_whether_it_changed(stack: Path) -> None:
    assert done(stack, "edit", "traefik", EDITOR="true")["files"] == []
    script = "sed -i s/traefik:v3.7.1/traefik:latest/"
    document = done(stack, "edit", "traefik", EDITOR=script, VISUAL="")
    assert document["files"] == ["spokes/traefik.md"]
    document = done(stack, "edit", "traefik", "--manifest", EDITOR="x", VISUAL="sed -i '$a nonsense: 1'")
    assert document["exit"] == 3
    assert "SC102" in [f["code"] for f in document["findings"]]
    assert stackctl(stack, "edit", "nobody", EDITOR="true").returncode == 2
    assert stackctl(stack, "edit", "traefik", EDITOR="false").returncode == 1
    assert "no-such-editor" in stackctl(stack, "edit", "traefik", EDITOR="no-such-editor").stderr
    assert stackctl(stack, "edit", "traefik", EDITOR="'").returncode == 2


@pytest.mark.parametrize("editor", ["", "vim -n", "/usr/bin/nano"])
def test_edit_opens_nothing_that_waits_for_keys_where_there_is_no_terminal(stack: Path, editor: str) -> None:
    ran = stackctl(stack, "edit", "traefik", EDITOR=editor, VISUAL="")
    assert ran.returncode == 2
    assert "terminal" in ran.stderr


# ---- lint


def test_lint_explains_a_code_anywhere_and_names_the_nearest(tmp_path: Path) -> None:
    document = done(tmp_path, "lint", "--explain", "sc301")
    assert document["code"]["id"] == "SC301"
    said = stackctl(tmp_path, "lint", "--explain", "SC301").stdout
    assert "connection refused" in said
    assert said.index("bad") < said.index("good")
    for wanted, near in (("SC30", "SC301"), ("SC116", "SC113"), ("socket", "SC401"), ("zzzz", "SC101")):
        ran = stackctl(tmp_path, "lint", "--explain", wanted)
        assert ran.returncode == 2
        assert near in ran.stderr


def test_lint_fix_shows_what_it_changed_and_changes_nothing_else(stack: Path) -> None:
    page = stack / "spokes" / "traefik.md"
    before = page.read_bytes()
    page.write_bytes(before.replace("—".encode(), "â€”".encode()))
    document = done(stack, "lint", "--fix")
    assert [(m["file"], m["code"]) for m in document["mended"]] == [("spokes/traefik.md", "SC105")]
    assert page.read_bytes() == before
    page.write_bytes(before.replace("—".encode(), "â€”".encode()))
    said = stackctl(stack, "lint", "--fix").stdout
    assert "-# Traefik â€” Spoke" in said
    assert "+# Traefik — Spoke" in said
    assert done(stack, "lint", "--fix")["mended"] == []


@pytest.mark.parametrize(
    ("local", "message"),
    [
        ("ports: {nobody: []}\n", "`nobody` is not a spoke"),
        ("images: {traefk: a:1}\n", "`traefk` is not a spoke"),
        ("ports: {traefik: 80}\n", "`ports` must be a list"),
    ],
)
def test_lint_tells_of_this_host_s_file_what_up_would_refuse(stack: Path, local: str, message: str) -> None:
    (stack / "stack.local.yaml").write_text(local)
    document = done(stack, "lint")
    [error] = [finding for finding in document["findings"] if finding["severity"] == "error"]
    assert message in error["message"]
    assert error["at"]["file"] == "stack.local.yaml"
    assert document["exit"] != 0


def test_lint_takes_a_sound_file_of_this_host_whatever_env_holds(stack: Path) -> None:
    (stack / "stack.local.yaml").write_text("images: {traefik: a:1}\n")
    (stack / ".env").unlink()
    assert errors(stack) == []
    assert done(stack, "lint", DOCKER_HOST="unix:///nonexistent")["exit"] == 0


# ---- remove and rename


def test_remove_refuses_while_somebody_leans_on_it(stack: Path) -> None:
    ran = stackctl(stack, "remove", "docker-socket-proxy", "--yes")
    assert ran.returncode == 1
    assert "traefik (spokes/traefik.yaml:3:3)" in ran.stderr
    assert (stack / "spokes" / "docker-socket-proxy.md").exists()


def test_remove_needs_a_yes_and_deletes_both_files(stack: Path) -> None:
    assert stackctl(stack, "remove", "traefik").returncode == 2
    document = done(stack, "remove", "traefik", "--yes", "--keep-container")
    assert document["deleted"] == ["spokes/traefik.md", "spokes/traefik.yaml"]
    assert sorted(p.name for p in (stack / "spokes").iterdir()) == [
        "docker-socket-proxy.md",
        "docker-socket-proxy.yaml",
    ]
    assert "traefik" not in (stack / "docker-compose.yml").read_text()


def test_rename_takes_references_along_and_leaves_a_sound_stack(stack: Path) -> None:
    (stack / "stack.local.yaml").write_text("images: {docker-socket-proxy: x:1}  # here\n")
    state.remember_exposed(stack, {"docker-socket-proxy": ["said yes to"], "traefik": ["this too"]})
    assert stackctl(stack, "rename", "docker-socket-proxy", "gate").returncode == 2
    document = done(stack, "rename", "docker-socket-proxy", "gate", "--yes")
    assert document["exit"] == 0
    named = {line.partition(":")[0] for line in document["changed"]}
    assert "spokes/gate.md" in named
    assert not any("docker-socket-proxy" in file for file in named), "that name is gone"
    assert errors(stack) == []
    opened = open_stack(stack)
    assert [s.name for s in opened.stack.spokes] == ["gate", "traefik"]
    assert [d.spoke for d in opened.stack.spoke("traefik").dependencies] == ["gate"]
    assert all(check.spoke == "gate" for check in opened.stack.spoke("gate").checks)
    assert len(opened.stack.spoke("gate").checks) == 2
    assert "(gate.md)" in (stack / "spokes" / "traefik.md").read_text()
    assert (stack / "stack.local.yaml").read_text() == "images: {gate: x:1}  # here\n"
    kept = {name: keys for name, keys in state.exposed(stack).items() if keys}
    assert kept == {"gate": ("said yes to",), "traefik": ("this too",)}
    for wrong in ("traefik", "A B", "gate"):
        assert stackctl(stack, "rename", "gate", wrong, "--yes").returncode == 2


def test_remove_takes_along_what_is_said_of_the_spoke_on_this_host(stack: Path) -> None:
    (stack / "spokes" / "blog.yaml").write_text("image: example/blog:1\nnetworks: [proxy]\n")
    (stack / "stack.local.yaml").write_text(
        "images:\n  blog: x:1  # no longer\n  traefik: y:2  # stays\nports: {blog: [80]}\n"
    )
    document = done(stack, "remove", "blog", "--yes")
    assert document["changed"] == ["stack.local.yaml:2: blog taken out", "stack.local.yaml:4: blog taken out"]
    assert (stack / "stack.local.yaml").read_text() == "images:\n  traefik: y:2  # stays\n"
    assert done(stack, "render")["exit"] == 0


# ---- colours


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_honoured_at_a_terminal(stack: Path, environ: dict[str, str], coloured: bool) -> None:
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    for words in (["lint"], ["lint", "--no-color"]):
        ran = subprocess.run(
            ["script", "-qec", f"{sys.executable} -m stackctl {' '.join(words)}", "/dev/null"],
            cwd=stack,
            env={**clean, **environ, "TERM": "xterm-256color"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert "SC501" in ran.stdout
        assert ("\x1b[33m" in ran.stdout) is (coloured and "--no-color" not in words)
