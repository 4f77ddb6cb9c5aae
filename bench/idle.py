"""Plans of a stack that is as it should be, again and again; prints how many found something to do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stackctl.commands.plan import plan


def main(root: Path, plans: int) -> int:
    found = 0
    for _ in range(plans):
        # Each in full: nothing of an earlier plan is kept for the next but what was read of the files.
        story = plan(root, (), profiles=frozenset(), refresh=True, check=True, environ=os.environ)
        try:
            while True:
                next(story)
        except StopIteration as end:
            found += bool(end.value.exit_code)
    return found


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2])))
