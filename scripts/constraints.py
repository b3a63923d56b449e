"""Write the installed versions to constraints.txt, one name==version a line."""

import argparse
from importlib.metadata import distributions
from pathlib import Path

HEADER = "# The exact versions the tests last passed with; `make constraints` writes this file.\n"
PATH = Path(__file__).parents[1] / "constraints.txt"
NOT_OURS = {"emdviz", "pip", "setuptools", "wheel"}


def installed():
    """Return name -> version of every installed distribution, without local version labels."""
    found = {d.name.lower().replace("_", "-"): d.version.partition("+")[0] for d in distributions()}
    return {name: version for name, version in sorted(found.items()) if name not in NOT_OURS}


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    lines = [f"{name}=={version}\n" for name, version in installed().items()]
    PATH.write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"{len(lines)} versions written to {PATH.name}")
