"""Edits change what they name and not one byte more."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stackctl.edit import Changed, Edit, Raw, write
from stackctl.edit.manifest import repeated, set_scalar
from stackctl.edit.page import retitle, set_digest, set_field
from stackctl.edit.references import (
    mentions,
    remove_on_host,
    rename_in_manifest,
    rename_in_page,
    rename_on_host,
)
from stackctl.errors import StackctlError
from stackctl.findings import Location
from stackctl.read.manifest import read_manifest
from stackctl.read.page import read_page
from stackctl.read.text import read_text

LINES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=20)
ENDS = st.sampled_from(("\n", "\r\n", "\r"))
MARKS = st.sampled_from(((b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")))


@given(st.lists(LINES, min_size=1, max_size=6), ENDS, MARKS, st.data())
def test_everything_outside_of_an_edit_stays_byte_for_byte(
    lines: list[str], end: str, mark: tuple[bytes, str], data: st.DataObject
) -> None:
    bom, encoding = mark
    text = end.join(lines)
    if text.startswith("\ufeff"):
        return
    raw = Raw("f", bom + text.encode(encoding))
    number = data.draw(st.integers(0, len(lines) - 1))
    line = lines[number]
    start = data.draw(st.integers(0, len(line)))
    stop = data.draw(st.integers(start, len(line)))
    new = data.draw(LINES)
    after = raw.edited([Edit(Location("f", number + 1, start + 1), line[start:stop], new)])
    before_it = end.join([*lines[:number], line[:start]])
    behind_it = end.join([line[stop:], *lines[number + 1 :]])
    assert after == bom + (before_it + new + behind_it).encode(encoding)


@given(st.binary(max_size=200))
@example(b"caf\xe9\r\n\xff")
@example(b"\xef\xbb\xbf# A\r")
def test_no_edit_changes_no_byte_of_any_file(data: bytes) -> None:
    raw = Raw("f", data)
    try:
        assert raw.edited([]) == data
    except StackctlError:
        # UTF-16 that is damaged cannot be kept, so it is not touched.
        assert data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def test_an_edit_of_something_else_than_what_was_read_is_refused() -> None:
    raw = Raw("spokes/a.md", b"image: b\n")
    with pytest.raises(Changed, match=r"spokes/a\.md:1:8"):
        raw.edited([Edit(Location("spokes/a.md", 1, 8), "a", "c")])
    with pytest.raises(Changed):
        raw.edited([Edit(Location("spokes/a.md", 7, 1), "", "c")])
    with pytest.raises(Changed):
        raw.edited([Edit(Location("", 1, 1), "image", "x"), Edit(Location("", 1, 3), "age", "y")])


def test_a_file_that_was_changed_in_the_meantime_is_not_written(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a.md"
    path.write_bytes(b"new")
    path.chmod(0o640)
    with pytest.raises(Changed):
        write(tmp_path, "a.md", b"old", b"mine")
    assert path.read_bytes() == b"new"
    assert write(tmp_path, "a.md", b"new", b"mine")
    assert path.read_bytes() == b"mine"
    assert path.stat().st_mode & 0o777 == 0o640


# ---- pages

PAGE = """# Web App — Spoke

**Status:** 🟢 In use — since May
**Profile:** core
**Dependencies:** [Store](store.md), cache

## Configuration

**Image:** `example/web:1` — the app
**Volumes:**
- `data:/data`

### Fingerprint Inputs

- Image digest: `example/web@sha256:...` (pin later)

## Related

It talks to http://store:80/ and tcp://cache:6379, see [Store](store.md#ports) and `services.cache`.

```bash
stackctl logs cache && docker compose stop store
```

