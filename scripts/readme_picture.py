"""Make docs/figure1_explorer.png, the picture of the prediction explorer in the README."""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from emdviz.explorers import PredictionExplorer  # noqa: E402
from tests.browser.lab import chromium  # noqa: E402

TARGET = ROOT / "docs" / "figure1_explorer.png"


def main():
    try:
        with chromium() as browser, tempfile.TemporaryDirectory() as folder:
            page = browser.new_page(
                viewport={"width": 1040, "height": 800}, device_scale_factor=2, color_scheme="light"
            )
            page.goto(PredictionExplorer().save_html(Path(folder) / "page.html").as_uri())
            page.locator(".emdviz-bar-fill").first.wait_for(state="attached")
            page.wait_for_timeout(300)
            TARGET.parent.mkdir(exist_ok=True)
            page.screenshot(path=TARGET, clip=with_margin(page, ".emdviz-explorer"))
    except FileNotFoundError as error:
        sys.exit(str(error))
    shrink(TARGET)
    print(f"{TARGET.relative_to(ROOT)}  {TARGET.stat().st_size / 1000:.0f} kB")


def with_margin(page, selector, margin=12):
    box = page.locator(selector).bounding_box()
    return {
        "x": box["x"] - margin,
        "y": box["y"] - margin,
        "width": box["width"] + 2 * margin,
        "height": box["height"] + 2 * margin,
    }


def shrink(path):
    """Keep 256 colours, which a drawing of flat areas does not miss."""
    from PIL import Image

    with Image.open(path) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
