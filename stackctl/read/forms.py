"""Values of a Compose service -> one long form each, whatever short form they were written in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from stackctl.findings import Location
from stackctl.model import SECRET_NAME, Path, secret_reference
from stackctl.read.amounts import wrong_amounts
from stackctl.read.compose_keys import Malformed, Note, check_keys, known
from stackctl.read.mounts import ports, volumes

_NAME = re.compile(r"[a-zA-Z0-9._-]+\Z")
_CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Forms:
    """Normalises values, telling `note` of each one that has the wrong form."""

    note: Note
    written: Mapping[Path, str]
    origins: dict[Path, list[int]] = field(default_factory=dict)
    """List -> the number that each of its entries has where it is written; filled while reading.

    They differ where an entry is dropped, stands twice, or is spread out.
    """
    as_is: bool = False
    """Whether the spoke runs as Compose alone would run it."""

    def normalise(self, key: str, form: str, value: Any, path: Path) -> Any:
        """The value in long form; None where it is absent, empty or wrong."""
        if value is None:
            return None
        read: Callable[[Any, Path], Any] = getattr(self, f"_{form}")
        try:
            result = read(value, path)
            result = self._healthcheck(result, path) if key == "healthcheck" else result
        except Malformed as wrong:
            wrong.tell(self.note)
            return None
        for inside, message, hint in wrong_amounts(key, result) if result else ():
            self.wrong(self._as_written(path, inside), message, hint)
        return result

    def _as_written(self, path: Path, inside: Path) -> Path:
        if path in self.origins and inside:
            return (*path, str(self.origins[path][int(inside[0])]), *inside[1:])
        return (*path, *inside)

    def wrong(self, path: Path, message: str, hint: str = "") -> None:
        self.note("SC103", path, message, hint)

    def text(self, value: Any, path: Path) -> str | None:
        """A scalar as text, numbers as they were written."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return value
        if isinstance(value, int | float):
            return self.written.get(path, str(value))
        return None

    def numbered(self, path: Path, entries: Iterable[tuple[int, Value]]) -> list[Value]:
        """The entries, once it is noted where each stands."""
        pairs = tuple(entries)
        self.origins[path] = [number for number, _ in pairs]
        return [entry for _, entry in pairs]

    # ---- one method per form in data/compose_keys.json

    def _text(self, value: Any, path: Path) -> str | None:
        text = None if isinstance(value, bool) else self.text(value, path)
        if text is None:
            raise Malformed(path, f"`{path[-1]}` must be a text")
        if any(ord(character) < 32 for character in text):
            raise Malformed(path, f"`{path[-1]}` holds a control character")
        return text

    def _bool(self, value: Any, path: Path) -> Any:
        if isinstance(value, bool) or (isinstance(value, str) and "$" in value):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise Malformed(path, f"`{path[-1]}` must be true or false")

    def _number(self, value: Any, path: Path) -> Any:
        if isinstance(value, str) and (re.match(r"-?[0-9]", value) or "$" in value):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise Malformed(path, f"`{path[-1]}` must be a number")

    def _strings(self, value: Any, path: Path) -> list[str] | None:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise Malformed(path, f"`{path[-1]}` must be a list of texts")
        items: dict[str, int] = {}
        for number, item in enumerate(value):
            here = (*path, str(number))
            text = None if isinstance(item, bool) else self.text(item, here)
            if text is None:
                self.wrong(here, f"each item of `{path[-1]}` must be a text")
            else:
                items.setdefault(text, number)
        return self.numbered(path, ((number, text) for text, number in items.items()))

    _scalars = _strings

    def _list(self, value: Any, path: Path) -> Any:
        return value if isinstance(value, list) else self.wrong(path, f"`{path[-1]}` must be a list")

    def _map(self, value: Any, path: Path) -> dict[str, str | None] | None:
        found: dict[str, str | None] = {}
        if isinstance(value, list):
            for number, item in enumerate(value):
                here = (*path, str(number))
                text = self.text(item, here)
                if text is None:
                    self.wrong(here, f"each item of `{path[-1]}` must be NAME=value")
                    continue
                name, equals, after = text.partition("=")
                self._put(found, name.strip(), after if equals else None, path, here)
        elif isinstance(value, dict):
            for name, item in value.items():
                here = (*path, name)
                if path[-1] == "environment" and isinstance(item, dict):
                    item = self._secret(item, here)
                content = self.text(item, here)
                if content is None and item is not None:
                    self.wrong(here, f"`{name}` must be a text, a number or nothing")
                    continue
                self._put(found, name, content, path, here)
        else:
            raise Malformed(path, f"`{path[-1]}` must be a map, or a list of NAME=value")
        return found

    def _secret(self, value: Mapping[str, Any], here: Path) -> Any:
        """`{secret: NAME}` in an environment: the name stands for the value until a container is made."""
        name = value.get("secret")
        if value.keys() == {"secret"} and isinstance(name, str) and SECRET_NAME.match(name):
            return secret_reference(name)
        return value

    def _put(
        self, found: dict[str, str | None], name: str, content: str | None, path: Path, here: Path
    ) -> None:
        if not name or re.search(r"[\s`\x00-\x1f]", name):
            self.wrong(here, f"`{name}` is not a name for `{path[-1]}`")
        elif name in found and found[name] != content:
            self.note("SC104", here, f"`{name}` stands twice in `{path[-1]}`", "")
        else:
            # Only an environment can pass a value on from the host; a label without a value is empty.
            found[name] = "" if content is None and path[-1] in ("labels", "annotations") else content

    def _hosts(self, value: Any, path: Path) -> Any:
        if isinstance(value, list):
            return self._strings(value, path)
        return self._object(value, path)

    def _command(self, value: Any, path: Path) -> list[str] | str | None:
        if isinstance(value, str):
            if _is_split_later(value):
                return value
            try:
                return shlex.split(value)
            except ValueError as error:
                raise Malformed(path, f"`{path[-1]}` cannot be split into words: {error}") from None
        if not isinstance(value, list):
            raise Malformed(path, f"`{path[-1]}` must be a text, or a list of texts")
        words = []
        for number, item in enumerate(value):
            text = self.text(item, (*path, str(number)))
            if text is None:
                self.wrong((*path, str(number)), f"each word of `{path[-1]}` must be a text")
            else:
                words.append((number, text))
        return self.numbered(path, words)

    def _object(self, value: Any, path: Path) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            raise Malformed(path, f"`{path[-1]}` must be a map")
        return self._checked(value, path[-1], path)

    def _checked(self, value: dict[str, Any], where: str, path: Path) -> dict[str, Any]:
        """The map without its unknown keys, and the maps inside it that the data file knows."""
        nested = known()["nested"]
        if where in nested:
            value = check_keys(value, where, path, self.note)
        for key, item in value.items():
            if isinstance(item, dict) and f"{where}.{key}" in nested:
                value = {**value, key: self._checked(item, f"{where}.{key}", (*path, key))}
        return value

    def _build(self, value: Any, path: Path) -> dict[str, Any] | None:
        if isinstance(value, str):
            return {"context": value}
        build = self._object(value, path)
        for key in ("args", "labels") if build else ():
            if build and build.get(key) is not None:
                build = {**build, key: self._map(build[key], (*path, key)) or {}}
        return build

    def _extends(self, value: Any, path: Path) -> dict[str, Any] | None:
        raise Malformed(
            path, "`extends` is not supported: a spoke states everything that it runs with",
            "use YAML anchors inside the file, or `x-…` in stack.yaml",
        )  # fmt: skip

    def _healthcheck(self, value: dict[str, Any], path: Path) -> dict[str, Any] | None:
        test = value.get("test")
        if isinstance(test, str):
            return {**value, "test": ["CMD-SHELL", test]}
        if test is None:
            return value
        here = (*path, "test")
        words = self._command(test, here) or []
        if words and words[0] not in ("NONE", "CMD", "CMD-SHELL"):
            raise Malformed(here, "a `test` in list form begins with NONE, CMD or CMD-SHELL")
        return {**value, "test": words}

    def _env_file(self, value: Any, path: Path) -> list[dict[str, Any]] | None:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list):
            raise Malformed(path, "`env_file` must be a path, or a list of paths")
        found = []
        for number, item in enumerate(items):
            here = (*path, str(number))
            entry = {"path": item} if isinstance(item, str) else item
            if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
                self.wrong(here, "each `env_file` needs a path")
                continue
            entry = check_keys(entry, "env_file.*", here, self.note)
            found.append((number, {"path": entry["path"], "required": entry.get("required", True)}))
        return self.numbered(path, found)

    def _grants(self, value: Any, path: Path) -> list[dict[str, Any]] | None:
        if not isinstance(value, list):
            raise Malformed(path, f"`{path[-1]}` must be a list")
        found = []
        for number, item in enumerate(value):
            here = (*path, str(number))
            entry = {"source": item} if isinstance(item, str) else item
            if not isinstance(entry, dict) or not _is_name(entry.get("source")):
                self.wrong(here, f"each of `{path[-1]}` needs a `source`")
                continue
            entry = check_keys(entry, "grants.*", here, self.note)
            if "mode" in entry:
                entry["mode"] = self.mode(entry["mode"], (*here, "mode"))
            found.append((number, entry))
        return self.numbered(path, found)

    def mode(self, value: Any, path: Path) -> Any:
        """A file mode; `0440` is octal to Compose, though YAML 1.2 reads a decimal number."""
        written = self.written.get(path, "")
        return int(written, 8) if re.match(r"0[0-7]+\Z", written) else value

    def _ulimits(self, value: Any, path: Path) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            raise Malformed(path, "`ulimits` must be a map")
        found: dict[str, Any] = {}
        for name, item in value.items():
            here = (*path, name)
            if isinstance(item, dict):
                item = check_keys(item, "ulimits.*", here, self.note)
                if set(item) != {"soft", "hard"}:
                    self.wrong(here, f"`{name}` needs `soft` and `hard`")
                    continue
                found[name] = item
            elif (number := self._number(item, here)) is not None:
                found[name] = number
        return found

    def _networks(self, value: Any, path: Path) -> dict[str, Any] | None:
        if isinstance(value, list):
            value = dict.fromkeys(self._strings(value, path) or ())
        if not isinstance(value, dict):
            raise Malformed(path, "`networks` must be a list of names, or a map")
        found: dict[str, Any] = {}
        for name, options in value.items():
            here = (*path, name)
            if not _NAME.match(name):
                self.note("SC110", here, f"`{name}` is not a network name", "")
            elif options is not None and not isinstance(options, dict):
                self.wrong(here, f"the options of network `{name}` must be a map")
            else:
                found[name] = check_keys(options or {}, "networks.*", here, self.note)
        return found

    def _depends_on(self, value: Any, path: Path) -> dict[str, Any] | None:
        if isinstance(value, list):
            value = {item: {} for item in self._strings(value, path) or ()}
        if not isinstance(value, dict):
            raise Malformed(path, "`depends_on` must be a list of spokes, or a map")
        found: dict[str, Any] = {}
        for name, how in value.items():
            here = (*path, name)
            if not isinstance(how, dict):
                self.wrong(here, f"`{name}` needs a `condition`")
                continue
            how = check_keys(how, "depends_on.*", here, self.note)
            condition = how.get("condition", _CONDITIONS[0])
            if condition not in _CONDITIONS:
                self.wrong((*here, "condition"), f"a condition is one of {', '.join(_CONDITIONS)}")
                continue
            found[name] = {**how, "condition": condition, "required": how.get("required", True)}
        return found

    def _ports(self, value: Any, path: Path) -> list[dict[str, Any]] | None:
        found = ports(value, path, self.note)
        return None if found is None else self.numbered(path, found)

    def _volumes(self, value: Any, path: Path) -> list[dict[str, Any]] | None:
        found = volumes(value, path, self.note, as_is=self.as_is)
        for number, mount in found or ():
            here = (*path, str(number), "tmpfs", "mode")
            if here in self.written:
                mount["tmpfs"] = {**mount["tmpfs"], "mode": self.mode(mount["tmpfs"]["mode"], here)}
        return None if found is None else self.numbered(path, found)


def _is_split_later(text: str) -> bool:
    """Whether a variable may stand for several words: Compose fills it in before it splits the text."""
    return "$" in text.replace("$$", "")


def as_kept(places: Mapping[Path, Location], origins: Mapping[Path, list[int]]) -> dict[Path, Location]:
    """Places of list entries under the numbers that they have once some are dropped or spread out."""
    found = dict(places)
    for path, numbers in origins.items():
        if numbers == list(range(len(numbers))):
            continue
        depth = len(path)
        written = {p: at for p, at in places.items() if p[:depth] == path and len(p) > depth}
        for p in written:
            del found[p]
        for kept, number in enumerate(numbers):
            inside = ((p, at) for p, at in written.items() if p[depth] == str(number))
            found |= {(*path, str(kept), *p[depth + 1 :]): at for p, at in inside}
    return found


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.match(value) is not None
