"""``python -m emdviz``: see ``python -m emdviz --help``."""

from emdviz.cli import app

if __name__ == "__main__":
    app(prog_name="python -m emdviz")
