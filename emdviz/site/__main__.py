"""Build the site: ``python -m emdviz.site [FOLDER]``."""

import argparse
import time
from pathlib import Path

from emdviz.site.pages import build


def main():
    """Read the command line, build, and say what was written."""
    options = argparse.ArgumentParser(prog="python -m emdviz.site", description=build.__doc__)
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("folder", nargs="?", type=Path, default=Path("build/site"))
    folder = options.parse_args().folder
    start = time.perf_counter()
    for path in build(folder):
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")
    print(f"{time.perf_counter() - start:.0f} s. Open {folder / 'index.html'} in a browser.")


if __name__ == "__main__":
    main()