The store of things is not a spoke; example/cache is an image."""


def edited(text: str, edits: object) -> str:
    raw = Raw("spokes/web.md", text.encode())
    return raw.edited(edits).decode()  # type: ignore[arg-type]


def raw(text: str, file: str = "spokes/web.md") -> Raw:
    return Raw(file, text.encode())


@pytest.mark.parametrize(
    ("key", "value", "was", "is_"),
    [
        ("Image", "example/web:2", "`example/web:1` — the app", "`example/web:2` — the app"),
        ("Status", "🔴 Broken", "🟢 In use — since May", "🔴 Broken — since May"),
        ("Profiles", "extra", "**Profile:** core", "**Profile:** extra"),
        ("Image", "None", "`example/web:1` — the app", "None"),
        ("Hostname", "web", "cache\n", "cache\n**Hostname:** web\n"),
    ],
)
def test_a_field_of_a_page_is_set_and_the_comment_behind_it_stays(
    key: str, value: str, was: str, is_: str
) -> None:
    assert edited(PAGE, set_field(raw(PAGE), key, value)) == PAGE.replace(was, is_, 1)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_new_field_has_the_line_end_of_its_file(end: str) -> None:
    text = PAGE.replace("\n", end)
    after = edited(text, set_field(raw(text), "Port", "80"))
    assert after == text.replace(f"cache{end}", f"cache{end}**Port:** 80{end}", 1)
    assert edited("# A", set_field(raw("# A"), "Port", "80")) == "# A\n\n**Port:** 80"


def test_a_field_of_a_mis_encoded_page_is_found_and_the_rest_stays_as_it_is() -> None:
    text = PAGE.replace("—", "â€”").replace("🟢", "ðŸŸ¢")
    after = edited(text, set_field(raw(text), "Status", "ok"))
    assert after == text.replace("ðŸŸ¢ In use", "ok")


def test_a_list_of_bullets_has_no_one_value() -> None:
    with pytest.raises(StackctlError, match=r"several"):
        set_field(raw(PAGE), "Volumes", "x:/y")
    with pytest.raises(StackctlError, match=r"one line"):
        set_field(raw(PAGE), "Image", "a\n- b")


def test_the_digest_stands_under_the_fingerprint_inputs_or_behind_the_image() -> None:
    pin = f"example/web@sha256:{'0' * 64}"
    assert edited(PAGE, set_digest(raw(PAGE), pin)) == PAGE.replace("example/web@sha256:...", pin)
    bare = PAGE.replace("- Image digest: `example/web@sha256:...` (pin later)\n", "")
    assert f"- Image digest: `{pin}`" in edited(bare, set_digest(raw(bare), pin))
    none = PAGE.replace("### Fingerprint Inputs", "### Notes").replace("- Image digest", "- Image dust")
    assert f"`example/web:1@sha256:{'0' * 64}` — the app" in edited(none, set_digest(raw(none), pin))
    for text in (PAGE, bare):
        source, _ = read_text("spokes/web.md", edited(text, set_digest(raw(text), pin)).encode())
        assert read_page(source).digest == pin


def test_a_renamed_spoke_is_renamed_where_it_is_meant() -> None:
    after = edited(PAGE, rename_in_page(raw(PAGE), "store", "shelf"))
    assert after == (
        PAGE.replace("store.md", "shelf.md")
        .replace("http://store", "http://shelf")
        .replace("stop store", "stop shelf")
    )
    after = edited(PAGE, rename_in_page(raw(PAGE), "cache", "redis"))
    assert after == (
        PAGE.replace("md), cache", "md), redis")
        .replace("tcp://cache", "tcp://redis")
        .replace("services.cache", "services.redis")
        .replace("logs cache", "logs redis")
    )
    assert list(mentions(raw(PAGE), "store")) == [5, 19, 22, 25]
    assert 25 not in mentions(raw(PAGE), "cache")


def test_a_title_that_is_the_name_goes_along_with_it() -> None:
    assert edited(PAGE, retitle(raw(PAGE), "web-app", "web-site")).startswith("# Web Site — Spoke")
    assert retitle(raw(PAGE), "web", "site") == ()


# ---- manifests

MANIFEST = """# a comment
image: example/web:1   # pinned
command: ['serve', "--to", tcp://store:80]
depends_on: [store, cache]
environment: {URL: "http://store/", NAME: store}
network_mode: service:store
volumes_from: [store:ro, restore]
mem_limit: 64m
mem_limit: 64m
note: &n |
  http://store/
"""


def test_a_scalar_keeps_its_quotes_and_everything_around_it() -> None:
    source = raw(MANIFEST, "spokes/web.yaml")
    digest = f"example/web:2@sha256:{'0' * 64}"
    after = source.edited([set_scalar(source, ("image",), "example/web:1", digest)]).decode()
    assert after == MANIFEST.replace("example/web:1", digest)
    after = source.edited([set_scalar(source, ("command", "0"), "serve", "it's")]).decode()
    assert "['it''s', " in after
    after = source.edited([set_scalar(source, ("environment", "NAME"), "store", "a, b: c")]).decode()
    assert 'NAME: "a, b: c"}' in after
    with pytest.raises(StackctlError, match=r"web\.yaml does not state image"):
        set_scalar(source, ("image",), "example/web:3", "x")


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\ufeff"), max_size=30))
@example("on")
@example("1_000")
@example("a: b # c")
@example("- x")
def test_a_scalar_reads_back_as_what_was_set(value: str) -> None:
    source = raw("labels: {a: one, b: 'two', c: \"three\"}\n", "spokes/web.yaml")
    for key, old in (("a", "one"), ("b", "two"), ("c", "three")):
        if key == "b" and any(c < " " or c in "\x85\u2028\u2029" or "\x7f" <= c < "\xa0" for c in value):
            continue
        after = source.edited([set_scalar(source, ("labels", key), old, value)])
        partial = read_manifest(read_text("spokes/web.yaml", after)[0])
        if not read_text("spokes/web.yaml", after)[1]:
            assert partial.service["labels"][key] == value


def test_references_in_a_manifest_are_renamed_and_names_of_others_are_not() -> None:
    source = raw(MANIFEST, "spokes/web.yaml")
    after = source.edited(rename_in_manifest(source, "store", "shelf")).decode()
    assert after == (
        MANIFEST.replace("tcp://store", "tcp://shelf")
        .replace("[store, cache]", "[shelf, cache]")
        .replace('"http://store/"', '"http://shelf/"')
        .replace("service:store", "service:shelf")
        .replace("[store:ro", "[shelf:ro")
    )


def test_the_keys_of_this_host_are_renamed() -> None:
    source = raw("images: {web: a, web2: b}\nports:\n  web: ['80:80']\n", "stack.local.yaml")
    after = source.edited(rename_on_host(source, "web", "site")).decode()
    assert after == "images: {site: a, web2: b}\nports:\n  site: ['80:80']\n"


def test_a_key_that_stands_twice_with_one_value_loses_its_second_line() -> None:
    source = raw(MANIFEST, "spokes/web.yaml")
    assert source.edited(repeated(source)).decode() == MANIFEST.replace("mem_limit: 64m\n", "", 1)
    for kept in ("a: 1\na: 2\n", "a: 1\na: 1 # why\n", "{a: 1, a: 1}\n", "a: [\n 1]\na: [\n 1]\n"):
        assert list(repeated(raw(kept))) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("images:\n  blog: x  # old\n  # of web\n  web: y\n", "images:\n  # of web\n  web: y\n"),
        ("images:\r\n  blog: x\r\n  web: y\r\n", "images:\r\n  web: y\r\n"),
        ("ports:\n  blog:\n    - 80:80\n\n    - {target: 1}\nsocket: /x\n", "socket: /x\n"),
        ("images:\n  web: y\n  blog: >\n    a\n    b", "images:\n  web: y\n"),
        ("images: {blog: x, web: y}\r\n", "images: {web: y}\r\n"),
        ("# é\nimages: {web: y, 'blog': \"x\", }\n", "# é\nimages: {web: y, }\n"),
        ("images: {blog: x}\nports: {blog: [80], web: [81]}\n", "ports: {web: [81]}\n"),
        ("\ufeffimages:\n  blog:\n", "\ufeff"),
        ("images: {blogs: x}\nblog: 1\n", "images: {blogs: x}\nblog: 1\n"),
    ],
)
def test_a_spoke_goes_from_this_hosts_file_and_nothing_else_does(before: str, after: str) -> None:
    raw = Raw("stack.local.yaml", before.encode())
    assert raw.edited(remove_on_host(raw, "blog")).decode() == after
