"""No text, however odd, makes the reader raise; whatever comes of it is plain data."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackctl.lint import lint
from stackctl.read.compose_keys import service_forms
from stackctl.read.manifest import OWN_KEYS
from stackctl.read.stack import read_stack
from stackctl.read.variables import InvalidVariable, Undefined, interpolate, names, parse_env

WORDS = st.sampled_from(
    (
        "**Image:** **Volumes:** **Ports:** **Port:** **Hostname:** **Environment:** **Networks:** **Command:** "
        "**Dependencies:** **Labels:** **Secrets:** **Kind:** **Symptom:** **Fix:** Expected: None N/A TBD `A=1` "
        "`a:/b:ro` 8080:80 a.b ${UID} ${ $ — - ( ) ` `` **: : , and [x](y.md) 403 200 connection refused 🟡 â€” "
        "curl docker run --network socket -X POST http://a:2375/containers/create \\ ' \" | \x00 \u2028 \x85 Ã"
    ).split(" ")
)
LINES = st.one_of(
    st.sampled_from(
        "# A — Spoke\n## Configuration\n### Key Settings\n### Fingerprint Inputs\n### Verify it\n"
        "### Common Issues\n```bash\n```yaml\n```\n---\n- \n  - \n> \n<!--\n-->\n| a | b |\n".split("\n")
    ),
    st.lists(WORDS, max_size=7).map(" ".join),
    st.lists(WORDS, max_size=5).map(lambda words: "- " + " ".join(words)),
    st.text(max_size=30),
)
PAGES = st.lists(LINES, max_size=40).map("\n".join)

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), WORDS, st.just("80:80")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(
                    "type source target bind host port from request expect status code reason published "
                    "condition test context name external path mode soft hard tmpfs".split()
                ),
                st.text(max_size=8),
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)
MANIFESTS = st.dictionaries(
    st.one_of(st.sampled_from(sorted((*service_forms(), *OWN_KEYS))), st.text(max_size=8)), VALUES, max_size=8
)
STACKS = st.dictionaries(
    st.sampled_from(
        "name domain edge version prober_image networks volumes configs secrets services x-a notify".split()
    ),
    VALUES,
    max_size=6,
)
SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)


def read_all(page: bytes, manifest: bytes, stack: bytes = b"name: homelab\nedge: traefik\n") -> None:
    texts = {"stack.yaml": stack, "spokes/a.md": page, "spokes/a.yaml": manifest, ".env.example": page}
    reading = read_stack(texts)
    for finding in reading.findings:
        assert finding.at.line >= 1
        assert finding.at.column >= 1
        assert finding.message
    if reading.stack is None:
        assert reading.findings
        return
    lint(reading.stack)
    for spoke in reading.stack.spokes:
        json.dumps(dict(spoke.service), allow_nan=False)
        assert (spoke.mounts, spoke.ports, spoke.dependencies, spoke.profiles, spoke.networks) is not None


@SETTINGS
@given(PAGES)
def test_any_page(text: str) -> None:
    read_all(text.encode("utf-8", "surrogatepass"), b"image: a")


@SETTINGS
@given(MANIFESTS)
def test_any_manifest(value: object) -> None:
    read_all(b"# A\n\n**Image:** a\n**Ports:** None\n", json.dumps(value).encode())


@SETTINGS
@given(STACKS)
def test_any_stack_file(value: dict[str, object]) -> None:
    read_all(b"# A", b"image: a", json.dumps({"name": "homelab", **value}).encode())


@SETTINGS
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes(page: bytes, manifest: bytes) -> None:
    read_all(page, manifest, manifest or b"name: a")


@SETTINGS
@given(st.lists(st.one_of(WORDS, st.text(max_size=10)), max_size=8).map("".join))
def test_any_value_with_dollars(text: str) -> None:
    parse_env(text, {"A": "1"})
    try:
        known = dict.fromkeys(names(text), "1")
        assert isinstance(interpolate(text, known), str)
    except (InvalidVariable, Undefined):
        assert "$" in text
