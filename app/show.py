"""The explorers as a page without code: make app, or python app/show.py.

Each is a page of its own that draws and computes in the browser, with the same numbers as Python
(the browser tests compare them). Nothing has to run behind it: it opens at once, works without
network, and can be handed on as the folder it is.
"""

import argparse
import functools
import http.server
import json
import os
import socket
import sys
import webbrowser
from pathlib import Path

HERE = Path(__file__).parent
PORT = 8866


def explorers_without_training():
    """Return title of a tab -> class of its figure, without importing what no figure needs."""
    # POT takes seconds to import these where they are installed
    for library in ("PYTORCH", "TENSORFLOW", "JAX", "CUPY"):
        os.environ[f"POT_BACKEND_DISABLE_{library}"] = "1"
    sys.modules.setdefault("sklearn", None)
    from emdviz import explorers

    names = explorers.WITHOUT_TORCH
    return {name.removesuffix("Explorer"): getattr(explorers, name) for name in names}


def write(folder):
    """Write the page and its figures to a folder; return the page."""
    from emdviz.writing import write_whole

    folder.mkdir(parents=True, exist_ok=True)
    figures = explorers_without_training()
    for title, explorer in figures.items():
        explorer(style="projector").save_html(folder / f"{title.lower()}.html")
    page = (HERE / "index.html").read_text(encoding="utf-8")
    path = folder / "index.html"
    write_whole(path, page.replace("NAMES", json.dumps(list(figures)), 1).encode())
    return path


def address_on_the_network():
    """Return this computer's address as others on its network know it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for examples; nothing is sent
            return probe.getsockname()[0]
        except OSError:  # without a network
            return socket.gethostname()


def share(folder, port):
    """Serve the files of a folder to everyone on the network, until Ctrl-C."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    try:
        server = http.server.ThreadingHTTPServer(("", port), handler)
    except OSError as error:
        sys.exit(f"port {port} cannot be used ({error}): type another one after --share")
    with server:
        address = f"http://{address_on_the_network()}:{server.server_port}"
        print(
            f"Everyone on your network can open {address} now. They see these figures and nothing\n"
            "else of this computer. Stop with Ctrl-C.",
            flush=True,
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def main():
    """Write the page, and show it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=HERE.parent / "build" / "app")
    parser.add_argument("--no-browser", action="store_true", help="only write the page")
    parser.add_argument(
        "--share", type=int, nargs="?", const=PORT, metavar="PORT", help="serve it on the network"
    )
    chosen = parser.parse_args()
    page = write(chosen.folder.absolute())
    print(f"The figures are in {page}; its folder can be copied anywhere.", flush=True)
    if not chosen.no_browser and not webbrowser.open(page.as_uri()):
        print("No browser was found on this computer: open that file in one.", flush=True)
    if chosen.share is not None:
        share(page.parent, chosen.share)


if __name__ == "__main__":
    main()
