"""Make the pictures of the README: python scripts/readme_picture.py.

docs/explorer.webp is the prediction explorer, played with in headless Chromium; docs/lessons/
holds the first picture of each notebook, from the book that `make book` has built.
"""

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from devtools.lab import chromium  # noqa: E402
from scripts.book import first_explorer  # noqa: E402

PICTURE = ROOT / "docs" / "explorer.webp"
LESSONS = ROOT / "docs" / "lessons"
BOOK = ROOT / "build" / "book-parts" / "source" / "_static"
STEPS = 24  # of B's slider from near to far
POINTER = """() => {
  const pointer = document.createElement("div");
  pointer.style.cssText = `position: fixed; width: 26px; height: 26px; margin: -13px; z-index: 9;
    border: 2px solid #1f2328; border-radius: 50%; background: #f0e442aa; pointer-events: none`;
  document.body.append(pointer);
  addEventListener("pointermove", ({ clientX, clientY }) => {
    pointer.style.left = `${clientX}px`;
    pointer.style.top = `${clientY}px`;
  }, true);
}"""


def main():
    found = sorted(BOOK.glob("thumbnail-*.webp"))
    if not found:
        sys.exit(f"{BOOK.relative_to(ROOT)} must hold the pictures of a book: run `make book`")
    LESSONS.mkdir(exist_ok=True)
    for path in found:
        shutil.copyfile(path, LESSONS / path.name.removeprefix("thumbnail-"))
    try:
        with chromium() as browser, tempfile.TemporaryDirectory() as folder:
            frames = play(browser, first_explorer().save_html(Path(folder) / "page.html"))
    except FileNotFoundError as error:
        sys.exit(str(error))
    images, times = zip(*frames, strict=True)
    images[0].save(
        PICTURE, save_all=True, append_images=images[1:], duration=times, loop=0, quality=55
    )
    for path in (PICTURE, *sorted(LESSONS.iterdir())):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")


def play(browser, path):
    """Tie the cross-entropies, then carry B from near to far and back; pictures with times."""
    page = browser.new_page(viewport={"width": 900, "height": 900}, color_scheme="light")
    page.goto(path.as_uri())
    page.evaluate(POINTER)
    root = page.locator(".emdviz-explorer")
    lock = root.get_by_label("Equal cross-entropy")
    slider = root.get_by_label("The rest of B")
    frames = []

    def picture(milliseconds):
        page.evaluate("() => new Promise((f) => requestAnimationFrame(() => setTimeout(f, 50)))")
        shot = page.screenshot(clip=area)
        frames.append((Image.open(io.BytesIO(shot)).convert("RGB"), milliseconds))

    lock.check()
    slider.fill("0")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    around = root.bounding_box()
    area = {"x": 0, "y": 0, "width": 900, "height": around["y"] + around["height"] + 8}
    picture(1500)
    page.mouse.down()
    for step in range(1, STEPS + 1):
        page.mouse.move(
            box["x"] + 8 + (box["width"] - 16) * step / STEPS, box["y"] + box["height"] / 2
        )
        picture(90)
    page.mouse.up()
    frames[-1] = (frames[-1][0], 2000)
    return frames + [(image, 45) for image, _ in frames[-2:0:-1]]


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
