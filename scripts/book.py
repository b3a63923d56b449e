"""Build the book: python scripts/book.py [--no-run].

Runs the notebooks, puts their explorers' offline pages and pictures beside them, and lets Sphinx
lay out these, the pages of docs/ and an API reference in build/book, with the tour and the figures
of ``make site`` in its folder site. The book asks nothing of any network: open its index.html, or
put the folder on any host. EMDVIZ_FAST=1 runs the notebooks at half size. The exit status is not 0
if a cell fails or a link leads nowhere.
"""

import argparse
import base64
import hashlib
import html
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image
from sphinx.cmd.build import build_main

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "docs" / "book"
OUT = ROOT / "build" / "book"
sys.path[:0] = [str(ROOT), str(BOOK)]

import offline  # noqa: E402

from emdviz import site  # noqa: E402

PAGES = [
    "docs/*.md",
    "docs/*.png",
    "docs/losses/*.svg",
    "data/*.md",
    "data/*.txt",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
]
"""Files that are copied beside the notebooks, at the same relative paths, so that links hold."""

THUMBNAIL = (640, 320)
_PNG = re.compile(r'src="data:image/png;base64,([^"]+)"')
_OUTSIDE = re.compile(
    r"\[(?P<words>[^\]]*)\]\(\.\./(?:README\.md|notebooks/(?P<notebook>[\w.]+))(?:#[^)]*)?\)"
)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_NEEDS_PYTHON = "<p><em>This figure needs Python: run the notebook to see it.</em></p>"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--notebooks", type=Path, default=ROOT / "notebooks")
    options.add_argument("--out", type=Path, default=OUT)
    options.add_argument(
        "--no-run", action="store_true", help="use the notebooks as they ran last time"
    )
    options = options.parse_args()
    check_out(options.out)
    start = time.perf_counter()
    parts = options.out.with_name(f"{options.out.name}-parts")
    if not options.no_run:
        run(options.notebooks, parts / "run")
    lay_out(parts / "run", parts / "source", options.out)
    print(f"{options.out / 'index.html'}  {time.perf_counter() - start:.0f} s")


def check_out(out):
    """End the program if the folder ``out``, which is emptied, holds anything but a book."""
    new = not out.exists() or (out.is_dir() and not [*out.iterdir()])
    if not (new or out == OUT or (out / ".buildinfo").exists()):
        sys.exit(f"--out must be a new folder, or that of a book, for it is emptied first: {out}")


