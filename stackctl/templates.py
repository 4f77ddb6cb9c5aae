"""Jinja2 templates to data: values enter as JSON scalars only, and the text is parsed at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stackctl.errors import StackctlError
from stackctl.names import packaged_dir

if TYPE_CHECKING:
    from jinja2 import Environment


def differing(own: Mapping[str, str]) -> dict[str, str]:
    """A stack's own templates without copies of packaged ones, which are nobody's change."""

    def packaged(name: str) -> str | None:
        path = packaged_dir() / name
        return path.read_text() if path.is_file() else None

    return {name: text for name, text in own.items() if packaged(name) != text}


class Templates:
    """The stack's own templates before the packaged ones."""

    def __init__(self, own: Mapping[str, str]) -> None:
        self._own = own
        self._done: dict[tuple[str, str], dict[str, Any]] = {}

    def data(self, name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The template's result as data; the same values give the same object.

        Raises:
            StackctlError: The template fails, or what it prints is not a YAML mapping.
        """
        given = (name, repr(values))
        if given not in self._done:
            try:
                self._done[given] = _parse(self._rendered(self._for_data, name, values))
            except (YAMLError, TypeError) as error:
                raise _failed(name, error) from error
        return self._done[given]

    def text(self, name: str, values: Mapping[str, Any]) -> str:
        """A text for people; its values must be known to be harmless.

        Raises:
            StackctlError: The template fails.
        """
        return self._rendered(self._for_people, name, values)

    @cached_property
    def _for_data(self) -> Environment:
        # `finalize` turns every value that a template prints into a JSON scalar, so that no value can
        # become a key, a list item or a comment. Quoting for HTML would corrupt them instead.
        return self._environment(finalize=json.dumps)

    @cached_property
    def _for_people(self) -> Environment:
        return self._environment(trim_blocks=True, lstrip_blocks=True)

    def _environment(self, **options: Any) -> Environment:
        # Imported late: a command that renders nothing does not pay for it.
        from jinja2 import ChoiceLoader, DictLoader, FileSystemLoader, StrictUndefined
        from jinja2.sandbox import SandboxedEnvironment

        loader = ChoiceLoader([DictLoader(dict(self._own)), FileSystemLoader(packaged_dir())])
        # A stack's own templates come with the stack: they may print, not run programs.
        return SandboxedEnvironment(
            loader=loader, undefined=StrictUndefined, keep_trailing_newline=True, **options
        )

    @staticmethod
    def _rendered(environment: Environment, name: str, values: Mapping[str, Any]) -> str:
        from jinja2 import TemplateError

        try:
            return environment.get_template(name).render(values)
        except (TemplateError, TypeError) as error:
            raise _failed(name, error) from error


def _failed(name: str, error: Exception) -> StackctlError:
    return StackctlError(
        f"the template {name} failed: {error}",
        "a stack's own templates/ win over the packaged ones: compare yours with the packaged one",
    )


@lru_cache(maxsize=512)
def _parse(text: str) -> dict[str, Any]:
    data = _yaml().load(text)
    if not isinstance(data, dict):
        raise TypeError("it does not print a YAML mapping")
    return data


@cache
def _yaml() -> YAML:
    return YAML(typ="safe")
