"""The names of spokes, told by file names alone: completion must answer before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path


def spoke_names(directory: Path) -> tuple[str, ...]:
    """The spokes of the stack in or above `directory`, sorted; none where there is no stack."""
    here = directory.absolute()
    root = next((folder for folder in (here, *here.parents) if (folder / "stack.yaml").is_file()), None)
    if root is None:
        return ()
    files = (path for path in (root / "spokes").glob("*") if path.suffix in (".md", ".yaml", ".yml"))
    return tuple(sorted({path.stem for path in files if path.stem.lower() != "readme"}))
