"""Print the lowest version of each direct dependency that pyproject.toml allows, for pip."""

import argparse
import tomllib
from pathlib import Path

# later ones warn that what the lowest matplotlib and typer call is to go
OF_THEIR_TIME = {"click": "8.2.0", "pyparsing": "3.2"}
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest():
    """Return name -> the lowest version allowed, of every direct dependency of every extra."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    lines = {line for group in groups for line in group if not line.startswith("emdviz[")}
    return dict(line.split(">=") for line in lines)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    for name, version in sorted((lowest() | OF_THEIR_TIME).items()):
        print(f"{name}=={version}")
