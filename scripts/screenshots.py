"""Take pictures of the notebooks in JupyterLab: python scripts/screenshots.py [name …].

Every notebook of notebooks/ (or those named) runs in a real JupyterLab in headless Chromium, at
the size of a laptop and of a projector. The pictures show the whole notebook, not only what fits
on the screen, and go to build/screenshots/. The exit status is 1 if a cell fails, the browser
complains, or no Chromium is found.
"""

import argparse
import io
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from devtools.lab import Lab, chromium  # noqa: E402

SIZES = {
    # name: width and height in CSS pixels, device pixels per CSS pixel
    "laptop": (1280, 800, 1),
    "projector": (1280, 720, 1.5),  # 1920 × 1080, everything half as large again
}
SCROLLER = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer"
EDGE = 8  # CSS pixels above and below that neighbouring panels shade


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("names", nargs="*", help="notebooks, such as 01_why_order_matters")
    options.add_argument("--folder", type=Path, default=ROOT / "notebooks")
    options.add_argument("--out", type=Path, default=ROOT / "build" / "screenshots")
    options = options.parse_args()
    notebooks = find_notebooks(options.folder, options.names)
    options.out.mkdir(parents=True, exist_ok=True)
    complaints = []
    try:
        with chromium() as browser, Lab(options.folder, browser) as lab:
            for notebook in notebooks:
                for size in SIZES:
                    complaints += picture(lab, notebook, size, options.out)
    except FileNotFoundError as error:
        sys.exit(str(error))
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    sys.exit(bool(complaints))


def find_notebooks(folder, names):
    found = sorted(path.name for path in folder.glob("*.ipynb"))
    wanted = [Path(name).stem + ".ipynb" for name in names] or found
    missing = sorted(set(wanted) - set(found))
    if missing or not wanted:
        sys.exit(f"{folder} must hold {missing or 'a notebook'}, got {found}")
    return wanted


def picture(lab, notebook, size, out):
    """Run one notebook, write its picture, and return what went wrong."""
    start = time.perf_counter()
    width, height, scale = SIZES[size]
    opened = lab.open(notebook, width=width, height=height, scale=scale)
    page = opened.page
    page.evaluate("jupyterapp.shell.collapseLeft(), jupyterapp.shell.collapseRight()")
    complaints = []
    try:
        opened.run_all(seconds=600)
    except (RuntimeError, TimeoutError) as error:
        complaints.append(str(error))
    page.wait_for_timeout(1000)  # widgets and pictures come to rest
    path = out / f"{Path(notebook).stem}-{size}.png"
    whole_notebook(page).save(path, optimize=True)
    complaints += opened.errors
    complaints += [f"asked for {address}" for address in opened.foreign_requests]
    print(f"{path}  {time.perf_counter() - start:.1f} s", flush=True)
    return [f"{notebook} ({size}): {complaint}" for complaint in complaints]


def whole_notebook(page):
    """Scroll through the notebook and join what is seen."""
    panel = page.locator(SCROLLER)
    x, y, width, seen, total = panel.evaluate(
        """(node) => {
          const { left, top } = node.getBoundingClientRect();
          return [left + node.clientLeft, top + node.clientTop,
            node.clientWidth, node.clientHeight, node.scrollHeight];
        }"""
    )
    pieces, shown = [], 0
    while shown < total - EDGE:
        # what a stop shows again is cut away: its edge, and at the last stop all that is above
        at = panel.evaluate(
            "(node, top) => { node.scrollTop = top; return node.scrollTop; }", max(shown - EDGE, 0)
        )
        page.wait_for_timeout(150)
        skip = shown - at
        clip = {"x": x, "y": y + skip, "width": width, "height": seen - EDGE - skip}
        pieces.append(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB"))
        shown = at + seen - EDGE
    joined = Image.new("RGB", (pieces[0].width, sum(piece.height for piece in pieces)), "white")
    top = 0
    for piece in pieces:
        joined.paste(piece, (0, top))
        top += piece.height
    return joined


if __name__ == "__main__":
    main()
