"""The explorers as a page without code: make app, or python app/serve.py with options of Voilà."""

import os
import sys
import webbrowser
from pathlib import Path

HERE = Path(__file__).parent
# before Voilà looks for its templates
os.environ["JUPYTER_PATH"] = os.pathsep.join([str(HERE), os.environ.get("JUPYTER_PATH", "")])

try:
    from voila.app import Voila
except ImportError:
    sys.exit("Voilà is missing: pip install -e '.[app]', or let `make app` do it")

SHARING = """\
Only this computer can open the page, and only with the token in the address printed below.
Whoever has both can move the figures, but cannot run code of their own. To let others in, add
--Voila.ip=0.0.0.0 (make app APP_OPTIONS=--Voila.ip=0.0.0.0): then everyone on your network who is
given the address, with this computer's name in it, can. The connection is not encrypted, and each
visitor starts a Python process here. Stop with Ctrl-C.
"""
OPTIONS = [
    str(HERE / "explorers.ipynb"),
    "--template=offline",
    "--Voila.ip=127.0.0.1",
    "--Voila.auto_token=True",
    # what else is installed beside JupyterLab has no place in this page
    "--VoilaConfiguration.extension_allowlist=anywidget",
    "--VoilaConfiguration.extension_allowlist=@jupyter-widgets/jupyterlab-manager",
    "--VoilaConfiguration.extension_allowlist=@voila-dashboards/widgets-manager8",
]


class App(Voila):
    """Voilà that says what sharing its page means, and opens it with the token in the address."""

    name = "voila"  # the name under which Voilà looks for what is set for it

    def start(self):
        """Explain, then serve."""
        print(SHARING, flush=True)
        super().start()

    def launch_browser(self):
        """Open the page where this computer has a browser."""
        webbrowser.open(self.display_url)


if __name__ == "__main__":
    App.launch_instance([*OPTIONS, *sys.argv[1:]])
