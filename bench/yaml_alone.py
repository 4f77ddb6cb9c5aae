"""What `render` is measured in: the manifests loaded, and the rendered document dumped, in one process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ruamel.yaml import YAML


def main(manifests: Path, document: Path, target: Path) -> None:
    yaml = YAML(typ="safe")
    for path in sorted(manifests.glob("*.yaml")):
        yaml.load(path.read_text())
    yaml.default_flow_style = False
    with target.open("w") as file:
        yaml.dump(json.loads(document.read_text()), file)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
