"""Jinja2 templates to data: values enter as JSON scalars only, and the text is parsed at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stackctl.errors import StackctlError


def packaged_dir() -> Path:
    """Where the packaged templates are: in the installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "templates"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "templates"


class Templates:
    """The stack's own templates before the packaged ones."""

    def __init__(self, own: Mapping[str, str]) -> None:
        # Imported late: `lint` renders nothing.
        from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, StrictUndefined

        # `finalize` turns every value that a template prints into a JSON scalar, so that no value can
        # become a key, a list item or a comment. Quoting for HTML would corrupt them instead.
        self._environment = Environment(  # noqa: S701
            loader=ChoiceLoader([DictLoader(dict(own)), FileSystemLoader(packaged_dir())]),
            undefined=StrictUndefined,
            finalize=json.dumps,
            trim_blocks=False,
            keep_trailing_newline=True,
        )
        self._done: dict[tuple[str, str], dict[str, Any]] = {}

    def data(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The template's result as data.

        Raises:
            StackctlError: The template fails, or what it prints is not a YAML mapping.
        """
        from jinja2 import TemplateError

        given = (name, repr(values))
        try:
            if given not in self._done:
                self._done[given] = _parse(self._environment.get_template(name).render(values))
            return self._done[given]
        except (TemplateError, YAMLError, TypeError) as error:
            raise StackctlError(
                f"the template {name} failed: {error}",
                "a stack's own templates/ win over the packaged ones: compare yours with the packaged one",
            ) from error


@lru_cache(maxsize=512)
def _parse(text: str) -> dict[str, Any]:
    data = _yaml().load(text)
    if not isinstance(data, dict):
        raise TypeError("it does not print a YAML mapping")
    return data


@cache
def _yaml() -> YAML:
    return YAML(typ="safe")