def run(notebooks, folder):
    """Run every notebook; keep it, and the pages of its explorers, in ``folder``."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in sorted(notebooks.glob("*.ipynb")):
        start = time.perf_counter()
        executed = execute(nbformat.read(path, as_version=4), path, folder)
        nbformat.write(executed, folder / path.name)
        print(f"{path.stem}  {time.perf_counter() - start:.0f} s", flush=True)


def execute(notebook, path, folder):
    """Run a notebook whose explorers write their pages and pictures for the book to ``folder``."""
    cells = list(notebook.cells)
    before = f"import sys\nsys.path[:0] = {sys.path[:2]}\nimport offline\noffline.install()"
    after = f"offline.save({str(folder)!r}, {path.stem[:2]!r})"
    ends = [nbformat.v4.new_code_cell(source) for source in (before, after)]
    notebook.cells = [ends[0], *cells, ends[1]]
    metadata = {"path": str(path.parent)}
    options = {"extra_arguments": ["--log-level=ERROR"], "resources": {"metadata": metadata}}
    client = NotebookClient(notebook, timeout=900, **options)
    # threads that wait for one another train many times slower where other programs run
    client.execute(env={"OMP_NUM_THREADS": "1"} | dict(os.environ))
    notebook.metadata["explorers"] = json.loads(ends[1].outputs[0].text)
    notebook.cells = cells
    return notebook


def lay_out(ran, source, out):
    """Make the sources of the book from the executed notebooks; Sphinx writes it to ``out``."""
    for folder in (source, out):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BOOK, source, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for path in [path for pattern in PAGES for path in ROOT.glob(pattern)]:
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            copy.write_text(within(path.read_text(encoding="utf-8"), ran), encoding="utf-8")
        else:
            shutil.copyfile(path, copy)
    files = source / "_static"
    (source / "notebooks").mkdir()
    for path in [*ran.glob("*.html"), *ran.glob("*.png")]:
        shutil.copyfile(path, files / path.name)
    lessons = [lesson(path, source / "notebooks", files) for path in sorted(ran.glob("*.ipynb"))]
    write_index(source / "index.md", lessons, files)
    places = ["-c", BOOK, "-d", source.with_name("doctrees"), source, out]
    if status := build_main(["-q", "-W", "--keep-going", "-b", "html", *map(str, places)]):
        sys.exit(status)
    site.build(out / "site")


def within(text, ran):
    """Return a page whose links to README, and to notebooks not in the book, are text alone."""

    def link(found):
        there = found["notebook"] and (ran / found["notebook"]).is_file()
        return found[0] if there else found["words"]

    return _OUTSIDE.sub(link, text)


def lesson(path, folder, files):
    """Write the page of one notebook, and return its card for the first page of the book."""
    notebook = nbformat.read(path, as_version=4)
    explorers = notebook.metadata.pop("explorers")
    notebook.metadata.pop("widgets", None)
    pictures = []
    for cell in notebook.cells:
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata["tags"].append("hide-cell")
            cell.metadata["mystnb"] = {"code_prompt_show": "Show a solution"}
            cell.metadata["mystnb"]["code_prompt_hide"] = "Hide the solution"
        elif cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
        for output in list(cell.get("outputs", [])):
            markup = offline_markup(output, explorers)
            if markup is None:
                continue
            if not markup:
                cell.outputs.remove(output)
                continue
            output.data = {"text/html": _PNG.sub(lambda m: to_file(m, files, pictures), markup)}
            output.metadata = {}
    nbformat.write(notebook, folder / path.name)
    thumbnail = thumbnail_of(pictures, files / f"thumbnail-{path.stem[:2]}.webp")
    opening = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    return card(opening, path.name, thumbnail)


def offline_markup(output, explorers):
    """Return the HTML to show in place of an output, "" for nothing, None to leave it."""
    data = output.get("data", {})
    if offline.MIME in data:
        return frame(explorers[data[offline.MIME]], "../_static/")
    if 'class="emdviz-question"' in data.get("text/html", ""):
        return data["text/html"]
    if _WIDGET in data:
        progress = re.search(r"\d+%\|", data.get("text/plain", ""))
        return "" if progress or "emdviz" in data.get("text/html", "") else _NEEDS_PYTHON
    if "emdviz-reopened" in data.get("text/html", ""):
        return ""
    return data.get("text/html")


def frame(explorer, static, page=None):
    """Return HTML that shows an explorer's page, and its picture where there is no JavaScript."""
    page = page or f"{static}{explorer['name']}.html"
    picture = f"{static}{explorer['name']}.png"
    title, alt = html.escape(explorer["title"]), html.escape(explorer["alt"])
    return f"""<figure class="book-live">
<iframe src="{page}" title="{title}"></iframe>
<figcaption>
<details open><summary>As a picture</summary><img src="{picture}" alt="{alt}"></details>
<a href="{page}">On a page of its own</a>
</figcaption>
</figure>"""


def to_file(found, files, pictures):
    """Move a picture from the text of a page to a file of its own."""
    png = base64.b64decode(found[1])
    file = files / f"{hashlib.sha256(png).hexdigest()[:16]}.png"
    file.write_bytes(png)
    pictures.append(file)
    return f'loading="lazy" src="../_static/{file.name}"'


def thumbnail_of(pictures, file):
    """Write a small copy of the first picture of a notebook."""
    with Image.new("RGB", THUMBNAIL, "white") as small:
        if pictures:
            with Image.open(pictures[0]) as picture:
                picture.thumbnail((THUMBNAIL[0] - 16, THUMBNAIL[1] - 16))
                place = [(a - b) // 2 for a, b in zip(THUMBNAIL, picture.size, strict=True)]
                small.paste(picture.convert("RGB"), place)
        small.save(file, quality=80)
    return file.name


def card(opening, name, thumbnail):
    """Return the card of a notebook in Markdown, from its texts."""
    title = re.search(r"^# (.+)", opening, re.MULTILINE)[1]
    learn = re.search(r"\*\*What you will learn\.\*\* (.+)", opening)[1]
    return f""":::{{container}} book-card
![](_static/{thumbnail})

**[{title}](notebooks/{name})**

{learn}
:::"""


def first_explorer():
    """Return the figure of the first page: two predictions, alike in cross-entropy."""
    return site.PAGES["prediction"].make()


def write_index(path, lessons, files):
    """Fill the first page with an explorer and with a card for each lesson."""
    picture = offline.draw(first_explorer(), files / "index.png")
    live = frame(picture, "_static/", "site/prediction.html")
    text = path.read_text(encoding="utf-8")
    text = text.replace("<!-- explorer -->", live).replace("<!-- lessons -->", "\n".join(lessons))
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
