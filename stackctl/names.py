"""Names that complete a command line, told by file names alone: before anything heavy is imported."""

from __future__ import annotations

import json
from pathlib import Path


def packaged_dir() -> Path:
    """Where the packaged templates are: in the installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "templates"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "templates"


def template_names(directory: Path) -> tuple[str, ...]:
    """The templates of `stackctl new`, those of the stack in or above `directory` among them, sorted."""
    root = _root(directory)
    folders = [packaged_dir(), *([root / "templates"] if root else ())]
    return tuple(sorted({path.parent.name for f in folders for path in f.glob("new/*/template.yaml")}))


def consumer_names() -> tuple[str, ...]:
    """The programs of which it is known what they ask of Docker."""
    table = json.loads((Path(__file__).parent / "data" / "consumers.json").read_text())
    return tuple(entry["name"] for entry in table)


def _root(directory: Path) -> Path | None:
    here = directory.absolute()
    return next((folder for folder in (here, *here.parents) if (folder / "stack.yaml").is_file()), None)


def spoke_names(directory: Path) -> tuple[str, ...]:
    """The spokes of the stack in or above `directory`, sorted; none where there is no stack."""
    root = _root(directory)
    if root is None:
        return ()
    return names_in(root)


def names_in(root: Path) -> tuple[str, ...]:
    """The spokes of this stack, sorted, whether their files can be read or not."""
    files = (path for path in (root / "spokes").glob("*") if path.suffix in (".md", ".yaml", ".yml"))
    return tuple(sorted({path.stem for path in files if path.stem.lower() != "readme"}))
