"""Reading a stack's files, and what it is measured in: the same texts through the libraries alone.

`stackctl` reads, and remembers; `again` reads with what was remembered; `libraries` parses YAML and markdown.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path


def stackctl(root: Path) -> None:
    # As the program itself does, before anything else.
    gc.set_threshold(100_000, 50, 100)
    from stackctl import cache, files
    from stackctl.read.stack import read_stack

    memory = cache.remembered(root)
    reading = read_stack(files.load(root), memory)
    assert reading.stack is not None
    assert len(reading.stack.spokes) > 200
    cache.remember(root, memory)


def libraries(root: Path) -> None:
    from pyromark import events_with_range
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    for path in sorted(root.glob("spokes/*")):
        text = path.read_text()
        if path.suffix == ".md":
            for _ in events_with_range(text):
                pass
        else:
            yaml.load(text)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    {"stackctl": stackctl, "libraries": libraries}[sys.argv[1]](Path(sys.argv[2]))
